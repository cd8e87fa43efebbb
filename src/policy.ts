/**
 * Whom a server lets in, and what it does with them: the options, checked once.
 *
 * @module
 */

import { Admission } from "./admission.ts";
import {
  type HeartbeatReply,
  resolveHeartbeatReply,
} from "./application_heartbeat.ts";
import type { Connection, Opening, Shared } from "./connection.ts";
import {
  type ProxyOptions,
  type ProxyTrust,
  resolveTrust,
} from "./forwarded.ts";
import {
  checkOriginPolicy,
  checkProtocols,
  type OriginPolicy,
} from "./handshake.ts";
import {
  checkCount,
  checkTimeout,
  LIMIT_NAMES,
  type Limits,
  MAX_CONNECTIONS,
  type ResolvedLimits,
  resolveLimits,
  shown,
} from "./limits.ts";
import { type Logger, stderrLogger } from "./logger.ts";
import type { PeerCertificate } from "./tls/peer_certificate.ts";
import { MessageRate } from "./message_rate.ts";
import type { OptionNames } from "./option_names.ts";
import { Subscriptions } from "./subscriptions.ts";
import type { Topics } from "./topics.ts";

/**
 * What `authorize` is told beside the request.
 *
 * @example Let in whoever is on this machine
 * ```ts
 * import { type AuthorizeInfo, connect, serve } from "@wss/wss";
 *
 * function authorize(_request: Request, { remoteAddr }: AuthorizeInfo): Response | string {
 *   const { hostname } = remoteAddr as Deno.NetAddr;
 *   return hostname === "127.0.0.1" ? hostname : new Response(null, { status: 403 });
 * }
 * await using server = await serve({ port: 0, authorize }, (ws) => ws.send(ws.context));
 * await using ws = await connect(server.url);
 * console.log(await ws.receive()); // "127.0.0.1"
 * ```
 */
export interface AuthorizeInfo {
  /** The URL that the client asked for, seen through trusted proxies. */
  readonly url: string;
  /** The address of the client, seen through trusted proxies. */
  readonly remoteAddr: Deno.Addr;
  /** The subprotocols that the client offers, in its order. */
  readonly protocols: readonly string[];
  /** The client's certificate, verified, on a server with `clientCa`; strict engine only. */
  readonly peerCertificate?: PeerCertificate | undefined;
}

/**
 * A WebSocket handshake that a server refused, as `onRefused` is told.
 *
 * @example A line for each
 * ```ts
 * import { type RefusedHandshake, serve } from "@wss/wss";
 *
 * function onRefused({ status, url, remoteAddr }: RefusedHandshake): void {
 *   console.log(status, new URL(url).pathname, (remoteAddr as Deno.NetAddr).hostname);
 * }
 * const authorize = () => false;
 * await using server = await serve({ port: 0, authorize, onRefused }, (ws) => ws.closed);
 * const headers = {
 *   upgrade: "websocket",
 *   connection: "upgrade",
 *   "sec-websocket-version": "13",
 *   "sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==",
 * };
 * const conn = await Deno.connect({ port: (server.addr as Deno.NetAddr).port });
 * const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
 * await conn.write(new TextEncoder().encode(`GET / HTTP/1.1\r\nhost: localhost\r\n${lines.join("")}\r\n`));
 * await conn.read(new Uint8Array(1000)); // 403
 * conn.close();
 * ```
 */
export interface RefusedHandshake {
  /** The status of the answer: 401, 403, 429, 503 … */
  readonly status: number;
  /** The URL that the client asked for, with its query, seen through trusted proxies. */
  readonly url: string;
  /** The address of the client, seen through trusted proxies. */
  readonly remoteAddr: Deno.Addr;
  /**
   * The request, to be read before `onRefused` returns; what its headers hold may
   * be a secret.
   */
  readonly request: Request;
}

/**
 * Serves one connection. When it returns, the connection is closed with 1000;
 * when it throws, with 1011, and `onError` hears of it.
 *
 * @example A handler of its own
 * ```ts
 * import { connect, type Handler, serve } from "@wss/wss";
 *
 * const shout: Handler = async (ws) => {
 *   for await (const message of ws) await ws.send(`${message}`.toUpperCase());
 * };
 * await using server = await serve({ port: 0 }, shout);
 * await using ws = await connect(server.url);
 * await ws.send("hello");
 * console.log(await ws.receive()); // "HELLO"
 * ```
 */
export type Handler<Context = undefined> = (
  ws: Connection<Context>,
) => unknown | Promise<unknown>;

/**
 * Options that `serve()` and `upgrade()` have in common.
 *
 * @example The same for serve() and upgrade()
 * ```ts
 * import { type AcceptOptions, serve } from "@wss/wss";
 *
 * const options: AcceptOptions = { protocols: ["chat"], pingInterval: 30_000 };
 * await using server = await serve({ port: 0, ...options }, (ws) => ws.closed);
 * console.log(server.url);
 * ```
 */
export interface AcceptOptions<Context = undefined>
  extends Limits, ProxyOptions {
  /**
   * The subprotocols of this server, the best first. The first that the client
   * offers too is agreed on; a client that offers none of them gets none.
   *
   * @default {[]}
   */
  protocols?: readonly string[] | undefined;
  /**
   * From which pages a browser may connect: origins like
   * `"https://app.example"`, or a function that decides. Requests without an
   * `Origin` header do not come from a page and are not asked (RFC 6455,
   * section 10.2). The default is the server's own origin.
   */
  origins?: OriginPolicy | undefined;
  /**
   * Lets any page of any site connect, in the name of whoever looks at it. Only
   * for services that are public to everybody.
   *
   * @default {false}
   */
  insecureAnyOrigin?: boolean | undefined;
  /**
   * Decides who may connect. A `Response` refuses and is sent as it is, `false`
   * refuses with 403; anything else is let in and becomes `ws.context`. A throw
   * answers 500 and is reported to `onError`. Where it is asynchronous, the
   * runtime prints a line about `request.signal` once, by which a client that
   * leaves meanwhile is noticed.
   */
  authorize?:
    | ((
      request: Request,
      info: AuthorizeInfo,
    ) => Response | Context | Promise<Response | Context>)
    | undefined;
  /**
   * How long `authorize` may take, in milliseconds, before the answer is 503.
   *
   * @default {10_000}
   */
  openTimeout?: number | undefined;
  /**
   * After how long a silence a ping is sent, in milliseconds; 0 sends none, and
   * a peer that vanishes is not noticed until something is sent to it. The
   * built-in engine has one timer for ping and pong: it pings after half of
   * `pingInterval + pongTimeout` and gives up after the other half.
   *
   * @default {20_000}
   */
  pingInterval?: number | undefined;
  /**
   * Answers the heartbeat of clients that cannot ping, such as browsers: a
   * message that is the text `message` is answered with `reply`, and the handler
   * does not see it. `true` answers "ping" with "pong". Such messages count for
   * `maxMessagesPerSecond`; while more than `sendBuffer` waits to be sent, 64 at
   * once and one a second are answered.
   *
   * @default {false}
   */
  heartbeat?: boolean | HeartbeatReply | undefined;
  /**
   * How many connections there may be at a time, in handshakes too. One more is
   * answered 503, with `Retry-After`. The strict engine takes 1,024 connections
   * of TCP beside them, and cuts more. `Infinity` is no limit.
   *
   * @default {16_384}
   */
  maxConnections?: number | undefined;
  /**
   * How many of them may come from one address: of IPv4, or a network of 64 bits
   * of IPv6. One more is answered 429, with `Retry-After`. The strict engine
   * takes 16 connections of TCP beside them, unless there is a `trustProxy`, and
   * cuts more. Behind a reverse proxy
   * all have its address, unless `trustProxy` names it; and many people may
   * share one, in an office or a mobile network, which is why there is no limit
   * by default.
   *
   * @default {Infinity}
   */
  maxConnectionsPerIp?: number | undefined;
  /**
   * How many messages a second a peer may send for long; more closes its
   * connection with 1008. `Infinity` is no limit.
   *
   * @default {Infinity}
   */
  maxMessagesPerSecond?: number | undefined;
  /**
   * How many messages a peer may send at once after a silence, where
   * `maxMessagesPerSecond` is set.
   *
   * @default {10} seconds' worth of messages
   */
  maxMessageBurst?: number | undefined;
  /**
   * Hears of what `authorize`, the handler or `fetch` throws, with the
   * connection if there was one. A handler that ends because its own connection
   * did is no error. The default writes it to `logger`.
   */
  onError?: ((error: unknown, ws?: Connection<Context>) => void) | undefined;
  /**
   * Hears of each WebSocket handshake that was refused, by a limit, for its
   * origin, by `authorize` or since it is malformed, for logs, counts and bans.
   * What fails before there is a request, such as a handshake of TLS, is not
   * among them.
   */
  onRefused?: ((refused: RefusedHandshake) => void) | undefined;
  /**
   * Where to log. The default writes warnings and errors to standard error; pass
   * `{}` to be silent.
   */
  logger?: Logger | undefined;
}

/** Their names. */
export const ACCEPT_NAMES: OptionNames<AcceptOptions> = {
  ...LIMIT_NAMES,
  trustProxy: true,
  proxyHeader: true,
  protocols: true,
  origins: true,
  insecureAnyOrigin: true,
  authorize: true,
  openTimeout: true,
  pingInterval: true,
  heartbeat: true,
  maxConnections: true,
  maxConnectionsPerIp: true,
  maxMessagesPerSecond: true,
  maxMessageBurst: true,
  onError: true,
  onRefused: true,
  logger: true,
};

/** The options after they were checked once. */
export interface Policy<Context> {
  readonly shared: Shared;
  readonly protocols: readonly string[];
  readonly anyOrigin: boolean;
  readonly origins: OriginPolicy | undefined;
  readonly authorize: AcceptOptions<Context>["authorize"];
  readonly openTimeout: number;
  readonly trust: ProxyTrust | undefined;
  /** The names that a page on this machine may have, where only those can be right. */
  readonly hosts: readonly string[] | undefined;
  readonly admission: Admission;
  readonly logger: Logger;
  /** Hears of each handshake that was refused; never throws. */
  readonly onrefused: ((refused: RefusedHandshake) => void) | undefined;
  /** Hears of a client that was let in and is gone before its connection is open. */
  ongone(opening: Opening<Context>): void;
  /** A method, so that a policy of one context passes for a policy of any. */
  report(error: unknown, ws?: Connection<Context>): void;
}

/** What follows from where and how a server listens. */
export interface PolicyDefaults {
  readonly hosts?: readonly string[] | undefined;
  readonly defaults?: Partial<ResolvedLimits> | undefined;
}

/** Checks the options and fills in the defaults. */
export async function resolvePolicy<Context>(
  options: AcceptOptions<Context>,
  topics: Topics | undefined,
  { hosts, defaults }: PolicyDefaults = {},
): Promise<Policy<Context>> {
  const {
    protocols = [],
    origins,
    insecureAnyOrigin: anyOrigin = false,
    authorize,
    openTimeout = 10_000,
    pingInterval = 20_000,
    onError,
  } = options;
  const logger = neverThrowing(options.logger ?? stderrLogger);
  checkKinds(options);
  checkProtocols(protocols);
  checkOriginPolicy(origins);
  if (anyOrigin && origins !== undefined) {
    throw new TypeError(
      "Cannot use origins together with insecureAnyOrigin: the second lets everybody in",
    );
  }
  if (anyOrigin) {
    logger.warn?.("insecureAnyOrigin: pages of any site may connect");
  }
  if (pingInterval !== 0) checkTimeout("pingInterval", pingInterval, "0, or ");
  const { maxConnections = MAX_CONNECTIONS, maxConnectionsPerIp = Infinity } =
    options;
  const admission = new Admission({
    maxConnections: checkCount("maxConnections", maxConnections),
    maxConnectionsPerIp: checkCount("maxConnectionsPerIp", maxConnectionsPerIp),
  });
  const subscriptions = new Subscriptions(topics);
  return {
    shared: {
      role: "server",
      limits: resolveLimits(options, defaults),
      pingInterval,
      beat: resolveHeartbeatReply(options.heartbeat),
      rate: resolveRate(options),
      subscribe: (connection, topic) => subscriptions.add(connection, topic),
      onend(connection) {
        subscriptions.leave(connection);
        admission.leave(connection.remoteAddr);
      },
      onlimit: ({ id }, reason) =>
        logger.warn?.(
          `closed connection ${id}, its handler is too slow: ${reason}`,
        ),
    },
    protocols,
    anyOrigin,
    origins,
    authorize,
    openTimeout: checkTimeout("openTimeout", openTimeout),
    trust: await resolveTrust(options),
    hosts,
    admission,
    logger,
    onrefused: guarded("onRefused", options.onRefused, logger),
    ongone({ remoteAddr }) {
      admission.leave(remoteAddr);
      logger.debug?.("a handshake was let in, and came to no end");
    },
    report: reporter(onError, logger),
  };
}

function resolveRate<Context>(
  { maxMessagesPerSecond = Infinity, maxMessageBurst }: AcceptOptions<Context>,
): (() => MessageRate) | undefined {
  const perSecond = maxMessagesPerSecond;
  if (!(typeof perSecond === "number" && perSecond > 0)) {
    throw new RangeError(
      `Cannot use maxMessagesPerSecond: it must be over 0, current value is ${
        shown(perSecond)
      }`,
    );
  }
  if (perSecond === Infinity) {
    if (maxMessageBurst === undefined) return undefined;
    throw new TypeError(
      "Cannot use maxMessageBurst without maxMessagesPerSecond",
    );
  }
  const burst = maxMessageBurst ?? Math.max(1, Math.ceil(10 * perSecond));
  const rule = { perSecond, burst: checkCount("maxMessageBurst", burst) };
  return () => new MessageRate(rule);
}

/** Refuses what would only fail later, for programs whose types nobody checked. */
function checkKinds<Context>(options: AcceptOptions<Context>): void {
  const { authorize, onError, onRefused, trustProxy, proxyHeader } = options;
  checkFunction("authorize", authorize);
  checkFunction("onError", onError);
  checkFunction("onRefused", onRefused);
  if (trustProxy !== undefined && !Array.isArray(trustProxy)) {
    throw new TypeError(
      "Cannot use trustProxy: it must be a list of addresses",
    );
  }
  if (
    proxyHeader !== undefined && proxyHeader !== "x-forwarded" &&
    proxyHeader !== "forwarded"
  ) {
    throw new TypeError(
      'Cannot use proxyHeader: it must be "x-forwarded" or "forwarded"',
    );
  }
}

/** Refuses what is given and is no function. */
export function checkFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") {
    throw new TypeError(`Cannot use ${name}: it must be a function`);
  }
}

/** A log that cannot be written must not end a server. */
function neverThrowing(logger: Logger): Logger {
  const guard = <Rest extends unknown[]>(
    write: ((message: string, ...rest: Rest) => void) | undefined,
  ) =>
    write && ((message: string, ...rest: Rest) => {
      try {
        write.call(logger, message, ...rest);
      } catch {
        // There is nowhere left to tell.
      }
    });
  const { debug, info, warn, error } = logger;
  return {
    ...(debug && { debug: guard(debug)! }),
    ...(info && { info: guard(info)! }),
    ...(warn && { warn: guard(warn)! }),
    ...(error && { error: guard(error)! }),
  };
}

function reporter<Context>(
  onError: AcceptOptions<Context>["onError"],
  logger: Logger,
): Policy<Context>["report"] {
  const hear = guarded("onError", onError, logger);
  return hear ?? ((error, ws) => {
    const what = ws === undefined ? "request" : "handler";
    logger.error?.(`${what} failed`, error);
  });
}

/** What is told of something, and must not disturb who tells it. */
function guarded<Told extends unknown[]>(
  name: string,
  listener: ((...told: Told) => void) | undefined,
  logger: Logger,
): ((...told: Told) => void) | undefined {
  if (listener === undefined) return undefined;
  const failed = (thrown: unknown) => logger.error?.(`${name} failed`, thrown);
  return (...told) => {
    try {
      // It may be asynchronous, though nobody asked it to.
      Promise.resolve(listener(...told) as unknown).catch(failed);
    } catch (thrown) {
      failed(thrown);
    }
  };
}
