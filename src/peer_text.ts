/**
 * Text from a peer, made fit for a message: it may want to move a terminal,
 * turn a line or fill a log.
 *
 * @module
 */

/** A peer's text in quotes, shortened, with nothing in it that a terminal obeys, or nobody sees. */
export function quoted(text: string, most = 80): string {
  const short = text.length > most ? `${text.slice(0, most)}…` : text;
  return JSON.stringify(short).replace(
    // The joiners stay, which scripts and emoji need.
    /[\p{Cc}\u2028\u2029]|(?![\u200c\u200d])\p{Cf}/gu,
    (char) =>
      Array.from(
        { length: char.length },
        (_, i) => `\\u${char.charCodeAt(i).toString(16).padStart(4, "0")}`,
      ).join(""),
  );
}

/** The same without the quotes. */
export function escaped(text: string, most = 80): string {
  return quoted(text, most).slice(1, -1);
}
