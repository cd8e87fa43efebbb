/**
 * A WebSocket by hand: it reads frames as they are, where an engine would judge
 * them, and knows when they came.
 *
 * @module
 */

import type { Line } from "./line.ts";
import { FrameFault, Messages } from "./messages.ts";

/** The opcodes that are of use here (RFC 6455, section 5.2). */
export const Opcode = { Close: 0x8, Ping: 0x9, Pong: 0xa } as const;

/** A frame that came. Of data, only the length is kept. */
export interface Frame {
  readonly opcode: number;
  readonly length: number;
  /** That of a control frame. */
  readonly payload: Uint8Array;
  /** When it was there, by `performance.now()`. */
  readonly at: number;
}

/** Thrown when a server sends more than is read of it; the message says how much. */
export class Endless extends Error {
  override readonly name = "Endless";
}

/** Thrown when the server has closed the connection. */
export class Gone extends Error {
  override readonly name = "Gone";
  /** The close code; `undefined` where it just hung up. */
  readonly code: number | undefined;

  constructor(code: number | undefined) {
    super(code === undefined ? "hung up" : `closed with ${code}`);
    this.code = code;
  }
}

/** The most that is read on one connection until it is to close, and then again. */
const MOST_BYTES = 64 * 1024 * 1024;
const MOST_FRAMES = 200_000;

/** How many frames are read before timers get their turn. */
const AT_ONCE = 500;

/** Who leaves more unread than that, in bytes, gets no more pongs. */
const MOST_PENDING = 65_536;

/** An open WebSocket, until it is disposed. */
export class OpenSocket implements Disposable {
  readonly #line: Line;
  #buffer: Uint8Array;
  #bytes = 0;
  #frames = 0;
  #pinged = 0;
  readonly #messages = new Messages();
  /** The frame that is being read. */
  #reading: Promise<Frame | null> | undefined;
  readonly #never = new AbortController().signal;

  constructor(line: Line, rest: Uint8Array) {
    this.#line = line;
    this.#buffer = rest;
  }

  /** How many pings the server has sent. */
  get pinged(): number {
    return this.#pinged;
  }

  /** How many frames of messages it has sent. */
  get messages(): number {
    return this.#messages.frames;
  }

  /** Sends a control frame, or several in one write. */
  send(...frames: { opcode: number; payload: Uint8Array }[]): void {
    const parts = frames.map(({ opcode, payload }) => encode(opcode, payload));
    const bytes = new Uint8Array(
      parts.reduce((sum, { length }) => sum + length, 0),
    );
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    if (frames.some(({ opcode }) => opcode === Opcode.Close)) {
      this.#bytes = this.#frames = 0;
    }
    this.#line.write(bytes);
  }

  /**
   * Waits for the next pong; pings are answered, and messages passed over.
   *
   * @throws {FrameFault} If the server breaks the protocol.
   * @throws {Gone} If it closes.
   * @throws The reason of the signal.
   */
  async pong(signal: AbortSignal): Promise<Frame> {
    while (true) {
      const frame = await this.next(signal);
      if (frame === null) throw new Gone(undefined);
      if (frame.opcode === Opcode.Close) throw new Gone(codeOf(frame));
      if (frame.opcode === Opcode.Pong) return frame;
    }
  }

  /**
   * Waits for the next frame; a ping is answered besides.
   *
   * @returns It; `null` when the server has hung up.
   * @throws {FrameFault} If it is malformed.
   */
  async next(signal: AbortSignal): Promise<Frame | null> {
    signal.throwIfAborted();
    // Whoever asks next gets the frame that nobody has waited for to the end.
    const reading = this.#reading ??= this.#read(this.#never);
    const late = Promise.withResolvers<never>();
    const abort = () => late.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.race([reading, late.promise]);
    } finally {
      signal.removeEventListener("abort", abort);
      if (!signal.aborted) this.#reading = undefined;
    }
  }

  async #read(signal: AbortSignal): Promise<Frame | null> {
    await this.#count();
    const head = await this.#take(2, signal);
    if (head === null) return null;
    const [first = 0, second = 0] = head;
    const opcode = first & 0xf;
    const control = opcode >= 8;
    check(first, second, opcode);
    if (!control) this.#messages.begin(opcode);
    const length = await this.#length(second & 0x7f, signal);
    if (length === null) return null;
    const payload = control
      ? await this.#take(length, signal)
      : new Uint8Array();
    if (payload === null || !control && !await this.#pass(length, signal)) {
      return null;
    }
    const at = performance.now();
    if (control) this.#answer(opcode, payload);
    else this.#messages.end(first >= 0x80);
    return { opcode, length, payload, at };
  }

  /** Bounds the frames, and lets time pass where many come at once. */
  async #count(): Promise<void> {
    if (++this.#frames > MOST_FRAMES) {
      throw new Endless(`${MOST_FRAMES.toLocaleString("en")} frames`);
    }
    if (this.#frames % AT_ONCE === 0) {
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
  }

  async #length(
    short: number,
    signal: AbortSignal,
  ): Promise<number | null> {
    if (short <= 125) return short;
    const field = await this.#take(short === 126 ? 2 : 8, signal);
    if (field === null) return null;
    const length = field.reduce((sum, byte) => sum * 256 + byte, 0);
    if (length < (short === 126 ? 126 : 65_536) || length >= 2 ** 63) {
      throw new FrameFault(
        "the server writes a length in more bytes than it takes (RFC 6455, section 5.2)",
      );
    }
    return length;
  }

  #answer(opcode: number, payload: Uint8Array): void {
    if (opcode === Opcode.Close && payload.length === 1) {
      throw new FrameFault(
        "the server sends a close frame with half a code (RFC 6455, section 5.5.1)",
      );
    }
    if (opcode !== Opcode.Ping) return;
    this.#pinged++;
    if (this.#line.pending > MOST_PENDING) return;
    this.send({ opcode: Opcode.Pong, payload });
  }

  /** Waits for the end of the connection; all that comes before is dropped. */
  async ended(signal: AbortSignal): Promise<void> {
    try {
      while (await this.#fill(signal)) this.#buffer = new Uint8Array();
    } catch (error) {
      if (error instanceof Endless) throw error;
      // By a reset, it has ended as well.
      signal.throwIfAborted();
    }
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#line[Symbol.dispose]();
  }

  async #take(
    count: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | null> {
    while (this.#buffer.length < count) {
      if (!await this.#fill(signal)) return null;
    }
    const taken = this.#buffer.slice(0, count);
    this.#buffer = this.#buffer.subarray(count);
    return taken;
  }

  /** Passes over data, but for whether text is text. */
  async #pass(count: number, signal: AbortSignal): Promise<boolean> {
    let left = count;
    while (left > this.#buffer.length) {
      left -= this.#buffer.length;
      this.#messages.pass(this.#buffer);
      this.#buffer = new Uint8Array();
      if (!await this.#fill(signal)) return false;
    }
    this.#messages.pass(this.#buffer.subarray(0, left));
    this.#buffer = this.#buffer.subarray(left);
    return true;
  }

  async #fill(signal: AbortSignal): Promise<boolean> {
    if (this.#bytes > MOST_BYTES) throw new Endless("64 MiB");
    let more: Uint8Array | null;
    try {
      more = await this.#line.read(signal);
    } catch {
      // A reset is one way of hanging up.
      signal.throwIfAborted();
      return false;
    }
    if (more === null) return false;
    this.#bytes += more.length;
    const all = new Uint8Array(this.#buffer.length + more.length);
    all.set(this.#buffer);
    all.set(more, this.#buffer.length);
    this.#buffer = all;
    return true;
  }
}

/** The code of a close frame; 1005 for none (RFC 6455, section 7.1.5). */
export function codeOf({ payload: [high, low] }: Frame): number {
  return high === undefined || low === undefined ? 1005 : high * 256 + low;
}

/** Looks at the first two bytes of a frame (RFC 6455, section 5.2). */
function check(first: number, second: number, opcode: number): void {
  if (second > 0x7f) {
    throw new FrameFault(
      "the server masks its frames, which only clients do (RFC 6455, section 5.1)",
    );
  }
  if ((first & 0x70) !== 0) {
    throw new FrameFault(
      "the server uses reserved bits, without an extension that was agreed to (RFC 6455, section 5.2)",
    );
  }
  if (![0, 1, 2, 8, 9, 10].includes(opcode)) {
    throw new FrameFault(
      "what the server sends are no frames (RFC 6455, section 5.2)",
    );
  }
  if (opcode >= 8 && ((second & 0x7f) > 125 || first < 0x80)) {
    throw new FrameFault(
      "the server sends a control frame that is too long or in fragments (RFC 6455, section 5.5)",
    );
  }
}

function encode(opcode: number, payload: Uint8Array): Uint8Array {
  const mask = crypto.getRandomValues(new Uint8Array(4));
  const frame = new Uint8Array(6 + payload.length);
  frame.set([0x80 | opcode, 0x80 | payload.length, ...mask]);
  frame.set(payload.map((byte, at) => byte ^ (mask[at % 4] ?? 0)), 6);
  return frame;
}
