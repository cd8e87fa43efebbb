/**
 * The strict engine of clients: npm:ws on `node:tls`.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import { type Answer, explainAnswer } from "../client/answer.ts";
import type { Connection } from "../connection.ts";
import { explainFully } from "../client/diagnose.ts";
import type { OpenTask } from "../engine.ts";
import { HandshakeError } from "../errors.ts";
import { explainConfig } from "../tls/explain.ts";
import { attach } from "./node_channel.ts";
import { Attempt, dialNode, type Line } from "./node_dial.ts";
import { WebSocket } from "./node_ws.ts";

/** How large the head of an answer may be, in bytes. */
const MAX_HEADER_SIZE = 65_536;

/** How much is read of the body of an answer, in bytes, and for how long, in milliseconds. */
const MAX_BODY = 4_096;
const BODY_TIME = 1_000;

/** Which subprotocols there are to choose from, or which was chosen. */
const PROTOCOL = "sec-websocket-protocol";

/** Opens a connection to a server. */
export async function open(task: OpenTask): Promise<Connection> {
  const { signal } = task;
  signal.throwIfAborted();
  checkIdentity(task);
  const attempt = new Attempt(signal);
  try {
    const line = await dialNode(task, attempt);
    task.reach("request");
    return await shakeHands(task, line, attempt);
  } catch (error) {
    attempt.cut();
    // An answer has come, even if all of its body has not.
    if (error instanceof HandshakeError) throw error;
    signal.throwIfAborted();
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw await explainFully(task, error);
  }
}

/** Refuses a client certificate and a key of which `node:tls` would not say what is wrong. */
function checkIdentity({ action, trust: { identity } }: OpenTask): void {
  if (identity === undefined) return;
  try {
    Deno.createHttpClient(identity).close();
  } catch (error) {
    throw explainConfig(action, error);
  }
}

/** Asks for a WebSocket on a connection. */
async function shakeHands(
  task: OpenTask,
  { socket, raw, server }: Line,
  attempt: Attempt,
): Promise<Connection> {
  const { url, protocols, headers, shared } = task;
  const { limits } = shared;
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  const ws = new WebSocket(url, {
    createConnection: () => socket,
    headers: {
      ...Object.fromEntries(headers),
      ...(protocols.length === 0 ? {} : { [PROTOCOL]: protocols.join(", ") }),
    },
    perMessageDeflate: false,
    maxHeaderSize: MAX_HEADER_SIZE,
    maxPayload: limits.maxMessageSize,
    // As on the server, see node_server.ts.
    maxBufferedChunks: Math.max(1024, Math.ceil(limits.maxMessageSize / 64)),
    autoPong: false,
    ...{ closeTimeout: limits.closeTimeout }, // Not in its types.
  });
  ws.on("error", reject);
  // To ws it is an error if the server chooses none, which it may do (RFC 6455,
  // section 4.2.2); so ws is left to refuse those that were not offered.
  let protocol = "";
  let rawHeaders: readonly string[] = [];
  ws.once("upgrade", (answer) => {
    rawHeaders = answer.rawHeaders;
    const chosen = answer.headers[PROTOCOL];
    if (typeof chosen !== "string" || !protocols.includes(chosen)) return;
    protocol = chosen;
    delete answer.headers[PROTOCOL];
  });
  // At once, before the first message.
  ws.once("open", () => {
    attempt.release();
    ws.off("error", reject);
    const answer = () => headersOf(rawHeaders);
    const opening = { url: url.href, protocol, context: undefined, answer };
    resolve(attach({ ws, socket, raw }, shared, { ...opening, ...server }));
  });
  ws.once("unexpected-response", (_request, response: IncomingMessage) => {
    // The end of the connection may be that of the answer.
    attempt.release();
    answerOf(response, task.signal)
      .then((answer) => reject(explainAnswer(task.action, answer, task)));
  });
  return await Promise.race([promise, attempt.lost]);
}

/** What an answer tells that is no switch to WebSocket. */
async function answerOf(
  response: IncomingMessage,
  signal: AbortSignal,
): Promise<Answer> {
  const { statusCode = 0, statusMessage, rawHeaders } = response;
  const headers = headersOf(rawHeaders);
  const body = await beginningOf(response, signal);
  return { status: statusCode, statusText: statusMessage, headers, body };
}

function headersOf(rawHeaders: readonly string[]): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    try {
      headers.append(rawHeaders[at] ?? "", rawHeaders[at + 1] ?? "");
    } catch {
      // The web knows no such header.
    }
  }
  return headers;
}

/** How a body begins, as far as it comes soon. */
async function beginningOf(
  body: IncomingMessage,
  signal: AbortSignal,
): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => resolve();
  const timer = setTimeout(done, BODY_TIME);
  signal.addEventListener("abort", done, { once: true });
  const decoder = new TextDecoder();
  let text = "";
  let size = 0;
  body.on("data", (chunk: Uint8Array) => {
    text += decoder.decode(chunk.subarray(0, MAX_BODY - size), {
      stream: true,
    });
    size += chunk.length;
    if (size >= MAX_BODY) done();
  });
  for (const event of ["end", "close", "error"]) body.once(event, done);
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", done);
  return text;
}
