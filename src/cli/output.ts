/**
 * What is printed: data on standard output, all else on standard error, in
 * colour only where a person looks.
 *
 * @module
 */

/** Where a line goes. */
export type Stream = "stdout" | "stderr";

/** The styles that there are, by the numbers that a terminal knows. */
const STYLES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

/** How a text may look. */
export type Style = keyof typeof STYLES;

/** Whether a stream is a terminal that is to be coloured (no-color.org). */
export function hasColor(stream: Stream = "stdout"): boolean {
  return Deno[stream].isTerminal() && !Deno.noColor;
}

/** A text in a style, where the stream takes colours. */
export function styled(
  style: Style,
  text: string,
  stream: Stream = "stdout",
): string {
  if (!hasColor(stream)) return text;
  const [on, off] = STYLES[style];
  return `\x1b[${on}m${text}\x1b[${off}m`;
}

/** How many columns there are; 80 where there is no terminal. */
export function columns(stream: Stream = "stdout"): number {
  if (!Deno[stream].isTerminal()) return 80;
  try {
    return Deno.consoleSize().columns || 80;
  } catch {
    return 80;
  }
}

/** Prints data. */
export function print(line: string): void {
  console.log(line);
}

/** Prints what is not data: errors, notes, progress; nothing a terminal obeys. */
export function printError(line: string): void {
  console.error(visible(line));
}

/**
 * Text of a peer, made fit for a terminal: no control characters, and none that
 * nobody sees, but for the joiners that scripts and emoji need. The escapes are
 * those of JSON.
 */
export function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\u2028\u2029]|(?![\u200c\u200d])\p{Cf}/gu,
    (char) =>
      Array.from(
        { length: char.length },
        (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`,
      ).join(""),
  );
}

/** A JSON document for people to read, too: what else would act on a terminal is escaped. */
export function prettyJson(value: unknown): string {
  return JSON.stringify(value, undefined, 2).split("\n").map(visible)
    .join("\n");
}
