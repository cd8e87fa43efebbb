/**
 * What is to be measured: the values of the command line, checked against each
 * other.
 *
 * @module
 */

import type { ConnectOptions } from "../../../client.ts";
import { UsageError } from "../failure.ts";
import type { TargetValues } from "../target.ts";

/** The values of the options, as commander reads them. */
export interface BenchValues extends TargetValues {
  connections: number;
  window?: number;
  size?: number;
  binary?: true;
  duration?: number;
  count?: number;
  rate?: number;
  ramp?: number;
  warmup?: number;
  timeout?: number;
  handshakes?: true;
  receive?: true;
  json?: true;
  html?: string;
}

/** What is exchanged. */
export type Mode = "echo" | "receive" | "handshakes";

/** A measurement to come; times are in milliseconds. */
export interface Plan {
  readonly mode: Mode;
  readonly url: URL;
  readonly options: ConnectOptions;
  readonly connections: number;
  /** How many messages may be under way on one connection. */
  readonly window: number;
  /** Of a message, in bytes. */
  readonly size: number;
  readonly binary: boolean;
  readonly duration: number;
  /** How many messages, or handshakes, at most. */
  readonly count: number | undefined;
  /** How many messages are due each second, over all. */
  readonly rate: number | undefined;
  /** Over how long the connections are opened. */
  readonly ramp: number;
  readonly warmup: number;
  /** How long the server may be silent that owes an answer. */
  readonly timeout: number;
}

const DURATION = 10_000;
const WARMUP = 1_000;
const SIZE = 64;
const TIMEOUT = 10_000;

/** How long a count may take for which no time was set. */
const COUNT_DURATION = 3_600_000;

/** How much may be under way at once, in bytes. */
const MAX_UNDER_WAY = 2 ** 30;

/** How large a message may be that a server sends by itself, in bytes. */
const MAX_RECEIVED = 16 * 2 ** 20;

/** Options that are about messages that are sent. */
const FOR_ECHO = ["window", "size", "binary", "rate", "timeout"] as const;

/** Which options mean nothing in a mode. */
const MEANINGLESS: Readonly<
  Record<Mode, readonly (keyof BenchValues)[]>
> = {
  echo: [],
  receive: FOR_ECHO,
  handshakes: [...FOR_ECHO, "ramp"],
};

/**
 * Makes a plan of what the command line says.
 *
 * @throws {UsageError} If values make no sense together.
 */
export function makePlan(
  url: URL,
  options: ConnectOptions,
  values: BenchValues,
): Plan {
  const mode = values.handshakes
    ? "handshakes"
    : values.receive
    ? "receive"
    : "echo";
  for (const name of MEANINGLESS[mode]) {
    if (values[name] === undefined) continue;
    throw new UsageError(`--${mode} sends nothing: leave out --${name}`);
  }
  const { count, window = 1, size = SIZE, connections } = values;
  if (count !== undefined && values.warmup) {
    throw new UsageError(
      "--count counts from the first message: leave out --warmup",
    );
  }
  if (connections * window * size > MAX_UNDER_WAY) {
    throw new UsageError(
      "more than 1 GiB would be under way at once: lower --connections, --window or --size",
    );
  }
  const duration = values.duration ??
    (count === undefined ? DURATION : COUNT_DURATION);
  return {
    mode,
    url,
    options: withRoom(options, mode, window, size),
    connections,
    window,
    size,
    binary: values.binary ?? false,
    duration,
    count,
    rate: values.rate,
    ramp: values.ramp ?? 0,
    warmup: count === undefined ? values.warmup ?? WARMUP : 0,
    timeout: values.timeout ?? TIMEOUT,
  };
}

/** Raises the limits to what is under way at once: sends are not awaited. */
function withRoom(
  options: ConnectOptions,
  mode: Mode,
  window: number,
  size: number,
): ConnectOptions {
  const bytes = 2 * window * (size + 128);
  return {
    ...options,
    maxMessageSize: mode === "receive" ? MAX_RECEIVED : Math.max(2 ** 20, size),
    maxQueuedMessages: Math.max(1024, 2 * window),
    maxQueuedBytes: Math.max(2 * MAX_RECEIVED, bytes),
    maxUnsentBytes: Math.max(16 * 2 ** 20, bytes),
    closeTimeout: 2_000,
  };
}
