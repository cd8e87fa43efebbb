/**
 * What `connect()` is asked for: the options, checked once.
 *
 * @module
 */

import {
  checkHeartbeat,
  type HeartbeatOptions,
  resolveHeartbeat,
} from "../application_heartbeat.ts";
import type { Connection } from "../connection.ts";
import type { OpenTask } from "../engine.ts";
import {
  type BuiltInConnectOptions,
  checkConnectEngine,
  type StrictConnectOptions,
} from "../engine_options.ts";
import { open } from "../engines/deno_client.ts";
import { checkProtocols } from "../handshake.ts";
import {
  checkTimeout,
  FLOW_DEFAULTS,
  LIMIT_NAMES,
  type Limits,
  resolveLimits,
} from "../limits.ts";
import type { OpenPlan } from "./open.ts";
import { checkRedirects } from "./redirects.ts";
import { checkNames, type OptionNames } from "../option_names.ts";
import { resolveRoutes, type RouteOptions } from "../route/route.ts";
import { resolveClientTrust, type TrustOptions } from "../tls/trust.ts";
import { readHeaders } from "./upgrade_request.ts";
import { takeUserinfo } from "./userinfo.ts";

/**
 * Options for {@linkcode connect} on every engine.
 *
 * @example With both engines
 * ```ts
 * import { type CommonConnectOptions, connect, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0, protocols: ["v2"] }, (ws) => ws.closed);
 * const options: CommonConnectOptions = { protocols: ["v2", "v1"], openTimeout: 3000 };
 * await using one = await connect(server.url, options);
 * await using other = await connect(server.url, { ...options, engine: "node" });
 * console.log(one.protocol, other.protocol); // "v2" "v2"
 * ```
 */
export interface CommonConnectOptions
  extends Limits, TrustOptions, RouteOptions {
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
  /**
   * Whether the server may be asked once more when a connection failed, where
   * the runtime hides why: the same request is sent again, and how it is
   * answered stands in the error. At half of `openTimeout` it also looks, without
   * a request, how far one gets.
   *
   * @default {true}
   */
  diagnose?: boolean | undefined;
  /**
   * Follows redirects, at most five or so many; never from `wss:` to `ws:`.
   * `headers`, the user name in the URL and the client certificate go along
   * within the same origin only.
   *
   * @default {false}
   */
  followRedirects?: boolean | number | undefined;
  /**
   * Asks the server for signs of life with ordinary messages, in place of pings:
   * for the built-in engine, which has none, and for servers that want it so.
   * `true` is "ping" after every 20 seconds, to be answered "pong", as
   * `serve({ heartbeat: true })` does. A server that sends nothing for
   * `pongTimeout` after one is given up with 1006. The built-in engine sees whole
   * messages only, so the largest must come within that time.
   *
   * @default {false}
   */
  heartbeat?: boolean | HeartbeatOptions | undefined;
}

/**
 * Options for {@linkcode connect}: what all engines can, and what of the one that
 * is chosen.
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
export type ConnectOptions =
  & CommonConnectOptions
  & (BuiltInConnectOptions | StrictConnectOptions);

/** Their names, on whichever engine. */
const CONNECT_NAMES: OptionNames<
  CommonConnectOptions & StrictConnectOptions
> = {
  ...LIMIT_NAMES,
  caCerts: true,
  cert: true,
  key: true,
  protocols: true,
  headers: true,
  signal: true,
  openTimeout: true,
  diagnose: true,
  followRedirects: true,
  heartbeat: true,
  proxy: true,
  unixSocket: true,
  resolve: true,
  engine: true,
  defaultCaCerts: true,
  pins: true,
  minVersion: true,
  pingInterval: true,
};

/** What `loadCertChain()` gives besides `cert` and `key`. */
const LOADED = { files: true };

/**
 * Refuses options that a call does not have.
 *
 * @param call The call: "connect()", or one that takes the options of that, too.
 * @param options What it was given.
 * @param own The names of the options that only this call has.
 * @throws {TypeError} That lists the names that there are.
 */
export function checkConnectNames(
  call: string,
  options: object,
  own: object = {},
): void {
  checkNames(call, options, { ...CONNECT_NAMES, ...own }, LOADED);
}

/** How often a server is asked for a sign of life, in milliseconds. */
const PING_INTERVAL = 20_000;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {TypeError} If an option is malformed.
 * @throws {RangeError} If a limit or a deadline makes no sense.
 */
export function resolvePlan(url: URL, options: ConnectOptions): OpenPlan {
  const { protocols = [], openTimeout = 10_000, signal } = options;
  const { diagnose = true, followRedirects = false } = options;
  checkProtocols(protocols);
  checkTimeout("openTimeout", openTimeout);
  const strict = checkConnectEngine(options) === "node";
  if (url.protocol === "ws:") checkPlain(options);
  const limits = resolveLimits(options, strict ? FLOW_DEFAULTS : {});
  const { pingInterval = strict ? PING_INTERVAL : 0 } = options;
  if (pingInterval !== 0) checkTimeout("pingInterval", pingInterval, "0, or ");
  checkHeartbeat(options.heartbeat);
  const asking = resolveHeartbeat(options.heartbeat);
  if (asking !== undefined && options.pingInterval) {
    throw new TypeError(
      "Cannot use pingInterval together with heartbeat: its messages are sent in place of pings; use heartbeat.interval",
    );
  }
  return {
    ...takeUserinfo(url, readHeaders(options.headers)),
    protocols,
    diagnose,
    followRedirects: checkRedirects(followRedirects, diagnose || strict),
    trust: resolveClientTrust(options),
    shared: {
      role: strict ? "strict-client" : "client",
      limits,
      pingInterval,
      ...asking,
    },
    route: resolveRoutes(options, strict),
    engine: strict ? openStrict : open,
    openTimeout,
    signal,
  };
}

/** Refuses what asks more of TLS than to be there, where it is not. */
function checkPlain(options: ConnectOptions): void {
  for (const name of ["defaultCaCerts", "pins", "minVersion"] as const) {
    if (options[name] === undefined) continue;
    throw new TypeError(
      `Cannot use ${name}: a ws:// URL is without TLS; connect with wss://`,
    );
  }
}

/** The strict engine is loaded only where it is asked for. */
async function openStrict(task: OpenTask): Promise<Connection> {
  const { open } = await import("../engines/node_client.ts");
  return await open(task);
}
