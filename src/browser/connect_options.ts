/**
 * What `connect()` is asked for in a browser: the options, checked once.
 *
 * @module
 */

import {
  type HeartbeatOptions,
  resolveHeartbeat,
} from "../application_heartbeat.ts";
import type { Shared } from "../connection.ts";
import { checkTimeout, type Limits, resolveLimits } from "../limits.ts";

/**
 * Options for `connect()` of "@wss/wss/browser". Certificates, proxies and
 * headers are not among them: the browser has its own, or none.
 *
 * @example Offer subprotocols, and wait three seconds at most
 * ```ts
 * import { serve } from "@wss/wss";
 * import { connect, type ConnectOptions } from "@wss/wss/browser";
 *
 * await using server = await serve({ port: 0, protocols: ["v2"] }, (ws) => ws.closed);
 * const options: ConnectOptions = { protocols: ["v2", "v1"], openTimeout: 3000 };
 * await using ws = await connect(server.url, options);
 * console.log(ws.protocol); // "v2"
 * ```
 */
export interface ConnectOptions extends Limits {
  /** The subprotocols to offer, the best first. */
  protocols?: readonly string[] | undefined;
  /** Gives up connecting when it aborts; an open connection is not touched. */
  signal?: AbortSignal | undefined;
  /**
   * How long the connection may take to open, in milliseconds, from the look-up
   * of the name to the answer of the server.
   *
   * @default {10_000}
   */
  openTimeout?: number | undefined;
  /**
   * Asks the server for signs of life with ordinary messages, which it has to
   * answer; `serve()` does with an option of the same name. A server that does
   * not answer within `pongTimeout` is given up with 1006. Without this, a dead
   * network is noticed once something is sent.
   *
   * @default {false}
   */
  heartbeat?: boolean | HeartbeatOptions | undefined;
}

/** What a call of `connect()` asks for, checked. */
export interface Plan {
  readonly url: URL;
  readonly protocols: readonly string[];
  readonly shared: Shared;
  /** How long it may take, in milliseconds. */
  readonly openTimeout: number;
}

/** What a page cannot choose, and what to do instead. */
const CANNOT = {
  headers:
    "send a token as a subprotocol or in the first message, or use a cookie",
  "caCerts cert key defaultCaCerts pins minVersion":
    "install the certificate authority in the browser",
  "engine proxy unixSocket resolve followRedirects diagnose":
    "the browser decides",
  pingInterval: "use heartbeat",
};

/**
 * Checks the URL and the options, and fills in the defaults.
 *
 * @throws {TypeError} If the URL is malformed, or an option is not for browsers.
 * @throws {RangeError} If a limit or a deadline makes no sense.
 */
export function resolvePlan(
  url: string | URL,
  options: ConnectOptions,
): Plan {
  for (const [names, instead] of Object.entries(CANNOT)) {
    for (const name of names.split(" ")) {
      if (options[name as keyof ConnectOptions] !== undefined) {
        throw new TypeError(`Cannot use ${name} in a browser; ${instead}`);
      }
    }
  }
  const { protocols = [], openTimeout = 10_000, heartbeat } = options;
  const limits = resolveLimits(options);
  return {
    url: parseTarget(url),
    protocols,
    shared: {
      role: "client",
      limits,
      pingInterval: 0,
      ...resolveHeartbeat(heartbeat),
    },
    openTimeout: checkTimeout("openTimeout", openTimeout),
  };
}

/** Reads a URL, which may be relative to the page's; the browser checks the rest. */
function parseTarget(url: string | URL): URL {
  const base = globalThis.location?.href;
  if (!URL.canParse(url, base)) {
    throw new TypeError("Cannot connect: the URL is malformed");
  }
  const target = new URL(url, base);
  // So the standard has it since 2023; not all browsers follow.
  target.protocol = target.protocol.replace("http", "ws");
  return target;
}
