/**
 * Lines to somebody who may not read them: nothing waits for that.
 *
 * @module
 */

/** How much waits to be read, in bytes; what is over that is dropped. */
const MOST = 2 ** 20;

/** How long the last lines have, in milliseconds. */
const LAST_MOMENT = 1_000;

/** Where an {@linkcode Outlet} writes to, such as `Deno.stdout`. */
export interface Sink {
  write(bytes: Uint8Array): Promise<number>;
}

/** What waits, and how many lines are lost with it. */
interface Entry {
  readonly bytes: Uint8Array;
  readonly lines: number;
}

/**
 * Writes lines in the background, in their order. Where whoever reads them does
 * not keep up, those that find no room are dropped until all that waits is read,
 * and then their number is told: so a log has one gap, and says where. What
 * cannot be written, on a full disk or to a terminal that was closed, is dropped
 * in the same way.
 */
export class Outlet {
  readonly #to: Sink;
  readonly #lost: (lines: number) => string;
  #waiting: Entry[] = [];
  #size = 0;
  #dropped = 0;
  #writing: Promise<void> | undefined;

  /** Writes to `to`; `lost` makes the line that tells how many were dropped. */
  constructor(to: Sink, lost: (lines: number) => string) {
    this.#to = to;
    this.#lost = lost;
  }

  /** Takes a line, which is written when its turn comes; never throws. */
  put(line: string): void {
    const isFull = this.#dropped > 0 || this.#size + line.length > MOST;
    if (isFull && this.#writing !== undefined) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) this.#tellLost();
    this.#push(line);
    this.#writing ??= this.#write();
  }

  /** Resolves when all is written, or after a second: who does not read by then has it not. */
  async flush(): Promise<void> {
    if (this.#writing === undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_MOMENT);
    });
    await Promise.race([this.#writing, over]);
    clearTimeout(timer);
  }

  #push(line: string, lines = 1): void {
    const bytes = new TextEncoder().encode(`${line}\n`);
    this.#waiting.push({ bytes, lines });
    this.#size += bytes.length;
  }

  #tellLost(): void {
    this.#push(this.#lost(this.#dropped), this.#dropped);
    this.#dropped = 0;
  }

  async #write(): Promise<void> {
    let batch: Entry[] = [];
    try {
      while (this.#waiting.length > 0) {
        batch = this.#waiting.splice(0);
        const bytes = joined(batch.map(({ bytes }) => bytes));
        for (let at = 0; at < bytes.length;) {
          at += await this.#to.write(bytes.subarray(at));
        }
        this.#size -= bytes.length;
        batch = [];
        if (this.#waiting.length === 0 && this.#dropped > 0) this.#tellLost();
      }
    } catch {
      for (const { lines } of [...batch, ...this.#waiting]) {
        this.#dropped += lines;
      }
      this.#waiting = [];
      this.#size = 0;
    }
    this.#writing = undefined;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(
    parts.reduce((size, { length }) => size + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
