/**
 * Piped input as messages: lines, pieces between NULs, chunks, or all at once.
 *
 * @module
 */

import { joined } from "./bytes.ts";

/** How messages are told apart, and whether they are bytes. */
export interface InputFormat {
  /** What ends a message; "chunk" takes what was there to be read, "all" is one message. */
  readonly by: "line" | "null" | "chunk" | "all";
  /** Messages are bytes; else text. */
  readonly binary: boolean;
}

/** Largest chunk, in bytes. */
const CHUNK = 65_536;

/** Largest message that is gathered here, in bytes: an input may have no end. */
const MOST = 2 ** 28;

const LF = 10;
const CR = 13;

/** What is read from. */
export type ByteSource = (room: Uint8Array) => Promise<number | null>;

/** The messages in an input; it is read at the pace at which they are taken. */
export async function* messagesIn(
  read: ByteSource,
  { by, binary }: InputFormat,
): AsyncGenerator<string | Uint8Array<ArrayBuffer>, undefined> {
  const pieces = by === "chunk"
    ? chunksOf(read)
    : by === "all"
    ? allOf(read)
    : endedBy(read, by === "line" ? LF : 0);
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let count = 0;
  for await (const piece of pieces) {
    count++;
    if (binary) yield piece;
    else yield textOf(piece, decoder, count);
  }
}

function textOf(
  bytes: Uint8Array<ArrayBuffer>,
  decoder: TextDecoder,
  count: number,
): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Error(
      `Cannot send message ${count} of the input: it is not UTF-8; --binary sends bytes`,
    );
  }
}

async function* chunksOf(
  read: ByteSource,
): AsyncGenerator<Uint8Array<ArrayBuffer>, undefined> {
  while (true) {
    const room = new Uint8Array(CHUNK);
    const size = await read(room);
    if (size === null) return;
    if (size > 0) yield room.subarray(0, size);
  }
}

async function* allOf(
  read: ByteSource,
): AsyncGenerator<Uint8Array<ArrayBuffer>, undefined> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of chunksOf(read)) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MOST) throw tooLarge();
  }
  yield joined(chunks);
}

function tooLarge(): Error {
  return new Error(
    "Cannot send the input: a message of it has more than 256 MiB; --binary sends it in pieces",
  );
}

/** Pieces that end with a byte, which is left out; the last may end without. */
async function* endedBy(
  read: ByteSource,
  end: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>, undefined> {
  let begun: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  for await (const chunk of chunksOf(read)) {
    let from = 0;
    for (let at; (at = chunk.indexOf(end, from)) >= 0; from = at + 1) {
      const rest = chunk.subarray(from, at);
      yield trimmed(begun.length === 0 ? rest : joined([...begun, rest]), end);
      begun = [];
      size = 0;
    }
    if (from === chunk.length) continue;
    begun.push(chunk.subarray(from));
    size += chunk.length - from;
    if (size > MOST) throw tooLarge();
  }
  if (begun.length > 0) yield joined(begun);
}

/** A line without the CR of Windows before its end. */
function trimmed(
  piece: Uint8Array<ArrayBuffer>,
  end: number,
): Uint8Array<ArrayBuffer> {
  return end === LF && piece.at(-1) === CR ? piece.subarray(0, -1) : piece;
}
