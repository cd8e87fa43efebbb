/**
 * A conversation with the person at the terminal.
 *
 * @module
 */

import { ExitCode } from "../exit_code.ts";
import { Exit, messageOf } from "../failure.ts";
import { printError, styled, visible } from "../output.ts";
import { COMMANDS, readLine } from "./commands.ts";
import { type History, openHistory } from "./history.ts";
import type { Output } from "./output.ts";
import { Prompt } from "./prompt.ts";
import type { Outgoing, Session } from "./session.ts";
import { marked, shown } from "./show.ts";
import type { ConnectValues } from "./values.ts";

/** The terminal, of which the lines that are typed are the input. */
export class Terminal {
  /** What is typed. */
  readonly input: ReadableStream<Outgoing>;
  /** Shows what comes. */
  readonly output: Output;
  readonly #prompt: Prompt;
  readonly #history: History;
  #typed: ReadableStreamDefaultController<Outgoing> | undefined;
  #session: Session | undefined;
  #interrupts = 0;
  /** All that is printed, in order. */
  #printed: Promise<void> = Promise.resolve();

  private constructor(history: History, { full, json }: ConnectValues) {
    this.#history = history;
    this.input = new ReadableStream({
      start: (controller) => {
        this.#typed = controller;
      },
      // Nobody takes what is typed any more.
      cancel: () => {
        this.#typed = undefined;
      },
    });
    this.#prompt = new Prompt({
      history: history.lines,
      words: COMMANDS,
      online: (line) => this.#take(line),
      onend: () => this.#end(),
      oninterrupt: () => this.#interrupt(),
    });
    const options = { full: full === true, json: json === true };
    const mark = styled("cyan", "<");
    this.output = (message) =>
      this.#print(marked(mark, shown(message, options)));
  }

  /** Takes the terminal. */
  static async open(values: ConnectValues): Promise<Terminal> {
    return new Terminal(await openHistory(values.history), values);
  }

  /** Whether Ctrl-C ended it. */
  get interrupted(): boolean {
    return this.#interrupts > 0;
  }

  /** Says what is typed to a session. */
  serve(session: Session): void {
    this.#session = session;
  }

  /** Shows what is no message. */
  say(text: string): void {
    if (!Deno.stderr.isTerminal()) {
      for (const line of text.split("\n")) printError(line);
      return;
    }
    const lines = text.split("\n").map((line) => styled("dim", visible(line)));
    this.#print(lines.join("\n"));
  }

  /** Gives the terminal back, when all is printed. */
  async close(): Promise<void> {
    await this.#printed;
    this.#prompt.close();
  }

  #print(text: string): Promise<void> {
    return this.#printed = this.#printed.then(() => this.#prompt.print(text));
  }

  #take(line: string): void {
    if (line === "") return;
    try {
      this.#history.add(line);
    } catch (error) {
      this.say(`the history is not kept: ${messageOf(error)}`);
    }
    const outgoing = readLine(line, {
      say: (text) => this.say(text),
      end: (code, reason) => this.#session?.end(code, reason),
    });
    if (outgoing !== undefined) this.#typed?.enqueue(outgoing);
  }

  #end(): void {
    this.#typed?.close();
    this.#typed = undefined;
    // Between two connections nobody knows when what was typed could be sent.
    if (this.#session?.current === undefined) this.#session?.end();
  }

  #interrupt(): void {
    if (++this.#interrupts === 1) this.#session?.end();
    else this.#session?.fail(new Exit(ExitCode.Interrupted));
  }
}
