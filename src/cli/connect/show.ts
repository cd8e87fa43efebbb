/**
 * Messages as a terminal shows them: shortened, and with nothing in them that a
 * terminal obeys.
 *
 * @module
 */

import type { Message } from "../../../client.ts";
import { styled, visible } from "../output.ts";
import { isJson, prettyJson } from "./json.ts";

/** How much of a text is shown, in UTF-16 units, and of bytes. */
const MAX_TEXT = 2048;
const MAX_BYTES = 64;

/** How messages are to be shown. */
export interface ShowOptions {
  /** Shortens nothing. */
  readonly full: boolean;
  /** Lays out what is JSON. */
  readonly json: boolean;
}

/** A message in lines, for a terminal. */
export function shown(message: Message, options: ShowOptions): string {
  return typeof message === "string"
    ? shownText(message, options)
    : shownBytes(message, options);
}

/** Lines of which all but the first are indented, behind a mark. */
export function marked(mark: string, text: string): string {
  return `${mark} ${text.replaceAll("\n", "\n  ")}`;
}

function shownText(text: string, { full, json }: ShowOptions): string {
  const isWhole = full || text.length <= MAX_TEXT;
  if (isWhole && json && isJson(text)) return prettyJson(text);
  const part = isWhole ? text : beginningOf(text);
  const lines = part.replace(/\r?\n$/, "").split(/\r?\n/);
  const safe = lines.map((line) => visible(line.replaceAll("\t", "    ")))
    .join("\n");
  return isWhole ? safe : `${safe}…\n${
    note(
      `${text.length.toLocaleString("en")} characters; --full shows all`,
    )
  }`;
}

/** As much of a text as is shown, no character cut in two. */
function beginningOf(text: string): string {
  const part = text.slice(0, MAX_TEXT);
  return part.isWellFormed() ? part : part.slice(0, -1);
}

function shownBytes(
  bytes: Uint8Array<ArrayBuffer>,
  { full }: ShowOptions,
): string {
  const size = `binary, ${bytes.length.toLocaleString("en")} bytes`;
  const isWhole = full || bytes.length <= MAX_BYTES;
  const part = isWhole ? bytes : bytes.subarray(0, MAX_BYTES);
  const head = note(isWhole ? size : `${size}; --full shows all`);
  return [head, ...hexLines(part)].join("\n");
}

/** Bytes as `hexdump -C` shows them. */
export function hexLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += 16) {
    const row = bytes.subarray(at, at + 16);
    const digits = Array.from(row, (byte) => byte.toString(16).padStart(2, "0"))
      .join(" ").padEnd(47);
    const text = Array.from(
      row,
      (byte) => byte > 31 && byte < 127 ? String.fromCharCode(byte) : ".",
    ).join("");
    lines.push(`${at.toString(16).padStart(8, "0")}  ${digits}  |${text}|`);
  }
  return lines;
}

/** What is said of a message, in brackets, so that it isn't taken for a part. */
function note(text: string): string {
  return styled("dim", `(${text})`);
}
