/**
 * A command line in one text, as the words that it has.
 *
 * @module
 */

import { UsageError } from "../failure.ts";

/** What a shell would do something with, where it stands outside of quotes. */
const OF_SHELLS = "|&;<>()$`*?[{\n";

/** What a shell would do something with in double quotes. */
const OF_SHELLS_QUOTED = "$`";

/** Words that are read, and the one that is begun. */
interface Reading {
  readonly words: string[];
  word: string | undefined;
}

/**
 * Splits a command line at its blanks, outside of quotes; a backslash takes the
 * next character as it is. No shell has a part in it, so what only a shell
 * understands is refused, rather than passed on as a word.
 *
 * @throws {UsageError} If it is empty, not ended, or for a shell.
 */
export function splitCommand(flag: string, command: string): string[] {
  const reading: Reading = { words: [], word: undefined };
  for (let at = 0; at < command.length;) {
    at = readPart(flag, command, at, reading);
  }
  endWord(reading);
  const { words } = reading;
  if (words[0] === undefined || words[0] === "") {
    throw new UsageError(`${flag}: the command is empty`);
  }
  return words;
}

/** Reads from one position, and tells the next. */
function readPart(
  flag: string,
  command: string,
  at: number,
  reading: Reading,
): number {
  const char = command.charAt(at);
  if (/\s/.test(char) && char !== "\n") {
    endWord(reading);
    return at + 1;
  }
  if (char === "'") {
    const end = command.indexOf("'", at + 1);
    if (end === -1) throw notEnded(flag, char);
    reading.word = (reading.word ?? "") + command.slice(at + 1, end);
    return end + 1;
  }
  if (char === '"') return readQuoted(flag, command, at + 1, reading);
  if (char === "\\") {
    if (at + 1 === command.length) throw notEnded(flag, char);
    reading.word = (reading.word ?? "") + command.charAt(at + 1);
    return at + 2;
  }
  const home = char === "~" && reading.word === undefined;
  if (home || OF_SHELLS.includes(char)) throw forShell(flag, char);
  reading.word = (reading.word ?? "") + char;
  return at + 1;
}

/** Reads to the end of double quotes. */
function readQuoted(
  flag: string,
  command: string,
  from: number,
  reading: Reading,
): number {
  let word = reading.word ?? "";
  for (let at = from; at < command.length; at++) {
    let char = command.charAt(at);
    if (char === '"') {
      reading.word = word;
      return at + 1;
    }
    if (OF_SHELLS_QUOTED.includes(char)) throw forShell(flag, char);
    // Shells keep a backslash before anything else.
    if (char === "\\" && '"\\$`'.includes(command.charAt(at + 1))) {
      char = command.charAt(++at);
    }
    word += char;
  }
  throw notEnded(flag, '"');
}

function endWord(reading: Reading): void {
  if (reading.word !== undefined) reading.words.push(reading.word);
  reading.word = undefined;
}

function notEnded(flag: string, char: string): UsageError {
  return new UsageError(`${flag}: nothing follows the last ${char}`);
}

function forShell(flag: string, char: string): UsageError {
  const what = char === "\n" ? "a line end" : char;
  return new UsageError(
    `${flag}: no shell reads the command, and ${what} is for one; put it into single quotes, or write sh -c '…'`,
  );
}
