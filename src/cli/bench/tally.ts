/**
 * What is counted while a measurement runs.
 *
 * @module
 */

import { ClientCost } from "./client_cost.ts";
import { Failures } from "./failures.ts";
import { Histogram } from "./histogram.ts";

/** How far a measurement is. */
export type Phase = "connecting" | "warming up" | "measuring" | "ending";

/** A stretch of time, and what happened in it. */
export interface Sample {
  /** When it ended, in milliseconds since the beginning. */
  readonly at: number;
  /** How long it was, in milliseconds. */
  readonly span: number;
  /** Messages that came back, or handshakes. */
  readonly messages: number;
  /** How many connections are open. */
  readonly open: number;
}

/** How many samples are kept; past that, two become one. */
const SAMPLES = 400;

/** How long a sample is at first, in milliseconds. */
const SPAN = 100;

/** The counts of one measurement. */
export class Tally implements Disposable {
  /** From when a message was due until it was back. */
  readonly latency: Histogram = new Histogram();
  /** How long connections took to open. */
  readonly connecting: Histogram = new Histogram();
  readonly failures: Failures = new Failures();
  /** What the client itself takes while it measures. */
  readonly cost: ClientCost = new ClientCost();
  phase: Phase = "connecting";

  // Of the time that is measured.
  /** Messages that came back, or handshakes. */
  messages = 0;
  bytes = 0;
  sent = 0;
  /** When it began and ended, as `performance.now()` tells. */
  from = 0;
  to = 0;

  // Of connections.
  opened = 0;
  failed = 0;
  /** How many ended before their time. */
  lost = 0;
  open = 0;

  /** When anything last came. */
  lastSign: number = performance.now();

  readonly began: number = performance.now();
  readonly #timer: ReturnType<typeof setInterval>;
  #samples: Sample[] = [];
  #span = SPAN;
  #seen = 0;
  #seenAt: number = this.began;
  #seenInAll = 0;

  constructor() {
    this.#timer = setInterval(() => this.#look(), SPAN);
  }

  /** What happened, stretch by stretch, from the beginning on. */
  get samples(): readonly Sample[] {
    return this.#samples;
  }

  /** Messages that came back in all, also while it was not measured. */
  get inAll(): number {
    return this.#seenInAll;
  }

  /** Whether it is measured. */
  get measuring(): boolean {
    return this.phase === "measuring";
  }

  /** How long was measured, in milliseconds. */
  get elapsed(): number {
    if (this.from === 0) return 0;
    return (this.to || performance.now()) - this.from;
  }

  /** How many messages came back each second. */
  get messageRate(): number {
    const { elapsed } = this;
    return elapsed === 0 ? 0 : this.messages * 1000 / elapsed;
  }

  /** Counts a message that came, or a handshake. */
  count(now: number, bytes: number): void {
    this.lastSign = now;
    this.#seenInAll++;
    if (this.phase !== "measuring") return;
    this.messages++;
    this.bytes += bytes;
  }

  /** Begins to measure. */
  begin(): void {
    this.phase = "measuring";
    this.from = performance.now();
    this.lastSign = this.from;
    this.cost.begin();
  }

  /** Measures no more; a second call changes nothing. */
  end(): void {
    if (this.phase === "measuring") {
      this.to = performance.now();
      this.cost.end();
    }
    this.phase = "ending";
  }

  [Symbol.dispose](): void {
    this.end();
    this.cost.end();
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    const span = now - this.#seenAt;
    if (span < this.#span * 0.9) return;
    const messages = this.#seenInAll - this.#seen;
    this.#seenAt = now;
    this.#seen = this.#seenInAll;
    const at = now - this.began;
    this.#samples.push({ at, span, messages, open: this.open });
    if (this.#samples.length > SAMPLES) {
      this.#span *= 2;
      this.#samples = inPairs(this.#samples);
    }
  }
}

function inPairs(samples: readonly Sample[]): Sample[] {
  const pairs: Sample[] = [];
  for (let index = 0; index < samples.length; index += 2) {
    const [one, other] = samples.slice(index, index + 2);
    if (one === undefined) break;
    pairs.push(
      other === undefined ? one : {
        ...other,
        span: one.span + other.span,
        messages: one.messages + other.messages,
      },
    );
  }
  return pairs;
}
