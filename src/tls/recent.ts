/**
 * Remembers texts, as many as it may.
 *
 * @module
 */

/** The texts that were added or asked for last. */
export class Recent {
  readonly #texts = new Set<string>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  /** Remembers a text, if need be in place of the one that was not asked for the longest. */
  add(text: string): void {
    this.#texts.delete(text);
    this.#texts.add(text);
    if (this.#texts.size <= this.#max) return;
    const [oldest] = this.#texts;
    if (oldest !== undefined) this.#texts.delete(oldest);
  }

  /** Tells whether a text is remembered. */
  has(text: string): boolean {
    if (!this.#texts.has(text)) return false;
    this.add(text);
    return true;
  }
}
