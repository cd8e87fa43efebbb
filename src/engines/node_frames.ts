/**
 * The frames of messages that a server sends (RFC 6455, section 5.2): one write
 * and one copy each, where npm:ws needs two of each.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { MessageLike } from "../channel.ts";

const FINAL_TEXT = 0x81;
const FINAL_BINARY = 0x82;

/** A whole message in one frame that is not masked. Its bytes are copied. */
export function frameOf(data: MessageLike): Buffer {
  if (typeof data === "string") {
    const size = Buffer.byteLength(data);
    const frame = newFrame(FINAL_TEXT, size);
    frame.write(data, frame.length - size);
    return frame;
  }
  const bytes = bytesOf(data);
  const frame = newFrame(FINAL_BINARY, bytes.length);
  frame.set(bytes, frame.length - bytes.length);
  return frame;
}

/** The bytes of a binary message, as they are. */
export function bytesOf(data: Exclude<MessageLike, string>): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

function newFrame(first: number, size: number): Buffer {
  const short = size < 126;
  const head = short ? 2 : size < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(head + size);
  frame[0] = first;
  if (short) {
    frame[1] = size;
  } else if (head === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(size, 2);
  } else {
    frame[1] = 127;
    frame.writeUInt32BE(Math.floor(size / 2 ** 32), 2);
    frame.writeUInt32BE(size >>> 0, 6);
  }
  return frame;
}
