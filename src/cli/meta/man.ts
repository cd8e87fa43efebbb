/**
 * The manual page, made of the declarations of the commands, in the language of
 * man(7).
 *
 * @module
 */

import type { Command } from "commander";
import { EXIT_CODES } from "../exit_code.ts";
import { wrap } from "./layout.ts";
import {
  commandsOf,
  nameOf,
  optionsOf,
  tellOf,
  textOf,
  usageOf,
} from "./tree.ts";
import { VERSION } from "./version.ts";

/** What the environment says to the command, besides what `env:NAME` names. */
const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["NO_COLOR", "If it is set, nothing is coloured."],
  [
    "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY",
    "Which proxy --proxy environment takes, also in lower case. Without that option, --engine deno follows them too, as the runtime does.",
  ],
  ["DENO_DIR", "Where Deno keeps what it downloaded."],
];

const FILES: readonly (readonly [string, string])[] = [
  ["certs/ca.pem", "The authority for development, which clients trust."],
  ["certs/ca.key", "Its private key, which stays where it is."],
  ["certs/localhost.pem", "What a server needs: chain and private key."],
];

/** Writes the page, dated today if no other day is given. */
export function manual(program: Command, date: Date = new Date()): string {
  const commands = commandsOf(program);
  const day = date.toISOString().slice(0, 10);
  return [
    `.TH WSS 1 "${day}" "wss ${VERSION}" "User Commands"`,
    // Options and command lines are not to be broken, nor stretched.
    ".ad l",
    ".nh",
    ".SH NAME",
    `wss \\- ${lowerFirst(escaped(program.description()))}`,
    ".SH SYNOPSIS",
    ".B wss",
    ".I command",
    ".RI [ options ]",
    ...paragraphs(tellOf(program).notes, ".SH DESCRIPTION"),
    ".SH COMMANDS",
    ...commands.flatMap(commandSection),
    ".SH EXIT STATUS",
    ...EXIT_CODES.flatMap(([code, what]) => tagged(`${code}`, what)),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, what]) => tagged(name, what)),
    ".SH FILES",
    ...FILES.flatMap(([name, what]) => tagged(name, what)),
    ".SH EXAMPLES",
    ...tellOf(program).examples.flatMap(example),
    ".SH SEE ALSO",
    ".BR curl (1),",
    ".BR deno (1),",
    ".BR openssl (1)",
  ].join("\n");
}

function commandSection(command: Command): string[] {
  const { examples, permissions, notes } = tellOf(command);
  const rows = [
    ...command.registeredArguments
      .filter(({ description }) => description !== "")
      .map((argument) => [nameOf(argument), textOf(argument)] as const),
    ...optionsOf(command).map((option) =>
      [option.flags, textOf(option)] as const
    ),
  ];
  return [
    `.SS wss ${escaped(command.name())}`,
    ...filled(sentence(command.description())),
    ".PP",
    `.B ${escaped(usageOf(command))}`,
    ...rows.flatMap(([term, text]) => tagged(term, text)),
    ...paragraphs(notes, ".PP"),
    ...permissions.length === 0 ? [] : [".PP", "Permissions:"],
    ...permissions.flatMap(([flag, what]) => tagged(flag, what)),
    ...examples.length === 0 ? [] : [".PP", "Examples:"],
    ...examples.flatMap(example),
  ];
}

/** Text in paragraphs, under a first line of its own. */
function paragraphs(notes: readonly string[] = [], first: string): string[] {
  return notes.flatMap((note, index) => [
    index === 0 ? first : ".PP",
    ...filled(note),
  ]);
}

function tagged(term: string, text: string): string[] {
  return [".TP", `.B ${escaped(term)}`, ...filled(text)];
}

function example([line, what]: readonly [string, string]): string[] {
  return [".TP", `.B ${escaped(line)}`, ...filled(what)];
}

/** Text in lines that roff fills anew. */
function filled(text: string): string[] {
  return wrap(escaped(text), 78).map(unspoken);
}

const ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\e",
  "-": "\\-",
  "'": "\\(aq",
  "`": "\\(ga",
  "^": "\\(ha",
  "~": "\\(ti",
  '"': "\\(dq",
  "\u200b": "\\:",
};

/** Text that roff shows as it is; long words may be broken behind a comma. */
function escaped(text: string): string {
  const safe = text
    .replace(/\S{60,}/g, (word) => word.replaceAll(",", ",\u200b"))
    .replace(/[\\\-'`^~"\u200b]/g, (char) => ESCAPES[char] ?? char)
    .replace(
      /[^ -~]/gu,
      (char) =>
        `\\[u${
          (char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0")
        }]`,
    );
  return unspoken(safe);
}

/** A line that roff does not take for a request. */
function unspoken(line: string): string {
  return line.startsWith(".") ? `\\&${line}` : line;
}

function sentence(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}.`;
}

function lowerFirst(text: string): string {
  return `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`;
}
