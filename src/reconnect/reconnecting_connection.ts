/**
 * One object that stays while the connections under it come and go.
 *
 * @module
 */

import { checkFunction, type Fate } from "./backoff.ts";
import type { Message, MessageLike } from "../channel.ts";
import { checkClose, CloseCode, isNormalClose } from "../close_code.ts";
import type { Connection } from "../connection.ts";
import { type CloseInfo, ConnectionClosedError } from "../errors.ts";
import { type Line, Outbox, resolveOutbox } from "./outbox.ts";
import { busy, type ReceiveOptions } from "../receive_queue.ts";
import {
  type OpenConnection,
  readied,
  type ReconnectOptions,
  type ReconnectStatus,
  reconnectWith,
} from "./reconnect.ts";

/**
 * Options of {@linkcode ReconnectingConnection}.
 *
 * @example Subscribe again with each connection
 * ```ts
 * import { keepConnected, type KeepConnectedOptions, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, async (ws) => {
 *   await ws.send(`You want ${await ws.receive()}`);
 * });
 * const options: KeepConnectedOptions = { onopen: (ws) => ws.send("news") };
 * await using ws = keepConnected(server.url, options);
 * console.log(await ws.receive()); // "You want news"
 * ```
 */
export interface KeepConnectedOptions extends ReconnectOptions {
  /**
   * Makes each connection ready, before messages that wait are sent on it: the
   * place to subscribe again. It has the connection for itself. If it fails, the
   * connection is closed and counts as a failed attempt: with a
   * `ConnectionClosedError` whose cause is the failure.
   */
  onopen?: ((ws: Connection) => void | Promise<void>) | undefined;
  /**
   * What becomes of messages that were sent on a connection that ended before
   * they arrived. With "at-most-once" they are lost. With "at-least-once" each
   * is kept until {@linkcode ReconnectingConnection.acknowledge} is called for
   * it, and sent again on the next connection, in order and before all others:
   * so the peer may get one twice, and has to acknowledge each that it gets, in
   * the order in which they came.
   *
   * @default {"at-most-once"}
   */
  delivery?: "at-most-once" | "at-least-once" | undefined;
  /**
   * What becomes of a message for which the outbox has no room: "reject" lets
   * `send()` reject, "drop-newest" drops that message, "drop-oldest" the one
   * that waits longest. `send()` of a dropped one resolves to `false`. With
   * "at-least-once" it must be "reject".
   *
   * @default {"reject"}
   */
  overflow?: "reject" | "drop-oldest" | "drop-newest" | undefined;
  /**
   * How many messages may wait to be sent, or to be acknowledged.
   *
   * @default {1_024}
   */
  maxOutboxMessages?: number | undefined;
  /**
   * How many bytes of messages may wait to be sent, or to be acknowledged (of
   * text, UTF-16 units).
   *
   * @default {16_777_216}
   */
  maxOutboxBytes?: number | undefined;
}

/** Of how many ended connections the messages that nobody received are kept. */
const MAX_ENDED = 8;

/**
 * A connection that is opened again whenever it is lost, as `reconnect()` does,
 * for programs that want no loop around it.
 *
 * Any number of {@linkcode send} may be under way; messages leave in the order
 * of the calls, and wait while there is no connection. Messages are received by
 * {@linkcode receive} or by iteration, one at a time of these; those of one
 * connection come before those of the next. When it is over, because of
 * {@linkcode close}, `signal`, or an error that trying again can't mend, waits
 * end with that error.
 *
 * Of connections that ended, the messages that were not received yet are kept
 * for the last eight of them.
 *
 * @example Every message arrives, though the server restarts
 * ```ts
 * import { keepConnected, serve } from "@wss/wss";
 *
 * let restarted = false;
 * await using server = await serve({ port: 0 }, async (ws) => {
 *   for await (const message of ws) {
 *     if (!restarted) {
 *       restarted = true;
 *       return ws.terminate(); // before it is acknowledged
 *     }
 *     await ws.send(`got ${message}`);
 *   }
 * });
 *
 * await using ws = keepConnected(server.url, {
 *   delivery: "at-least-once",
 *   minDelay: 10,
 *   pongTimeout: 100,
 * });
 * await ws.send("one");
 * await ws.send("two");
 * while (ws.outstanding > 0) {
 *   console.log(await ws.receive()); // "got one", "got two"
 *   ws.acknowledge();
 * }
 * ```
 */
export class ReconnectingConnection
  implements AsyncIterable<Message>, AsyncDisposable {
  readonly #outbox: Outbox;
  readonly #stop = new AbortController();
  readonly #closed = Promise.withResolvers<CloseInfo>();
  #status: ReconnectStatus = { state: "connecting", attempt: 1 };
  #info: CloseInfo = { code: CloseCode.Abnormal, reason: "", wasClean: false };

  // Of the end: once the program closed it, and what it was given up for.
  #closing = false;
  #over = false;
  #error: unknown;

  // Those that may have messages, the oldest first, and the one whose message
  // was received last.
  #lines: Line[] = [];
  #heard: Line | undefined;
  #receiving = false;
  #wake: (() => void) | undefined;

  /**
   * Reconnecting connections are made by `keepConnected()`.
   *
   * @param open What opens each connection.
   * @param options When to try again, and what becomes of messages.
   * @param fate Time and chance, for tests.
   * @ignore
   */
  constructor(
    open: OpenConnection,
    options: KeepConnectedOptions = {},
    fate?: Fate,
  ) {
    this.#outbox = new Outbox(resolveOutbox(options));
    const { onopen, onstatus, signal } = options;
    checkFunction("onopen", onopen);
    checkFunction("onstatus", onstatus);
    const connections = reconnectWith(
      onopen === undefined ? open : readied(open, onopen),
      {
        ...options,
        signal: this.#stop.signal,
        onstatus: (status) => {
          this.#status = status;
          return onstatus?.(status);
        },
      },
      fate,
    );
    const abort = () => this.#stop.abort(signal?.reason);
    signal?.addEventListener("abort", abort);
    if (signal?.aborted) abort();
    this.#run(connections).then(() => {
      signal?.removeEventListener("abort", abort);
    });
  }

  /** What is being done to be connected. */
  get status(): ReconnectStatus {
    return this.#status;
  }

  /** The open connection; `undefined` while there is none. */
  get connection(): Connection | undefined {
    const status = this.#status;
    return status.state === "open" && status.connection.open
      ? status.connection
      : undefined;
  }

  /** How long the last ping of the open connection took, in milliseconds. */
  get latency(): number | undefined {
    return this.connection?.latency;
  }

  /**
   * How many messages wait to be sent; with "at-least-once", how many wait to be
   * sent or acknowledged.
   */
  get outstanding(): number {
    return this.#outbox.length;
  }

  /**
   * Resolves when it is over, with how the last connection ended: 1006 where
   * there was none. It never rejects; why it was given up is in `status.error`.
   */
  get closed(): Promise<CloseInfo> {
    return this.#closed.promise;
  }

  /**
   * Sends one message when there is a connection. The bytes may be reused as
   * soon as this returns.
   *
   * Await it: it waits while there is no connection, and while the peer does not
   * keep up. That the promise resolves does not tell that the message arrived.
   * A rejection that nobody awaits does no harm.
   *
   * @param data The message.
   * @returns A promise that resolves to `true` once the message is in the send
   * buffer of an open connection and that is under its mark, and to `false` if
   * `overflow` had the message dropped.
   * @throws {ConnectionClosedError} If the connection ended while the message was in its
   * buffer, unless delivery is "at-least-once"; or after `close()`.
   * @throws {RangeError} If the outbox has no room, and `overflow` is "reject".
   * @throws {TypeError} If `data` is neither text nor bytes.
   * @throws What it was given up for.
   */
  send(data: MessageLike): Promise<boolean> {
    return this.#outbox.send(data);
  }

  /**
   * Says that the peer acknowledged messages: the oldest that were sent, and not
   * acknowledged yet, on the connection of the last message received. So it is
   * to be called before the next message is received. They are forgotten.
   *
   * @param count How many messages.
   * @throws {RangeError} If so many messages do not wait for it.
   * @throws {TypeError} If delivery is not "at-least-once".
   */
  acknowledge(count: number = 1): void {
    this.#outbox.acknowledge(this.#heard ?? this.#lines[0], count);
  }

  /**
   * Receives the next message, of whichever connection.
   *
   * @param options What may end the wait.
   * @returns The message: a string if it was text, bytes if it was binary.
   * @throws {ConnectionClosedError} After `close()`, once all that came is received.
   * @throws {DOMException} "AbortError", or the reason of `signal`, once that aborts.
   * @throws {TypeError} If another receiver waits already.
   * @throws What it was given up for, once all that came is received.
   */
  async receive(options: ReceiveOptions = {}): Promise<Message> {
    const message = await this.#next(options.signal);
    if (message === undefined) throw this.#failure("receive");
    return message;
  }

  /**
   * Iterates over the messages of all connections. Leaving the loop closes
   * nothing.
   *
   * @returns An iterator that is done after `close()`.
   * @throws What it was given up for.
   */
  async *[Symbol.asyncIterator](): AsyncIterableIterator<Message, undefined> {
    while (true) {
      const message = await this.#next(undefined);
      if (message !== undefined) yield message;
      else if (this.#endedWell) return;
      else throw this.#failure("receive");
    }
  }

  /**
   * Closes it for good. What was sent while there is a connection still leaves,
   * if `closeTimeout` allows; what waits for one is dropped, and so is what
   * was not acknowledged. A second call changes nothing.
   *
   * @param code 1000 or 3000 to 4999.
   * @param reason At most 123 bytes of UTF-8, for the peer to read.
   * @returns How the last connection ended.
   * @throws {RangeError} If the code or the reason must not be sent.
   */
  async close(
    code: number = CloseCode.Normal,
    reason: string = "",
  ): Promise<CloseInfo> {
    checkClose("client", code, reason);
    if (!this.#closing && !this.#over) {
      this.#closing = true;
      this.#outbox.flush();
      this.#outbox.refuse(() => this.#failure("send"));
      this.connection?.close(code, reason);
      this.#stop.abort();
    }
    return await this.closed;
  }

  /** Closes it for good; see {@linkcode close}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #run(connections: AsyncIterable<Connection>): Promise<void> {
    try {
      // What `onstatus` uses may be assigned only after the constructor.
      await undefined;
      for await (const ws of connections) {
        this.#add({ ws, sent: [] });
        this.#info = await ws.closed;
      }
    } catch (error) {
      this.#error = error;
    }
    this.#over = true;
    this.#outbox.refuse(() => this.#failure("send"));
    this.#outbox.clear();
    this.#closed.resolve(this.#info);
    this.#wake?.();
  }

  #add(line: Line): void {
    // All of them have ended.
    const left = this.#lines.filter(({ ws }) => ws.pending > 0);
    this.#lines = [...left.slice(-MAX_ENDED), line];
    this.#outbox.attach(line);
    this.#wake?.();
  }

  /** The next message, or `undefined` when it is over and all is received. */
  async #next(signal: AbortSignal | undefined): Promise<Message | undefined> {
    if (this.#receiving) throw busy();
    this.#receiving = true;
    try {
      while (true) {
        signal?.throwIfAborted();
        const line = this.#lines[0];
        if (line !== undefined) {
          try {
            const message = await line.ws.receive({ signal });
            this.#heard = line;
            return message;
          } catch (error) {
            signal?.throwIfAborted();
            if (!(error instanceof ConnectionClosedError)) throw error;
          }
          this.#lines = this.#lines.filter((other) => other !== line);
        } else if (this.#over) return undefined;
        else await this.#news(signal);
      }
    } finally {
      this.#receiving = false;
    }
  }

  /** Waits until there is another connection, it is over, or `signal` aborts. */
  async #news(signal: AbortSignal | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    this.#wake = wake;
    signal?.addEventListener("abort", wake);
    await promise;
    signal?.removeEventListener("abort", wake);
  }

  get #endedWell(): boolean {
    const error = this.#error;
    return this.#closing ||
      (error instanceof ConnectionClosedError && isNormalClose(error.code));
  }

  #failure(action: string): unknown {
    if (!this.#closing) return this.#error;
    const detail = "close() was called";
    return new ConnectionClosedError(action, this.#info, { detail });
  }
}
