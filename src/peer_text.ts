/**
 * Text from a peer, made fit for a message: it may want to move a terminal,
 * turn a line or fill a log.
 *
 * @module
 */

/** A peer's text in quotes, shortened, with nothing in it that a terminal obeys. */
export function quoted(text: string, most = 80): string {
  const short = text.length > most ? `${text.slice(0, most)}…` : text;
  return JSON.stringify(short).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** The same without the quotes. */
export function escaped(text: string, most = 80): string {
  return quoted(text, most).slice(1, -1);
}
