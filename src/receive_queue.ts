/**
 * The messages that came and were not received yet, and whoever waits for one.
 *
 * @module
 */

import { type Message, sizeOf } from "./channel.ts";

/** What an iterator's `next()` resolves to. */
type Result = IteratorResult<Message, undefined>;

/** Takes what the waiting side was promised, or what rejects instead. */
type Resolve = (value: Message | Result | Promise<never>) => void;

// One executor for all promises: this is the path of every message. It keeps no
// function that rejects, which each idle connection would hold for its end only.
let resolveOfNew: Resolve;
function capture(resolve: Resolve): void {
  resolveOfNew = resolve;
}

const DONE: Result = Object.freeze({ done: true, value: undefined });

/** Rejects, and lets nobody be punished for not listening. */
export function rejected(error: unknown): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(() => {});
  return promise;
}

/**
 * Options for `Connection.receive()`.
 *
 * @example Wait a second at most
 * ```ts
 * import { connect, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, (ws) => ws.closed);
 * await using ws = await connect(server.url);
 * const options = { signal: AbortSignal.timeout(10) };
 * await ws.receive(options).catch((error) => console.log(error.name)); // "TimeoutError"
 * ```
 */
export interface ReceiveOptions {
  /** Gives up waiting; no message is lost. */
  signal?: AbortSignal | undefined;
}

/** How many slots a queue begins with, and keeps when it is empty. */
const SLOTS = 16;

/** A queue of messages with room for one waiting receiver. */
export class ReceiveQueue {
  // A ring: `length` messages from `#head` on.
  #slots: (Message | undefined)[] | undefined;
  #head = 0;
  /** How many messages wait. */
  length = 0;
  /** Bytes of binary and UTF-16 units of text that wait. */
  bytes = 0;
  /** How many messages came in all, and of how many bytes or units. */
  messagesInAll = 0;
  bytesInAll = 0;

  // Of the one that waits.
  #resolve: Resolve | undefined;
  #wantsResult = false;

  // Of the end.
  #ended = false;
  #normal = false;
  #error: (() => Error) | undefined;

  /** Called when a receiver finds nothing and begins to wait. */
  onidle: (() => void) | undefined;
  /** Called whenever a message was taken out. */
  ontake: (() => void) | undefined;

  /** Whether a receiver waits for a message. */
  get waiting(): boolean {
    return this.#resolve !== undefined;
  }

  /** Hands a message to whoever waits, or keeps it. */
  push(message: Message): void {
    const size = sizeOf(message);
    this.messagesInAll++;
    this.bytesInAll += size;
    const resolve = this.#resolve;
    if (resolve !== undefined) {
      this.#resolve = undefined;
      resolve(this.#wantsResult ? { done: false, value: message } : message);
      return;
    }
    let slots = this.#slots ??= new Array(SLOTS);
    if (this.length === slots.length) slots = this.#grow(slots);
    slots[(this.#head + this.length++) & (slots.length - 1)] = message;
    this.bytes += size;
  }

  /**
   * Takes no more. What waits can still be received; after it a receiver gets
   * `error`, and an iteration that ended in a `normal` way is done.
   */
  end(error: () => Error, normal: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#normal = normal;
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve?.(this.#wantsResult && normal ? DONE : rejected(error()));
  }

  /** The next message; rejects once the queue is empty and ended. */
  receive(signal?: AbortSignal): Promise<Message> {
    if (signal?.aborted) return rejected(signal.reason);
    if (this.length > 0) return Promise.resolve(this.#take());
    if (this.#ended) return rejected(this.#error!());
    if (this.waiting) return rejected(busy());
    const promise = this.#wait(false) as Promise<Message>;
    if (signal === undefined) return promise;
    const mine = this.#resolve;
    const abort = () => {
      if (this.#resolve !== mine) return;
      this.#resolve = undefined;
      mine?.(rejected(signal.reason));
    };
    signal.addEventListener("abort", abort, { once: true });
    const forget = () => signal.removeEventListener("abort", abort);
    promise.then(forget, forget);
    return promise;
  }

  /** The next step of an iteration; ends it where the connection ended well. */
  next(): Promise<Result> {
    if (this.length > 0) {
      return Promise.resolve({ done: false, value: this.#take() });
    }
    if (this.#ended) {
      return this.#normal ? Promise.resolve(DONE) : rejected(this.#error!());
    }
    if (this.waiting) return rejected(busy());
    return this.#wait(true) as Promise<Result>;
  }

  #wait(wantsResult: boolean): Promise<Message | Result> {
    this.#wantsResult = wantsResult;
    const promise = new Promise<Message | Result>(capture);
    this.#resolve = resolveOfNew;
    this.onidle?.();
    return promise;
  }

  #take(): Message {
    const slots = this.#slots!;
    const message = slots[this.#head]!;
    slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (slots.length - 1);
    this.bytes -= sizeOf(message);
    if (--this.length === 0 && slots.length > SLOTS) {
      this.#slots = undefined;
      this.#head = 0;
    }
    this.ontake?.();
    return message;
  }

  #grow(slots: (Message | undefined)[]): (Message | undefined)[] {
    const grown = slots.slice(this.#head).concat(slots.slice(0, this.#head));
    grown.length = 2 * slots.length;
    this.#head = 0;
    return this.#slots = grown;
  }
}

/** Iterates over a queue. A class rather than closures: each idle connection mostly holds one. */
export class MessageIterator
  implements AsyncIterableIterator<Message, undefined> {
  readonly #queue: ReceiveQueue;

  constructor(queue: ReceiveQueue) {
    this.#queue = queue;
  }

  next(): Promise<IteratorResult<Message, undefined>> {
    return this.#queue.next();
  }

  return(): Promise<IteratorResult<Message, undefined>> {
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** What a second receiver is told. */
export function busy(): TypeError {
  return new TypeError(
    "Cannot receive: another receive() still waits on this connection; cancel it through its signal first",
  );
}
