/**
 * When messages are sent: each as soon as another came back, or at a rate that
 * the server cannot slow down.
 *
 * @module
 */

import type { Line } from "./line.ts";

/** Decides which message is sent when. */
export interface Pace extends Disposable {
  /** Starts, or starts again: what was due before does not count. */
  start(): void;
  /** Ends; tells how many messages were due and are not sent, as no connection was free. */
  end(): number;
  /**
   * Told when a line has room again.
   *
   * @param wasFull Whether no line had any before.
   */
  answered(line: Line, now: number, wasFull: boolean): void;
}

/** Where messages go. */
export interface Lines {
  readonly all: readonly Line[];
  /** Whether none of them has room. */
  readonly full: boolean;
  /** Sends a message that was due at a time; `false` if there were enough. */
  send(line: Line, due: number): boolean;
}

/** Fills the window of each connection, and keeps it full. */
export class FullWindows implements Pace {
  readonly #lines: Lines;

  constructor(lines: Lines) {
    this.#lines = lines;
  }

  start(): void {
    for (const line of this.#lines.all) {
      while (line.free) {
        if (!this.#lines.send(line, performance.now())) return;
      }
    }
  }

  answered(line: Line, now: number): void {
    if (line.free) this.#lines.send(line, now);
  }

  end(): number {
    return 0;
  }

  [Symbol.dispose](): void {}
}

/** How often it is looked what is due, in milliseconds. */
const TICK = 1;

/** How late the timers of a healthy runtime are at most, in milliseconds. */
const GRAIN = 2;

/**
 * Sends at a rate. A message that finds no free connection counts from when it
 * was due: a server that stalls is not asked less, and its stall is seen in all
 * messages that were due in it. What the timer of this client alone is late does
 * not count, as long as it is no more than timers are.
 */
export class SteadyRate implements Pace {
  readonly #lines: Lines;
  readonly #interval: number;
  readonly #most: number;
  readonly #timer: ReturnType<typeof setInterval>;
  #from = 0;
  #next = 0;
  #turn = 0;
  #running = false;

  /**
   * @param rate Messages each second.
   * @param most How many are due at most.
   */
  constructor(lines: Lines, rate: number, most: number) {
    this.#lines = lines;
    this.#interval = 1000 / rate;
    this.#most = most;
    this.#timer = setInterval(() => this.#tick(), TICK);
  }

  start(): void {
    this.#running = true;
    this.#from = performance.now();
    this.#next = 0;
  }

  answered(line: Line, now: number, wasFull: boolean): void {
    if (!this.#running || this.#next >= this.#dueUntil(now)) return;
    // With room elsewhere, it was only the timer that it waited for.
    if (line.free) this.#sendNext(line, now, wasFull ? 0 : GRAIN);
  }

  end(): number {
    this.#tick();
    if (!this.#running) return 0;
    this.#running = false;
    return Math.max(0, this.#dueUntil(performance.now()) - this.#next);
  }

  [Symbol.dispose](): void {
    this.#running = false;
    clearInterval(this.#timer);
  }

  #tick(): void {
    if (!this.#running) return;
    const due = this.#dueUntil(performance.now());
    while (this.#next < due) {
      const line = this.#free();
      if (line === undefined) return;
      this.#sendNext(line, performance.now(), GRAIN);
    }
  }

  #sendNext(line: Line, now: number, grace: number): void {
    const due = this.#from + this.#next++ * this.#interval;
    this.#lines.send(line, now - due <= grace ? now : due);
  }

  /** How many were due until then. */
  #dueUntil(now: number): number {
    const due = Math.floor((now - this.#from) / this.#interval) + 1;
    return Math.min(due, this.#most);
  }

  /** The next line in turn that is free. */
  #free(): Line | undefined {
    const { all, full } = this.#lines;
    if (full) return undefined;
    const { length } = all;
    for (let tried = 0; tried < length; tried++) {
      this.#turn = (this.#turn + 1) % length;
      const line = all[this.#turn];
      if (line?.free) return line;
    }
    return undefined;
  }
}
