/**
 * A WebSocket of npm:ws as a channel.
 *
 * @module
 */

import type { Buffer } from "node:buffer";
import type { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import type { RawData, WebSocket } from "ws";
import type {
  Channel,
  ChannelEnd,
  Fault,
  FlowControl,
  MessageLike,
  Pinger,
} from "../channel.ts";
import { CloseCode } from "../close_code.ts";
import {
  Connection,
  deliver,
  fail,
  finish,
  type Opening,
  pong,
  type Shared,
} from "../connection.ts";
import { Heartbeat } from "../heartbeat.ts";
import type { ResolvedLimits } from "../limits.ts";
import { MessageRate } from "../message_rate.ts";
import { PausingInbox } from "../pausing_inbox.ts";
import { CORRUPT } from "./node_deflate.ts";
import { bytesOf, frameOf } from "./node_frames.ts";

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
const LAST_WORD = 1_000;

/** How much is read of what it still sends, in bytes. */
const LAST_BYTES = 65_536;

/** The pings of a peer that are answered; an honest one sends a few a minute. */
const PINGS = { perSecond: 16, burst: 64 };

/** No ping. */
const NONE = new Uint8Array();

/** The `readyState` of a WebSocket that can be sent to. */
const OPEN = 1;

/**
 * Where a WebSocket and its socket have their channel, for listeners that all of
 * them share: five closures would be a tenth of what an idle connection takes.
 */
const CHANNEL = Symbol("channel");

interface Carrier extends EventEmitter {
  [CHANNEL]?: WsChannel;
}

// What is sent in one turn of the event loop leaves in one write a connection.
let corked: WsChannel[] = [];

function uncorkAll(): void {
  const channels = corked;
  corked = [];
  for (const channel of channels) channel.uncork();
}

/** Makes a connection of a WebSocket that is open. */
export function attach<Context>(
  transfer: Transfer,
  shared: Shared,
  opening: Opening<Context>,
): Connection<Context> {
  const { limits, pingInterval, rate } = shared;
  const channel = new WsChannel(transfer, limits, shared.role !== "server");
  const times = { pingInterval, pongTimeout: limits.pongTimeout };
  const connection = new Connection(channel, shared, opening, {
    incoming: new PausingInbox(channel, limits, rate?.()),
    heartbeat: new Heartbeat(channel, times),
  });
  channel.listen(connection);
  return connection;
}

/** One object for an idle connection takes less than several. */
class WsChannel implements Channel, FlowControl, Pinger {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #raw: Socket;
  readonly #limits: ResolvedLimits;
  #connection: Connection<unknown> | undefined;
  readonly #masks: boolean;
  readonly compresses: boolean;
  #corked = false;
  #pings: MessageRate | undefined;
  /** The ping to answer when the pong before has left; `NONE` while there is none. */
  #owed: Uint8Array | undefined;
  #cut: ReturnType<typeof setTimeout> | undefined;

  constructor(
    { ws, socket, raw }: Transfer,
    limits: ResolvedLimits,
    masks: boolean,
  ) {
    this.#ws = ws;
    this.#socket = socket;
    this.#raw = raw;
    this.#limits = limits;
    this.compresses = ws.extensions !== "";
    this.#masks = masks;
  }

  get open(): boolean {
    return this.#ws.readyState === OPEN;
  }

  get bufferedAmount(): number {
    return this.#ws.bufferedAmount;
  }

  get bytesReceived(): number {
    return this.#raw.bytesRead;
  }

  send(data: MessageLike): void {
    // What follows a close frame would break the protocol.
    if (!this.open) return;
    if (this.compresses) return this.#compress(data);
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      if (corked.push(this) === 1) nextTick(uncorkAll);
    }
    this.#socket.write(frameOf(data, this.#masks));
  }

  /** What ws compresses it copies; what is too small for that, it does not. */
  #compress(data: MessageLike): void {
    this.#ws.send(typeof data === "string" ? data : bytesOf(data).slice());
  }

  uncork(): void {
    this.#corked = false;
    this.#socket.uncork();
  }

  close(code: number, reason: string): void {
    this.#ws.close(code, reason);
  }

  terminate(): void {
    this.#ws.terminate();
  }

  /** The close frame is the last that is said (RFC 6455, section 7.1.7). */
  expel(): void {
    if (this.#cut !== undefined) return;
    const time = Math.min(LAST_WORD, this.#limits.closeTimeout / 2);
    this.#cut = setTimeout(() => this.terminate(), time);
    this.#socket.end();
    // So much is dropped, for an honest peer's end to be seen behind it.
    let left = LAST_BYTES;
    this.#socket.on("data", (chunk: Uint8Array) => {
      left -= chunk.length;
      if (left < 0) this.pause();
    });
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

  /** Tells `connection` what happens from now on. */
  listen(connection: Connection<unknown>): void {
    const ws: WebSocket & Carrier = this.#ws;
    const socket: Duplex & Carrier = this.#socket;
    this.#connection = connection;
    ws[CHANNEL] = socket[CHANNEL] = this;
    ws.on("message", onMessage).on("ping", onPing).on("pong", onPong)
      .on("error", onError).on("close", onClose);
    socket.on("finish", onFinish);
  }

  take(bytes: Buffer<ArrayBuffer>, isBinary: boolean): void {
    deliver(this.#connection!, isBinary ? owned(bytes) : bytes.toString());
  }

  /**
   * For a peer that reads slowly, pongs would pile up: of them, one is on its way
   * at a time, and then that to the latest ping, which may stand for those before
   * it (RFC 6455, section 5.5.3).
   */
  answer(ping: Uint8Array): void {
    if (!this.#tolerates("pings")) return;
    if (this.#owed === undefined) this.#pong(ping);
    else this.#owed = new Uint8Array(ping); // The other is gone after this turn.
  }

  #pong(ping: Uint8Array): void {
    if (this.bufferedAmount <= this.#limits.sendBuffer) {
      return this.#ws.pong(ping);
    }
    this.#owed = NONE;
    this.#ws.pong(ping, undefined, () => {
      const owed = this.#owed;
      this.#owed = undefined;
      if (owed !== undefined && owed !== NONE && this.open) this.#pong(owed);
    });
  }

  /** Pongs that nobody asked for are allowed, but not without end. */
  hear(payload: string): void {
    if (!pong(this.#connection!, payload)) this.#tolerates("pongs");
  }

  fail(error: Error): void {
    const fault = faultOf(error, this.#limits);
    if (fault !== undefined) fail(this.#connection!, fault); // Else its end follows.
  }

  /**
   * ws ends the socket when both close frames were exchanged; a peer that does
   * not hang up then has nothing more to say (RFC 6455, section 7.1.1).
   */
  hangUp(): void {
    if (this.#cut === undefined) this.#socket.destroy();
  }

  /** Counts what a peer sends for nothing; `false` once that is too much. */
  #tolerates(what: "pings" | "pongs"): boolean {
    if (this.#cut !== undefined) return false;
    this.#pings ??= new MessageRate(PINGS);
    if (this.#pings.take()) return true;
    const detail =
      `the peer sends more than ${PINGS.perSecond} ${what} a second`;
    fail(this.#connection!, { code: CloseCode.PolicyViolation, detail });
    return false;
  }

  end(code: number, reason: string): void {
    clearTimeout(this.#cut);
    const connection = this.#connection!;
    // 1006 is what ws says where no close frame came.
    const end: ChannelEnd = code !== CloseCode.Abnormal
      ? { code, reason }
      : connection.open
      ? { code: 0, reason: "", detail: "the peer was lost" }
      : { code: 0, reason: "" };
    finish(connection, end);
  }
}

function onMessage(this: Carrier, data: RawData, isBinary: boolean): void {
  // By `binaryType`, both are a Buffer.
  this[CHANNEL]?.take(data as Buffer<ArrayBuffer>, isBinary);
}

function onPing(this: Carrier, data: Buffer): void {
  this[CHANNEL]?.answer(data);
}

function onPong(this: Carrier, data: Buffer): void {
  this[CHANNEL]?.hear(data.toString());
}

function onError(this: Carrier, error: Error): void {
  this[CHANNEL]?.fail(error);
}

function onClose(this: Carrier, code: number, reason: Buffer): void {
  this[CHANNEL]?.end(code, reason.toString());
}

function onFinish(this: Carrier): void {
  this[CHANNEL]?.hangUp();
}

/** The bytes of a message alone: what came with it may be around them. */
function owned(bytes: Buffer<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  // A copy by the constructor takes a third of the time that slice() does.
  return bytes.length === bytes.buffer.byteLength
    ? new Uint8Array(bytes.buffer)
    : new Uint8Array(bytes);
}

/** What a peer did wrong; of errors of the network, `undefined`. */
function faultOf(
  error: Error,
  { maxMessageSize }: ResolvedLimits,
): Fault | undefined {
  const { code: name = "" } = error as { code?: string };
  if (!name.startsWith("WS_ERR_")) return undefined;
  if (name === "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH") {
    const detail = `message over ${maxMessageSize} bytes (maxMessageSize)`;
    return { code: CloseCode.MessageTooBig, detail, cause: error };
  }
  const code = name === "WS_ERR_INVALID_UTF8" || name === CORRUPT
    ? CloseCode.InvalidPayload
    : name === "WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH"
    ? CloseCode.MessageTooBig
    : name.startsWith("WS_ERR_TOO_MANY_")
    ? CloseCode.PolicyViolation
    : CloseCode.ProtocolError;
  const detail = `the peer broke the protocol: ${error.message}`;
  return { code, detail, cause: error };
}
