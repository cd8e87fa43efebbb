/**
 * Completions for zsh.
 *
 * @module
 */

import { shellQuoted } from "../shell_line.ts";
import type {
  Completed,
  CompletedCommand,
  CompletedOption,
} from "./completions.ts";

/** Writes them. */
export function zshCompletions(
  commands: readonly CompletedCommand[],
  own: readonly CompletedOption[],
): string {
  const rows = commands.map(({ name, text }) =>
    `    ${shellQuoted(`${name}:${text}`)}`
  );
  return `#compdef wss
# wss completions for zsh
_wss() {
  local curcontext=$curcontext state line
  local -a commands
  typeset -A opt_args
  commands=(
${rows.join("\n")}
  )
  _arguments -C \\
${own.map((option) => `    ${optionSpec(option)} \\\n`).join("")}    \
'1: :->command' '*:: :->rest' && return
  if [[ $state == command ]]; then
    _describe command commands
    return
  fi
  case $words[1] in
${commands.map(commandCase).join("\n")}
  esac
}
# Read by compinit, or run by itself.
if [[ $funcstack[1] == _wss ]]; then _wss "$@"; else compdef _wss wss; fi`;
}

function commandCase(
  { name, options, argument }: CompletedCommand,
): string {
  const specs = options.map(optionSpec);
  if (argument.takes !== "nothing") {
    specs.push(shellQuoted(`*: :${action(argument)}`));
  }
  return `    ${name})\n      _arguments -s \\\n        ${
    specs.join(" \\\n        ")
  }\n      ;;`;
}

/** An option, as `_arguments` takes it; `*` as some may be given several times. */
function optionSpec(option: CompletedOption): string {
  const { short, long, takes, text } = option;
  const what = `[${text.replace(/[[\]\\:]/g, "\\$&")}]`;
  const value = takes === "nothing" ? "" : `:value:${action(option)}`;
  // Also with "=", as in --cert=file.
  const full = takes === "nothing" ? long : `${long}=`;
  const names = short === "" ? [full] : [short, full];
  return names.map((flag) => shellQuoted(`*${flag}${what}${value}`)).join(" ");
}

function action({ takes, choices }: Completed): string {
  if (takes === "file") return "_files";
  if (takes === "directory") return "_files -/";
  return choices.length === 0 ? " " : `(${choices.join(" ")})`;
}
