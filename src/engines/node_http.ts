/**
 * Requests and responses of `node:http` as those of the web, and back.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from "node:http";
import { type Duplex, Readable, type Writable } from "node:stream";

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

/** A target may be a path, or all of a URL (RFC 9112, section 3.2), or "*". */
function absolute(origin: string, target: string): string {
  if (target.startsWith("/")) return origin + target;
  if (target === "*") return origin;
  const { pathname, search } = new URL(target);
  return origin + pathname + search;
}

function bodyOf(message: IncomingMessage): ReadableStream<Uint8Array> {
  return Readable.toWeb(message) as ReadableStream<Uint8Array>;
}

/**
 * Sends a response; never rejects, and lets go of its body if nobody takes it
 * for `patience` milliseconds.
 */
export async function sendResponse(
  response: Response,
  to: ServerResponse,
  patience: number,
): Promise<void> {
  to.statusCode = response.status;
  if (response.statusText !== "") to.statusMessage = response.statusText;
  for (const [name, value] of response.headers) to.appendHeader(name, value);
  await pump(response.body, to, patience);
}

/** The headers that whoever writes the bytes decides on. */
const OURS = ["connection", "transfer-encoding"];

/**
 * Refuses on the bare socket of a handshake, which `node:http` has given up, and
 * hangs up; never rejects.
 */
export async function refuseHandshake(
  response: Response,
  socket: Duplex,
  patience: number,
): Promise<void> {
  const { status, statusText, headers } = response;
  const lines = [`HTTP/1.1 ${status} ${statusText || "Refused"}`];
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
): Promise<void> {
  try {
    for await (const chunk of body ?? []) {
      if (to.destroyed) return;
      if (!to.write(chunk)) await one(to, "drain", patience);
    }
  } catch {
    to.destroy(); // What is left of the body is not to be had.
    return;
  }
  if (to.destroyed) return;
  const flushed = one(to, "finish", patience);
  to.end();
  await flushed;
}

/** Waits for an event, or for the end, which it brings about in the end. */
async function one(
  to: Writable,
  event: "drain" | "finish",
  patience: number,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const settle = () => resolve();
  const timer = setTimeout(() => to.destroy(), patience);
  to.once(event, settle);
  to.once("close", settle);
  await promise;
  clearTimeout(timer);
  to.off(event, settle);
  to.off("close", settle);
}
