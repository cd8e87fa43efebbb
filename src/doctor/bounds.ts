/**
 * Ends what is waited for: after its time, or when nobody waits any more.
 *
 * @module
 */

/** A signal that aborts after some time or with another one, until it is disposed. */
export class Bounds implements Disposable {
  readonly #stop: AbortController = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #outer: AbortSignal | undefined;
  readonly #abort = (): void => this.#stop.abort(this.#outer?.reason);

  /**
   * @param ms After how many milliseconds.
   * @param outer The other signal.
   */
  constructor(ms: number, outer: AbortSignal | undefined) {
    this.#outer = outer;
    this.#timer = setTimeout(() => {
      this.#stop.abort(
        new DOMException(
          `Cannot wait longer: ${ms} ms are over`,
          "TimeoutError",
        ),
      );
    }, ms);
    outer?.addEventListener("abort", this.#abort, { once: true });
    if (outer?.aborted) this.#abort();
  }

  /** Aborts at the end. */
  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  /** Aborts nothing any more. */
  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#outer?.removeEventListener("abort", this.#abort);
  }
}

/** Whether something failed because its time was over. */
export function isLate(error: unknown): boolean {
  return error instanceof DOMException && error.name === "TimeoutError";
}
