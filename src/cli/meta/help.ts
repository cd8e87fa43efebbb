/**
 * Help that fits a screen, and all of it where it is asked for.
 *
 * @module
 */

import { type Command, CommanderError } from "commander";
import { isForExperts } from "../command.ts";
import { EXIT_CODES } from "../exit_code.ts";
import { columns, styled } from "../output.ts";
import { examples, items, wrap } from "./layout.ts";
import {
  groupsOf,
  helpAllOption,
  nameOf,
  optionsOf,
  tellOf,
  textOf,
  usageOf,
} from "./tree.ts";

/** The narrowest terminal that text is broken for. */
const NARROWEST = 40;

/** Sets how a command shows its help. */
export function configureHelp(command: Command): void {
  const path = command.parent === null ? "wss" : `wss ${command.name()}`;
  command
    .helpOption("-h, --help", "show what is mostly needed")
    .addOption(helpAllOption())
    .configureHelp({ formatHelp: (told) => formatHelp(told) })
    .showHelpAfterError(`Try \`${path} --help\``)
    .on("option:help-all", () => {
      command.configureOutput().writeOut?.(formatHelp(command, { all: true }));
      throw new CommanderError(0, "commander.helpDisplayed", "(help)");
    });
}

/** How help is shown. */
export interface HelpOptions {
  /** Whether with what few need. */
  all?: boolean;
  /** Of the lines; that of the terminal, if it is left out. */
  width?: number;
}

/** The help of a command, in lines that fit the terminal. */
export function formatHelp(
  command: Command,
  { all = false, width = Math.max(NARROWEST, columns()) }: HelpOptions = {},
): string {
  const title = (text: string): string => styled("bold", text);
  const sections = command.parent === null
    ? programSections(command, width)
    : commandSections(command, width, all);
  if (all) sections.push(...moreSections(command, width));
  const shown = sections.map(({ heading, lines }) =>
    [title(heading), ...lines].join("\n")
  );
  const [first, ...rest] = wrap(usageOf(command), width - 7);
  const usage = [first, ...rest.map((line) => `       ${line}`)].join("\n");
  return [
    `${title("Usage:")} ${usage}`,
    wrap(command.description(), width).join("\n"),
    ...shown,
    ...all ? [] : [wrap(ending(command), width).join("\n")],
  ].join("\n\n");
}

interface Section {
  readonly heading: string;
  readonly lines: readonly string[];
}

/** What the program as a whole tells: its commands. */
function programSections(program: Command, width: number): Section[] {
  const groups = groupsOf(program);
  const column = Math.max(
    ...[...groups.values()].flat().map((command) => command.name().length),
  );
  const lines = [...groups].flatMap(([heading, commands], index) => [
    ...index === 0 ? [] : [styled("bold", heading)],
    ...items(
      commands.map((command) => [
        command.name().padEnd(column),
        command.summary() || command.description(),
      ]),
      width,
    ),
  ]);
  const [heading = ""] = groups.keys();
  return [
    { heading, lines },
    ...exampleSection(program, width),
  ];
}

/** What a command tells: its arguments, its options. */
function commandSections(
  command: Command,
  width: number,
  all: boolean,
): Section[] {
  const sections: Section[] = [];
  const told = command.registeredArguments.filter(({ description }) =>
    description !== ""
  );
  const options = optionsOf(command).filter((option) =>
    all || !isForExperts(option) && option.long !== "--help"
  );
  const rows = [
    ...told.map((argument) => [nameOf(argument), textOf(argument)] as const),
    ...options.map((option) => [option.flags, textOf(option)] as const),
  ];
  // All in one list, so that all have one column.
  const lines = items(rows, width);
  if (rows.length > 0) sections.push({ heading: "Options:", lines });
  return [...sections, ...exampleSection(command, width)];
}

function exampleSection(command: Command, width: number): Section[] {
  const { examples: rows } = tellOf(command);
  if (rows.length === 0) return [];
  return [{ heading: "Examples:", lines: examples(rows, width) }];
}

/** What few need. */
function moreSections(command: Command, width: number): Section[] {
  const { permissions, notes = [] } = tellOf(command);
  const paragraphs = notes.flatMap((note, index) => [
    ...index === 0 ? [] : [""],
    ...wrap(note, width - 2).map((line) => `  ${line}`),
  ]);
  const codes = EXIT_CODES.map(([code, what]) => [`${code}`, what] as const);
  return [
    { heading: "Notes:", lines: paragraphs },
    { heading: "Permissions:", lines: items(permissions, width) },
    { heading: "Exit codes:", lines: items(codes, width) },
  ].filter(({ lines }) => lines.length > 0);
}

function ending(command: Command): string {
  if (command.parent === null) {
    return "wss <command> --help tells more of it, --help-all shows exit codes";
  }
  const count = optionsOf(command).length;
  return `--help-all shows all ${count} options, permissions and exit codes`;
}
