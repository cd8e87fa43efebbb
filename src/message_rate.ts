/**
 * How many messages a peer may send in a time.
 *
 * @module
 */

import { CloseCode } from "./close_code.ts";

/** The rule that each connection of a server is measured by. */
export interface RateRule {
  /** How many messages a second go on for ever. */
  readonly perSecond: number;
  /** How many may come at once after a silence. */
  readonly burst: number;
}

/** A token bucket: it holds `burst` and gains `perSecond`; each message takes one. */
export class MessageRate {
  readonly #rule: RateRule;
  #tokens: number;
  #filledAt = performance.now();

  constructor(rule: RateRule) {
    this.#rule = rule;
    this.#tokens = rule.burst;
  }

  /** What a peer is told that sent too many. */
  get refusal(): { code: number; reason: string } {
    const { perSecond } = this.#rule;
    const reason =
      `more than ${perSecond} messages a second (maxMessagesPerSecond)`;
    return { code: CloseCode.PolicyViolation, reason };
  }

  /** Counts a message; `false` if it is one too many. */
  take(): boolean {
    const now = performance.now();
    const { perSecond, burst } = this.#rule;
    const gained = (now - this.#filledAt) / 1000 * perSecond;
    this.#filledAt = now;
    this.#tokens = Math.min(burst, this.#tokens + gained);
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
