/**
 * Values of options: durations, sizes, counts, ports. Each is read by a function
 * for commander's `argParser`, which refuses what makes no sense.
 *
 * @module
 */

import { InvalidArgumentError } from "commander";

const DURATION_UNITS = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/**
 * Reads a duration: `250ms`, `1.5s`, `2m`, `1h`; without a unit, in seconds.
 *
 * @returns Milliseconds.
 */
export function readDuration(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const unit = (match?.[2] ?? "s") as keyof typeof DURATION_UNITS;
  const ms = match === null ? NaN : Number(match[1]) * DURATION_UNITS[unit];
  if (ms >= 1 && ms <= 2 ** 31 - 1) return ms;
  throw new InvalidArgumentError(
    "It must be a duration from 1ms, such as 250ms, 10s, 2m or 1h.",
  );
}

/** A duration as {@linkcode readDuration} takes it, such as `2s` of 2000 ms. */
export function shownDuration(ms: number): string {
  const unit = ms >= 3_600_000 && ms % 3_600_000 === 0
    ? "h"
    : ms >= 60_000 && ms % 60_000 === 0
    ? "m"
    : ms >= 1000
    ? "s"
    : "ms";
  return `${ms / DURATION_UNITS[unit]}${unit}`;
}

const SIZE_UNITS = { "": 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 } as const;

/**
 * Reads a size: `512`, `64KiB`, `64k`, `1MiB`.
 *
 * @returns Bytes.
 */
export function readSize(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(?:([kmg])(?:ib)?|b)?$/i.exec(text);
  const unit = (match?.[2] ?? "").toLowerCase() as keyof typeof SIZE_UNITS;
  const bytes = match === null ? NaN : Number(match[1]) * SIZE_UNITS[unit];
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidArgumentError(
    "It must be a size in bytes, such as 512, 64KiB or 1MiB.",
  );
}

/** Reads a port, of which 0 is any that is free. */
export function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (port <= 65535) return port;
  throw new InvalidArgumentError("It must be a number from 0 to 65535.");
}

/** Makes a reader of whole numbers from `least` to `most`. */
export function readCount(
  least: number,
  most = 1_000_000_000,
): (text: string) => number {
  return (text) => {
    const count = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
    if (count >= least && count <= most) return count;
    throw new InvalidArgumentError(
      `It must be a whole number from ${least} to ${most}.`,
    );
  };
}

/** Collects an option that may be given several times. */
export function collect(value: string, previous: string[] = []): string[] {
  return [...previous, value];
}
