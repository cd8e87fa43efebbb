/**
 * Text in columns, as wide as the terminal.
 *
 * @module
 */

/** Where it is narrower, what a thing is stands below a name that is long. */
const NARROW = 60;

/** The longest name that has its text beside it. */
const LONGEST_TERM = 34;

/** Breaks a text at spaces; a word that is too long stays whole. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

/** Names, and beside each, what it is. */
export function items(
  rows: readonly (readonly [term: string, text: string])[],
  width: number,
): string[] {
  const limit = Math.min(LONGEST_TERM, Math.floor(width * 0.45));
  const lengths = rows.map(([term]) => term.length);
  const short = lengths.filter((length) => length <= limit);
  const isStacked = width < NARROW && short.length < lengths.length;
  const column = isStacked ? 4 : Math.max(...short, 0) + 2;
  return rows.flatMap(([term, text]) => {
    const [first = "", ...rest] = wrap(text, width - column - 2);
    const indented = (line: string): string => " ".repeat(column + 2) + line;
    const beside = term.length + 2 <= column;
    return [
      (beside ? `  ${term.padEnd(column)}${first}` : `  ${term}`).trimEnd(),
      ...beside || first === "" ? [] : [indented(first)],
      ...rest.map(indented),
    ];
  });
}

/** Command lines, and behind each, as a comment, what it does. */
export function examples(
  rows: readonly (readonly [line: string, what: string])[],
  width: number,
): string[] {
  const fit = (line: number, what: string): boolean =>
    line + what.length + 6 <= width;
  const short = rows.filter(([line, what]) => fit(line.length, what));
  const longest = Math.max(0, ...short.map(([line]) => line.length));
  // In one column, or none has one.
  const column = short.every(([, what]) => fit(longest, what)) ? longest : 0;
  return rows.flatMap(([line, what]) =>
    fit(line.length, what) ? [`  ${line.padEnd(column)}  # ${what}`] : [
      ...commandLine(line, width),
      ...wrap(what, width - 8).map((part) => `      # ${part}`),
    ]
  );
}

/** A command line, broken so that a shell still takes it. */
function commandLine(line: string, width: number): string[] {
  const lines: string[] = [];
  let current = "  ";
  for (const word of line.match(/(?:'[^']*'|"[^"]*"|\S)+/g) ?? []) {
    const isEmpty = current.trim() === "";
    if (!isEmpty && current.length + word.length + 3 > width) {
      lines.push(`${current} \\`);
      current = `    ${word}`;
    } else current += isEmpty ? word : ` ${word}`;
  }
  return [...lines, current];
}
