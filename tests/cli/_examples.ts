/**
 * Command lines that are shown to people, as the command reads them.
 *
 * @module
 */

import { CommanderError } from "commander";
import { createProgram } from "../../src/cli/program.ts";

/** The words of a line for a shell, with quotes taken off. */
export function shellWords(line: string): string[] {
  const words = line.match(/(?:'[^']*'|"[^"]*"|\\.|\S)+/g) ?? [];
  return words.map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, "$1$2"));
}

/**
 * Lets `wss` read a command line, without doing what it says; `partly` if it may
 * lack arguments.
 *
 * @throws {Error} If it does not understand it, or there is none.
 */
export function parseWss(
  words: readonly string[],
  { partly = false }: { partly?: boolean } = {},
): void {
  const from = words.indexOf("wss");
  if (from < 0) throw new Error(`There is no wss in ${words.join(" ")}`);
  const rest = words.slice(from + 1);
  const end = rest.findIndex((word) =>
    /^(?:\d?>>?|[|&<;#]|&&|\d>&\d)/.test(word)
  );
  const args = end < 0 ? rest : rest.slice(0, end);
  const program = createProgram();
  const said: string[] = [];
  for (const command of [program, ...program.commands]) {
    if (command !== program) command.action(() => {});
    command.configureOutput({
      writeOut: () => {},
      writeErr: (text) => said.push(text),
    });
  }
  try {
    program.parse([...args], { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    const isHelp = error.exitCode === 0;
    const isPart = partly &&
      /\.(?:missing|optionMissing)Argument$/.test(error.code);
    if (isHelp || isPart) return;
    throw new Error(`wss ${args.join(" ")}: ${said.join("")}`, {
      cause: error,
    });
  }
}
