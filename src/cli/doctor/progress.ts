/**
 * Shows a person that an examination goes on.
 *
 * @module
 */

import { columns, visible } from "../output.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
const encoder = new TextEncoder();

/** A line at a terminal that moves while something is waited for. */
export class Progress implements Disposable {
  readonly #text: string;
  readonly #begun = performance.now();
  #timer: ReturnType<typeof setInterval> | undefined;
  #frame = 0;

  /**
   * Begins, where standard error is a terminal that may be drawn on.
   *
   * @param text What goes on.
   * @param shown Whether it is to be shown at all.
   */
  constructor(text: string, shown: boolean) {
    this.#text = visible(text);
    if (!shown || Deno.noColor || !Deno.stderr.isTerminal()) return;
    this.#timer = setInterval(() => this.#draw(), 120);
  }

  /** Takes the line away, so that others can be printed. */
  clear(): void {
    if (this.#timer !== undefined && this.#frame > 0) write("\r\x1b[K");
  }

  /** Ends it. */
  [Symbol.dispose](): void {
    this.clear();
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #draw(): void {
    const seconds = Math.floor((performance.now() - this.#begun) / 1000);
    const frame = FRAMES[this.#frame++ % FRAMES.length];
    const since = seconds > 0 ? ` ${seconds} s` : "";
    // What is longer than a line can't be taken away again.
    const line = `${frame} ${this.#text}${since}`.slice(
      0,
      columns("stderr") - 1,
    );
    write(`\r${line}\x1b[K`);
  }
}

function write(text: string): void {
  Deno.stderr.writeSync(encoder.encode(text));
}
