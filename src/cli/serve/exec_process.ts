/**
 * One connection and its process: what passes between them, and how one ends
 * when the other has.
 *
 * @module
 */

import { type Connection, ConnectionClosedError } from "../../../server.ts";
import {
  Cutter,
  type Ending,
  inputOf,
  OutputFault,
  textOf,
} from "./exec_output.ts";

/** What a process serves, and how. */
export interface ExecTask {
  readonly ws: Connection;
  readonly ending: Ending;
  /** How large a line may be, in bytes. */
  readonly maxMessageSize: number;
  /** Prints a line about this connection. */
  tell(line: string): void;
}

/** How long a process may go on after the end of its input, in milliseconds. */
const AFTER_INPUT = 1000;

/** How long it may take to read what its client left behind, in milliseconds. */
const LAST_INPUT = 3000;

/** How long after SIGTERM comes SIGKILL, in milliseconds. */
const AFTER_SIGTERM = 5000;

/** For how long what others hold open must be silent to count as its end, in milliseconds. */
const SILENCE = 1000;

/** For how long what others print into its streams counts as its own, in milliseconds. */
const AFTER_EXIT = 3000;

/** How long after SIGTERM comes SIGKILL when the server ends, in milliseconds. */
const LAST_WISH = 300;

/** How much of a line on standard error is shown at a time, in UTF-16 units. */
const MAX_SHOWN = 4096;

/** A connection and the process that serves it. */
export class ExecProcess {
  readonly #child: Deno.ChildProcess;
  readonly #task: ExecTask;
  readonly #output: Pump;
  readonly #errors: Pump;
  readonly #timers: Set<ReturnType<typeof setTimeout>> = new Set();
  #isTerminated = false;
  #isOver = false;

  constructor(child: Deno.ChildProcess, task: ExecTask) {
    this.#child = child;
    this.#task = task;
    this.#output = new Pump(child.stdout, sender(task));
    this.#errors = new Pump(child.stderr, teller(task));
  }

  /** Serves the connection; returns when the process is no more, never rejects. */
  async converse(): Promise<void> {
    const { ws } = this.#task;
    const fed = this.#feed().then(() =>
      this.#later(AFTER_INPUT, () => this.#terminate())
    );
    const output = this.#send();
    // What is printed for nobody is not waited for.
    ws.closed.then(() => {
      this.#output.cancel();
      this.#later(LAST_INPUT, () => this.#terminate());
    });
    const status = await this.#child.status;
    this.#isOver = true;
    for (const timer of this.#timers) clearTimeout(timer);
    const errors = this.#errors.drain();
    await this.#output.drain();
    if (ws.open) await this.#goodbye(status);
    await Promise.all([output, fed, errors]);
  }

  /** Ends the process without much patience, and waits until it has ended. */
  async kill(): Promise<void> {
    this.#signal("SIGTERM");
    const timer = setTimeout(() => this.#signal("SIGKILL"), LAST_WISH);
    await this.#child.status;
    clearTimeout(timer);
  }

  /** Writes messages until there are no more, at the pace of the process. */
  async #feed(): Promise<void> {
    const { ws, ending } = this.#task;
    const writer = this.#child.stdin.getWriter();
    writer.closed.catch(() => {});
    try {
      for await (const message of ws) {
        // Who closed its input is not interested, but may go on printing.
        await writer.write(inputOf(message, ending)).catch(() => {});
      }
    } catch (error) {
      if (!(error instanceof ConnectionClosedError)) throw error;
    }
    await writer.close().catch(() => {});
  }

  /** Sends what is printed; what cannot be sent ends the connection. */
  async #send(): Promise<void> {
    const { ws, tell } = this.#task;
    try {
      await this.#output.done;
    } catch (error) {
      if (error instanceof ConnectionClosedError) return;
      if (!(error instanceof OutputFault)) throw error;
      tell(`ended, since ${error.message}`);
      this.#terminate();
      await ws.close(1011);
    }
  }

  /** Closes the connection as its process ended: why, is not the peer's business. */
  async #goodbye({ success, code, signal }: Deno.CommandStatus): Promise<void> {
    const { ws, tell } = this.#task;
    if (success) return void await ws.close(1000);
    tell(
      signal === null ? `ended with exit code ${code}` : `ended by ${signal}`,
    );
    await ws.close(1011);
  }

  /** Asks the process to end, and then insists. */
  #terminate(): void {
    if (this.#isTerminated) return;
    this.#isTerminated = true;
    this.#signal("SIGTERM");
    this.#later(AFTER_SIGTERM, () => this.#signal("SIGKILL"));
  }

  #later(ms: number, act: () => void): void {
    if (this.#isOver) return;
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, ms);
    this.#timers.add(timer);
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has just ended.
    }
  }
}

/** Takes what one stream of a process has, a piece at a time. */
interface Sink {
  take(piece: Uint8Array): Promise<void> | void;
  /** Nothing more comes. */
  end?(): Promise<void> | void;
}

/** Moves what a process prints, no faster than it is taken. */
class Pump {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  #reads = 0;
  #isReading = false;
  /** Resolves at the end of the stream, rejects as the sink does. */
  readonly done: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array>, sink: Sink) {
    this.#reader = stream.getReader();
    this.done = this.#run(sink);
    this.done.catch(() => {}); // Whoever waits hears of it.
  }

  async #run(sink: Sink): Promise<void> {
    try {
      for (;;) {
        this.#isReading = true;
        const { value, done } = await this.#reader.read();
        this.#isReading = false;
        if (done) break;
        this.#reads++;
        await sink.take(value);
      }
      await sink.end?.();
    } finally {
      this.cancel();
    }
  }

  /** Gives the stream up. */
  cancel(): void {
    this.#reader.cancel().catch(() => {});
  }

  /**
   * Waits for the end when the process is no more. Whom it left behind may hold
   * the stream open for ever, so silence is an end too, and so is talking on.
   */
  async drain(): Promise<void> {
    let seen = this.#reads;
    const end = performance.now() + AFTER_EXIT;
    const timer = setInterval(() => {
      const isSilent = this.#reads === seen;
      if (this.#isReading && (isSilent || performance.now() > end)) {
        this.cancel();
      }
      seen = this.#reads;
    }, SILENCE);
    await this.done.catch(() => {});
    clearInterval(timer);
  }
}

/** Sends what a process prints. */
function sender({ ws, ending, maxMessageSize }: ExecTask): Sink {
  if (ending === undefined) return { take: (piece) => ws.send(piece) };
  const cutter = new Cutter(ending, maxMessageSize);
  return {
    take: async (piece) => {
      for (const line of cutter.push(piece)) await ws.send(textOf(line));
    },
    end: async () => {
      const rest = cutter.rest();
      if (rest !== undefined) await ws.send(textOf(rest));
    },
  };
}

/** Shows what a process has to say to people, line by line. */
function teller({ tell }: ExecTask): Sink {
  const decoder = new TextDecoder();
  let held = "";
  return {
    take: (piece) => {
      const lines = (held + decoder.decode(piece, { stream: true })).split(
        /\r?\n/,
      );
      held = lines.pop() ?? "";
      for (const line of lines) tell(line);
      for (; held.length > MAX_SHOWN; held = held.slice(MAX_SHOWN)) {
        tell(held.slice(0, MAX_SHOWN));
      }
    },
    end: () => {
      if (held !== "") tell(held);
    },
  };
}
