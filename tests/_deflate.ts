/**
 * A server that compresses as the strict engine does, and compressed messages by
 * hand, for tests.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { deflateRawSync, inflateRawSync } from "node:zlib";
// @ts-types="@types/ws"
import { WebSocket, WebSocketServer } from "ws";
import {
  deflateOptions,
  maxCompressedSize,
  secureDeflate,
} from "../src/engines/node_deflate.ts";
import {
  type Answer,
  encodeFrame,
  type Frame,
  handshake,
  Opcode,
  RawPeer,
} from "./_raw_peer.ts";

/** The bit of a compressed message, beside its opcode. */
export const RSV1 = 0x40;
/** Bytes in a mebibyte. */
export const MIB: number = 1 << 20;
/** `Z_SYNC_FLUSH` of zlib. */
export const SYNC_FLUSH = 2;

/** Options for {@linkcode serve}. */
export interface SiteOptions {
  compression?: boolean;
  threshold?: number;
  maxMessageSize?: number;
  /** Called for each message, by default to send it back. */
  onMessage?: (ws: WebSocket, data: Buffer, isBinary: boolean) => void;
}

/** A server that compresses as the strict engine does, and what it saw. */
export interface Site extends AsyncDisposable {
  readonly url: string;
  readonly sockets: WebSocket[];
  readonly messages: Buffer[];
  readonly errors: (string | undefined)[];
}

/** Starts a server that echoes. */
export async function serve({
  compression = true,
  threshold = 0,
  maxMessageSize = MIB,
  onMessage = (ws, data, binary) => ws.send(data, { binary }),
}: SiteOptions = {}): Promise<Site> {
  const sockets: WebSocket[] = [];
  const messages: Buffer[] = [];
  const errors: (string | undefined)[] = [];
  const server = createServer();
  const upgrader = new WebSocketServer({
    noServer: true,
    maxPayload: maxCompressedSize(maxMessageSize),
    perMessageDeflate: compression && deflateOptions(threshold),
  });
  const take = (ws: WebSocket, socket: Duplex) => {
    if (compression) secureDeflate(ws, maxMessageSize);
    sockets.push(ws);
    ws.on("message", (data: Buffer, isBinary) => {
      messages.push(data);
      onMessage(ws, data, isBinary);
    });
    ws.on("error", (error: { code?: string }) => {
      errors.push(error.code);
      socket.end();
    });
  };
  server.on("upgrade", (request: IncomingMessage, socket, head) => {
    upgrader.handleUpgrade(request, socket, head, (ws) => take(ws, socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sockets,
    messages,
    errors,
    async [Symbol.asyncDispose]() {
      const open = sockets.filter((ws) => ws.readyState !== WebSocket.CLOSED);
      const closed = open.map(whenClosed);
      for (const ws of open) ws.terminate();
      await Promise.all(closed);
      server.close();
      await once(server, "close");
    },
  };
}

/** The code that a WebSocket closes with; an error before it is no matter. */
export function whenClosed(ws: WebSocket): Promise<number> {
  return new Promise((resolve) => ws.once("close", resolve));
}

/** Asks for a WebSocket with an offer. */
export async function ask(
  url: string,
  offer: string,
): Promise<{ peer: RawPeer; answer: Answer }> {
  const peer = await RawPeer.dial(url);
  const header = `Sec-WebSocket-Extensions: ${offer}`;
  const lines = [...handshake(new URL(url).host), header];
  return { peer, answer: await peer.ask(lines) };
}

/** Opens a WebSocket as browsers do, or with another offer. */
export async function open(
  url: string,
  offer = "permessage-deflate; client_max_window_bits",
): Promise<RawPeer> {
  const { peer, answer } = await ask(url, offer);
  assertEquals(answer.status, 101);
  return peer;
}

/** A message as it goes out, compressed. */
export function deflate(data: string | Uint8Array, options = {}): Uint8Array {
  const all = deflateRawSync(data, { finishFlush: SYNC_FLUSH, ...options });
  return new Uint8Array(all.subarray(0, -4));
}

/** A frame that is a whole compressed message. */
export function compressed(
  payload: Uint8Array,
  opcode: number = Opcode.Text,
): Uint8Array {
  return encodeFrame({ opcode: RSV1 | opcode, payload }, true);
}

/** What a compressed frame of a server says. */
export function inflated({ payload }: Frame, options = {}): Buffer {
  const all = Buffer.concat([payload, Buffer.of(0, 0, 255, 255)]);
  return inflateRawSync(all, { finishFlush: SYNC_FLUSH, ...options });
}

/** All the bytes in a row. */
export function concat(...parts: (Uint8Array | number[])[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts.map((part) => Buffer.from(part))));
}

/** The bytes of hexadecimal digits. */
export function hex(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
}

/** Numbers below 1 that look random and are the same each time. */
export function seeded(seed: number): () => number {
  return () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 32;
  };
}

/** Bytes that cannot be compressed. */
export function noise(length: number, seed = 1): Uint8Array {
  const random = seeded(seed);
  return new Uint8Array(length).map(() => random() * 256);
}

/** The close code that bytes are answered with; nothing else may be. */
export async function closeCode(
  url: string,
  ...parts: Uint8Array[]
): Promise<number> {
  using peer = await open(url);
  await peer.write(concat(...parts));
  const { opcode, payload: [high = 0, low = 0] } = await peer.readFrame();
  assertEquals(opcode, Opcode.Close);
  await peer.ended();
  return high * 256 + low;
}

/** The parts of ws that the tests look at. */
export interface Extension {
  readonly _inflate: unknown;
  readonly _deflate: unknown;
  decompress(
    data: Uint8Array,
    fin: boolean,
    done: (error: { code?: string } | null, data?: Uint8Array) => void,
  ): void;
}

/** The extension in a WebSocket of ws. */
export function extensionOf(ws: WebSocket): Extension {
  const { _extensions } = ws as unknown as {
    _extensions: Record<string, Extension>;
  };
  return _extensions["permessage-deflate"]!;
}
