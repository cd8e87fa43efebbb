/**
 * From a request to a running handler: the checks of a handshake in their
 * order, and what becomes of the handler's return or throw.
 *
 * @module
 */

import { CloseCode } from "./close_code.ts";
import type { Connection, Opening, Shared } from "./connection.ts";
import { upgradeRequest } from "./engines/deno.ts";
import { ConnectionClosedError } from "./errors.ts";
import {
  type ProxyOptions,
  type Seen,
  seenBy,
  type TrustCheck,
  trustCheck,
} from "./forwarded.ts";
import {
  checkOriginPolicy,
  checkProtocols,
  chooseProtocol,
  findFault,
  isOriginAllowed,
  offeredProtocols,
  type OriginPolicy,
  refuse,
} from "./handshake.ts";
import { checkTimeout, type Limits, resolveLimits } from "./limits.ts";
import { type Logger, printable, stderrLogger } from "./logger.ts";
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
  protocols?: readonly string[];
  /**
   * From which pages a browser may connect: origins like
   * `"https://app.example"`, or a function that decides. Requests without an
   * `Origin` header do not come from a page and are not asked (RFC 6455,
   * section 10.2). The default is the server's own origin.
   */
  origins?: OriginPolicy;
  /**
   * Lets any page of any site connect, in the name of whoever looks at it. Only
   * for services that are public to everybody.
   *
   * @default {false}
   */
  insecureAnyOrigin?: boolean;
  /**
   * Decides who may connect. A `Response` refuses and is sent as it is; anything
   * else is let in and becomes `ws.context`. A throw answers 500 and is reported
   * to `onError`.
   */
  authorize?: (
    request: Request,
    info: AuthorizeInfo,
  ) => Response | Context | Promise<Response | Context>;
  /**
   * How long `authorize` may take, in milliseconds, before the answer is 503.
   *
   * @default {10_000}
   */
  openTimeout?: number;
  /**
   * After how long a silence a ping is sent, in milliseconds; 0 sends none, and
   * a peer that vanishes is not noticed until something is sent to it. The
   * built-in engine has one timer for ping and pong: it pings after half of
   * `pingInterval + pongTimeout` and gives up after the other half.
   *
   * @default {20_000}
   */
  pingInterval?: number;
  /**
   * Hears of what `authorize`, the handler or `fetch` throws, with the
   * connection if there was one. A handler that ends because its own connection
   * did is no error. The default writes it to `logger`.
   */
  onError?: (error: unknown, ws?: Connection<Context>) => void;
  /**
   * Where to log. The default writes warnings and errors to standard error; pass
   * `{}` to be silent.
   */
  logger?: Logger;
}

/** The options after they were checked once. */
export interface Policy<Context> {
  readonly shared: Shared;
  readonly protocols: readonly string[];
  readonly anyOrigin: boolean;
  readonly origins: OriginPolicy | undefined;
  readonly authorize: AcceptOptions<Context>["authorize"];
  readonly openTimeout: number;
  readonly pingInterval: number;
  readonly trusted: TrustCheck | undefined;
  readonly proxyHeader: "x-forwarded" | "forwarded";
  readonly logger: Logger;
  readonly report: (error: unknown, ws?: Connection<Context>) => void;
}

/** Checks the options and fills in the defaults. */
export async function resolvePolicy<Context>(
  options: AcceptOptions<Context>,
  topics: Topics | undefined,
): Promise<Policy<Context>> {
  const {
    protocols = [],
    origins,
    insecureAnyOrigin: anyOrigin = false,
    authorize,
    openTimeout = 10_000,
    pingInterval = 20_000,
    trustProxy = [],
    proxyHeader = "x-forwarded",
    logger = stderrLogger,
    onError,
  } = options;
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
  if (pingInterval !== 0) checkTimeout("pingInterval", pingInterval);
  return {
    shared: { role: "server", limits: resolveLimits(options), topics },
    protocols,
    anyOrigin,
    origins,
    authorize,
    openTimeout: checkTimeout("openTimeout", openTimeout),
    pingInterval,
    trusted: trustProxy.length === 0 ? undefined : await trustCheck(trustProxy),
    proxyHeader,
    logger,
    report: reporter(onError, logger),
  };
}

function reporter<Context>(
  onError: AcceptOptions<Context>["onError"],
  logger: Logger,
): Policy<Context>["report"] {
  return (error, ws) => {
    try {
      if (onError !== undefined) onError(error, ws);
      else {logger.error?.(
          `${ws === undefined ? "request" : "handler"} failed`,
          error,
        );}
    } catch (thrown) {
      logger.error?.("onError failed", thrown);
    }
  };
}

/** What came in, before anybody looked at it. */
export interface Incoming {
  readonly request: Request;
  readonly remoteAddr: Deno.Addr;
  /** Whether TLS ends at this process. */
  readonly secure: boolean;
}

/** Reads, through trusted proxies, who asks for what. */
export function seenUrl<Context>(
  incoming: Incoming,
  policy: Policy<Context>,
): { url: string; remoteAddr: Deno.Addr } {
  const { request, remoteAddr, secure } = incoming;
  const asked = new URL(request.url);
  const direct: Seen = {
    remoteAddr,
    secure,
    host: request.headers.get("host") ?? asked.host,
  };
  const seen = seenBy(request, direct, policy.trusted, policy.proxyHeader);
  const scheme = seen.secure ? "wss" : "ws";
  const url = `${scheme}://${seen.host}${asked.pathname}${asked.search}`;
  return {
    url: URL.canParse(url) ? url : `${scheme}://invalid${asked.pathname}`,
    remoteAddr: seen.remoteAddr,
  };
}

/** What becomes of a handshake that passes. */
export interface Acceptance<Context> {
  /** Takes the connection when it is open. */
  readonly onopen: (connection: Connection<Context>) => void;
  /** Aborts when no more are taken, since the server goes down. */
  readonly closing?: AbortSignal;
}

/** Answers a request that wants to become a WebSocket. */
export async function accept<Context>(
  incoming: Incoming,
  policy: Policy<Context>,
  { onopen, closing }: Acceptance<Context>,
): Promise<Response> {
  if (closing?.aborted) return goingDown();
  const opening = await admit(incoming, policy, closing);
  if (opening instanceof Response) return opening;
  const { shared, pingInterval, logger } = policy;
  return upgradeRequest({
    request: incoming.request,
    shared,
    pingInterval,
    opening,
    onopen,
    onfail: () => logger.debug?.("a client left during its handshake"),
  });
}

function goingDown(): Response {
  return refuse(503, "The server is shutting down", {
    "retry-after": "5",
    connection: "close",
  });
}

/**
 * Takes a handshake through its checks.
 *
 * @returns The refusal, or what the connection opens with.
 */
async function admit<Context>(
  incoming: Incoming,
  policy: Policy<Context>,
  closing: AbortSignal | undefined,
): Promise<Response | Opening<Context>> {
  const { request } = incoming;
  const { url, remoteAddr } = seenUrl(incoming, policy);
  const fault = findFault(request);
  if (fault !== undefined) return fault;
  try {
    const decide = <T>(verdict: T | Promise<T>) =>
      inTime(verdict, request, policy.openTimeout, closing);
    if (
      !policy.anyOrigin &&
      !await decide(isOriginAllowed(request, url, policy.origins))
    ) {
      const origin = request.headers.get("origin") ?? "";
      policy.logger.debug?.(`refused origin ${printable(origin)}`);
      return refuse(
        403,
        "Pages of this origin may not connect (behind a reverse proxy, see trustProxy)",
      );
    }
    const protocols = offeredProtocols(request);
    const info = { url, remoteAddr, protocols };
    const verdict = await decide(policy.authorize?.(request, info));
    if (verdict instanceof Response) return verdict;
    return {
      url,
      remoteAddr,
      headers: headersToKeep(request),
      protocol: chooseProtocol(protocols, policy.protocols),
      context: verdict as Context,
    };
  } catch (error) {
    if (error instanceof Undecided) return error.response();
    policy.report(error);
    return error === LATE
      ? tooLate()
      : refuse(500, "The server failed to decide");
  }
}

/** The runtime takes the headers back when it upgrades the request. */
function headersToKeep(request: Request): string[] {
  const kept: string[] = [];
  for (const [name, value] of request.headers) {
    if (!HANDSHAKE_HEADERS.has(name)) kept.push(name, value);
  }
  return kept;
}

const HANDSHAKE_HEADERS = new Set([
  "connection",
  "sec-websocket-extensions",
  "sec-websocket-key",
  "sec-websocket-version",
  "upgrade",
]);

/** Nobody waits for a decision any more; the answer says why. */
class Undecided extends Error {
  /** Made when it is sent: a response can be sent only once. */
  readonly response: () => Response;

  constructor(response: () => Response) {
    super("undecided");
    this.response = response;
  }
}

/** Waits for a decision as long as there is somebody to tell it to. */
async function inTime<T>(
  verdict: T | Promise<T>,
  request: Request,
  timeout: number,
  closing: AbortSignal | undefined,
): Promise<T> {
  if (!(verdict instanceof Promise)) return verdict;
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(LATE), timeout);
  const down = () => reject(new Undecided(goingDown));
  closing?.addEventListener("abort", down, { once: true });
  // The runtime would keep for ever what is upgraded after its client left. It
  // tells of that only those who asked for the signal while the client was there.
  const { signal } = request;
  const gone = () => reject(new Undecided(clientGone));
  signal.addEventListener("abort", gone, { once: true });
  try {
    return await Promise.race([verdict, promise]);
  } finally {
    clearTimeout(timer);
    closing?.removeEventListener("abort", down);
    signal.removeEventListener("abort", gone);
  }
}

const LATE = new DOMException(
  "Cannot authorize the request: no decision within openTimeout",
  "TimeoutError",
);

function tooLate(): Response {
  return refuse(503, "The server took too long to decide", {
    "retry-after": "10",
  });
}

function clientGone(): Response {
  return refuse(400, "The client is gone");
}

/** Runs the handler on an open connection, and closes it after. */
export async function run<Context>(
  connection: Connection<Context>,
  handler: Handler<Context>,
  policy: Policy<Context>,
): Promise<void> {
  try {
    await handler(connection);
    await connection.close();
  } catch (error) {
    if (error instanceof ConnectionClosedError && !connection.open) {
      policy.logger.debug?.(`${connection.id} ${error.message}`);
    } else {
      policy.report(error, connection);
    }
    await connection.close(CloseCode.InternalError);
  }
}
