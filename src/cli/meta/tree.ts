/**
 * What the declarations of the commands say, for help, the manual page and the
 * completions, so that all of them say the same.
 *
 * @module
 */

import { type Argument, type Command, Option } from "commander";
import { type Details, detailsOf, forExperts } from "../command.ts";

/** What an option, or an argument, takes. */
export type Takes = "nothing" | "file" | "directory" | "choice" | "other";

const NO_DETAILS: Details = { examples: [], permissions: [] };

/** The option that shows all there is to know. */
export function helpAllOption(): Option {
  return forExperts(
    new Option("--help-all", "show all options, permissions and exit codes"),
  );
}

/** What a command tells of itself. */
export function tellOf(command: Command): Details {
  return detailsOf(command) ?? NO_DETAILS;
}

/** The options of a command, with that for help. */
export function optionsOf(command: Command): Option[] {
  return command.createHelp().visibleOptions(command);
}

/** The commands of the program that are to be shown. */
export function commandsOf(program: Command): Command[] {
  return program.createHelp().visibleCommands(program);
}

/** Commands by the headings that they stand under. */
export function groupsOf(program: Command): Map<string, Command[]> {
  return Map.groupBy(
    commandsOf(program),
    (command) => command.helpGroup() || "Commands:",
  );
}

/** What an option is for, with its choices and its default. */
export function textOf(option: Option | Argument): string {
  const { description, argChoices, defaultValue, defaultValueDescription } =
    option;
  const untold = argChoices?.some((choice) => !description.includes(choice));
  const text = untold
    ? `${description}: ${listed(argChoices ?? [])}`
    : description;
  const isFlag = option instanceof Option && !takesValue(option);
  if (defaultValue === undefined || isFlag) return text;
  return `${text} (default: ${defaultValueDescription ?? defaultValue})`;
}

function takesValue({ required, optional }: Option): boolean {
  return required || optional;
}

function listed(words: readonly string[]): string {
  const last = words.at(-1) ?? "";
  const others = words.slice(0, -1).join(", ");
  return others === "" ? last : `${others} or ${last}`;
}

/** The name of what an option takes, such as `file` in `--cert <file>`. */
export function valueOf(option: Option): string {
  return /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1] ?? "";
}

/** What an option, or an argument, takes. */
export function takesOf(what: Option | Argument): Takes {
  if (what instanceof Option && !takesValue(what)) return "nothing";
  if (what.argChoices !== undefined) return "choice";
  return kindOf(what instanceof Option ? valueOf(what) : what.name());
}

function kindOf(value: string): Takes {
  const [name] = value.split("|");
  if (name === "file" || name === "path") return "file";
  return name === "dir" || name === "directory" ? "directory" : "other";
}

/** An argument, as it stands in a line that tells how a command is called. */
export function nameOf(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? "..." : ""}`;
  return argument.required ? `<${name}>` : `[${name}]`;
}

/** The line that tells how a command is called. */
export function usageOf(command: Command): string {
  if (command.parent === null) return "wss <command> [options]";
  const words = command.registeredArguments.map(nameOf);
  return ["wss", command.name(), "[options]", ...words].join(" ");
}
