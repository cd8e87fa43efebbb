/**
 * The one class that users hold, on both sides and over every engine.
 *
 * @module
 */

import type { Beat, MakeBeat } from "./application_heartbeat.ts";
import {
  type Channel,
  type ChannelEnd,
  type Fault,
  type Message,
  type MessageLike,
  mistakeIn,
  type Noticed,
  sizeOf,
} from "./channel.ts";
import {
  checkClose,
  CloseCode,
  isNormalClose,
  type Role,
  wireCode,
} from "./close_code.ts";
import { type CloseInfo, ConnectionClosedError } from "./errors.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { ResolvedLimits } from "./limits.ts";
import { Inbox, type Refusal } from "./inbox.ts";
import type { MessageRate } from "./message_rate.ts";
import {
  MessageIterator,
  type ReceiveOptions,
  rejected,
} from "./receive_queue.ts";
import { NO_SEAT } from "./roster.ts";
import { SendBuffer } from "./send_buffer.ts";
import { readableOf, writableTo } from "./streams.ts";
import type { PeerCertificate } from "./tls/peer_certificate.ts";
import { unwatch, watch } from "./watch.ts";

/**
 * How much was exchanged over a connection so far, see
 * {@linkcode Connection.traffic}.
 *
 * @example Who sends most?
 * ```ts
 * import { connect, serve, type Traffic } from "@wss/wss";
 *
 * const seen: Traffic[] = [];
 * await using server = await serve({ port: 0 }, async (ws) => {
 *   for await (const message of ws) await ws.send(message);
 *   seen.push(ws.traffic);
 * });
 * await using ws = await connect(server.url);
 * await ws.send("Hello");
 * await ws.receive();
 * await ws.close();
 * await server.shutdown();
 * console.log(seen); // one message of 5 bytes each way
 * ```
 */
export interface Traffic {
  /** How many messages came. */
  readonly messagesReceived: number;
  /** How large they were: in bytes, of text in UTF-16 units. */
  readonly bytesReceived: number;
  /** How many messages were sent, of which the last may still be on their way. */
  readonly messagesSent: number;
  /** How large they were: in bytes, of text in UTF-16 units. */
  readonly bytesSent: number;
}

/** What all connections of one server, or one call of `connect()`, share. */
export interface Shared {
  readonly role: Role;
  readonly limits: ResolvedLimits;
  /** After how long a ping is sent, in milliseconds; 0 for never. */
  readonly pingInterval: number;
  /** An application heartbeat, instead of that of the engine if it asks. */
  readonly beat?: MakeBeat | undefined;
  readonly rate?: (() => MessageRate) | undefined;
  /** Adds a connection to a topic until it ends, or what is returned is called. */
  readonly subscribe?:
    | ((connection: Connection<unknown>, topic: string) => () => void)
    | undefined;
  /** Hears of each connection that has ended. */
  readonly onend?: (connection: Connection<unknown>) => void;
  /** Hears of each connection that is closed since nobody receives its messages. */
  readonly onlimit?: (connection: Connection<unknown>, reason: string) => void;
}

/** What is known of a connection when it opens. */
export interface Opening<Context> {
  readonly url: string;
  readonly protocol: string;
  readonly context: Context;
  readonly remoteAddr?: Deno.Addr | undefined;
  readonly headers?: Headers | undefined;
  /** Of a client, what the server answered: the headers. */
  readonly answer?: (() => Headers) | undefined;
  readonly peerCertificate?: PeerCertificate | undefined;
}

/** What an engine puts into a connection, of what not every engine can do. */
export interface Parts {
  /** Lets the peer wait when it is full; else a full one closes. */
  readonly incoming?: Inbox;
  /** Sends pings; without it, there are none. */
  readonly heartbeat?: Heartbeat;
}

const OPEN = 0;
const CLOSING = 1;
const CLOSED = 2;

let deliver_: (
  connection: Connection<unknown>,
  message: Message,
) => void;
let finish_: (connection: Connection<unknown>, end: ChannelEnd) => void;
let pong_: (connection: Connection<unknown>, payload: string) => boolean;
let fail_: (connection: Connection<unknown>, fault: Fault) => void;
let drain_: (connection: Connection<unknown>) => void;

/**
 * An open WebSocket connection, of a server or a client.
 *
 * Messages are received by {@linkcode receive}, by iteration, or from
 * {@linkcode readable}; one at a time of these may wait. Any number of
 * {@linkcode send} may be under way; messages leave in the order of the calls.
 * A wait ends when the connection does, or when its `signal` aborts.
 *
 * @typeParam Context What `authorize` made of the request.
 *
 * @example Answer every message
 * ```ts
 * import { connect, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, async (ws) => {
 *   for await (const message of ws) await ws.send(message);
 * });
 * await using ws = await connect(server.url);
 * await ws.send("Hello");
 * console.log(await ws.receive()); // "Hello"
 * ```
 */
export class Connection<Context = unknown>
  implements AsyncIterable<Message>, AsyncDisposable {
  readonly #channel: Channel;
  readonly #shared: Shared;
  readonly #opening: Opening<Context>;
  readonly #incoming: Inbox;
  readonly #outgoing: SendBuffer;
  readonly #heartbeat: Heartbeat | undefined;
  readonly #beat: Beat | undefined;
  /** Its place among those that are watched. @ignore */
  place = 0;
  /** Its seat among the connections of its server. @ignore */
  seat: number = NO_SEAT;

  // Of what was sent; of what came, the inbox counts.
  #messagesSent = 0;
  #bytesSent = 0;

  // Of the end.
  #state = OPEN;
  #draining = false;
  #sentClose: CloseInfo | undefined;
  #info: CloseInfo | undefined;
  #noticed: Noticed | undefined;
  #closed: PromiseWithResolvers<CloseInfo> | undefined;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;

  // Of what was asked for only.
  #id: string | undefined;
  #controller: AbortController | undefined;
  #readable: ReadableStream<Message> | undefined;
  #writable: WritableStream<MessageLike> | undefined;

  static {
    deliver_ = (connection, message) => connection.#deliver(message);
    finish_ = (connection, end) => connection.#finish(end);
    pong_ = (connection, payload) =>
      connection.#heartbeat?.pong(payload) ?? false;
    fail_ = (connection, fault) => connection.#fail(fault);
    drain_ = (connection) => connection.#drain();
  }

  /**
   * Connections are made by `serve()`, `upgrade()` and `connect()`.
   *
   * @param channel What moves the bytes.
   * @param shared What it has in common with others.
   * @param opening What the opening handshake told.
   * @param parts What its engine can besides.
   * @ignore
   */
  constructor(
    channel: Channel,
    shared: Shared,
    opening: Opening<Context>,
    parts: Parts = {},
  ) {
    this.#channel = channel;
    this.#shared = shared;
    this.#opening = opening;
    const { limits, rate } = shared;
    this.#incoming = parts.incoming ?? new Inbox(limits, rate?.());
    this.#outgoing = new SendBuffer(channel, limits);
    this.#beat = shared.beat?.(channel, limits);
    this.#heartbeat = this.#beat?.heartbeat ?? parts.heartbeat;
    watch(this, this.#patience);
  }

  /** A name for this connection that no other has, for logs. */
  get id(): string {
    return this.#id ??= crypto.randomUUID();
  }

  /** The URL that the client asked for, as far as the server knows it. */
  get url(): string {
    return this.#opening.url;
  }

  /** The subprotocol that was agreed on; empty if none was. */
  get protocol(): string {
    return this.#opening.protocol;
  }

  /** What `authorize` returned. */
  get context(): Context {
    return this.#opening.context;
  }

  /** The address of the client, seen through trusted proxies; on servers only. */
  get remoteAddr(): Deno.Addr | undefined {
    return this.#opening.remoteAddr;
  }

  /** A copy of the request of the opening handshake; on servers only. */
  get request(): Request | undefined {
    const { url, headers } = this.#opening;
    if (headers === undefined) return undefined;
    return new Request(url.replace(/^ws/, "http"), { headers });
  }

  /**
   * A copy of the headers with which the server answered the opening handshake;
   * on clients of the strict engine only.
   */
  get responseHeaders(): Headers | undefined {
    return this.#opening.answer?.();
  }

  /**
   * The certificate of the other side, verified: of a client, on servers with
   * `clientCa` and where it has shown one; of the server, on clients of the
   * strict engine.
   */
  get peerCertificate(): PeerCertificate | undefined {
    return this.#opening.peerCertificate;
  }

  /**
   * How long the last ping took to be answered, in milliseconds; `undefined`
   * until one was, and where none are sent, see {@linkcode ping}.
   */
  get latency(): number | undefined {
    return this.#heartbeat?.latency;
  }

  /** Whether messages can still be sent. */
  get open(): boolean {
    return this.#state === OPEN;
  }

  /**
   * Aborts when the connection begins to end, or its server to shut down: for
   * work beside the messages. A handler that only sends should watch it, or it
   * holds a shutdown up for half of its time.
   */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#state !== OPEN || this.#draining) this.#controller.abort();
    }
    return this.#controller.signal;
  }

  /** How many messages came and were not received yet. */
  get pending(): number {
    return this.#incoming.length;
  }

  /**
   * How much was exchanged so far: messages, without what a heartbeat or the
   * protocol adds to them, and as they are before compression. It stays when the
   * connection has ended.
   */
  get traffic(): Traffic {
    return {
      messagesReceived: this.#incoming.messagesInAll,
      bytesReceived: this.#incoming.bytesInAll,
      messagesSent: this.#messagesSent,
      bytesSent: this.#bytesSent,
    };
  }

  /** Resolves when the connection has ended, with how it did; never rejects. */
  get closed(): Promise<CloseInfo> {
    if (this.#closed === undefined) {
      this.#closed = Promise.withResolvers<CloseInfo>();
      if (this.#info !== undefined) this.#closed.resolve(this.#info);
    }
    return this.#closed.promise;
  }

  /**
   * Sends one message: text as a string, binary as bytes. The bytes may be
   * reused as soon as this returns.
   *
   * Await it: the promise resolves at once while the peer keeps up, and waits
   * while more than `sendBuffer` bytes are on their way to it. A rejection that
   * nobody awaits does no harm.
   *
   * @param data The message.
   * @returns A promise that resolves once the send buffer is under its mark.
   * @throws {ConnectionClosedError} If the connection ends before that.
   * @throws {TypeError} If `data` is neither text nor bytes.
   *
   * @example Send text and bytes
   * ```ts
   * import { connect, serve } from "@wss/wss";
   *
   * await using server = await serve({ port: 0 }, async (ws) => {
   *   await ws.send(JSON.stringify({ temperature: 21.5 }));
   *   await ws.send(new Uint8Array([1, 2, 3]));
   * });
   * await using ws = await connect(server.url);
   * for await (const message of ws) console.log(message);
   * ```
   */
  send(data: MessageLike): Promise<void> {
    const mistake = mistakeIn(data);
    if (mistake !== undefined) return rejected(mistake);
    if (this.#state !== OPEN) return rejected(this.#error("send"));
    let sent: Promise<void> | undefined;
    try {
      sent = this.#outgoing.send(data);
    } catch (error) {
      return rejected(error); // The bytes are shared, or not there any more.
    }
    if (sent !== undefined) {
      this.#messagesSent++;
      this.#bytesSent += sizeOf(data);
      return sent;
    }
    const detail =
      `more than ${this.#shared.limits.maxUnsentBytes} bytes wait (maxUnsentBytes) ` +
      "for a peer that does not keep up (is each send() awaited?)";
    this.#giveUp(detail, CloseCode.TryAgainLater);
    return rejected(this.#error("send"));
  }

  /**
   * Receives the next message.
   *
   * @param options What may end the wait.
   * @returns The message: a string if it was text, bytes if it was binary.
   * @throws {ConnectionClosedError} If the connection has ended and all that came is received.
   * @throws {DOMException} "AbortError", or the reason of `signal`, once that aborts.
   * @throws {TypeError} If another receiver waits already.
   *
   * @example Wait a second at most
   * ```ts
   * import { connect, serve } from "@wss/wss";
   *
   * await using server = await serve({ port: 0 }, (ws) => ws.send("Hello"));
   * await using ws = await connect(server.url);
   * console.log(await ws.receive({ signal: AbortSignal.timeout(1000) }));
   * ```
   */
  receive(options?: ReceiveOptions): Promise<Message> {
    return this.#incoming.receive(options?.signal);
  }

  /**
   * Iterates over the messages until the connection ends. Leaving the loop does
   * not close the connection.
   *
   * @returns An iterator that is done when the connection ended with 1000, 1001
   * or without a code.
   * @throws {ConnectionClosedError} If the connection ended in any other way.
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Message, undefined> {
    return new MessageIterator(this.#incoming);
  }

  /**
   * The messages as a stream; nothing is read ahead. It errors as iteration
   * throws. Cancelling it closes the connection.
   */
  get readable(): ReadableStream<Message> {
    return this.#readable ??= readableOf(this.#incoming, () => this.close());
  }

  /**
   * A stream whose chunks are sent, each as a message, at the pace of the peer.
   * Closing it closes the connection with 1000, aborting it with 1011.
   */
  get writable(): WritableStream<MessageLike> {
    return this.#writable ??= writableTo({
      closed: this.closed,
      send: (chunk) => this.send(chunk),
      close: () => this.close(),
      abort: () => this.#close(CloseCode.InternalError, ""),
      error: (action) => this.#error(action),
    });
  }

  /**
   * Closes the connection: what was sent still leaves if `closeTimeout` allows,
   * what comes from now on
   * is dropped, what came before can still be received. A second call changes
   * nothing.
   *
   * @param code 1000 or 3000 to 4999; of a server, and of a client of the strict
   * engine, also 1001 to 1003 and 1007 to 1014.
   * @param reason At most 123 bytes of UTF-8, for the peer to read.
   * @returns How the connection ended, within `closeTimeout`.
   * @throws {RangeError} If the code or the reason must not be sent.
   */
  async close(
    code: number = CloseCode.Normal,
    reason: string = "",
  ): Promise<CloseInfo> {
    checkClose(this.#shared.role, code, reason);
    this.#close(code, reason);
    return await this.closed;
  }

  /**
   * Asks the peer for a sign of life (RFC 6455, section 5.5.2), as a connection
   * does by itself every `pingInterval`; a client with `heartbeat` does so with
   * the message of that.
   *
   * @returns How long the answer took, in milliseconds.
   * @throws {ConnectionClosedError} If the connection ends before that.
   * @throws {RangeError} If 64 pings wait for an answer already.
   * @throws {TypeError} If it cannot: the built-in engine keeps its pings to itself, and there is no `heartbeat`.
   *
   * @example How far away is the client?
   * ```ts
   * import { connect, serve } from "@wss/wss";
   *
   * await using server = await serve({ port: 0, engine: "node" }, async (ws) => {
   *   await ws.send(`${Math.ceil(await ws.ping())} ms at most`);
   * });
   * await using ws = await connect(server.url);
   * console.log(await ws.receive());
   * ```
   */
  ping(): Promise<number> {
    if (this.#heartbeat === undefined) {
      return rejected(
        new TypeError(
          'Cannot ping: the built-in engine has no pings of its own; use engine: "node", or on a client heartbeat',
        ),
      );
    }
    if (this.#state !== OPEN) return rejected(this.#error("ping"));
    return this.#heartbeat.ping();
  }

  /**
   * Ends the connection for this side at once, without waiting for the peer:
   * `closed` settles with 1006. The strict engine cuts the socket. The built-in
   * one has no way to, so it keeps it until the peer answers, hangs up or is
   * lost.
   */
  terminate(): void {
    this.#giveUp("it was terminated", CloseCode.GoingAway);
  }

  /**
   * Adds this connection to a topic, for the server's `publish()`; it leaves
   * all topics when it ends.
   *
   * @param topic The topic.
   * @returns What takes it off the topic again.
   * @throws {TypeError} If there are no topics: on clients, and in an
   * `upgrade()` that was given none.
   */
  subscribe(topic: string): () => void {
    const { subscribe } = this.#shared;
    if (subscribe === undefined) {
      throw new TypeError(
        "Cannot subscribe: clients have no topics, those of a server are its own",
      );
    }
    return this.#state === CLOSED ? () => {} : subscribe(this, topic);
  }

  /**
   * Looks whether the peer still takes what is sent to it.
   *
   * @param now The time in milliseconds.
   * @ignore
   */
  check(now: number): void {
    const { pongTimeout } = this.#shared.limits;
    if (this.#outgoing.stalled(now)) {
      this.#giveUp(
        `the peer took nothing for ${pongTimeout} ms`,
        CloseCode.GoingAway,
      );
    } else if (
      // While it closes, `closeTimeout` is the measure.
      this.#state === OPEN &&
      this.#heartbeat?.check(now, !this.#incoming.paused)
    ) {
      const asked = this.#beat?.heartbeat
        ? "the heartbeat (does the server have `heartbeat`, too?)"
        : "a ping";
      this.#giveUp(`the peer did not answer ${asked}`, CloseCode.GoingAway);
    }
  }

  /** Closes the connection; see {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** How often it is to be looked at, see `watch()`. */
  get #patience(): number {
    const { limits: { pongTimeout }, pingInterval } = this.#shared;
    if (this.#heartbeat === undefined || pingInterval === 0) return pongTimeout;
    return Math.min(pingInterval, pongTimeout);
  }

  #deliver(message: Message): void {
    if (this.#state !== OPEN) return;
    try {
      const refusal = this.#incoming.take(message, this.#beat);
      if (refusal !== undefined) this.#refuse(refusal);
    } catch (cause) {
      const detail = "heartbeat.reply failed";
      this.#fail({ code: CloseCode.InternalError, detail, cause });
    }
  }

  #refuse({ code, reason, slow }: Refusal): void {
    this.#expel(code, reason);
    if (slow) this.#shared.onlimit?.(this, reason);
  }

  /** Closes for a peer that broke a rule: what waits to be sent to it does not count. */
  #expel(code: number, reason: string): void {
    const { expel } = this.#channel;
    const waits = this.#state === CLOSING && !this.#outgoing.flushed;
    if (expel !== undefined) this.#outgoing.end(() => this.#error("send"));
    if (waits && expel !== undefined) {
      // The close frame that was to follow it says this instead.
      this.#sentClose = { code, reason, wasClean: false };
      this.#closeChannel();
    }
    this.#close(code, reason);
    expel?.call(this.#channel);
  }

  #close(code: number, reason: string): void {
    if (this.#state !== OPEN) return;
    this.#state = CLOSING;
    this.#controller?.abort();
    this.#incoming.resume(); // The peer's close frame is behind what it sent.
    this.#sentClose = { code, reason, wasClean: false };
    const { closeTimeout } = this.#shared.limits;
    this.#closeTimer = setTimeout(() => {
      this.#closeTimer = undefined;
      this.#closeChannel();
      this.#giveUp(
        `the peer did not answer the close frame for ${closeTimeout} ms`,
        code,
      );
    }, closeTimeout);
    if (this.#outgoing.flushed) this.#closeChannel();
    else this.#outgoing.flush().then(() => this.#closeChannel());
  }

  #closeChannel(): void {
    if (this.#state !== CLOSING) return;
    const { code, reason } = this.#sentClose!;
    this.#channel.close(wireCode(this.#shared.role, code), reason);
  }

  /** Ends the connection for this side, and asks the channel to follow. */
  #giveUp(detail: string, code: number): void {
    if (this.#state === CLOSED) return;
    this.#finish({ code: 0, reason: "", detail });
    if (this.#channel.terminate !== undefined) this.#channel.terminate();
    else this.#channel.close(wireCode(this.#shared.role, code), "");
  }

  /** The engine closes, or the peer broke a rule: nothing more is exchanged. */
  #fail({ code, ...noticed }: Fault): void {
    if (this.#state === CLOSED) return;
    this.#noticed ??= noticed;
    this.#expel(code, "");
  }

  #drain(): void {
    this.#draining = true;
    this.#controller?.abort();
    const close = () =>
      this.#close(CloseCode.GoingAway, "server is shutting down");
    if (this.#incoming.waiting) close();
    else this.#incoming.onidle = close;
  }

  #finish(end: ChannelEnd): void {
    if (this.#state === CLOSED) return;
    this.#state = CLOSED;
    this.#controller?.abort();
    clearTimeout(this.#closeTimer);
    unwatch(this, this.#patience);
    this.#info = this.#summary(end);
    this.#noticed ??= end;
    this.#incoming.end(
      () => this.#error("receive"),
      isNormalClose(this.#info.code),
    );
    this.#outgoing.end(() => this.#error("send"));
    this.#heartbeat?.end(() => this.#error("ping"));
    this.#closed?.resolve(this.#info);
    this.#shared.onend?.(this);
  }

  #summary(end: ChannelEnd): CloseInfo {
    const sent = this.#sentClose;
    if (end.code === 0) {
      // Hung up on our close frame: what was sent is what is known.
      if (sent !== undefined && end.detail === undefined) return sent;
      return { code: CloseCode.Abnormal, reason: "", wasClean: false };
    }
    if (end.code === CloseCode.NoStatus && sent !== undefined) {
      return { ...sent, wasClean: true };
    }
    // A peer that echoes the code answers a code that stands for another here.
    const code = sent !== undefined &&
        end.code === wireCode(this.#shared.role, sent.code)
      ? sent.code
      : end.code;
    return { code, reason: end.reason, wasClean: true };
  }

  #error(action: string): ConnectionClosedError {
    const info = this.#info ?? this.#sentClose ??
      { code: CloseCode.Abnormal, reason: "", wasClean: false };
    const options: { detail?: string; cause?: unknown } = {};
    const { detail, cause } = this.#noticed ?? {};
    if (detail !== undefined) options.detail = detail;
    if (cause !== undefined) options.cause = cause;
    return new ConnectionClosedError(action, info, options);
  }
}

/** Gives a connection a message that came; for engines. */
export function deliver(
  connection: Connection<unknown>,
  message: Message,
): void {
  deliver_(connection, message);
}

/** Tells a connection that its socket is gone; for engines. */
export function finish(connection: Connection<unknown>, end: ChannelEnd): void {
  finish_(connection, end);
}

/** Tells a connection of a pong, and whether it was asked for; for engines. */
export function pong(
  connection: Connection<unknown>,
  payload: string,
): boolean {
  return pong_(connection, payload);
}

/** Tells a connection that its engine closes it; for engines. */
export function fail(connection: Connection<unknown>, fault: Fault): void {
  fail_(connection, fault);
}

/** Lets a connection end, with 1001, when its handler has nothing left to do. */
export function drain(connection: Connection<unknown>): void {
  drain_(connection);
}
