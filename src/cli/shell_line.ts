/**
 * Command lines to copy, as a shell takes them.
 *
 * @module
 */

/** Words as a command line: what a shell would read as more than a word is quoted. */
export function shellLine(words: readonly string[]): string {
  return words.map((word) =>
    /^[\w./:=@%+,[\]-]+$/.test(word) ? word : shellQuoted(word)
  ).join(" ");
}

/** A word that a shell takes as it stands. */
export function shellQuoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
