/**
 * Comparing secrets so that the time it takes tells nothing about them.
 *
 * @module
 */

import { timingSafeEqual } from "@std/crypto/timing-safe-equal";

const encoder = new TextEncoder();

/** A secret to compare with, as UTF-8; nothing prints it. */
export class Secret {
  readonly #expected: Uint8Array<ArrayBuffer>;

  constructor(text: string) {
    this.#expected = encoder.encode(text);
  }

  /**
   * Whether these bytes are the secret. The same work is done for each content:
   * what is given is cut or filled up to the length of the secret, and a wrong
   * length does not end the comparison.
   */
  equals(given: Uint8Array): boolean {
    const { length } = this.#expected;
    const padded = new Uint8Array(length);
    padded.set(given.subarray(0, length));
    const sameBytes = timingSafeEqual(padded, this.#expected);
    const sameLength = given.length === length;
    return sameBytes && sameLength;
  }
}

/** The bytes of a text that a client presents, for {@linkcode Secret.equals}. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** The names and values of a record of secrets that was given as an option. */
export function secretEntries(
  option: string,
  record: Record<string, string>,
): [string, string][] {
  const isRecord = typeof record === "object" && record !== null &&
    !Array.isArray(record);
  const entries = isRecord ? Object.entries(record) : [];
  if (entries.length === 0) {
    throw new TypeError(
      `Cannot use ${option}: it must be an object of names and secrets, with one at least`,
    );
  }
  return entries;
}
