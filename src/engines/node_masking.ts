/**
 * Masking (RFC 6455, section 5.3) by words of four bytes.
 *
 * npm:ws takes it from `node:http` where that has it, as newer Node does. This
 * runtime's has not; then ws goes byte by byte, and looks for a native module of
 * which an environment variable tells it not to. So these are there while ws is
 * loaded, and gone after.
 *
 * @module
 */

import http from "node:http";

/** Unmasks a payload in place. */
export function unmask(data: Uint8Array, mask: Uint8Array): void {
  apply(data, mask);
}

/** Writes `length` bytes of a payload, masked, from `offset` on. */
export function mask(
  source: Uint8Array,
  mask: Uint8Array,
  output: Uint8Array,
  offset: number,
  length: number,
): void {
  const target = output.subarray(offset, offset + length);
  target.set(source.subarray(0, length));
  apply(target, mask);
}

function apply(data: Uint8Array, mask: Uint8Array): void {
  const { buffer, byteOffset, length } = data;
  // Words begin at multiples of four.
  let at = 0;
  for (const lead = Math.min(length, -byteOffset & 3); at < lead; at++) {
    data[at]! ^= mask[at & 3]!;
  }
  if (at === length) return;
  // All that Deno runs on puts the first byte of a word lowest.
  const word = mask[at & 3]! | mask[(at + 1) & 3]! << 8 |
    mask[(at + 2) & 3]! << 16 | mask[(at + 3) & 3]! << 24;
  const words = new Int32Array(buffer, byteOffset + at, (length - at) >> 2);
  for (let index = 0; index < words.length; index++) words[index]! ^= word;
  for (at += 4 * words.length; at < length; at++) data[at]! ^= mask[at & 3]!;
}

// Keys must not be foreseen (RFC 6455, section 5.3); to ask for each alone takes
// longer than to mask.
const pool = new Uint8Array(8192);
let used = pool.length;

/** The size of a key, in bytes. */
export const KEY_SIZE = 4;

/** Below so many bytes views on them take longer than to go byte by byte. */
const FEW = 24;

/** Masks what is in a frame from `start` on, with a key of chance that it puts before. */
export function maskAnew(frame: Uint8Array, start: number): void {
  if (used === pool.length) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  const key = used;
  used += KEY_SIZE;
  for (let at = 0; at < KEY_SIZE; at++) {
    frame[start - KEY_SIZE + at] = pool[key + at]!;
  }
  if (frame.length - start >= FEW) {
    return apply(frame.subarray(start), pool.subarray(key, used));
  }
  for (let at = start; at < frame.length; at++) {
    frame[at]! ^= pool[key + (at - start & 3)]!;
  }
}

/** What ws looks for. */
interface Masking {
  websocketMask?: typeof mask;
  websocketUnmask?: typeof unmask;
}

const runtime = http as Masking;
const own = runtime.websocketMask !== undefined;
if (!own) {
  Object.assign(runtime, { websocketMask: mask, websocketUnmask: unmask });
}

/** Leaves `node:http` as it was. */
export function withdraw(): void {
  if (own) return;
  delete runtime.websocketMask;
  delete runtime.websocketUnmask;
}
