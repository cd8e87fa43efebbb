/**
 * A line that is typed at a terminal while other lines come in above it.
 *
 * @module
 */

import process from "node:process";
import { createInterface, type Interface } from "node:readline";

/** What happens at the keyboard. */
export interface PromptOptions {
  /** What was typed in former times, the latest first. */
  readonly history: readonly string[];
  /** Words to complete what is typed with the Tab key. */
  readonly words: readonly string[];
  /** A line was typed. */
  readonly online: (line: string) => void;
  /** Ctrl-D. */
  readonly onend: () => void;
  /** Ctrl-C. */
  readonly oninterrupt: () => void;
}

/** A prompt; the terminal is as it was once it is closed. */
export class Prompt {
  readonly #readline: Interface;
  #closed = false;

  constructor(options: PromptOptions) {
    const { history, words } = options;
    this.#readline = createInterface({
      input: process.stdin,
      output: process.stdout,
      terminal: true,
      prompt: "> ",
      history: [...history],
      historySize: 1000,
      completer: (line: string) => [
        words.filter((word) => line !== "" && word.startsWith(line)),
        line,
      ],
    });
    this.#readline.on("line", (line: string) => {
      options.online(line);
      if (!this.#closed) this.#readline.prompt();
    });
    this.#readline.on("close", () => {
      const byUser = !this.#closed;
      this.close();
      if (byUser) options.onend();
    });
    this.#readline.on("SIGINT", options.oninterrupt);
    // Else Ctrl-Z takes the terminal out of its mode, and does nothing more.
    this.#readline.on("SIGTSTP", () => {});
    this.#readline.prompt();
  }

  /** Prints above what is being typed, which stays. */
  async print(text: string): Promise<void> {
    const { stdout } = process;
    if (this.#closed) {
      await written(`${text}\n`);
      return;
    }
    const { rows } = this.#readline.getCursorPos();
    const up = rows > 0 ? `\x1b[${rows}A` : "";
    stdout.write(`${up}\r\x1b[J`);
    const isWritten = written(`${text}\n`);
    // The line begins on a row of its own: there is nothing of it above.
    Object.assign(this.#readline, { prevRows: 0 });
    this.#readline.prompt(true);
    await isWritten;
  }

  /** Gives the terminal back. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const { rows } = this.#readline.getCursorPos();
    this.#readline.close();
    process.stdin.pause();
    // What was not sent stays to be seen; an empty prompt goes.
    const isEmpty = this.#readline.line === "" && rows === 0;
    process.stdout.write(isEmpty ? "\r\x1b[J" : "\n");
  }
}

/** Waits until a terminal has taken a text. */
function written(text: string): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(text, () => resolve());
  });
}
