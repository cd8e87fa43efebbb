/**
 * The messages that came and were not received yet, and whoever waits for one.
 *
 * @module
 */

import type { Message } from "./channel.ts";

/** What an iterator's `next()` resolves to. */
type Result = IteratorResult<Message, undefined>;

/** Takes what the waiting side was promised. */
type Resolve = (value: Message | Result) => void;

const DONE: Result = Object.freeze({ done: true, value: undefined });

/** Queues are short-lived mostly: past this, taken slots are given back. */
const COMPACT_AT = 64;

/** Rejects, and lets nobody be punished for not listening. */
export function rejected(error: unknown): Promise<never> {
  const promise = Promise.reject(error);
  promise.catch(() => {});
  return promise;
}

/** A queue of messages with room for one waiting receiver. */
export class ReceiveQueue {
  #items: Message[] | undefined;
  #head = 0;
  /** Bytes of binary and UTF-16 units of text that wait. */
  bytes = 0;

  // Of the one that waits.
  #resolve: Resolve | undefined;
  #reject: ((error: unknown) => void) | undefined;
  #wantsResult = false;

  // Of the end.
  #ended = false;
  #normal = false;
  #error: (() => Error) | undefined;

  /** Called when a receiver finds nothing and begins to wait. */
  onidle: (() => void) | undefined;

  /** How many messages wait. */
  get length(): number {
    return this.#items === undefined ? 0 : this.#items.length - this.#head;
  }

  /** Whether a receiver waits for a message. */
  get waiting(): boolean {
    return this.#resolve !== undefined;
  }

  /** Hands a message to whoever waits, or keeps it. */
  push(message: Message): void {
    const resolve = this.#resolve;
    if (resolve !== undefined) {
      this.#resolve = this.#reject = undefined;
      resolve(this.#wantsResult ? { done: false, value: message } : message);
      return;
    }
    (this.#items ??= []).push(message);
    this.bytes += sizeOf(message);
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
    const reject = this.#reject;
    this.#resolve = this.#reject = undefined;
    if (resolve === undefined || reject === undefined) return;
    if (this.#wantsResult && normal) resolve(DONE);
    else reject(error());
  }

  /** Drops what waits, when nobody may receive it any more. */
  clear(): void {
    this.#items = undefined;
    this.#head = this.bytes = 0;
  }

  /** The next message; rejects once the queue is empty and ended. */
  receive(signal?: AbortSignal): Promise<Message> {
    if (signal?.aborted) return rejected(signal.reason);
    if (this.length > 0) return Promise.resolve(this.#take());
    if (this.#ended) return rejected(this.#error!());
    if (this.#resolve !== undefined) return rejected(busy());
    const promise = this.#wait(false) as Promise<Message>;
    if (signal === undefined) return promise;
    const mine = this.#reject;
    const abort = () => {
      if (this.#reject !== mine) return;
      this.#resolve = this.#reject = undefined;
      mine?.(signal.reason);
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
    if (this.#resolve !== undefined) return rejected(busy());
    return this.#wait(true) as Promise<Result>;
  }

  #wait(wantsResult: boolean): Promise<Message | Result> {
    this.#wantsResult = wantsResult;
    const promise = new Promise<Message | Result>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.onidle?.();
    return promise;
  }

  #take(): Message {
    const items = this.#items!;
    const message = items[this.#head]!;
    this.bytes -= sizeOf(message);
    this.#head++;
    if (this.#head === items.length) {
      this.#items = undefined;
      this.#head = 0;
    } else if (this.#head >= COMPACT_AT && this.#head * 2 >= items.length) {
      items.splice(0, this.#head);
      this.#head = 0;
    }
    return message;
  }
}

/** The weight of a message: bytes, or UTF-16 units of text. */
export function sizeOf(message: Message): number {
  return typeof message === "string" ? message.length : message.byteLength;
}

function busy(): TypeError {
  return new TypeError(
    "Cannot receive: another receive() still waits on this connection; cancel it through its signal first",
  );
}
