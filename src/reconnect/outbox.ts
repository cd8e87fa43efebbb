/**
 * The messages that wait for a connection, or for the peer to acknowledge them.
 *
 * @module
 */

import { type MessageLike, mistakeIn, sizeOf } from "../channel.ts";
import type { Connection } from "../connection.ts";
import { checkCount, shown } from "../limits.ts";
import { rejected } from "../receive_queue.ts";
import { copy } from "../send_buffer.ts";

/** What becomes of messages, and how many may wait. */
export interface OutboxRules {
  readonly delivery: "at-most-once" | "at-least-once";
  readonly overflow: "reject" | "drop-oldest" | "drop-newest";
  readonly maxOutboxMessages: number;
  readonly maxOutboxBytes: number;
}

/** A connection, and what it was given. */
export interface Line {
  readonly ws: Connection;
  /** What was sent on it, and not acknowledged to it: the oldest first. */
  readonly sent: Letter[];
}

/** A message on its way. */
interface Letter {
  data: MessageLike;
  readonly size: number;
  readonly settled: PromiseWithResolvers<boolean>;
  acknowledged: boolean;
}

/** A queue that outlives connections. */
export class Outbox {
  readonly #rules: OutboxRules;
  readonly #keeps: boolean;

  // In the order of `send()`; those that were sent on this line, but have to be
  // kept, are in front: there are `#sent` of them.
  readonly #letters: Letter[] = [];
  #sent = 0;
  #bytes = 0;

  #line: Line | undefined;
  #busy = false;
  #error: (() => unknown) | undefined;

  constructor(rules: OutboxRules) {
    this.#rules = rules;
    this.#keeps = rules.delivery === "at-least-once";
  }

  /** How many messages wait to be sent or acknowledged. */
  get length(): number {
    return this.#letters.length;
  }

  /**
   * Sends one message, or keeps it until there is a connection with room. The
   * promise resolves once it is in the connection's send buffer and that has
   * room again: with `true`, or with `false` when it was dropped.
   */
  send(data: MessageLike): Promise<boolean> {
    const mistake = mistakeIn(data);
    if (mistake !== undefined) return rejected(mistake);
    if (this.#error !== undefined) return rejected(this.#error());
    const size = sizeOf(data);
    if (!this.#hasRoom(size)) {
      if (this.#rules.overflow === "drop-newest") return Promise.resolve(false);
      return rejected(this.#full());
    }
    const settled = Promise.withResolvers<boolean>();
    settled.promise.catch(() => {});
    const letter = { data, size, settled, acknowledged: false };
    this.#letters.push(letter);
    this.#bytes += size;
    this.#pump();
    // What left is copied already.
    if (typeof data !== "string" && this.#letters.at(-1) === letter) {
      letter.data = copy(data);
    }
    return settled.promise;
  }

  /** Begins to send on another connection, with what has to be sent again. */
  attach(line: Line): void {
    this.#line = line;
    this.#sent = 0;
    this.#pump();
  }

  /** Sends all that waits, whether there is room or not: the connection is to be closed. */
  flush(): void {
    while (this.#canSend()) this.#give();
  }

  /** Forgets the oldest that were sent on `line`: the peer has them. */
  acknowledge(line: Line | undefined, count: number): void {
    if (!this.#keeps) {
      throw new TypeError(
        'Cannot acknowledge: messages are kept with delivery: "at-least-once" only',
      );
    }
    const sent = line?.sent ?? [];
    if (sent.length === 0) {
      throw new RangeError(
        "Cannot acknowledge: nothing that was sent on the connection last received from waits for it",
      );
    }
    if (!Number.isSafeInteger(count) || count < 1 || count > sent.length) {
      throw new RangeError(
        `Cannot acknowledge: the count must be a whole number from 1 to the number of messages that wait for it on the connection last received from, ${sent.length}, current value is ${count}`,
      );
    }
    for (const letter of sent.splice(0, count)) {
      letter.acknowledged = true;
      letter.settled.resolve(true);
    }
    while (this.#letters[0]?.acknowledged) {
      this.#shift();
      if (this.#sent > 0) this.#sent--;
    }
    this.#pump();
  }

  /** Takes no more messages. */
  refuse(error: () => unknown): void {
    this.#error = error;
  }

  /** Drops what waits and tells those who wait why; nothing is taken any more. */
  clear(): void {
    this.#line = undefined;
    for (const { settled } of this.#letters.splice(0)) {
      settled.reject(this.#error?.());
    }
  }

  /** Whether one more message has room, after old ones were dropped where they may be. */
  #hasRoom(size: number): boolean {
    const { overflow, maxOutboxBytes, maxOutboxMessages } = this.#rules;
    if (size > maxOutboxBytes) return false;
    while (
      this.#letters.length >= maxOutboxMessages ||
      this.#bytes + size > maxOutboxBytes
    ) {
      if (overflow !== "drop-oldest") return false;
      this.#shift()?.settled.resolve(false);
    }
    return true;
  }

  #full(): RangeError {
    const { maxOutboxBytes, maxOutboxMessages } = this.#rules;
    return new RangeError(
      `Cannot send: it is more than ${maxOutboxMessages} messages (maxOutboxMessages) or ${maxOutboxBytes} bytes (maxOutboxBytes) that wait to be ${
        this.#keeps ? "acknowledged; acknowledge() what the peer has" : "sent"
      }; await send()`,
    );
  }

  #canSend(): boolean {
    return this.#line?.ws.open === true && this.#sent < this.#letters.length;
  }

  /** Sends while there is room; the next call of anything goes on. */
  async #pump(): Promise<void> {
    if (this.#busy) return;
    this.#busy = true;
    while (this.#canSend()) await this.#give();
    this.#busy = false;
  }

  /** Hands the next message to the connection, and waits until that has room. */
  async #give(): Promise<void> {
    const line = this.#line;
    const letter = this.#keeps ? this.#letters[this.#sent++] : this.#shift();
    if (line === undefined || letter === undefined) return;
    if (this.#keeps) line.sent.push(letter);
    const { data, settled } = letter;
    try {
      await line.ws.send(data);
      settled.resolve(true);
    } catch (error) {
      // What is kept is sent again.
      if (!this.#keeps) settled.reject(error);
    }
  }

  #shift(): Letter | undefined {
    const letter = this.#letters.shift();
    this.#bytes -= letter?.size ?? 0;
    return letter;
  }
}

/**
 * Checks the rules and fills in the defaults.
 *
 * @throws {TypeError} If a choice is none of those that there are.
 * @throws {RangeError} If a number makes no sense.
 */
export function resolveOutbox(
  options: { [Name in keyof OutboxRules]?: OutboxRules[Name] | undefined },
): OutboxRules {
  const {
    delivery = "at-most-once",
    overflow = "reject",
    maxOutboxMessages = 1024,
    maxOutboxBytes = 16 << 20,
  } = options;
  checkChoice("delivery", delivery, ["at-most-once", "at-least-once"]);
  checkChoice("overflow", overflow, ["reject", "drop-oldest", "drop-newest"]);
  if (delivery === "at-least-once" && overflow !== "reject") {
    throw new TypeError(
      'Cannot use overflow: delivery "at-least-once" drops nothing; leave overflow out',
    );
  }
  checkCount("maxOutboxMessages", maxOutboxMessages);
  checkCount("maxOutboxBytes", maxOutboxBytes);
  return { delivery, overflow, maxOutboxMessages, maxOutboxBytes };
}

function checkChoice(
  name: string,
  value: string,
  choices: readonly string[],
): void {
  if (choices.includes(value)) return;
  throw new TypeError(
    `Cannot use ${name}: it must be one of ${
      choices.join(", ")
    }, current value is ${shown(value)}`,
  );
}
