/**
 * Completions for shells, of the declarations of the commands.
 *
 * @module
 */

import type { Argument, Command, Option } from "commander";
import { bashCompletions } from "./completions_bash.ts";
import { fishCompletions } from "./completions_fish.ts";
import { zshCompletions } from "./completions_zsh.ts";
import { commandsOf, optionsOf, type Takes, takesOf, textOf } from "./tree.ts";

/** The shells that there are completions for. */
export type Shell = "bash" | "zsh" | "fish";

/** What can be completed behind an option, or as an argument. */
export interface Completed {
  readonly takes: Takes;
  readonly choices: readonly string[];
}

/** An option, as shells need it. */
export interface CompletedOption extends Completed {
  /** Such as `-H`; empty if there is none. */
  readonly short: string;
  /** Such as `--header`. */
  readonly long: string;
  readonly text: string;
}

/** A command, as shells need it. */
export interface CompletedCommand {
  readonly name: string;
  readonly text: string;
  readonly options: readonly CompletedOption[];
  readonly argument: Completed;
}

const SHELLS = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
};

/** The completions of a program for a shell. */
export function completions(program: Command, shell: Shell): string {
  const commands = commandsOf(program).map(completedCommand);
  const names = commands.map(({ name }) => name);
  const help = completedHelp(program, names);
  const own = optionsOf(program).map(completedOption);
  return SHELLS[shell]([...commands, ...help], own);
}

/** The command `help`, which is not listed, and takes the name of another. */
function completedHelp(
  program: Command,
  choices: readonly string[],
): CompletedCommand[] {
  const command = program.commands.find((other) => other.name() === "help");
  if (command === undefined) return [];
  const argument = { takes: "choice", choices } as const;
  return [{ ...completedCommand(command), argument }];
}

function completedCommand(command: Command): CompletedCommand {
  const [argument] = command.registeredArguments;
  return {
    name: command.name(),
    text: command.description(),
    options: optionsOf(command).map(completedOption),
    argument: completed(argument),
  };
}

function completedOption(option: Option): CompletedOption {
  return {
    ...completed(option),
    short: option.short ?? "",
    long: option.long ?? "",
    text: textOf(option),
  };
}

function completed(what: Option | Argument | undefined): Completed {
  if (what === undefined) return { takes: "nothing", choices: [] };
  return { takes: takesOf(what), choices: what.argChoices ?? [] };
}
