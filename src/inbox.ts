/**
 * The incoming side of a connection: which messages are taken, and what happens
 * when they come faster than they are received.
 *
 * @module
 */

import type { FlowControl, Message } from "./channel.ts";
import { CloseCode } from "./close_code.ts";
import type { ResolvedLimits } from "./limits.ts";
import { MessageRate, type RateRule } from "./message_rate.ts";
import { ReceiveQueue } from "./receive_queue.ts";

/** Why a message is not taken, and with that the connection closed. */
export interface Refusal {
  readonly code: number;
  readonly reason: string;
  /** Whether this side is at fault, which does not receive fast enough. */
  readonly slow?: boolean;
}

const encoder = new TextEncoder();

/** The queue of what came, with its limits. */
export class Inbox extends ReceiveQueue {
  readonly #limits: ResolvedLimits;
  readonly #flow: FlowControl | undefined;
  readonly #rule: RateRule | undefined;
  readonly #rate: MessageRate | undefined;
  /** Whether what comes is left on the network. */
  paused = false;

  constructor(
    limits: ResolvedLimits,
    flow: FlowControl | undefined,
    rule: RateRule | undefined,
  ) {
    super();
    this.#limits = limits;
    this.#flow = flow;
    this.#rule = rule;
    if (rule !== undefined) this.#rate = new MessageRate(rule);
  }

  /** Takes a message, or says why not. */
  take(data: string | ArrayBuffer): Refusal | undefined {
    if (this.#isTooBig(data)) return this.#tooBig();
    if (this.#rate?.take() === false) return this.#tooMany();
    const message: Message = typeof data === "string"
      ? data
      : new Uint8Array(data);
    if (this.waiting) {
      this.push(message);
      return undefined;
    }
    if (this.#flow !== undefined) {
      this.push(message);
      if (!this.paused && this.#isFull(1)) this.#pause(this.#flow);
      return undefined;
    }
    if (this.length >= this.#limits.maxQueuedMessages) {
      return this.#tooSlow(
        "maxQueuedMessages",
        "messages wait to be received",
      );
    }
    if (this.bytes >= this.#limits.maxQueuedBytes) {
      return this.#tooSlow("maxQueuedBytes", "bytes wait to be received");
    }
    this.push(message);
    return undefined;
  }

  /** Takes what comes off the network again. */
  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.ontake = undefined;
    this.#flow?.resume();
  }

  #pause(flow: FlowControl): void {
    this.paused = true;
    flow.pause();
    this.ontake = () => {
      if (!this.#isFull(0.5)) this.resume();
    };
  }

  /** Whether more than this share of what may wait does. */
  #isFull(share: number): boolean {
    const { maxQueuedMessages, maxQueuedBytes } = this.#limits;
    return this.length >= maxQueuedMessages * share ||
      this.bytes >= maxQueuedBytes * share;
  }

  #isTooBig(data: string | ArrayBuffer): boolean {
    const { maxMessageSize } = this.#limits;
    if (typeof data !== "string") return data.byteLength > maxMessageSize;
    // A UTF-16 unit is at most three bytes of UTF-8.
    return 3 * data.length > maxMessageSize &&
      encoder.encode(data).length > maxMessageSize;
  }

  #tooBig(): Refusal {
    const { maxMessageSize } = this.#limits;
    const reason = `message over ${maxMessageSize} bytes (maxMessageSize)`;
    return { code: CloseCode.MessageTooBig, reason };
  }

  #tooMany(): Refusal {
    const { perSecond } = this.#rule!;
    const reason =
      `more than ${perSecond} messages a second (maxMessagesPerSecond)`;
    return { code: CloseCode.PolicyViolation, reason };
  }

  #tooSlow(
    limit: "maxQueuedMessages" | "maxQueuedBytes",
    what: string,
  ): Refusal {
    const reason = `more than ${this.#limits[limit]} ${what} (${limit})`;
    return { code: CloseCode.TryAgainLater, reason, slow: true };
  }
}
