/**
 * The declarations of what the command tells of itself: `wss completions`,
 * `wss man` and `wss help`.
 *
 * @module
 */

import { Argument, type Command, Option } from "commander";
import { newCommand } from "../command.ts";
import { UsageError } from "../failure.ts";
import { print } from "../output.ts";

/** The program that a command belongs to. */
function programOf(command: Command): Command {
  return command.parent ?? command;
}

/** Declares `wss completions`. */
export function completionsCommand(): Command {
  const command = newCommand(
    "completions",
    "what bash, zsh or fish completes with Tab",
    {
      examples: [
        [
          "wss completions bash > ~/.local/share/bash-completion/completions/wss",
          "where bash-completion is installed",
        ],
        ["wss completions bash >> ~/.bashrc", "where it is not"],
        [
          "wss completions zsh > ~/.zfunc/_wss",
          "with fpath+=~/.zfunc before compinit",
        ],
        [
          "wss completions fish > ~/.config/fish/completions/wss.fish",
          "at once",
        ],
      ],
      permissions: [],
      notes: [
        "A completion runs no wss: it knows the commands, options, choices, files and directories of the version that wrote it.",
      ],
    },
  );
  return command
    .addArgument(
      new Argument("<shell>", "which").choices(["bash", "zsh", "fish"]),
    )
    .action(async (shell: "bash" | "zsh" | "fish") => {
      const { completions } = await import("./completions.ts");
      print(completions(programOf(command), shell));
    });
}

/** Declares `wss man`. */
export function manCommand(): Command {
  const command = newCommand("man", "the manual page, for man", {
    examples: [
      ["wss man | man -l -", "read it"],
      ["wss man > ~/.local/share/man/man1/wss.1", "install it"],
    ],
    permissions: [],
  });
  return command.action(async () => {
    const { manual } = await import("./man.ts");
    print(manual(programOf(command)));
  });
}

/** Declares `wss help`. */
export function helpCommand(): Command {
  const command = newCommand("help", "the help of a command", {
    examples: [["wss help serve", "the same as wss serve --help"]],
    permissions: [],
  });
  return command
    .argument("[command]", "of which")
    .addOption(new Option("--all", "with all options"))
    .action(async (name: string | undefined, { all = false }) => {
      const { formatHelp } = await import("./help.ts");
      const program = programOf(command);
      const told = name === undefined ? program : program.commands.find(
        (other) => other.name() === name,
      );
      if (told === undefined) {
        const names = program.commands.map((other) => other.name()).join(", ");
        throw new UsageError(
          `there is no command ${JSON.stringify(name)}; there are ${names}`,
        );
      }
      print(formatHelp(told, { all }));
    });
}
