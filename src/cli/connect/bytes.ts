/**
 * Bytes put together.
 *
 * @module
 */

/** All parts in one; of a single one no copy is made. */
export function joined(
  parts: Uint8Array<ArrayBuffer>[],
): Uint8Array<ArrayBuffer> {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const whole = new Uint8Array(
    parts.reduce((size, { length }) => size + length, 0),
  );
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
