/**
 * One connection after the other to the same server, over whatever opens them.
 *
 * @module
 */

import {
  Backoff,
  checkFunction,
  type Fate,
  resolveBackoff,
} from "./backoff.ts";
import type { Connection } from "../connection.ts";
import { ConnectionClosedError } from "../errors.ts";
import { until } from "../within.ts";

/**
 * Opens a connection, or rejects; gives up when `signal` aborts.
 *
 * @example A token that is made for each attempt
 * ```ts
 * import { connect, type OpenConnection, reconnect, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, (ws) => ws.send("Welcome"));
 * const open: OpenConnection = (signal) => {
 *   const authorization = `Bearer ${crypto.randomUUID()}`;
 *   return connect(server.url, { headers: { authorization }, signal });
 * };
 * for await (const ws of reconnect(open)) {
 *   console.log(await ws.receive()); // "Welcome"
 *   break;
 * }
 * ```
 */
export type OpenConnection = (signal: AbortSignal) => Promise<Connection>;

/**
 * What `reconnect()` is doing.
 *
 * @example A line for a person to read
 * ```ts
 * import type { ReconnectStatus } from "@wss/wss";
 *
 * function line(status: ReconnectStatus): string {
 *   switch (status.state) {
 *     case "connecting":
 *       return `connecting (attempt ${status.attempt})`;
 *     case "open":
 *       return "connected";
 *     case "waiting":
 *       return `trying again in ${Math.ceil(status.delay / 1000)} s`;
 *     case "closed":
 *       return "closed";
 *   }
 * }
 * console.log(line({ state: "connecting", attempt: 2 })); // "connecting (attempt 2)"
 * ```
 */
export type ReconnectStatus =
  | {
    /** A connection is being opened. */
    readonly state: "connecting";
    /** The how many-th time, since the last stable connection. */
    readonly attempt: number;
  }
  | {
    /** A connection is open. */
    readonly state: "open";
    /** That connection. */
    readonly connection: Connection;
  }
  | {
    /** The next attempt is some time off. */
    readonly state: "waiting";
    /** How many attempts there were since the last stable connection. */
    readonly attempt: number;
    /** How long until the next one, in milliseconds. */
    readonly delay: number;
    /** What the last attempt or connection ended with. */
    readonly error: unknown;
  }
  | {
    /** It is over. */
    readonly state: "closed";
    /** What it was given up for; not there where the program ended it. */
    readonly error?: unknown;
  };

/**
 * When `reconnect()` tries again, and when it gives up.
 *
 * @example Five attempts at most, and none once the server said "go away"
 * ```ts
 * import { connect, ConnectionClosedError, reconnect, type ReconnectOptions, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, (ws) => ws.close(4001, "go away"));
 * const options: ReconnectOptions = {
 *   maxAttempts: 5,
 *   retry: (error, mendable) =>
 *     mendable && !(error instanceof ConnectionClosedError && error.code === 4001),
 * };
 * try {
 *   for await (const ws of reconnect(server.url, options)) await ws.closed;
 * } catch (error) {
 *   console.log(error instanceof ConnectionClosedError && error.code); // 4001
 * }
 * ```
 */
export interface ReconnectOptions {
  /**
   * The bound of the first delay, in milliseconds. Each delay is a random part,
   * from none to all, of a bound that doubles from one delay to the next ("full
   * jitter"): so clients that lost the same server come back one by one.
   *
   * @default {500} and `maxDelay` at most
   */
  minDelay?: number | undefined;
  /**
   * Where the bound stops doubling, in milliseconds.
   *
   * @default {30_000}
   */
  maxDelay?: number | undefined;
  /**
   * How long a connection must have been open for the delays and the count of
   * attempts to start over when it ends, in milliseconds. It should be longer
   * than a server takes that accepts, fails and hangs up.
   *
   * @default {10_000}
   */
  stableAfter?: number | undefined;
  /**
   * The longest that a refusing server's `Retry-After` is followed, in
   * milliseconds. The delay comes on top of it.
   *
   * @default {300_000}
   */
  maxRetryAfter?: number | undefined;
  /**
   * How many attempts in a row may lead to no connection, or to none that is
   * open for `stableAfter`.
   *
   * @default {Infinity}
   */
  maxAttempts?: number | undefined;
  /**
   * Decides whether to try again after an error; if not, that error is thrown.
   * A connection that ended is a `ConnectionClosedError`, of whatever code.
   *
   * `mendable` is what is decided without this option: to try again after
   * network errors, but "proxy-login", and timeouts; the statuses 408, 421, 425, 429 and 5xx but
   * 501 and 505, and where the status is hidden; TLS errors with the reasons
   * "not-yet-valid" and "other"; all close codes, also 1000, but 1002, 1003, 1007
   * to 1010, 3000 and 3003. All else is given up at once: other statuses and
   * TLS errors, bad arguments, missing permissions.
   */
  retry?: ((error: unknown, mendable: boolean) => boolean) | undefined;
  /** Hears what is being done, for a line of status. What it throws is dropped. */
  onstatus?: ((status: ReconnectStatus) => void) | undefined;
  /** Ends it all when it aborts: closes the connection, and throws its reason. */
  signal?: AbortSignal | undefined;
}

// Functions of its own, so that a bundler sees that it can be left out.
const REAL: Fate = {
  now: () => performance.now(),
  date: () => Date.now(),
  random: () => Math.random(),
  wait: until,
};

/**
 * Iterates over connections, each opened when the one before has ended.
 *
 * @throws {RangeError} At once, if an option makes no sense.
 * @throws {TypeError} At once, if an option is malformed.
 */
export function reconnectWith(
  open: OpenConnection,
  options: ReconnectOptions = {},
  fate: Fate = REAL,
): AsyncIterableIterator<Connection, undefined> {
  checkFunction("onstatus", options.onstatus);
  const backoff = new Backoff(resolveBackoff(options), fate);
  return iterate(open, options, backoff, fate);
}

async function* iterate(
  open: OpenConnection,
  options: ReconnectOptions,
  backoff: Backoff,
  fate: Fate,
): AsyncGenerator<Connection, undefined> {
  const { onstatus, signal = new AbortController().signal } = options;
  let connection: Connection | undefined;
  let end: ReconnectStatus = { state: "closed" };
  const tell = (status: ReconnectStatus) => {
    new Promise((resolve) => resolve(onstatus?.(status))).catch(() => {});
  };
  const abort = () => connection?.close();
  signal.addEventListener("abort", abort);
  try {
    while (true) {
      signal.throwIfAborted();
      tell({ state: "connecting", attempt: ++backoff.attempt });
      let error: unknown;
      let lived = 0;
      try {
        connection = await open(signal);
      } catch (failure) {
        error = failure;
      }
      if (connection !== undefined && !signal.aborted) {
        const since = fate.now();
        // The loop may go on for long after that.
        connection.closed.then(() => lived = fate.now() - since);
        tell({ state: "open", connection });
        yield connection;
        // At once where it has ended.
        const info = await connection.close();
        error = new ConnectionClosedError("stay connected", info);
        connection = undefined;
      }
      signal.throwIfAborted();
      const delay = Math.round(backoff.after(error, lived));
      const { attempt } = backoff;
      tell({ state: "waiting", attempt, delay, error });
      if (!signal.aborted) await fate.wait(signal, delay);
    }
  } catch (error) {
    if (!signal.aborted) end = { state: "closed", error };
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
    await connection?.close();
    tell(end);
  }
}

/** Opens connections that are ready only when `onopen` is through with them. */
export function readied(
  open: OpenConnection,
  onopen: (ws: Connection) => void | Promise<void>,
): OpenConnection {
  return async (signal) => {
    const ws = await open(signal);
    const abort = () => ws.close();
    signal.addEventListener("abort", abort);
    if (signal.aborted) abort();
    try {
      // It may wait for what a connection that has ended never brings.
      const ended = ws.closed.then(() => Promise.reject());
      const ready = new Promise<void>((resolve) => resolve(onopen(ws)));
      await Promise.race([ready, ended]);
      return ws;
    } catch (cause) {
      const info = await ws.close();
      const detail = "and onopen() failed";
      throw new ConnectionClosedError("get ready", info, { detail, cause });
    } finally {
      signal.removeEventListener("abort", abort);
    }
  };
}
