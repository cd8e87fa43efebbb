/**
 * Reads the answer to an HTTP/1.1 request (RFC 9112), within bounds: its head,
 * and of its body what is worth showing.
 *
 * @module
 */

import { within } from "../within.ts";

/** What came in answer to a request. */
export type Answered =
  | (Head & { readonly kind: "answer"; readonly body: string })
  /** The other side hung up before its head was whole; `start` is what came. */
  | { readonly kind: "cut"; readonly start: Uint8Array }
  /** It is not HTTP/1.1. */
  | { readonly kind: "foreign"; readonly start: Uint8Array }
  | { readonly kind: "endless" };

/** Gives the next bytes; `null` when the other side has hung up. */
export type Read = () => Promise<Uint8Array | null>;

/** The most that a head may have, in bytes, interim answers included. */
const MOST_HEAD = 16_384;

/** The most that is read of a body, in bytes; some of it may frame chunks. */
const MOST_BODY = 1024;
const MOST_FRAMED = 4 * MOST_BODY;

/** How long is waited for a body, in milliseconds: it is a nicety. */
const BODY_TIME = 500;

/** Reads an answer. */
export async function readAnswer(read: Read): Promise<Answered> {
  let bytes: Uint8Array = new Uint8Array();
  let text = "";
  let from = 0;
  while (true) {
    if (!startsAsHttp(text.slice(from))) {
      return { kind: "foreign", start: bytes.slice(from) };
    }
    const end = text.indexOf("\r\n\r\n", from);
    if (end >= 0) {
      const head = parseHead(text.slice(from, end));
      if (head === undefined) {
        return { kind: "foreign", start: bytes.slice(from) };
      }
      from = end + 4;
      // Interim answers (RFC 9110, section 15.2) come before the one that counts.
      if (head.status < 200 && head.status !== 101) continue;
      const body = await readBody(read, head, bytes.subarray(from));
      return { kind: "answer", ...head, body };
    }
    if (bytes.length > MOST_HEAD) return { kind: "endless" };
    const more = await read();
    if (more === null) return { kind: "cut", start: bytes.slice(from) };
    bytes = joined(bytes, more);
    text += byChar(more);
  }
}

/** The head of an answer. */
interface Head {
  readonly status: number;
  readonly statusText: string;
  readonly headers: Headers;
}

function startsAsHttp(text: string): boolean {
  const start = "HTTP/1.";
  return text.length < start.length
    ? start.startsWith(text)
    : text.startsWith(start);
}

/** The head of an answer; `undefined` if it is malformed (RFC 9112, sections 4 and 5). */
function parseHead(text: string): Head | undefined {
  const [first = "", ...lines] = text.split("\r\n");
  const status = /^HTTP\/1\.[01] ([1-5]\d\d)(?: ([^\r\n]*))?$/.exec(first);
  if (status === null) return undefined;
  const headers = new Headers();
  for (const line of lines) {
    const field = /^([!#$%&'*+\-.^_`|~\w]+):([^\r\n\0]*)$/.exec(line);
    if (field === null) return undefined;
    const [, name = "", value = ""] = field;
    headers.append(name, value);
  }
  return {
    status: Number(status[1]),
    statusText: status[2] ?? "",
    headers,
  };
}

async function readBody(
  read: Read,
  { status, headers }: Head,
  start: Uint8Array,
): Promise<string> {
  if (status < 200 || status === 204 || status === 304) return "";
  let raw = start;
  const fill = async () => {
    while (bodyIn(raw, headers).open && raw.length < MOST_FRAMED) {
      const more = await read();
      if (more === null) return;
      raw = joined(raw, more);
    }
  };
  // Whoever hangs up in a body, or is slow, has said enough.
  await within(fill(), BODY_TIME).catch(() => {});
  return textOf(bodyIn(raw, headers).bytes, headers);
}

/** What of a body is in these bytes, and whether more of it is worth waiting for. */
function bodyIn(
  raw: Uint8Array,
  headers: Headers,
): { bytes: Uint8Array; open: boolean } {
  const coding = headers.get("transfer-encoding");
  if (coding !== null) {
    // Others than that may only come before it (RFC 9112, section 6.1).
    return /^\s*chunked\s*$/i.test(coding)
      ? chunksIn(raw)
      : { bytes: new Uint8Array(), open: false };
  }
  const length = headers.get("content-length") ?? "";
  const size = /^\d{1,15}$/.test(length) ? Number(length) : Infinity;
  const bytes = raw.subarray(0, Math.min(size, MOST_BODY));
  return { bytes, open: bytes.length < Math.min(size, MOST_BODY) };
}

/** The same for a body in chunks (RFC 9112, section 7.1). */
function chunksIn(raw: Uint8Array): { bytes: Uint8Array; open: boolean } {
  const text = byChar(raw);
  let bytes: Uint8Array = new Uint8Array();
  let at = 0;
  while (bytes.length < MOST_BODY) {
    const end = text.indexOf("\r\n", at);
    if (end < 0) return { bytes, open: true };
    const size = /^([\da-f]{1,8})[ \t]*(?:;|$)/i.exec(text.slice(at, end))?.[1];
    if (size === undefined || /^0+$/.test(size)) return { bytes, open: false };
    const begin = end + 2;
    const last = begin + parseInt(size, 16);
    bytes = joined(bytes, raw.subarray(begin, last));
    if (raw.length < last + 2) return { bytes, open: true };
    if (text.slice(last, last + 2) !== "\r\n") return { bytes, open: false };
    at = last + 2;
  }
  return { bytes: bytes.subarray(0, MOST_BODY), open: false };
}

/** A body as text; empty if it is none. */
function textOf(bytes: Uint8Array, headers: Headers): string {
  const coding = headers.get("content-encoding") ?? "identity";
  if (!/^\s*identity\s*$/i.test(coding)) return "";
  // A character may be cut in two at the end.
  const text = new TextDecoder().decode(bytes, { stream: true });
  return /[\0\ufffd]/.test(text) ? "" : text;
}

/**
 * A character for each byte, as `Headers` has them. That is no decoder's work:
 * to `TextDecoder`, "latin1" is windows-1252, of which 0x80 is "€".
 */
function byChar(bytes: Uint8Array): string {
  let text = "";
  // A call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 4096) {
    text += String.fromCharCode(...bytes.subarray(at, at + 4096));
  }
  return text;
}

function joined(one: Uint8Array, other: Uint8Array): Uint8Array {
  const all = new Uint8Array(one.length + other.length);
  all.set(one);
  all.set(other, one.length);
  return all;
}
