/**
 * What measuring costs the client: whether it, and not the server, is the limit.
 *
 * @module
 */

import process from "node:process";
import { Histogram } from "./histogram.ts";

/** How often it is looked whether timers come in time, in milliseconds. */
const BEAT = 20;

/** How much of a core the client must take to count as the limit. */
const BUSY = 0.9;

/** The client's share of a core, and how late its timers were. */
export class ClientCost {
  readonly #lag = new Histogram();
  #timer: ReturnType<typeof setInterval> | undefined;
  #from = 0;
  #cpu: { user: number; system: number } | undefined;
  #share = 0;

  /** Begins to look. */
  begin(): void {
    this.#from = performance.now();
    this.#cpu = process.cpuUsage();
    let due = this.#from + BEAT;
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#lag.add(Math.max(0, now - due));
      due = now + BEAT;
    }, BEAT);
  }

  /** Looks no more; a second call changes nothing. */
  end(): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    const { user, system } = process.cpuUsage(this.#cpu);
    const elapsed = Math.max(1, performance.now() - this.#from);
    this.#share = (user + system) / 1000 / elapsed;
  }

  /** How much of one core this process took; over 1 if its helpers took some of others. */
  get cpuShare(): number {
    return this.#share;
  }

  /** How late timers were, in milliseconds. */
  get lag(): { p50: number; p99: number; max: number } {
    const { max } = this.#lag;
    return {
      p50: this.#lag.quantile(0.5),
      p99: this.#lag.quantile(0.99),
      max,
    };
  }

  /** Whether the client was as busy as can be: the figures are then a lower bound of the server's. */
  get isLimit(): boolean {
    return this.#share >= BUSY;
  }
}
