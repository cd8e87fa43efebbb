/**
 * Completions for bash, from 3.2 on, which macOS has; the package
 * bash-completion is not needed.
 *
 * @module
 */

import type {
  Completed,
  CompletedCommand,
  CompletedOption,
} from "./completions.ts";

/** Writes them. */
export function bashCompletions(
  commands: readonly CompletedCommand[],
  own: readonly CompletedOption[],
): string {
  const names = commands.map(({ name }) => name).join(" ");
  return `# wss completions for bash
_wss() {
  local cur prev command word i
  COMPREPLY=()
  cur=\${COMP_WORDS[COMP_CWORD]}
  prev=
  ((COMP_CWORD > 0)) && prev=\${COMP_WORDS[COMP_CWORD-1]}
  # Bash takes --cert=file for three words.
  if [[ $cur == = ]]; then
    cur=
  elif [[ $prev == = ]] && ((COMP_CWORD > 1)); then
    prev=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  command=
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ $word != -* ]]; then
      command=$word
      break
    fi
  done
  case $command in
${
    [
      caseOf("''", [
        optionWords(own),
        wordsOf(names, "      "),
      ]),
      ...commands.map(commandCase),
    ].join("\n")
  }
  esac
}
_wss_words() {
  compopt +o default 2>/dev/null
  COMPREPLY=($(compgen -W "$1" -- "$cur"))
}
_wss_directories() {
  local IFS=$'\\n'
  compopt +o default -o filenames 2>/dev/null
  COMPREPLY=($(compgen -d -- "$cur"))
}
# Where nothing is put into COMPREPLY, bash completes files.
complete -o default -F _wss wss`;
}

function caseOf(name: string, lines: readonly string[]): string {
  return [`    ${name})`, ...lines, "      ;;"].filter(Boolean).join("\n");
}

function commandCase(command: CompletedCommand): string {
  return caseOf(command.name, [
    valueCases(command.options),
    optionWords(command.options),
    completion(command.argument, "      "),
  ]);
}

/** Completes behind the options that take something. */
function valueCases(options: readonly CompletedOption[]): string {
  const taking = options.filter(({ takes }) => takes !== "nothing");
  if (taking.length === 0) return "";
  // Those that are completed alike stand together.
  const groups = Map.groupBy(
    taking,
    (option) => completion(option, "          "),
  );
  const cases = [...groups].map(([what, alike]) => {
    const names = alike.flatMap(({ short, long }) =>
      short === "" ? [long] : [short, long]
    );
    return `        ${
      names.join("|")
    })\n${what}\n          return\n          ;;`;
  });
  return ["      case $prev in", ...cases, "      esac"].join("\n");
}

function optionWords(options: readonly CompletedOption[]): string {
  const names = options.map(({ long }) => long).join(" ");
  return `      if [[ $cur == -* ]]; then
${wordsOf(names, "        ")}
        return
      fi`;
}

function completion({ takes, choices }: Completed, indent: string): string {
  if (takes === "file") return `${indent}:`;
  if (takes === "directory") return `${indent}_wss_directories`;
  return wordsOf(choices.join(" "), indent);
}

function wordsOf(words: string, indent: string): string {
  return `${indent}_wss_words '${words}'`;
}
