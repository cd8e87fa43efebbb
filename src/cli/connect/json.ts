/**
 * JSON laid out anew without being read into values, which would cut the digits
 * of large numbers.
 *
 * @module
 */

import { type Style, styled, visible } from "../output.ts";

/** Whether a text is JSON. */
export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** JSON on one line. */
export function compactJson(json: string): string {
  return tokensIn(json).join("");
}

/** JSON over several lines, in colour where standard output takes it, and fit for a terminal. */
export function prettyJson(json: string): string {
  const tokens = tokensIn(json);
  let depth = 0;
  let text = "";
  const line = () => `\n${"  ".repeat(depth)}`;
  for (const [at, token] of tokens.entries()) {
    const next = tokens[at + 1] ?? "";
    if (token === "{" || token === "[") {
      const isEmpty = next === "}" || next === "]";
      depth++;
      text += isEmpty ? token : token + line();
    } else if (token === "}" || token === "]") {
      depth--;
      const before = tokens[at - 1];
      text += before === "{" || before === "[" ? token : line() + token;
    } else if (token === ",") text += token + line();
    else if (token === ":") text += ": ";
    else text += styled(styleOf(token, next), visible(token));
  }
  return text;
}

/** What may stand between strings. */
const SPACE = /\s/;
const PUNCTUATION = "{}[],:";

/** The tokens of valid JSON. An expression for strings would overflow on long ones. */
function tokensIn(json: string): string[] {
  const tokens: string[] = [];
  for (let at = 0; at < json.length;) {
    const end = endOfToken(json, at);
    if (!SPACE.test(json.charAt(at))) tokens.push(json.slice(at, end));
    at = end;
  }
  return tokens;
}

/** Where a token ends that begins at `from`; of white space, each character is one. */
function endOfToken(json: string, from: number): number {
  const first = json.charAt(from);
  let at = from + 1;
  if (first === '"') {
    while (json.charAt(at) !== '"') at += json.charAt(at) === "\\" ? 2 : 1;
    return at + 1;
  }
  if (PUNCTUATION.includes(first) || SPACE.test(first)) return at;
  while (at < json.length && !endsWord(json.charAt(at))) at++;
  return at;
}

function endsWord(char: string): boolean {
  return char === '"' || PUNCTUATION.includes(char) || SPACE.test(char);
}

function styleOf(token: string, next: string): Style {
  if (token.startsWith('"')) return next === ":" ? "cyan" : "green";
  return /^[-\d]/.test(token) ? "yellow" : "bold";
}
