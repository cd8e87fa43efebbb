/**
 * The frames of messages (RFC 6455, section 5.2): one write and one copy each,
 * where npm:ws needs two of each.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { MessageLike } from "../channel.ts";
import { newKey, unmask } from "./node_masking.ts";

const FINAL_TEXT = 0x81;
const FINAL_BINARY = 0x82;

/** The bit of the second byte that says that a key is behind the length. */
const MASKED = 0x80;
const KEY_SIZE = 4;

/**
 * A whole message in one frame. Its bytes are copied.
 *
 * @param data The message.
 * @param masked Whether a client sends it (RFC 6455, section 5.3).
 */
export function frameOf(data: MessageLike, masked: boolean): Buffer {
  if (typeof data === "string") {
    const size = Buffer.byteLength(data);
    const frame = newFrame(FINAL_TEXT, size, masked);
    frame.write(data, frame.length - size);
    return masked ? maskPayload(frame, size) : frame;
  }
  const bytes = bytesOf(data);
  const frame = newFrame(FINAL_BINARY, bytes.length, masked);
  frame.set(bytes, frame.length - bytes.length);
  return masked ? maskPayload(frame, bytes.length) : frame;
}

/** Gives a frame its key, and masks what is behind it. */
function maskPayload(frame: Buffer, size: number): Buffer {
  const start = frame.length - size;
  const key = newKey();
  frame.set(key, start - KEY_SIZE);
  unmask(frame.subarray(start), key);
  return frame;
}

/** The bytes of a binary message, as they are. */
export function bytesOf(data: Exclude<MessageLike, string>): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

function newFrame(first: number, size: number, masked: boolean): Buffer {
  const short = size < 126;
  const head = short ? 2 : size < 65_536 ? 4 : 10;
  const bit = masked ? MASKED : 0;
  const frame = Buffer.allocUnsafe(head + (masked ? KEY_SIZE : 0) + size);
  frame[0] = first;
  if (short) {
    frame[1] = bit | size;
  } else if (head === 4) {
    frame[1] = bit | 126;
    frame.writeUInt16BE(size, 2);
  } else {
    frame[1] = bit | 127;
    frame.writeUInt32BE(Math.floor(size / 2 ** 32), 2);
    frame.writeUInt32BE(size >>> 0, 6);
  }
  return frame;
}
