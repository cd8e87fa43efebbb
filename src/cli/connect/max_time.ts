/**
 * The time that `--max-time` gives a command.
 *
 * @module
 */

import { shownDuration } from "../values.ts";

/** Begins with the command, and is over sooner or later. */
export class MaxTime {
  readonly #over: AbortController = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param ms How long it is, in milliseconds; without end if left out. */
  constructor(ms: number | undefined) {
    if (ms === undefined) return;
    this.#timer = setTimeout(() => {
      const text = `Cannot go on: --max-time of ${shownDuration(ms)} is over`;
      this.#over.abort(new DOMException(text, "TimeoutError"));
    }, ms);
  }

  /** Aborts when it is over. */
  get signal(): AbortSignal {
    return this.#over.signal;
  }

  /** Waits for what cannot be called off, such as a pipe that nobody writes to. */
  async wait<T>(work: Promise<T>): Promise<T> {
    const { signal } = this;
    signal.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const give = () => reject(signal.reason);
    signal.addEventListener("abort", give);
    try {
      return await Promise.race([work, promise]);
    } finally {
      signal.removeEventListener("abort", give);
    }
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }
}
