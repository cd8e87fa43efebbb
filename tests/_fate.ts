/**
 * Time and chance that tests of reconnecting have in their hands.
 *
 * @module
 */

import type { Fate } from "../src/reconnect/backoff.ts";
import { Dice } from "./attacks/_mutate.ts";

/** Numbers from 0 up to 1 that are the same for the same seed. */
export function seeded(seed: number): () => number {
  const dice = new Dice(seed);
  return () => dice.roll(2 ** 32) / 2 ** 32;
}

/** A clock that stands still but for waits, and these take no time. */
export class FakeFate implements Fate {
  /** How long the waits should have taken, in milliseconds. */
  readonly waits: number[] = [];
  /** Milliseconds of the clock. */
  clock = 0;
  /** What it is always; by default, all of the bound. */
  readonly random: () => number;

  constructor(random: () => number = () => 1) {
    this.random = random;
  }

  now(): number {
    return this.clock;
  }

  date(): number {
    return Date.UTC(2030, 0, 1) + this.clock;
  }

  wait(_signal: AbortSignal, ms: number): Promise<void> {
    this.waits.push(ms);
    this.clock += ms;
    return Promise.resolve();
  }
}
