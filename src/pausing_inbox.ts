/**
 * The incoming side of a connection whose engine can leave on the network what
 * nobody receives.
 *
 * @module
 */

import type { FlowControl, Message } from "./channel.ts";
import { Inbox } from "./inbox.ts";
import type { ResolvedLimits } from "./limits.ts";
import type { MessageRate } from "./message_rate.ts";

/** An inbox that lets the peer wait when it is full. */
export class PausingInbox extends Inbox {
  readonly #limits: ResolvedLimits;
  readonly #flow: FlowControl;

  constructor(
    flow: FlowControl,
    limits: ResolvedLimits,
    rate: MessageRate | undefined,
  ) {
    super(limits, rate);
    this.#limits = limits;
    this.#flow = flow;
  }

  override resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.ontake = undefined;
    this.#flow.resume();
  }

  protected override keep(message: Message): undefined {
    const isKept = !this.waiting;
    this.push(message);
    if (isKept && !this.paused && this.#isFull(1)) this.#pause();
  }

  #pause(): void {
    this.paused = true;
    this.#flow.pause();
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
}
