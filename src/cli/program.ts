/**
 * The whole command: its subcommands, and what they have in common.
 *
 * Declared here and in the `command.ts` of each; what they do is loaded when
 * it is asked for.
 *
 * @module
 */

import type { Command } from "commander";
import { benchCommand } from "./bench/command.ts";
import { certCommand } from "./cert/command.ts";
import { detailsOf, newCommand } from "./command.ts";
import { connectCommand } from "./connect/command.ts";
import { demoCommand } from "./demo/command.ts";
import { doctorCommand } from "./doctor/command.ts";
import { ExitCode } from "./exit_code.ts";
import { report } from "./failure.ts";
import { greetCommand } from "./greet/command.ts";
import { completionsCommand, helpCommand, manCommand } from "./meta/command.ts";
import { configureHelp } from "./meta/help.ts";
import { versionLine } from "./meta/version.ts";
import { hasColor, print, printError } from "./output.ts";
import { serveCommand } from "./serve/command.ts";

const SUMMARY =
  "Encrypted WebSocket connections: certificates, server, client, diagnosis";

const NOTES = [
  "Data goes to standard output, everything else to standard error. With NO_COLOR, and where there is no terminal, there are no colours.",
  "Secrets are given as env:NAME or file:PATH, as others can read a command line; a password in a URL is taken, with a warning.",
  "Of Deno's permissions each command needs its own, and no more; --help-all of a command lists them. Where one is missing, the error names the flag, and the exit code is 9.",
];

/** Makes the command. */
export function createProgram(): Command {
  const program = newCommand("wss", SUMMARY, {
    examples: [
      ["wss serve --echo", "a server, encrypted"],
      ["wss connect localhost:8765 --cacert certs/ca.pem", "talk to it"],
      ["wss doctor wss://chat.example", "what is wrong there?"],
    ],
    permissions: [],
    notes: NOTES,
  });
  program
    .version(versionLine(), "-V, --version", "print the version")
    .helpCommand(false)
    // So that an option is that of the command that it stands behind.
    .enablePositionalOptions();
  const add = (heading: string, ...commands: Command[]): void => {
    for (const command of commands) {
      program.addCommand(command.helpGroup(heading));
    }
  };
  add(
    "Commands:",
    certCommand(),
    serveCommand(),
    connectCommand(),
    doctorCommand(),
    benchCommand(),
  );
  add("To try it:", demoCommand(), greetCommand());
  add("For your shell:", completionsCommand(), manCommand());
  program.addCommand(helpCommand(), { hidden: true });
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({
      writeOut: (text) => print(text.trimEnd()),
      writeErr: (text) =>
        text.trimEnd().split("\n").forEach((line) => printError(line)),
      getOutHasColors: () => hasColor("stdout"),
      getErrHasColors: () => hasColor("stderr"),
    });
    configureHelp(command);
  }
  return program;
}

/** Runs the command, and tells the exit code. */
export async function main(args: readonly string[]): Promise<ExitCode> {
  const program = createProgram();
  let running = program;
  program.hook("preAction", (_, command) => {
    running = command;
  });
  try {
    await program.parseAsync(understood(program, args), { from: "user" });
    return ExitCode.Ok;
  } catch (error) {
    return report(error, {
      name: running.name(),
      tlsRemedies: detailsOf(running)?.tlsRemedies,
    });
  }
}

/** What is to be parsed; the help for what is no command would be that of all. */
function understood(program: Command, args: readonly string[]): string[] {
  const [first] = args;
  if (first === undefined) return ["--help"];
  const known = first.startsWith("-") ||
    program.commands.some((command) => command.name() === first);
  return known ? [...args] : [first];
}
