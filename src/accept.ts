/**
 * From a request to a running handler: the checks of a handshake in their
 * order, and what becomes of the handler's return or throw.
 *
 * @module
 */

import { CloseCode } from "./close_code.ts";
import type { Connection, Opening } from "./connection.ts";
import type { Incoming } from "./engine.ts";
import { ConnectionClosedError } from "./errors.ts";
import { type Seen, seenBy } from "./forwarded.ts";
import {
  chooseProtocol,
  findFault,
  isOriginAllowed,
  offeredProtocols,
  refusalOf,
  refuse,
  upgradeRequired,
  urlOf,
  wantsWebSocket,
} from "./handshake.ts";
import { printable } from "./logger.ts";
import type { Handler, Policy } from "./policy.ts";
import { isThenable, whenKnown } from "./within.ts";

/**
 * Answers an ordinary HTTP request.
 *
 * @example A page beside the connections
 * ```ts
 * import { type FetchHandler, serve } from "@wss/wss";
 *
 * const page: FetchHandler = (request) => new Response(`You asked for ${request.url}`);
 * await using server = await serve({ port: 0, fetch: page }, (ws) => ws.closed);
 * const response = await fetch(server.url.replace("ws", "http"));
 * console.log(await response.text());
 * ```
 */
export type FetchHandler = (
  request: Request,
  info: { remoteAddr: Deno.Addr },
) => Response | Promise<Response>;

/** Who asks for what, seen through trusted proxies. */
interface Asked {
  readonly url: string;
  readonly remoteAddr: Deno.Addr;
}

function whatIsAsked<Context>(
  { request, remoteAddr, secure }: Incoming,
  asked: URL,
  policy: Policy<Context>,
): Asked | undefined {
  const direct: Seen = {
    remoteAddr,
    secure,
    host: request.headers.get("host") ?? asked.host,
  };
  const seen = seenBy(request, direct, policy.trust);
  if (seen === undefined) return undefined;
  const scheme = seen.secure ? "wss" : "ws";
  const url = `${scheme}://${seen.host}${asked.pathname}${asked.search}`;
  return {
    // What the runtime made a URL of is good for another scheme as well.
    url: seen.host === asked.host || URL.canParse(url)
      ? url
      : `${scheme}://invalid${asked.pathname}`,
    remoteAddr: seen.remoteAddr,
  };
}

/** What decides beside the policy. */
export interface Circumstances {
  /** Aborts when no more are taken, since the server goes down. */
  readonly closing?: AbortSignal;
  /** Answers ordinary requests; without it they are told where to connect. */
  readonly fetch?: FetchHandler | undefined;
}

/**
 * Answers a request, a handshake or an ordinary one.
 *
 * @returns The response, or what a WebSocket opens with, which is the engine's
 * to switch to.
 */
export function answer<Context>(
  incoming: Incoming,
  policy: Policy<Context>,
  { closing, fetch }: Circumstances = {},
): Response | Opening<Context> | Promise<Response | Opening<Context>> {
  const { request } = incoming;
  const target = urlOf(request);
  if (target === null) return refuse(400, "The Host header is malformed");
  const asked = whatIsAsked(incoming, target, policy);
  if (asked === undefined) {
    return refuse(400, "The Forwarded header is malformed");
  }
  if (wantsWebSocket(request)) {
    if (closing?.aborted) return logged(goingDown(), asked, request, policy);
    const full = policy.admission.enter(asked.remoteAddr);
    if (full !== undefined) return logged(full, asked, request, policy);
    return whenKnown(admit(incoming, asked, policy, closing), (verdict) => {
      // What is let in leaves when its connection ends, or never opens.
      if (!(verdict instanceof Response)) return verdict;
      policy.admission.leave(asked.remoteAddr);
      return logged(verdict, asked, request, policy);
    });
  }
  if (fetch === undefined) return upgradeRequired(asked.url);
  return answerWith(fetch, request, asked, policy);
}

/** Answers an ordinary request. */
async function answerWith<Context>(
  fetch: FetchHandler,
  request: Request,
  { remoteAddr }: Asked,
  policy: Policy<Context>,
): Promise<Response> {
  try {
    return sendable(await fetch(request, { remoteAddr }));
  } catch (error) {
    policy.report(error);
    return refuse(500, "The server failed to answer");
  }
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
 * @returns The refusal, or what the connection opens with; at once, where all is
 * decided at once: promises would cost a handshake more than its checks.
 */
function admit<Context>(
  { request, since, peerCertificate }: Incoming,
  { url, remoteAddr }: Asked,
  policy: Policy<Context>,
  closing: AbortSignal | undefined,
): Response | Opening<Context> | Promise<Response | Opening<Context>> {
  const fault = findFault(request);
  if (fault !== undefined) return fault;
  // The peer took some of the time for its handshake.
  const until = (since ?? performance.now()) + policy.openTimeout;
  const decide = <T>(verdict: T | PromiseLike<T>) =>
    isThenable(verdict) ? inTime(verdict, request, until, closing) : verdict;
  const authorize = () => {
    const protocols = offeredProtocols(request);
    const info = { url, remoteAddr, protocols, peerCertificate };
    const verdict = decide(policy.authorize?.(request, info));
    return whenKnown(verdict, (verdict): Response | Opening<Context> => {
      const refusal = refusalOf(verdict);
      if (refusal !== undefined) return sendable(refusal);
      return {
        url,
        remoteAddr,
        headers: keptHeaders(request),
        protocol: chooseProtocol(protocols, policy.protocols),
        context: verdict as Context,
        peerCertificate,
      };
    });
  };
  const failed = (error: unknown) => undecided(error, policy);
  try {
    const isAllowed = policy.anyOrigin ||
      decide(isOriginAllowed(request, url, policy));
    const verdict = whenKnown(
      isAllowed,
      (isAllowed) => isAllowed ? authorize() : foreign(request, policy),
    );
    return isThenable(verdict) ? verdict.then(undefined, failed) : verdict;
  } catch (error) {
    return failed(error);
  }
}

/** Refuses a page of another site. */
function foreign<Context>(
  { headers }: Request,
  { logger }: Policy<Context>,
): Response {
  logger.debug?.(`refused origin ${printable(headers.get("origin") ?? "")}`);
  return refuse(
    403,
    "Pages of this origin may not connect (behind a reverse proxy, see trustProxy)",
  );
}

/** The answer where a decision failed. */
function undecided<Context>(
  error: unknown,
  policy: Policy<Context>,
): Response {
  if (error instanceof Undecided) return error.response();
  policy.report(error);
  return error === LATE
    ? tooLate()
    : refuse(500, "The server failed to decide");
}

/** A refusal, of which the log and `onRefused` hear. */
function logged<Context>(
  refusal: Response,
  { url, remoteAddr }: Asked,
  request: Request,
  { logger, onrefused }: Policy<Context>,
): Response {
  onrefused?.({ status: refusal.status, url, remoteAddr, request });
  if (logger.debug !== undefined) {
    const from = "hostname" in remoteAddr
      ? remoteAddr.hostname
      : remoteAddr.transport;
    const { origin, pathname } = new URL(url);
    const where = printable(`${origin}${pathname}`);
    logger.debug(
      `refused ${printable(from)} at ${where} with ${refusal.status}`,
    );
  }
  return refusal;
}

/** Refuses what cannot be sent, which programs without types may return. */
function sendable(response: Response): Response {
  const state = !(response instanceof Response)
    ? "what was returned is no Response"
    : response.bodyUsed
    ? "the Response was sent before; make one for each request"
    : response.status === 0
    ? "Response.error() cannot be sent"
    : undefined;
  if (state === undefined) return response;
  throw new TypeError(`Cannot answer the request: ${state}`);
}

/**
 * The headers, for as long as the connection. The runtime takes them back when
 * it upgrades, unless has() made it list them; it keeps the request anyway.
 */
function keptHeaders({ headers }: Request): Headers {
  headers.has("host");
  return headers;
}

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
  verdict: PromiseLike<T>,
  request: Request,
  until: number,
  closing: AbortSignal | undefined,
): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const left = Math.max(0, until - performance.now());
  const timer = setTimeout(() => reject(LATE), left);
  const down = () => reject(new Undecided(goingDown));
  closing?.addEventListener("abort", down, { once: true });
  // The runtime would keep for ever what is upgraded after its client left. It
  // tells of that only those who asked for the signal while the client was there.
  const { signal } = request;
  const gone = () => reject(new Undecided(clientGone));
  signal.addEventListener("abort", gone, { once: true });
  try {
    const decided = await Promise.race([verdict, promise]);
    // It may heed the same signal, and be quicker.
    if (signal.aborted) throw new Undecided(clientGone);
    return decided;
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

/**
 * Runs the handler on an open connection, and closes it after. `done` is called
 * at the end: a promise of it, or an `async` function that waits, would last as
 * long as the connection, and take more than two closures do.
 */
export function run<Context>(
  connection: Connection<Context>,
  handler: Handler<Context>,
  policy: Policy<Context>,
  done?: () => void,
): void {
  const failed = (error: unknown) => {
    if (isOwnEnd(error, connection)) {
      policy.logger.debug?.(`${connection.id} ${error.message}`);
    } else {
      policy.report(error, connection);
    }
    connection.close(CloseCode.InternalError).then(done);
  };
  const returned = () => {
    connection.close().then(done);
  };
  try {
    Promise.resolve(handler(connection)).then(returned, failed);
  } catch (error) {
    failed(error);
  }
}

/** Whether a handler ended because its connection did. */
function isOwnEnd<Context>(
  error: unknown,
  connection: Connection<Context>,
): error is ConnectionClosedError {
  try {
    return error instanceof ConnectionClosedError && !connection.open;
  } catch {
    return false; // What was thrown answers `instanceof` with a throw.
  }
}
