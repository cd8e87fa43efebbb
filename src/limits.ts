/**
 * What a connection may take, and how long it may take over it.
 *
 * @module
 */

import type { OptionNames } from "./option_names.ts";

/**
 * Limits and deadlines of a connection. Every one has a default.
 *
 * @example Small messages, little patience
 * ```ts
 * import { connect, type Limits, serve } from "@wss/wss";
 *
 * const limits: Limits = { maxMessageSize: 4096, closeTimeout: 2000 };
 * await using server = await serve({ port: 0, ...limits }, (ws) => ws.closed);
 * await using ws = await connect(server.url);
 * await ws.send("x".repeat(5000));
 * console.log((await ws.closed).code); // 1009
 * ```
 */
export interface Limits {
  /**
   * The largest message taken from the peer, in bytes, at most 1 GiB. A larger
   * one closes the connection with 1009.
   *
   * @default {1_048_576}
   */
  maxMessageSize?: number | undefined;
  /**
   * How many messages may wait to be received. At that many the strict engine
   * stops reading, and the peer has to wait; one more closes a connection of
   * the built-in engine, which cannot, with 1013.
   *
   * @default {16} on the strict engine, 1,024 on the built-in one
   */
  maxQueuedMessages?: number | undefined;
  /**
   * How many bytes of messages may wait to be received (of text, UTF-16
   * units). At it the strict engine stops reading; past it a connection of the
   * built-in engine closes with 1013.
   *
   * @default {1_048_576} on the strict engine, 16,777,216 on the built-in one
   */
  maxQueuedBytes?: number | undefined;
  /**
   * The mark of the send buffer, in bytes: `send()` waits while more than this
   * is on its way to the peer. Each message counts 128 bytes more than it has.
   *
   * @default {1_048_576}
   */
  sendBuffer?: number | undefined;
  /**
   * How many bytes may wait to be sent when `send()` is not awaited (of text,
   * UTF-16 units), each message with 128 more. Past it the peer is given up with
   * 1006.
   *
   * @default {16_777_216}
   */
  maxUnsentBytes?: number | undefined;
  /**
   * How long the peer has to answer a close frame, in milliseconds. After it
   * the connection counts as ended with 1006.
   *
   * @default {10_000}
   */
  closeTimeout?: number | undefined;
  /**
   * How long a peer may take nothing of what is sent to it, in milliseconds,
   * before it is given up with 1006; also how long it may be silent after a
   * ping.
   *
   * @default {20_000}
   */
  pongTimeout?: number | undefined;
}

/** Their names. */
export const LIMIT_NAMES: OptionNames<Limits> = {
  maxMessageSize: true,
  maxQueuedMessages: true,
  maxQueuedBytes: true,
  sendBuffer: true,
  maxUnsentBytes: true,
  closeTimeout: true,
  pongTimeout: true,
};

/** {@linkcode Limits} with every default filled in. */
export type ResolvedLimits = Readonly<Record<keyof Limits, number>>;

const DEFAULTS: ResolvedLimits = {
  maxMessageSize: 1 << 20,
  maxQueuedMessages: 1024,
  maxQueuedBytes: 16 << 20,
  sendBuffer: 1 << 20,
  maxUnsentBytes: 16 << 20,
  closeTimeout: 10_000,
  pongTimeout: 20_000,
};

/** Defaults of engines that can leave on the network what nobody receives. */
export const FLOW_DEFAULTS: Partial<ResolvedLimits> = {
  maxQueuedMessages: 16,
  maxQueuedBytes: 1 << 20,
};

/** The default of `maxConnections`. */
export const MAX_CONNECTIONS = 16_384;

/** The largest `maxMessageSize`, in bytes: 1 GiB. */
const MAX_MESSAGE_SIZE = 1 << 30;

/** The longest delay that a timer takes, in milliseconds. */
const MAX_DELAY = 0x7fffffff;

/** Refuses a deadline that no timer can keep. */
export function checkTimeout(
  name: string,
  value: number,
  or: string = "",
): number {
  if (!(typeof value === "number" && value >= 1 && value <= MAX_DELAY)) {
    throw new RangeError(
      `Cannot use ${name}: it must be ${or}from 1 to ${MAX_DELAY} ms, current value is ${
        shown(value)
      }`,
    );
  }
  return value;
}

/**
 * Fills in the defaults and refuses values that make no sense.
 *
 * @throws {RangeError} If a limit is not a positive whole number, or a timeout
 * is not one that a timer can keep.
 */
export function resolveLimits(
  options: Limits,
  defaults: Partial<ResolvedLimits> = {},
): ResolvedLimits {
  const limits: Record<string, number> = { ...DEFAULTS, ...defaults };
  for (const name of Object.keys(DEFAULTS)) {
    const value = options[name as keyof Limits];
    if (value === undefined) continue;
    if (name.endsWith("Timeout")) {
      checkTimeout(name, value);
    } else {
      checkWhole(name, value);
      if (name === "maxMessageSize") checkMessageSize(value);
    }
    limits[name] = value;
  }
  return Object.freeze(limits) as ResolvedLimits;
}

/** Refuses what the engines could not hold, or would take for no limit. */
function checkMessageSize(value: number): void {
  if (value <= MAX_MESSAGE_SIZE) return;
  throw new RangeError(
    `Cannot use maxMessageSize: it must be at most ${MAX_MESSAGE_SIZE} bytes, current value is ${value}`,
  );
}

function checkWhole(name: string, value: number, or: string = ""): number {
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new RangeError(
    `Cannot use ${name}: it must be a positive whole number${or}, current value is ${
      shown(value)
    }`,
  );
}

/** Refuses what is neither a positive whole number nor without limit. */
export function checkCount(name: string, value: number): number {
  return value === Infinity ? value : checkWhole(name, value, " or Infinity");
}

/** A value in a message: a string is told from the number that it looks like. */
export function shown(value: unknown): string {
  return typeof value === "string"
    ? `the string ${JSON.stringify(value)}`
    : String(value);
}
