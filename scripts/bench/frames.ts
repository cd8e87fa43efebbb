/**
 * WebSocket frames made by hand, once: what a client sends, and what an echo of
 * it must look like (RFC 6455, section 5.2).
 *
 * @module
 */

/** A message that is sent over and over. */
export interface Shape {
  /** Bytes of payload. */
  size: number;
  /** Whether it is text, else binary. */
  text: boolean;
  /** How many are on their way at a time. */
  window: number;
}

/** The bytes of a message, both ways. */
export interface Frames {
  /** At index n: n messages in a row, masked. */
  readonly requests: readonly Uint8Array<ArrayBuffer>[];
  /** The one unmasked frame that answers a message. */
  readonly reply: Uint8Array<ArrayBuffer>;
}

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const FINAL = 0x80;
const MASKED = 0x80;
const MASK = [0x9a, 0x3c, 0x71, 0xe5] as const;
const NORMAL_CLOSURE = [0x03, 0xe8];

/** A close frame with code 1000, of a client. */
export const closeRequest: Uint8Array<ArrayBuffer> = masked(
  CLOSE,
  new Uint8Array(NORMAL_CLOSURE),
);

/** The close frame that a server answers with. */
export const closeReply: Uint8Array<ArrayBuffer> = frame(
  CLOSE,
  0,
  new Uint8Array(NORMAL_CLOSURE),
);

/** Makes all frames that the load of one shape takes. */
export function makeFrames({ size, text, window }: Shape): Frames {
  const opcode = text ? TEXT : BINARY;
  const payload = Uint8Array.from(
    { length: size },
    (_, i) => text ? 97 + i % 26 : i * 131 + (i >> 8),
  );
  const request = masked(opcode, payload);
  const requests = Array.from(
    { length: window + 1 },
    (_, count) => repeat(request, count),
  );
  return { requests, reply: frame(opcode, 0, payload) };
}

function masked(opcode: number, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const body = new Uint8Array(4 + payload.length);
  body.set(MASK);
  payload.forEach((byte, i) => body[4 + i] = byte ^ MASK[i & 3]!);
  return frame(opcode, MASKED, body, payload.length);
}

function frame(
  opcode: number,
  maskBit: number,
  body: Uint8Array,
  length: number = body.length,
): Uint8Array<ArrayBuffer> {
  const header = lengthField(length);
  const bytes = new Uint8Array(1 + header.length + body.length);
  bytes.set([FINAL | opcode, header[0]! | maskBit, ...header.slice(1)]);
  bytes.set(body, 1 + header.length);
  return bytes;
}

function lengthField(length: number): number[] {
  if (length < 126) return [length];
  if (length < 65_536) return [126, length >> 8, length & 0xff];
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length));
  return [127, ...bytes];
}

function repeat(bytes: Uint8Array, count: number): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(bytes.length * count);
  for (let i = 0; i < count; i++) all.set(bytes, i * bytes.length);
  return all;
}
