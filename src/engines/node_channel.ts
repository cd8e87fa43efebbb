/**
 * A WebSocket of npm:ws as a channel.
 *
 * @module
 */

import type { Socket } from "node:net";
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

/** A WebSocket and what is below it. */
export interface Transfer {
  readonly ws: WebSocket;
  /** What it reads and writes: TCP, or TLS over that. */
  readonly socket: Duplex;
  /** The TCP socket. */
  readonly raw: Socket;
}

/** How the runtime lets a TCP socket be left unread; `pause()` stops only TLS. */
interface Readable {
  readonly _handle?: { readStop?(): void; readStart?(): void } | null;
}

/** How long a peer that broke the protocol has to take the close frame, in milliseconds. */
const LAST_WORD = 1000;

/** One object for an idle connection takes less than several. */
class WsChannel implements Channel, FlowControl, Pinger {
  readonly #ws: WebSocket;
  readonly #raw: Socket;

  constructor({ ws, raw }: Transfer) {
    this.#ws = ws;
    this.#raw = raw;
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
    return this.#raw.bytesRead;
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
    (this.#raw as Readable)._handle?.readStop?.();
  }

  resume(): void {
    (this.#raw as Readable)._handle?.readStart?.();
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
  transfer: Transfer,
  shared: Shared,
  opening: Opening<Context>,
): Connection<Context> {
  const { ws, socket } = transfer;
  ws.binaryType = "arraybuffer";
  const channel = new WsChannel(transfer);
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
    // The close frame is the last that is said (RFC 6455, section 7.1.7).
    socket.end();
    const cut = setTimeout(() => ws.terminate(), LAST_WORD);
    ws.once("close", () => clearTimeout(cut));
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
