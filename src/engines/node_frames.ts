/**
 * The frames of messages (RFC 6455, section 5.2): one write and one copy each,
 * where npm:ws needs two of each.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { MessageLike } from "../channel.ts";
import { KEY_SIZE, maskAnew } from "./node_masking.ts";

const FINAL_TEXT = 0x81;
const FINAL_BINARY = 0x82;

/** The bit of the second byte that says that a key is behind the length. */
const MASKED = 0x80;

/** Text of no more units takes less time here than to have the runtime write it. */
const SHORT = 64;

/**
 * A whole message in one frame. Its bytes are copied.
 *
 * @param data The message.
 * @param masked Whether a client sends it (RFC 6455, section 5.3).
 */
export function frameOf(data: MessageLike, masked: boolean): Buffer {
  if (typeof data === "string") {
    return data.length <= SHORT && shortText(data, masked) ||
      anyText(data, masked);
  }
  const bytes = bytesOf(data);
  const frame = newFrame(FINAL_BINARY, bytes.length, masked);
  const start = frame.length - bytes.length;
  frame.set(bytes, start);
  if (masked) maskAnew(frame, start);
  return frame;
}

/** Text that is short; `undefined` if it is not ASCII, as its bytes are more than its units. */
function shortText(text: string, masked: boolean): Buffer | undefined {
  const size = text.length;
  const frame = newFrame(FINAL_TEXT, size, masked);
  const start = frame.length - size;
  for (let at = 0; at < size; at++) {
    const unit = text.charCodeAt(at);
    if (unit > 0x7f) return undefined;
    frame[start + at] = unit;
  }
  if (masked) maskAnew(frame, start);
  return frame;
}

function anyText(text: string, masked: boolean): Buffer {
  const size = Buffer.byteLength(text);
  const frame = newFrame(FINAL_TEXT, size, masked);
  const start = frame.length - size;
  frame.write(text, start);
  if (masked) maskAnew(frame, start);
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
