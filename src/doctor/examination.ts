/**
 * What the checks of an examination have in common.
 *
 * @module
 */

import type { Place } from "../route/place.ts";
import type { ClientTrust } from "../tls/trust.ts";
import { Bounds } from "./bounds.ts";
import type { Finding, Layer, Verdict } from "./finding.ts";

/** The layers, from below. */
export const LAYERS: readonly Layer[] = [
  "name",
  "tcp",
  "tls",
  "http",
  "websocket",
  "close",
  "idle",
];

/** How long is waited for answers that need not come, in milliseconds. */
export const SHORT = 2_000;

/** What is examined, and how. */
export interface Examination {
  readonly url: URL;
  /** The host of the URL, an IPv6 address without brackets. */
  readonly hostname: string;
  /** Where to connect to. */
  readonly place: Place;
  readonly trust: ClientTrust;
  readonly headers: Headers;
  readonly protocols: readonly string[];
  /** How long each step may take, in milliseconds. */
  readonly timeout: number;
  /** For how long nothing is to be said, in milliseconds; 0 for not at all. */
  readonly idle: number;
  /** How many pings are sent. */
  readonly pings: number;
  readonly signal: AbortSignal | undefined;
}

/** What may be said besides the summary. */
export type More = Omit<Finding, "layer" | "check" | "verdict" | "summary">;

/** A finding. */
export function found(
  layer: Layer,
  check: string,
  verdict: Verdict,
  summary: string,
  more: More = {},
): Finding {
  return { layer, check, verdict, summary, ...more };
}

/**
 * Does one step, within its time.
 *
 * @throws What it throws; "TimeoutError", and the reason of the caller's signal.
 */
export async function step<T>(
  { signal, timeout }: Pick<Examination, "signal" | "timeout">,
  run: (signal: AbortSignal) => Promise<T>,
  ms: number = timeout,
): Promise<T> {
  using bounds = new Bounds(ms, signal);
  try {
    return await run(bounds.signal);
  } catch (error) {
    // What is not about the server is told to the caller.
    signal?.throwIfAborted();
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw bounds.signal.aborted ? bounds.signal.reason : error;
  }
}

/**
 * Tells the caller what is not about the server: that nobody waits any more, and
 * what is a fault of this program.
 */
export function throwOwn(
  { signal }: Pick<Examination, "signal">,
  error: unknown,
): void {
  signal?.throwIfAborted();
  const own = error instanceof TypeError || error instanceof RangeError ||
    error instanceof ReferenceError || error instanceof SyntaxError;
  if (own) throw error;
}

/**
 * Does one step that may fail; `undefined` if it does.
 *
 * @throws {Deno.errors.NotCapable} If a permission is missing; the reason of the
 * caller's signal.
 */
export async function tryStep<T>(
  examination: Pick<Examination, "signal" | "timeout">,
  run: (signal: AbortSignal) => Promise<T>,
  ms?: number,
): Promise<T | undefined> {
  try {
    return await step(examination, run, ms);
  } catch (error) {
    examination.signal?.throwIfAborted();
    if (error instanceof Deno.errors.NotCapable) throw error;
    return undefined;
  }
}

/** A time as it is shown, in milliseconds or seconds. */
export function shownTime(ms: number): string {
  if (ms >= 10_000) return `${Math.round(ms / 1000)} s`;
  return ms >= 10 ? `${Math.round(ms)} ms` : `${ms.toFixed(1)} ms`;
}

/** What went wrong, without what could not be done by it, and what helps. */
export function stateOf(
  error: Error,
  action: string,
): { state: string; remedy: string | undefined } {
  const text = error.message.startsWith(`${action}: `)
    ? error.message.slice(action.length + 2)
    : error.message;
  const [state = "", ...rest] = text.split("; ");
  return { state, remedy: rest.length > 0 ? rest.join("; ") : undefined };
}
