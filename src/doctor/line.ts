/**
 * A verified connection to a server, to read and write by hand.
 *
 * @module
 */

import type { Duplex } from "node:stream";
import { Attempt, dialNode } from "../engines/node_dial.ts";
import type { Examination } from "./examination.ts";

/** How the runtime lets a TCP socket be left unread; `pause()` stops only TLS. */
interface Readable {
  readonly _handle?: { readStop?(): void; readStart?(): void } | null;
}

/** Bytes in both directions, until it is disposed. */
export class Line implements Disposable {
  readonly #socket: Duplex;
  readonly #raw: Duplex;
  #stopped = false;
  #failure: unknown;

  private constructor(socket: Duplex, raw: Duplex) {
    this.#socket = socket;
    this.#raw = raw;
    socket.on("error", (error) => this.#failure = error);
    raw.on("error", (error) => this.#failure ??= error);
  }

  /**
   * Connects, over TLS where the URL asks for it, and then as the strict engine
   * does: it verifies the server, and sends without delay.
   *
   * @throws As `dialNode()` does.
   */
  static async open(
    { place, trust, url }: Examination,
    signal: AbortSignal,
  ): Promise<Line> {
    signal.throwIfAborted();
    const attempt = new Attempt(signal);
    try {
      const { socket, raw } = await dialNode({
        action: "Cannot connect",
        reach: () => {},
        route: { kind: "direct", ...place },
        signal,
        trust,
        url,
      }, attempt);
      attempt.release();
      return new Line(socket, raw);
    } catch (error) {
      attempt.cut();
      signal.throwIfAborted();
      throw error;
    }
  }

  /**
   * Reads what comes next; `null` at the end.
   *
   * @throws What the connection failed with, and the reason of the signal.
   */
  async read(signal: AbortSignal): Promise<Uint8Array | null> {
    const socket = this.#socket;
    while (true) {
      signal.throwIfAborted();
      const chunk: Uint8Array | null = socket.read();
      if (chunk !== null) {
        // Whoever sends more waits until that is looked at.
        this.#stop();
        return chunk;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (socket.readableEnded || socket.destroyed) return null;
      this.#start();
      await moved(socket, signal);
    }
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    (this.#raw as Readable)._handle?.readStop?.();
  }

  #start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    (this.#raw as Readable)._handle?.readStart?.();
  }

  /** How many bytes were written and have not left. */
  get pending(): number {
    return this.#socket.writableLength;
  }

  /** Writes, without waiting for it to leave. */
  write(bytes: Uint8Array): void {
    // Who does not read, does not answer, and that is what is waited for.
    if (!this.#socket.destroyed && !this.#socket.writableEnded) {
      this.#socket.write(bytes);
    }
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#socket.destroy();
    this.#raw.destroy();
  }
}

const EVENTS = ["readable", "end", "close", "error"] as const;

/** Waits until a socket has something to tell, or a signal aborts. */
function moved(socket: Duplex, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of EVENTS) socket.off(event, done);
      signal.removeEventListener("abort", done);
      resolve();
    };
    for (const event of EVENTS) socket.on(event, done);
    signal.addEventListener("abort", done, { once: true });
  });
}
