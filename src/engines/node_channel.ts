/**
 * A WebSocket of npm:ws as a channel.
 *
 * @module
 */

import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import type { WebSocket } from "ws";
import type { Channel, FlowControl, MessageLike, Pinger } from "../channel.ts";
import {
  Connection,
  deliver,
  fail,
  finish,
  type Opening,
  pong,
  type Shared,
} from "../connection.ts";

/** One object for an idle connection takes less than several. */
class WsChannel implements Channel, FlowControl, Pinger {
  readonly #ws: WebSocket;
  readonly #socket: Duplex & { readonly bytesRead?: number };

  constructor(ws: WebSocket, socket: Duplex) {
    this.#ws = ws;
    this.#socket = socket;
  }

  get flow(): FlowControl {
    return this;
  }

  get pinger(): Pinger {
    return this;
  }

  get bufferedAmount(): number {
    return this.#ws.bufferedAmount;
  }

  get bytesReceived(): number {
    return this.#socket.bytesRead ?? 0;
  }

  send(data: MessageLike): void {
    this.#ws.send(typeof data === "string" ? data : copy(data));
  }

  close(code: number, reason: string): void {
    this.#ws.close(code, reason);
  }

  terminate(): void {
    this.#ws.terminate();
  }

  pause(): void {
    this.#ws.pause();
  }

  resume(): void {
    this.#ws.resume();
  }

  ping(payload: string): void {
    this.#ws.ping(payload);
  }
}

/** The socket writes when it can, and reads the bytes only then. */
function copy(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  if (data instanceof ArrayBuffer) return new Uint8Array(data.slice(0));
  const { buffer, byteOffset, byteLength } = data;
  return new Uint8Array(buffer, byteOffset, byteLength).slice();
}

/** Makes a connection of a WebSocket that is open. */
export function attach<Context>(
  ws: WebSocket,
  socket: Duplex,
  shared: Shared,
  opening: Opening<Context>,
): Connection<Context> {
  ws.binaryType = "arraybuffer";
  const channel = new WsChannel(ws, socket);
  const connection = new Connection(channel, shared, opening);
  ws.on("message", (data, isBinary) => {
    // By `binaryType`, bytes are an ArrayBuffer; text is a Buffer.
    deliver(connection, isBinary ? data as ArrayBuffer : data.toString());
  });
  ws.on("pong", (data) => pong(connection, data.toString()));
  ws.on("error", (error) => {
    const code = closeCodeOf(error);
    if (code === undefined) return; // The socket's: its end follows.
    const { maxMessageSize } = shared.limits;
    fail(connection, {
      code,
      detail: code === 1009
        ? `message over ${maxMessageSize} bytes (maxMessageSize)`
        : `the peer broke the protocol: ${error.message}`,
      cause: error,
    });
    // The close frame is the last that this side says (RFC 6455, section 7.1.7).
    socket.end();
  });
  ws.on("close", (code, reason) => {
    // 1006 is what ws says where no close frame came.
    if (code !== 1006) finish(connection, { code, reason: reason.toString() });
    else finish(connection, { code: 0, reason: "", ...lost(connection) });
  });
  return connection;
}

/** What is known of a peer that went without a close frame. */
function lost(connection: Connection<unknown>): { detail?: string } {
  return connection.open ? { detail: "the peer was lost" } : {};
}

/** The close code that ws answers a fault of the peer with, by its error codes. */
function closeCodeOf(error: Error): number | undefined {
  const { code = "" } = error as { code?: string };
  if (!code.startsWith("WS_ERR_")) return undefined;
  if (code === "WS_ERR_INVALID_UTF8") return 1007;
  if (code === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") return 1009;
  return code.startsWith("WS_ERR_TOO_MANY_") ? 1008 : 1002;
}
