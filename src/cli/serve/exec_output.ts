/**
 * What a process prints, cut into messages.
 *
 * @module
 */

/** Where one message ends and the next begins: a byte, or as it comes. */
export type Ending = "\n" | "\0" | undefined;

/** A process prints what cannot be sent; the message says why. */
export class OutputFault extends Error {
  /** The name of the class. */
  override name = "OutputFault";
}

const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** Cuts bytes at a byte, whatever the pieces in which they come. */
export class Cutter {
  readonly #end: number;
  readonly #most: number;
  #held: Uint8Array[] = [];
  #size = 0;

  /**
   * @param end The byte at which is cut; it belongs to no message.
   * @param most How large a message may be, in bytes.
   */
  constructor(end: Exclude<Ending, undefined>, most: number) {
    this.#end = end.charCodeAt(0);
    this.#most = most;
  }

  /**
   * Takes a piece, and gives the messages that end in it.
   *
   * @throws {OutputFault} If a message is larger than it may be.
   */
  *push(piece: Uint8Array): Generator<Uint8Array> {
    let from = 0;
    for (
      let at = piece.indexOf(this.#end);
      at !== -1;
      at = piece.indexOf(this.#end, from)
    ) {
      this.#hold(piece.subarray(from, at));
      yield this.#take();
      from = at + 1;
    }
    if (from < piece.length) this.#hold(piece.subarray(from));
  }

  /** What came after the last end, if anything did. */
  rest(): Uint8Array | undefined {
    return this.#size === 0 ? undefined : this.#take();
  }

  #hold(part: Uint8Array): void {
    this.#size += part.length;
    if (this.#size > this.#most) {
      throw new OutputFault(
        `it printed ${this.#most} bytes that end nowhere (--max-message)`,
      );
    }
    // A view would keep the whole piece that it is of.
    this.#held.push(part.slice());
  }

  #take(): Uint8Array {
    const [only = new Uint8Array(), ...more] = this.#held;
    const whole = more.length === 0 ? only : joined(this.#held, this.#size);
    this.#held = [];
    this.#size = 0;
    const isLine = this.#end === LINE_FEED;
    return isLine && whole.at(-1) === CARRIAGE_RETURN
      ? whole.subarray(0, -1)
      : whole;
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Bytes of a message as text.
 *
 * @throws {OutputFault} If they are none.
 */
export function textOf(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw new OutputFault("what it printed is not UTF-8 (see --binary)");
  }
}

const encoder = new TextEncoder();

/** A message as a process reads it. */
export function inputOf(
  message: string | Uint8Array,
  ending: Ending,
): Uint8Array {
  const bytes = typeof message === "string" ? encoder.encode(message) : message;
  if (ending === undefined) return bytes;
  const end = ending.charCodeAt(0);
  // Who sends a line with its end means one line, not an empty one behind it.
  if (bytes.at(-1) === end) return bytes;
  const ended = new Uint8Array(bytes.length + 1);
  ended.set(bytes);
  ended[bytes.length] = end;
  return ended;
}

function joined(parts: readonly Uint8Array[], size: number): Uint8Array {
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
