/**
 * Compression of messages (RFC 7692) for npm:ws, safe under this runtime.
 *
 * What ws itself does with `node:zlib` is not: there an error of the data comes
 * too late, so that broken messages are delivered as good ones, and a peer can
 * end the process. Here each message is inflated at once, within a bound, and
 * by no state that outlives it.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import * as zlib from "node:zlib";
// @ts-types="@types/ws"
import type { PerMessageDeflateOptions, WebSocket } from "ws";

/** The `code` of the error of a message that cannot be decompressed. */
export const CORRUPT = "WS_ERR_INVALID_COMPRESSED_DATA";

/** The `code` of the error of a message that is too big, as ws has it. */
const TOO_BIG = "WS_ERR_UNSUPPORTED_MESSAGE_LENGTH";

const NAME = "permessage-deflate";
const NOTHING = Buffer.alloc(0);

/** What ends every compressed message, and is not sent (section 7.2.1). */
const EMPTY_BLOCK_TAIL = 4;

type Done = (error: Error | null, data?: Uint8Array) => void;

/** What ws keeps of the extension: the parts that are used or replaced here. */
interface Extension {
  readonly params: {
    readonly client_no_context_takeover?: true;
    readonly server_no_context_takeover?: true;
    readonly server_max_window_bits?: number;
  };
  decompress(data: Uint8Array, fin: boolean, done: Done): void;
  compress(data: Uint8Array | string, fin: boolean, done: Done): void;
}

/**
 * The option `perMessageDeflate` of a server, for use with
 * {@linkcode secureDeflate}.
 *
 * @param threshold From how many bytes on a message is compressed.
 * @returns The option. No message refers to one before it, so that nothing has
 * to be remembered between them.
 */
export function deflateOptions(threshold: number): PerMessageDeflateOptions {
  return {
    clientNoContextTakeover: true,
    serverNoContextTakeover: true,
    threshold,
  };
}

/**
 * The option `maxPayload` of such a server, which bounds what comes before it is
 * decompressed: where bytes cannot be made less, nine bits may stand for each.
 *
 * @param maxMessageSize The longest message, decompressed, in bytes.
 * @returns A bound in bytes. What comes uncompressed has to be measured anew.
 */
export function maxCompressedSize(maxMessageSize: number): number {
  return maxMessageSize + Math.ceil(maxMessageSize / 8) + 64;
}

/**
 * Makes the compression of a WebSocket safe, if it was agreed on. To be called
 * before anything is read, in the callback of `handleUpgrade()`.
 *
 * @param ws A WebSocket of a server with {@linkcode deflateOptions}.
 * @param maxMessageSize The longest message, decompressed, in bytes.
 * @throws {Error} If ws is not built as expected; the socket is gone then.
 */
export function secureDeflate(ws: WebSocket, maxMessageSize: number): void {
  if (!ws.extensions.split(",").includes(NAME)) return;
  const { _extensions: extensions, _socket: socket } = ws as {
    _extensions?: Record<string, unknown>;
    _socket?: Duplex;
  };
  const extension = extensions?.[NAME];
  if (!isExtension(extension) || typeof socket?.once !== "function") {
    ws.terminate();
    throw new Error(
      "Cannot secure compression: this version of npm:ws is not built as expected",
    );
  }
  const inflater = new Inflater(ws, socket, maxMessageSize);
  const options = deflateOptionsFor(extension.params.server_max_window_bits);
  extension.decompress = (data, fin, done) => inflater.take(data, fin, done);
  extension.compress = (data, _fin, done) => {
    const whole = zlib.deflateRawSync(data, options);
    done(null, whole.subarray(0, -EMPTY_BLOCK_TAIL));
  };
}

function isExtension(value: unknown): value is Extension {
  const { decompress, compress, params } = Object(value) as Partial<Extension>;
  return typeof decompress === "function" && typeof compress === "function" &&
    params?.client_no_context_takeover === true &&
    params.server_no_context_takeover === true;
}

/** How to deflate for a client that remembers so much, as a power of two. */
function deflateOptionsFor(windowBits = 15): zlib.ZlibOptions {
  const finishFlush = zlib.constants.Z_SYNC_FLUSH;
  if (windowBits > 8) return { finishFlush, windowBits };
  // zlib has no window of 256 bytes; so nothing is referred to.
  return { finishFlush, strategy: zlib.constants.Z_HUFFMAN_ONLY };
}

/** What one message costs beside its bytes, as if they were bytes. */
const COST = 4096;

/** After how many of these others have their turn. */
const TURN = 262_144;

/** Decompresses what one connection receives. */
class Inflater {
  readonly #ws: WebSocket;
  readonly #socket: Duplex;
  readonly #limit: number;
  /** The fragments of a message that is not complete. */
  #parts: Uint8Array[] = [];
  /** What was spent since others had their turn. */
  #spent = 0;

  constructor(ws: WebSocket, socket: Duplex, limit: number) {
    this.#ws = ws;
    this.#socket = socket;
    this.#limit = limit;
  }

  /**
   * Takes a frame. It is ws that bounds the sum of the fragments and their
   * number, and gives one at a time.
   */
  take(data: Uint8Array, fin: boolean, done: Done): void {
    if (!fin) {
      // A view would keep alive all that came with it.
      if (data.length > 0) this.#parts.push(new Uint8Array(data));
      return queueMicrotask(() => done(null, NOTHING));
    }
    const message = this.#parts.length === 0
      ? data
      : Buffer.concat([...this.#parts, data]);
    this.#parts = [];
    if (this.#ws.isPaused) this.#hold(message, done);
    else this.#inflate(message, done);
  }

  #inflate(message: Uint8Array, done: Done): void {
    let data: Uint8Array;
    try {
      data = inflate(message, this.#limit);
    } catch (error) {
      const { code } = error as { code?: string };
      // The receiver of ws names no code for an error that is not its own.
      this.#ws.close(code === TOO_BIG ? 1009 : 1007);
      return queueMicrotask(() => done(error as Error));
    }
    this.#spent += COST + message.length + data.length;
    if (this.#spent < TURN) return queueMicrotask(() => done(null, data));
    this.#spent = 0;
    setImmediate(() => done(null, data));
  }

  /**
   * Keeps a message until it is wanted: what is in one read from the network
   * may be a thousand times as much when decompressed, and so a pause would
   * come too late.
   */
  #hold(message: Uint8Array, done: Done): void {
    const ws = this.#ws;
    const socket = this.#socket;
    const settle = () => {
      delete (ws as Partial<WebSocket>).resume; // That of its class remains.
      socket.off("close", lost);
    };
    const lost = () => {
      settle();
      // Without this ws would wait for ever, and not say that it is closed.
      done(new Error("Cannot decompress a message: the connection was lost"));
    };
    ws.resume = () => {
      settle();
      ws.resume();
      this.#inflate(message, done);
    };
    if (socket.destroyed) queueMicrotask(lost);
    else socket.once("close", lost);
  }
}

/**
 * Ends of a compressed message: what the sender left off would be the length of
 * an empty block, here it is that of a block of a few marks; an empty last block
 * follows. Only a whole message has these marks at its end: one that was cut
 * off takes them for something else. Their first byte begins no block.
 */
const ENDS: readonly [End, End] = [
  end(0x07, 0xc9, 0x5b, 0x37, 0xe1, 0x8d, 0x2a, 0x74),
  end(0x07, 0x9e, 0x52, 0xb6, 0x13, 0xd8, 0x6f),
];

interface End {
  readonly bytes: Buffer;
  readonly marks: Buffer;
  /** The marks, and the length before them. */
  readonly block: Buffer;
}

function end(...marks: number[]): End {
  const { length } = marks;
  const bytes = Buffer.from([
    ...[length, 0, ~length & 0xff, 0xff, ...marks],
    ...[0x01, 0x00, 0x00, 0xff, 0xff],
  ]);
  const block = bytes.subarray(0, EMPTY_BLOCK_TAIL + length);
  return { bytes, marks: block.subarray(EMPTY_BLOCK_TAIL), block };
}

/** What was inflated, of how many bytes of a message and its end. */
interface Inflated {
  readonly output: Buffer;
  readonly read: number;
}

/** Decompresses a message, all of it or none. */
function inflate(message: Uint8Array, limit: number): Uint8Array {
  // What other libraries send for an empty message (section 7.2.3.6).
  if (message.length === 1 && message[0] === 0) return NOTHING;
  const [first, second] = ENDS;
  const inflated = run(message, first, limit);
  const { output, read } = inflated;
  const data = read <= message.length
    ? untilLastBlock(message, inflated)
    : withoutMarks(message, inflated, first);
  // Bytes that are not compressed, and cut off, might go on with an end; if so,
  // with each its own.
  if (read > message.length && endsWith(output, first.block)) {
    const other = run(message, second, limit);
    const again = withoutMarks(message, other, second);
    if (!data.equals(again)) throw corrupt();
  }
  if (data.length > limit) throw tooBig();
  return data;
}

/** What a message says that has no last block, or an empty one at its end. */
function withoutMarks(
  message: Uint8Array,
  { output, read }: Inflated,
  { bytes, block, marks }: End,
): Buffer {
  const beyond = read - message.length;
  const whole = (beyond === bytes.length || beyond === block.length) &&
    endsWith(output, marks);
  if (!whole) throw corrupt();
  return output.subarray(0, -marks.length);
}

/**
 * What a message says that has a last block of its own. After it comes an empty
 * block at most, less what is left off (section 7.2.3.4); a second stream, which
 * nobody sends, is not taken.
 */
function untilLastBlock(
  message: Uint8Array,
  { output, read }: Inflated,
): Buffer {
  const rest = message.subarray(read);
  const whole = rest.length === 0 || rest.length === 1 && rest[0]! <= 1;
  if (!whole) throw corrupt();
  return output;
}

/** Inflates a message with an end. */
function run(
  message: Uint8Array,
  { bytes, marks }: End,
  limit: number,
): Inflated {
  try {
    // By `info`, which the types do not know, it tells what it read.
    const { buffer, engine } = zlib.inflateRawSync(
      Buffer.concat([message, bytes]),
      { maxOutputLength: limit + marks.length, info: true },
    ) as unknown as { buffer: Buffer; engine: { bytesWritten: number } };
    return { output: buffer, read: engine.bytesWritten };
  } catch (error) {
    const { code } = error as { code?: string };
    throw code === "ERR_BUFFER_TOO_LARGE" ? tooBig(error) : corrupt(error);
  }
}

function endsWith(data: Buffer, what: Buffer): boolean {
  return data.subarray(-what.length).equals(what);
}

function corrupt(cause?: unknown): Error {
  const message = "Cannot decompress a message: its data is corrupt";
  return Object.assign(new Error(message, { cause }), { code: CORRUPT });
}

function tooBig(cause?: unknown): Error {
  const message = "Cannot decompress a message: it is too big";
  return Object.assign(new RangeError(message, { cause }), { code: TOO_BIG });
}
