/**
 * Messages that a server is to send back, and whether it did.
 *
 * @module
 */

import type { Message } from "../../../client.ts";
import { visible } from "../output.ts";

/** How many bytes of a larger message are compared: the server is measured, not the client. */
const COMPARED = 1_024;

/** How many bytes at the beginning hold the number of the connection. */
const HEAD = 8;

/** How much of what a server sent is shown. */
const SHOWN = 40;

/** A server sent something else than it was sent. */
export class WrongEcho extends Error {
  /** The name of the class. */
  override name = "WrongEcho";
}

/**
 * Makes the message of a connection. No two have the same, as far as the size
 * allows: who gets the messages of others is not taken for their echo.
 *
 * @param size In bytes.
 * @param number Of the connection.
 */
export function makePayload(
  size: number,
  number: number,
  binary: boolean,
): string | Uint8Array<ArrayBuffer> {
  const name = `${number}:`.slice(0, size);
  if (!binary) {
    const alphabet = "abcdefghijklmnopqrstuvwxyz";
    return name +
      alphabet.repeat(Math.ceil(size / 26)).slice(0, size - name.length);
  }
  const bytes = Uint8Array.from(
    { length: size },
    (_, index) => index * 131 + (index >> 8),
  );
  bytes.set(new TextEncoder().encode(name));
  return bytes;
}

/** Whether a message is the same as one that was sent. */
export function isEcho(sent: string | Uint8Array, message: Message): boolean {
  if (typeof sent === "string" || typeof message === "string") {
    return sent === message;
  }
  if (sent.length !== message.length) return false;
  const step = Math.max(1, Math.floor(sent.length / COMPARED));
  for (let index = 0; index < sent.length;) {
    if (sent[index] !== message[index]) return false;
    // The beginning, which tells connections apart, is compared whole.
    index += index < HEAD ? 1 : step;
  }
  return sent.at(-1) === message.at(-1);
}

/** What a message is, for an error: text of a peer, fit for a terminal. */
export function describeMessage(message: Message): string {
  if (typeof message !== "string") return `${message.length} bytes`;
  const more = message.length > SHOWN ? "…" : "";
  return `${message.length} characters, "${
    visible(message.slice(0, SHOWN))
  }${more}"`;
}

/** The remedy for a server that sends nothing back. */
export const IS_IT_ECHO =
  "is it an echo server? `wss serve --echo` is one; --receive and --handshakes want none";
