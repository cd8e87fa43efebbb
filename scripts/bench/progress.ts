/**
 * How far the benchmark is, on standard error.
 *
 * @module
 */

import type { Step } from "./run.ts";

/** The bar, in columns. */
const WIDTH = 24;

/** From when on the rest of the time can be told, of 0 to 1. */
const ENOUGH = 0.02;

/** One line in the place of the one before on a terminal; elsewhere a line now and then. */
export class Progress implements Disposable {
  readonly #terminal: boolean = Deno.stderr.isTerminal();
  readonly #began: number = performance.now();
  #told = -1;

  /** Shows a step. */
  show({ what, done }: Step): void {
    const percent = Math.floor(done * 100);
    const left = this.#left(done);
    if (this.#terminal) {
      const full = Math.round(done * WIDTH);
      const bar = "█".repeat(full) + "░".repeat(WIDTH - full);
      const line = `${bar} ${percent} %${left}  ${what}`;
      const { columns } = this.#size();
      this.#write(`\r\x1b[K${line.slice(0, columns - 1)}`);
      return;
    }
    // In a log, each tenth is enough.
    if (Math.floor(percent / 10) === this.#told) return;
    this.#told = Math.floor(percent / 10);
    this.#write(`${percent} %${left}  ${what}\n`);
  }

  [Symbol.dispose](): void {
    if (this.#terminal) this.#write("\r\x1b[K");
  }

  #left(done: number): string {
    if (done < ENOUGH) return "";
    const elapsed = performance.now() - this.#began;
    const seconds = Math.round(elapsed * (1 - done) / done / 1000);
    const text = seconds < 90
      ? `${seconds} s`
      : `${Math.round(seconds / 60)} min`;
    return `, ${text} left`;
  }

  #size(): { columns: number } {
    try {
      return Deno.consoleSize();
    } catch {
      return { columns: 80 };
    }
  }

  #write(text: string): void {
    Deno.stderr.writeSync(new TextEncoder().encode(text));
  }
}
