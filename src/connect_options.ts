/**
 * What `connect()` is asked for: the options, checked once.
 *
 * @module
 */

import { open } from "./engines/deno_client.ts";
import { checkProtocols } from "./handshake.ts";
import { checkTimeout, type Limits, resolveLimits } from "./limits.ts";
import type { OpenPlan } from "./open.ts";
import { resolveRoute } from "./route.ts";
import { resolveClientTrust, type TrustOptions } from "./tls/trust.ts";

/**
 * Options for {@linkcode connect}.
 *
 * @example Offer subprotocols and send a header
 * ```ts
 * import { connect, type ConnectOptions, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0, protocols: ["v2"] }, (ws) => ws.closed);
 * const options: ConnectOptions = {
 *   protocols: ["v2", "v1"],
 *   headers: { authorization: "Bearer of this example" },
 *   openTimeout: 3000,
 * };
 * await using ws = await connect(server.url, options);
 * console.log(ws.protocol); // "v2"
 * ```
 */
export interface ConnectOptions extends Limits, TrustOptions {
  /** The subprotocols to offer, the best first. */
  protocols?: readonly string[] | undefined;
  /** Headers for the opening handshake, such as `authorization`. */
  headers?: HeadersInit | undefined;
  /** Gives up connecting when it aborts; an open connection is not touched. */
  signal?: AbortSignal | undefined;
  /**
   * How long the connection may take to open, in milliseconds, from the look-up
   * of the name to the answer of the server.
   *
   * @default {10_000}
   */
  openTimeout?: number | undefined;
}

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {TypeError} If an option is malformed.
 * @throws {RangeError} If a limit or a deadline makes no sense.
 */
export function resolvePlan(url: URL, options: ConnectOptions): OpenPlan {
  const { protocols = [], openTimeout = 10_000, signal } = options;
  checkProtocols(protocols);
  checkTimeout("openTimeout", openTimeout);
  const limits = resolveLimits(options);
  return {
    url,
    protocols,
    headers: new Headers(options.headers),
    trust: resolveClientTrust(options),
    shared: { role: "client", limits, pingInterval: 0 },
    route: resolveRoute,
    engine: open,
    openTimeout,
    signal,
  };
}

/**
 * Reads the URL of a server.
 *
 * @throws {TypeError} If it is none.
 */
export function parseUrl(url: string | URL): URL {
  if (!URL.canParse(url)) {
    throw new TypeError(
      'Cannot connect: the URL is malformed; it must be like "wss://localhost:8765", its port at most 65535',
    );
  }
  const target = new URL(url);
  if (target.protocol !== "wss:" && target.protocol !== "ws:") {
    throw new TypeError(
      `Cannot connect: the scheme of the URL must be wss or ws, current value is ${
        target.protocol.slice(0, -1)
      }`,
    );
  }
  if (target.hash !== "") {
    throw new TypeError(
      "Cannot connect: the URL must not have a #fragment (RFC 6455, section 3)",
    );
  }
  return target;
}
