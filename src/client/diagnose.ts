/**
 * Why a connection of the runtime's WebSocket failed, where that hides it: over
 * TLS it tries each refusal again by HTTP/2, and shows what that failed of. So
 * the server is asked once more, by hand, and within the same deadline.
 *
 * @module
 */

import { explainAnswer, tlsRequired } from "./answer.ts";
import type { OpenTask } from "../engine.ts";
import {
  HandshakeError,
  NetworkError,
  TlsError,
  type WssError,
} from "../errors.ts";
import { canLook, Look } from "./look.ts";
import { type Answered, readAnswer } from "./read_answer.ts";
import {
  type Asked,
  certificateRefused,
  explain,
  explainTls,
  isTlsRecord,
} from "../tls/explain.ts";
import { findSwitchFault, requestOf } from "./upgrade_request.ts";
import { isProxiedByRuntime } from "../route/proxy_environment.ts";
import { within } from "../within.ts";

/** How long a server has to refuse a certificate before it gets the request, in milliseconds. */
const REFUSAL_TIME = 250;

/** What the runtime says if it did not get as far as the server. */
const UNREACHED = /dns error|failed to lookup|tcp connect error/;

/**
 * What it says once its request came to a server, or to one that speaks no
 * HTTP/2, as over TLS it asks again with that (ext/websocket/lib.rs).
 */
const HEARD =
  /Invalid (?:status code|\w+ header)|(?:stream|connection) error|h2 alpn|NoApplicationProtocol|closed before message completed|parsed$|head is too large/;

/** How long a server has to show that it speaks TLS after all, in milliseconds. */
const TLS_TIME = 500;

/**
 * Tells why the runtime's WebSocket failed.
 *
 * @param task What it was asked for.
 * @param cause What it said.
 * @returns The typed error.
 * @throws The reason of the task's signal, if that aborts meanwhile.
 */
export async function diagnose(
  task: OpenTask,
  cause: Error,
): Promise<WssError> {
  const { action, signal } = task;
  const certain = explainTls(action, cause, askedBy(task));
  // Both handshakes of TLS fail of the same; only "other" may be another's.
  if (certain !== undefined && certain.reason !== "other") return certain;
  if (!task.diagnose) {
    return certain ??
      hidden(task, cause, "leave out `diagnose: false` to see it");
  }
  // A look that goes straight would carry the request around the proxy.
  if (!canLook(task) || isRuntimesWay(task)) {
    return certain ??
      hidden(task, cause, 'connect with engine: "node" to see it');
  }
  task.reach("look");
  try {
    const still = { ...task, reach: () => {} };
    // What came to nobody must not be the first that a server gets.
    return certain !== undefined || HEARD.test(cause.message)
      ? await lookAgain(still, cause)
      : await lookWithoutAsking(still, cause);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Deno.errors.NotCapable) {
      return hidden(
        task,
        cause,
        "grant --allow-net for this address to see it",
      );
    }
    const seen = explainLook(task, error);
    // Where the runtime got farther, it went another way, through a proxy of the
    // environment, or the server went away meanwhile.
    if (
      seen instanceof NetworkError && seen.reason !== "reset" &&
      !seen.reason.startsWith("proxy") &&
      !UNREACHED.test(cause.message)
    ) {
      const remedy = "try again, as a second look did not reach the server";
      return hidden(task, cause, remedy);
    }
    return seen;
  }
}

/**
 * Looks how far one gets without a request once half of the time is over, so
 * that the deadline can tell. Ends when it is disposed.
 */
export function lookHalfway(task: OpenTask): AsyncDisposable {
  const stop = new AbortController();
  let looking: Promise<void> | undefined;
  const look = async () => {
    try {
      const answer = await Look.greet({ ...task, signal: stop.signal });
      if (answer !== null) task.reach("request");
    } catch {
      // It stays at the step that failed.
    }
  };
  const half = (task.deadline - performance.now()) / 2;
  const timer = setTimeout(() => {
    if (!isRuntimesWay(task)) looking = look();
  }, half);
  return {
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      stop.abort();
      await looking;
    },
  };
}

/** What the built-in TLS has against the server of a task; nothing is asked of it. */
async function lookAtTls(task: OpenTask): Promise<unknown> {
  if (!canLook(task)) return undefined;
  try {
    // Who is not trusted must not see whose the client is.
    const trust = { ...task.trust, identity: undefined };
    const look = await Look.begin({ ...task, trust, reach: () => {} });
    look[Symbol.dispose]();
    return undefined;
  } catch (error) {
    task.signal.throwIfAborted();
    return error;
  }
}

/**
 * Explains what an engine says that hides nothing, but says too little: one word
 * for many faults of a certificate, or that the server hung up.
 *
 * @returns The typed error.
 * @throws The reason of the task's signal, if that aborts meanwhile.
 */
export async function explainFully(
  task: OpenTask,
  error: unknown,
): Promise<WssError> {
  const { action, signal, trust, url } = task;
  const plain = explain(action, error, askedBy(task));
  if (plain === error || !task.diagnose || !canLook(task)) return plain;
  try {
    if (plain instanceof TlsError) {
      if (plain.reason !== "unknown-issuer" && plain.reason !== "other") {
        return plain;
      }
      const seen = await lookAtTls(task);
      return explainTls(action, seen, trust) ?? plain;
    }
    if (!(plain instanceof NetworkError) || plain.reason !== "reset") {
      return plain;
    }
    if (url.protocol === "ws:") {
      return await speaksTls(task) ? tlsRequired(action, error) : plain;
    }
    // Nor one whom a look would trust, and the connection would not.
    if (trust.identity === undefined || !trust.defaultCaCerts) return plain;
    if (trust.pins !== undefined) return plain;
    using look = await Look.begin({ ...task, reach: () => {} });
    return await findRefusal(task, look.read()) ?? plain;
  } catch {
    signal.throwIfAborted();
    return plain;
  }
}

/** Whether the runtime goes another way than the route, by its environment. */
function isRuntimesWay({ route, url }: OpenTask): boolean {
  return route.kind === "direct" && isProxiedByRuntime(url);
}

/** Looks whether the server can be reached, and sends it no request. */
async function lookWithoutAsking(
  task: OpenTask,
  cause: Error,
): Promise<WssError> {
  const answer = await Look.greet(task);
  if (UNREACHED.test(cause.message)) return notThrough(task, cause);
  if (answer === null) throw new Error("tls handshake eof");
  return hidden(task, cause, 'connect with engine: "node" to see it');
}

async function lookAgain(task: OpenTask, cause: Error): Promise<WssError> {
  const { action, trust, url } = task;
  const secure = url.protocol === "wss:";
  using look = await Look.begin(task);
  let first: Promise<Uint8Array | null> | undefined;
  if (secure && trust.identity !== undefined) {
    first = look.read();
    const refusal = await findRefusal(task, first);
    if (refusal !== undefined) return refusal;
  }
  const { bytes, key } = requestOf(task);
  // Who hangs up may have said before why.
  const sent = look.write(bytes).catch(() => {});
  let failure: unknown;
  const answered = await readAnswer(async () => {
    try {
      const next = first ?? look.read();
      first = undefined;
      return await next;
    } catch (error) {
      task.signal.throwIfAborted();
      failure = error;
      return null;
    }
  });
  await sent;
  if (failure !== undefined) {
    const tls = explainTls(action, failure, askedBy(task));
    if (tls !== undefined) return tls;
  }
  if (answered.kind === "answer" && answered.status === 101) {
    return await explainSwitch(task, answered, key, look, cause);
  }
  if (answered.kind === "cut" && answered.start.length === 0 && !secure) {
    // Some take one connection after the other.
    look[Symbol.dispose]();
    if (await speaksTls(task)) return tlsRequired(action, cause);
  }
  return explainAnswered(task, answered, failure ?? cause, cause);
}

/** Whether a server hangs up as soon as it has seen a certificate, before a request. */
async function findRefusal(
  { action, signal, trust }: OpenTask,
  read: Promise<Uint8Array | null>,
): Promise<TlsError | undefined> {
  let gone: unknown;
  try {
    if (!await within(read, REFUSAL_TIME) || await read !== null) {
      return undefined;
    }
  } catch (error) {
    signal.throwIfAborted();
    gone = error;
  }
  return explainTls(action, gone, trust) ?? certificateRefused(action, gone);
}

function explainAnswered(
  task: OpenTask,
  answered: Answered,
  cut: unknown,
  cause: Error,
): WssError {
  const { action } = task;
  if (answered.kind === "answer") {
    return explainAnswer(action, answered, task, cause);
  }
  if (answered.kind === "cut") {
    const when = answered.start.length === 0
      ? "before it answered"
      : "in the middle of its answer";
    return new NetworkError(`${action}: the server hung up ${when}`, {
      reason: "reset",
      remedy: "check the path of the URL; the server's log may tell more",
      cause: cut,
    });
  }
  // The runtime reads longer heads, and may have told the status.
  if (answered.kind === "endless" && /code: \d/.test(cause.message)) {
    return explain(action, cause, askedBy(task));
  }
  if (answered.kind === "foreign" && isTlsRecord(answered.start)) {
    return tlsRequired(action, cause);
  }
  return new HandshakeError(
    answered.kind === "foreign"
      ? `${action}: the answer is not HTTP; check host and port`
      : `${action}: the head of the answer is too long; check that this is a WebSocket server`,
    { cause },
  );
}

/** Explains a 101 (RFC 6455, section 4.1); a good one comes too late. */
async function explainSwitch(
  { action, protocols, url }: OpenTask,
  { headers, statusText }: { headers: Headers; statusText: string },
  key: string,
  look: Look,
  cause: Error,
): Promise<WssError> {
  const failed = (state: string) =>
    new HandshakeError(`${action}: ${state}`, {
      status: 101,
      statusText,
      headers,
      cause,
    });
  const fault = await findSwitchFault(headers, key, protocols);
  if (fault !== undefined) return failed(fault);
  // A close frame with code 1000, masked with zeroes; there is nothing to hide.
  await look.write(Uint8Array.of(0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8))
    .catch(() => {});
  await within(look.read(), REFUSAL_TIME).catch(() => {});
  // An HTTP proxy answers what it is asked without TLS itself.
  const proxies = url.protocol === "ws:"
    ? ", and check whether HTTP_PROXY or ALL_PROXY in the environment names a proxy"
    : "";
  // What it refused with is not known: a status would say that it lasts.
  return new HandshakeError(
    `${action}: the server refused, but agreed when it was asked once more; try again, as reconnect() does${proxies}`,
    { cause },
  );
}

/** Whether a port that hangs up without TLS speaks it. */
async function speaksTls(task: OpenTask): Promise<boolean> {
  const url = new URL(task.url);
  url.protocol = "wss:";
  const soon = new AbortController();
  const left = task.deadline - performance.now();
  const timer = setTimeout(() => soon.abort(), Math.min(TLS_TIME, left / 2));
  const signal = AbortSignal.any([task.signal, soon.signal]);
  const answer = await Look.greet({ ...task, url, signal }).catch(() => null);
  clearTimeout(timer);
  task.signal.throwIfAborted();
  return isTlsRecord(answer);
}

/** Explains what the second look itself failed of. */
function explainLook(task: OpenTask, error: unknown): WssError {
  const { action } = task;
  if (error instanceof Error && /NoApplicationProtocol/.test(error.message)) {
    return new HandshakeError(
      `${action}: the server speaks HTTP/2 alone, without WebSockets (RFC 8441); let it speak http/1.1, too`,
      { cause: error },
    );
  }
  return explain(action, error, askedBy(task));
}

/** What can be said where nobody looks. */
function hidden(task: OpenTask, cause: Error, remedy: string): WssError {
  const { action, url } = task;
  if (UNREACHED.test(cause.message)) return unreached(task, cause);
  // Without TLS there is no second attempt.
  if (url.protocol === "ws:") return explain(action, cause, askedBy(task));
  return new HandshakeError(
    `${action}: the server refused the WebSocket, or hung up, and the runtime hides its answer; ${remedy}`,
    { cause },
  );
}

/** What can be said where the runtime reached nobody, and nobody looks. */
function unreached(task: OpenTask, cause: Error): WssError {
  const { action, route } = task;
  const plain = explain(action, cause, askedBy(task));
  if (route.kind !== "direct" || !(plain instanceof NetworkError)) return plain;
  if (isRuntimesWay(task)) return notThrough(task, cause);
  const { reason, remedy } = plain;
  const state = reason === "unknown-host"
    ? "the name of the host cannot be resolved, or that of a proxy that the environment names"
    : "nothing listens there, or at a proxy that the environment names, or the host cannot be reached";
  return new NetworkError(`${action}: ${state}`, { reason, remedy, cause });
}

/** The error where the runtime reached nobody on a way that leads somewhere. */
function notThrough(task: OpenTask, cause: Error): NetworkError {
  const { action, route, url } = task;
  const known = isRuntimesWay(task);
  const state = known
    ? "a proxy that the environment names, or the host, cannot be reached"
    : "the runtime did not get through, although the server can be reached";
  const variables = url.protocol === "ws:"
    ? "HTTP_PROXY or ALL_PROXY"
    : "HTTPS_PROXY or ALL_PROXY";
  const remedy = route.kind === "direct"
    ? `check whether ${variables} in the environment names a proxy that is down, or connect with engine: "node", which goes straight${
      known ? "" : "; if there is none, try again"
    }`
    : "try again";
  return new NetworkError(`${action}: ${state}`, {
    reason: "proxy",
    remedy,
    cause,
  });
}

function askedBy({ headers, route, trust, url }: OpenTask): Asked {
  return { headers, route, url, identity: trust.identity };
}
