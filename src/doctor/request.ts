/**
 * The opening handshake by hand, on a verified connection.
 *
 * @module
 */

import { type Answered, readAnswer } from "../client/read_answer.ts";
import { requestOf } from "../client/upgrade_request.ts";
import type { Examination } from "./examination.ts";
import { Line } from "./line.ts";
import { OpenSocket } from "./open_socket.ts";

/** What was asked, and what came of it. */
export interface Asked extends Disposable {
  readonly key: string;
  readonly answered: Answered;
  /** What the connection failed with before the answer was whole. */
  readonly failure: unknown;
  /** The connection, as a WebSocket; to be looked at after an answer of 101. */
  readonly socket: OpenSocket;
}

/**
 * Asks for a WebSocket.
 *
 * @param extra More lines for the request's head.
 * @throws As `Line.open()`, and the reason of the signal.
 */
export async function ask(
  examination: Examination,
  signal: AbortSignal,
  extra: readonly string[] = [],
): Promise<Asked> {
  const line = await Line.open(examination, signal);
  try {
    const { bytes, key } = requestOf(examination);
    line.write(withLines(bytes, extra));
    const reader = new LineReader(line, signal);
    const answered = await readAnswer(() => reader.read());
    signal.throwIfAborted();
    const socket = new OpenSocket(line, reader.rest);
    const { failure } = reader;
    return {
      key,
      answered,
      failure,
      socket,
      [Symbol.dispose]: () => line[Symbol.dispose](),
    };
  } catch (error) {
    line[Symbol.dispose]();
    throw error;
  }
}

const LINE_FEED = 10;

/**
 * Hands out what comes line by line: what follows the head of an answer is left
 * over for the WebSocket.
 */
class LineReader {
  readonly #line: Line;
  readonly #signal: AbortSignal;
  /** What has come and was not handed out. */
  rest: Uint8Array = new Uint8Array();
  /** What the connection failed with. */
  failure: unknown;

  constructor(line: Line, signal: AbortSignal) {
    this.#line = line;
    this.#signal = signal;
  }

  async read(): Promise<Uint8Array | null> {
    if (this.rest.length === 0) {
      try {
        const more = await this.#line.read(this.#signal);
        if (more === null) return null;
        this.rest = more;
      } catch (error) {
        this.#signal.throwIfAborted();
        this.failure = error;
        return null;
      }
    }
    const end = this.rest.indexOf(LINE_FEED);
    const size = end < 0 ? this.rest.length : end + 1;
    const chunk = this.rest.slice(0, size);
    this.rest = this.rest.slice(size);
    return chunk;
  }
}

/** A request with more lines at the end of its head. */
function withLines(bytes: Uint8Array, lines: readonly string[]): Uint8Array {
  const more = new TextEncoder().encode(
    `${lines.map((line) => `${line}\r\n`).join("")}\r\n`,
  );
  const all = new Uint8Array(bytes.length - 2 + more.length);
  all.set(bytes.subarray(0, -2));
  all.set(more, bytes.length - 2);
  return all;
}
