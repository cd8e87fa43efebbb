/**
 * A conversation: what is put in is sent, what comes is put out, over one
 * connection or, where that is asked for, one after the other.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import {
  CloseCode,
  type CloseInfo,
  type Connection,
  ConnectionClosedError,
  type Message,
} from "../../../client.ts";
import { UsageError } from "../failure.ts";
import { sayGoodbye } from "./goodbye.ts";
import type { Output } from "./output.ts";

/** What is put in: a message, or something else that is done in its turn. */
export type Outgoing = Message | ((ws: Connection) => Promise<void>);

/** What a session is made of. */
export interface SessionOptions {
  /** Opens connections, until the signal aborts. */
  readonly connections: (signal: AbortSignal) => AsyncIterable<Connection>;
  /** What is to be sent. */
  readonly input: AsyncIterable<Outgoing>;
  readonly output: Output;
  /** After how many received messages it ends. */
  readonly count: number;
  /** One message is sent, and there must be one. */
  readonly once: boolean;
  /** After how long a silence it ends when the input has, in milliseconds. */
  readonly wait: number;
  /** Whether lines that a lost connection did not take wait for the next. */
  readonly lasting: boolean;
}

/** How many messages, and how lately, are a flood: a server may give up whoever sends it. */
const FLOOD = 500;
const LATELY = 1_000;

/** What went over the connections. */
export interface Traffic {
  sent: number;
  sentBytes: number;
  received: number;
  receivedBytes: number;
}

/** One conversation. */
export class Session {
  /** What went over its connections so far. */
  readonly traffic: Traffic = {
    sent: 0,
    sentBytes: 0,
    received: 0,
    receivedBytes: 0,
  };
  readonly #options: SessionOptions;
  readonly #failed: PromiseWithResolvers<never> = Promise.withResolvers();
  /** Settles when nothing more will be sent. */
  readonly #sent: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #stop: AbortController = new AbortController();
  #current: Connection | undefined;
  #next: PromiseWithResolvers<Connection> | undefined;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #inputEnded = false;
  #ending: { code: number; reason: string } | undefined;
  #info: CloseInfo | undefined;
  #leftAlone = false;
  #lastSent = 0;
  /** Why a message could not be sent, where no other connection comes for it. */
  #unsent: ConnectionClosedError | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#failed.promise.catch(() => {}); // It is told to `run()`.
  }

  /** The connection that is open; `undefined` between two. */
  get current(): Connection | undefined {
    return this.#current?.open ? this.#current : undefined;
  }

  /** Whether it was ended while there was no connection. */
  get leftAlone(): boolean {
    return this.#leftAlone;
  }

  /** How the last connection ended. */
  get info(): CloseInfo | undefined {
    return this.#info;
  }

  /**
   * Talks until either side has enough.
   *
   * @throws {ConnectionClosedError} If it ended otherwise than well.
   * @throws What `connections`, `input` and `output` throw.
   */
  async run(): Promise<void> {
    this.#send().then(this.#sent.resolve, (error) => this.fail(error));
    try {
      await Promise.race([this.#receive(), this.#failed.promise]);
    } catch (error) {
      // Between two connections there is nothing to close.
      const cutShort = this.#ending !== undefined && this.#stop.signal.aborted;
      if (!cutShort || error !== this.#stop.signal.reason) {
        throw this.#explained(error);
      }
      this.#leftAlone = true;
    } finally {
      clearTimeout(this.#silence);
      this.#ending ??= { code: 1000, reason: "" };
      this.#stop.abort();
      if (this.current !== undefined) await sayGoodbye(this.current);
    }
  }

  /** Closes the connection, and ends when that is done. */
  end(code: number = 1000, reason: string = ""): void {
    if (this.#ending !== undefined) return;
    const current = this.current;
    const closing = current?.close(code, reason);
    closing?.catch((error) => this.fail(error));
    this.#ending = { code, reason };
    // Aborting closes it, too, but with 1000; so that is for when there is none.
    if (closing === undefined) this.#stop.abort();
  }

  /** Ends at once, for a reason. */
  fail(error: unknown): void {
    this.#failed.reject(error);
  }

  async #receive(): Promise<void> {
    const { connections } = this.#options;
    for await (const ws of connections(this.#stop.signal)) {
      this.#info = undefined;
      this.#current = ws;
      this.#next?.resolve(ws);
      this.#next = undefined;
      if (this.#ending !== undefined) await ws.close();
      try {
        for await (const message of ws) {
          await this.#take(message, ws.pending > 0);
        }
      } catch (error) {
        await this.#judge(ws, error);
      }
      this.#info = await ws.closed;
      if (this.#ending !== undefined) break;
    }
    if (this.#ending !== undefined) return;
    const { received } = this.traffic;
    const { count } = this.#options;
    if (count !== Infinity && this.#info !== undefined) {
      const detail = `after ${received} of ${count} messages`;
      throw new ConnectionClosedError("receive", this.#info, { detail });
    }
    await this.#mindTheRest();
  }

  /** Throws if the server left while there was still something to send. */
  async #mindTheRest(): Promise<void> {
    // What is there to be read comes in a moment, and then meets the end.
    const moment = Promise.withResolvers<void>();
    const timer = setTimeout(moment.resolve, 100);
    await Promise.race([this.#sent.promise, moment.promise]);
    clearTimeout(timer);
    if (this.#unsent !== undefined) throw this.#unsent;
  }

  async #take(message: Message, more: boolean): Promise<void> {
    const { count, output } = this.#options;
    if (this.traffic.received >= count) return;
    this.traffic.received++;
    this.traffic.receivedBytes += sizeOf(message);
    const isLast = this.traffic.received >= count;
    await output(message, more && !isLast);
    if (isLast) this.end();
    else this.#watchSilence();
  }

  /** Throws on what is no good end; a connection after which another comes has none. */
  async #judge(ws: Connection, error: unknown): Promise<void> {
    if (!(error instanceof ConnectionClosedError)) throw error;
    const { code, wasClean } = this.#info = await ws.closed;
    const asWished = this.#ending?.code === code && wasClean;
    const { lasting } = this.#options;
    if (!asWished && !(lasting && this.#ending === undefined)) throw error;
  }

  /** Names the likely cause if a connection was lost amid much that was sent. */
  #explained(error: unknown): unknown {
    const flooded = this.traffic.sent >= FLOOD &&
      performance.now() - this.#lastSent < LATELY;
    const isLost = error instanceof ConnectionClosedError &&
      error.code === CloseCode.Abnormal;
    if (!flooded || !isLost) return error;
    const detail =
      "the peer was lost amid many messages: a server may cut off whoever sends faster than it reads; send more slowly, or to a server that lets senders wait, as `wss serve --engine node` does";
    return new ConnectionClosedError("go on", error, { detail, cause: error });
  }

  async #send(): Promise<void> {
    const { input, once, wait } = this.#options;
    let count = 0;
    for await (const outgoing of input) {
      if (this.#ending !== undefined) return;
      if (!await this.#pass(outgoing)) return;
      count++;
      if (once) break;
    }
    if (once && count === 0) {
      throw new UsageError("--once: there is no message on standard input");
    }
    // Connecting is no silence.
    await this.#connected();
    this.#inputEnded = true;
    if (wait === 0) this.end();
    else this.#watchSilence();
  }

  /** Sends, over the next connection if this one is lost before. */
  async #pass(outgoing: Outgoing): Promise<boolean> {
    while (true) {
      const ws = await this.#connected();
      try {
        if (typeof outgoing === "function") await outgoing(ws);
        else {
          await ws.send(outgoing);
          this.traffic.sent++;
          this.traffic.sentBytes += sizeOf(outgoing);
          this.#lastSent = performance.now();
        }
        return true;
      } catch (error) {
        if (!(error instanceof ConnectionClosedError)) throw error;
        if (!this.#options.lasting) {
          this.#unsent = error;
          return false;
        }
        if (this.#current === ws) this.#current = undefined;
      }
    }
  }

  /** The connection to send over; one that has ended is where no other comes. */
  async #connected(): Promise<Connection> {
    const current = this.#current;
    if (current?.open || current !== undefined && !this.#options.lasting) {
      return current;
    }
    this.#next ??= Promise.withResolvers();
    return await this.#next.promise;
  }

  /** Ends it when nothing comes for long enough after the input has ended. */
  #watchSilence(): void {
    const { wait } = this.#options;
    if (!this.#inputEnded || wait === Infinity || wait === 0) return;
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.end(), wait);
  }
}

/** The size of a message in bytes. */
export function sizeOf(message: Message): number {
  return typeof message === "string"
    ? Buffer.byteLength(message)
    : message.length;
}
