/**
 * The incoming side of a connection: which messages are taken, and what happens
 * when they come faster than they are received.
 *
 * @module
 */

import type { Beat } from "./application_heartbeat.ts";
import type { Message } from "./channel.ts";
import { CloseCode } from "./close_code.ts";
import type { ResolvedLimits } from "./limits.ts";
import type { MessageRate } from "./message_rate.ts";
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
  readonly #rate: MessageRate | undefined;
  /** Whether what comes is left on the network, see `PausingInbox`. */
  paused = false;

  constructor(limits: ResolvedLimits, rate: MessageRate | undefined) {
    super();
    this.#limits = limits;
    this.#rate = rate;
  }

  /** Takes a message, unless `beat` does, or says why not. */
  take(message: Message, beat?: Beat): Refusal | undefined {
    if (this.#isTooBig(message)) return this.#tooBig();
    if (this.#rate?.take() === false) return this.#rate.refusal;
    if (beat !== undefined && beat.hears(message)) return undefined;
    return this.keep(message);
  }

  /** Hands a message that may be taken on, or keeps it if there is room. */
  protected keep(message: Message): Refusal | undefined {
    if (!this.waiting) {
      if (this.length >= this.#limits.maxQueuedMessages) {
        return this.#tooSlow(
          "maxQueuedMessages",
          "messages wait to be received",
        );
      }
      if (this.bytes >= this.#limits.maxQueuedBytes) {
        return this.#tooSlow("maxQueuedBytes", "bytes wait to be received");
      }
    }
    this.push(message);
    return undefined;
  }

  /** Takes what comes off the network again. */
  resume(): void {}

  #isTooBig(message: Message): boolean {
    const { maxMessageSize } = this.#limits;
    if (typeof message !== "string") return message.length > maxMessageSize;
    // A UTF-16 unit is at most three bytes of UTF-8.
    return 3 * message.length > maxMessageSize &&
      encoder.encode(message).length > maxMessageSize;
  }

  #tooBig(): Refusal {
    const { maxMessageSize } = this.#limits;
    const reason = `message over ${maxMessageSize} bytes (maxMessageSize)`;
    return { code: CloseCode.MessageTooBig, reason };
  }

  #tooSlow(
    limit: "maxQueuedMessages" | "maxQueuedBytes",
    what: string,
  ): Refusal {
    const reason = `more than ${this.#limits[limit]} ${what} (${limit})`;
    return { code: CloseCode.TryAgainLater, reason, slow: true };
  }
}
