/**
 * Requests and responses of `node:http` as those of the web, and back.
 *
 * @module
 */

import {
  type IncomingMessage,
  type ServerResponse,
  STATUS_CODES,
} from "node:http";
import { setImmediate } from "node:timers";
import type { Duplex, Writable } from "node:stream";

/**
 * The request as one of the web.
 *
 * @param message What came.
 * @param secure Whether it came over TLS.
 * @param signal Aborts when the client leaves.
 * @returns The request, or `undefined` if it makes none: a host or a path that
 * is none, a header that the web does not know.
 */
export function toRequest(
  message: IncomingMessage,
  secure: boolean,
  signal: AbortSignal,
): Request | undefined {
  const { method = "GET", url = "/", rawHeaders } = message;
  const bodiless = method === "GET" || method === "HEAD";
  try {
    const headers = new Headers();
    for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
      headers.append(rawHeaders[at]!, rawHeaders[at + 1]!);
    }
    const origin = `${secure ? "https" : "http"}://${
      headers.get("host") ?? "invalid"
    }`;
    return new Request(absolute(origin, url), {
      method,
      headers,
      signal,
      ...(bodiless ? {} : { body: bodyOf(message) }),
    });
  } catch {
    return undefined;
  }
}

/** Headers as one string: none has the end of a line in it. */
export function packHeaders(headers: Iterable<[string, string]>): string {
  // join() makes one string, where `+=` makes a tree of all that it is made of.
  return [...headers].flat().join("\n");
}

/** The headers of {@linkcode packHeaders}. */
export function unpackHeaders(packed: string): Headers {
  const parts = packed.split("\n");
  const headers = new Headers();
  for (let at = 0; at + 1 < parts.length; at += 2) {
    headers.append(parts[at]!, parts[at + 1]!);
  }
  return headers;
}

/** A target may be a path, or all of a URL (RFC 9112, section 3.2), or "*". */
function absolute(origin: string, target: string): string {
  if (target.startsWith("/")) return origin + target;
  if (target === "*") return origin;
  const { pathname, search } = new URL(target);
  return origin + pathname + search;
}

/** How whoever still reads a body is told that it ends here. */
const abandon: WeakMap<IncomingMessage, () => void> = new WeakMap();

/** A body that is taken off the network as it is read. */
function bodyOf(message: IncomingMessage): ReadableStream<Uint8Array> {
  let ended = false;
  return new ReadableStream<Uint8Array>({
    start(controller) {
      abandon.set(message, () => {
        if (ended) return;
        ended = true;
        controller.error(
          new TypeError("Cannot read the body: the request was answered"),
        );
      });
      message.on("data", (chunk: Uint8Array) => {
        message.pause();
        if (!ended) controller.enqueue(new Uint8Array(chunk));
      });
      message.once("end", () => {
        if (!ended) controller.close();
        ended = true;
      });
      message.once("close", () => {
        if (!ended) controller.error(new TypeError("The client is gone"));
        ended = true;
      });
      message.pause();
    },
    pull() {
      message.resume();
    },
    cancel() {
      ended = true;
    },
  }, { highWaterMark: 0 });
}

/** How much of a body that nobody wants is read, in bytes, to get at the next request. */
const MAX_UNWANTED = 1 << 20;

/** Drops what is left of a request's body; of one that is too long, the connection. */
export function drain(message: IncomingMessage): void {
  abandon.get(message)?.();
  if (message.complete || message.destroyed) return;
  let left = MAX_UNWANTED;
  message.removeAllListeners("data");
  message.on("data", (chunk: Uint8Array) => {
    left -= chunk.length;
    if (left < 0) message.destroy();
  });
  message.resume();
}

/**
 * Sends a response, and lets go of its body if nobody takes it for `patience`
 * milliseconds, or the client is gone. An answer that waits for its turn behind
 * another one does not hear of that by itself.
 *
 * @throws {TypeError} If it is none that can be sent.
 */
export async function sendResponse(
  response: Response,
  to: ServerResponse,
  { patience, gone }: { patience: number; gone: AbortSignal },
): Promise<void> {
  const { status, statusText, headers, body } = response;
  if (status < 200) {
    throw new TypeError(
      `Cannot answer the request: a response of status ${status} is not the last`,
    );
  }
  to.statusCode = status;
  if (statusText !== "") to.statusMessage = statusText;
  for (const [name, value] of headers) to.appendHeader(name, value);
  // What must have no body (RFC 9110, section 6.4.1) takes one, and drops it.
  const bodiless = to.req.method === "HEAD" || status === 204 || status === 304;
  if (bodiless) body?.cancel().catch(() => {});
  await pump(bodiless ? null : body, to, patience, gone);
}

/** The headers that whoever writes the bytes decides on. */
const OURS = ["connection", "transfer-encoding"];

/**
 * Refuses on the bare socket of a handshake, which `node:http` has given up, and
 * hangs up.
 */
export async function refuseHandshake(
  response: Response,
  socket: Duplex,
  patience: number,
): Promise<void> {
  const { status, statusText, headers } = response;
  const phrase = statusText || (STATUS_CODES[status] ?? "Unknown");
  const lines = [`HTTP/1.1 ${status} ${phrase}`];
  const connection = headers.get("connection") === "upgrade"
    ? "close, upgrade"
    : "close";
  for (const [name, value] of headers) {
    if (!OURS.includes(name)) lines.push(`${name}: ${value}`);
  }
  lines.push(`connection: ${connection}`);
  // Without a length the body ends with the connection (RFC 9112, section 6.3).
  socket.once("finish", () => socket.destroy());
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  await pump(response.body, socket, patience);
}

/**
 * Writes a body at the pace of whoever takes it, to its end; who takes nothing
 * for `patience` milliseconds gets no more.
 */
async function pump(
  body: ReadableStream<Uint8Array> | null,
  to: Writable,
  patience: number,
  gone?: AbortSignal,
): Promise<void> {
  const reader = body?.getReader();
  let written = 0;
  const leave = () => void reader?.cancel().catch(() => {});
  const isOver = () => to.destroyed || gone?.aborted === true;
  to.once("close", leave);
  gone?.addEventListener("abort", leave);
  try {
    while (reader !== undefined && !isOver()) {
      const { done, value } = await reader.read();
      if (done || isOver()) break;
      if (!to.write(value)) await one(to, "drain", patience, gone);
      // A source that is always ready would keep the turn from all others.
      written += value.length;
      if (written > TURN) written = await nextTurn();
    }
  } catch {
    to.destroy(); // What is left of the body is not to be had.
    return;
  } finally {
    to.off("close", leave);
    gone?.removeEventListener("abort", leave);
  }
  if (isOver()) {
    // It may have been so from the beginning, when nobody told it.
    leave();
    to.destroy();
    return;
  }
  const flushed = one(to, "finish", patience, gone);
  to.end();
  await flushed;
}

/** How much is written before others have their turn, in bytes. */
const TURN = 262_144;

/** Waits until all others had their turn; nothing is written in it. */
function nextTurn(): Promise<number> {
  return new Promise((resolve) => setImmediate(() => resolve(0)));
}

/** Waits for an event, or for the end, which it brings about in the end. */
async function one(
  to: Writable,
  event: "drain" | "finish",
  patience: number,
  gone?: AbortSignal,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const settle = () => resolve();
  const expire = () => {
    // An answer that waits for its turn is nobody's fault.
    if ("socket" in to && to.socket === null) arm();
    else to.destroy();
  };
  let timer: ReturnType<typeof setTimeout>;
  const arm = () => timer = setTimeout(expire, patience);
  arm();
  to.once(event, settle);
  to.once("close", settle);
  gone?.addEventListener("abort", settle);
  if (gone?.aborted) settle();
  await promise;
  clearTimeout(timer!);
  to.off(event, settle);
  to.off("close", settle);
  gone?.removeEventListener("abort", settle);
}
