/**
 * Completions for fish.
 *
 * @module
 */

import type {
  Completed,
  CompletedCommand,
  CompletedOption,
} from "./completions.ts";

/** Where no command is named yet. */
const NONE = "__fish_use_subcommand";

/** Writes them. */
export function fishCompletions(
  commands: readonly CompletedCommand[],
  own: readonly CompletedOption[],
): string {
  return [
    "# wss completions for fish",
    "complete -c wss -f",
    ...own.map((option) => optionLine(option, NONE)),
    ...commands.map(({ name, text }) =>
      line(NONE, "-a", name, "-d", quoted(text))
    ),
    ...commands.flatMap(commandLines),
  ].join("\n");
}

function commandLines(
  { name, options, argument }: CompletedCommand,
): string[] {
  const seen = `__fish_seen_subcommand_from ${name}`;
  const lines = options.map((option) => optionLine(option, seen));
  const { takes, choices } = argument;
  if (takes === "choice") {
    lines.push(line(seen, "-a", quoted(choices.join(" "))));
  }
  return lines;
}

function optionLine(option: CompletedOption, when: string): string {
  const { short, long, text } = option;
  return line(
    when,
    ...short === "" ? [] : ["-s", short.slice(1)],
    "-l",
    long.slice(2),
    ...values(option),
    "-d",
    quoted(text),
  );
}

/** What stands behind an option: `-r` something, `-F` a file, `-x` nothing else. */
function values({ takes, choices }: Completed): string[] {
  switch (takes) {
    case "nothing":
      return [];
    case "file":
      return ["-r", "-F"];
    case "directory":
      return ["-x", "-a", quoted("(__fish_complete_directories)")];
    case "choice":
      return ["-x", "-a", quoted(choices.join(" "))];
    default:
      return ["-x"];
  }
}

function line(when: string, ...words: string[]): string {
  return ["complete -c wss -n", quoted(when), ...words].join(" ");
}

function quoted(word: string): string {
  return `'${word.replace(/['\\]/g, "\\$&")}'`;
}
