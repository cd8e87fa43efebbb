/**
 * The client's part of the opening handshake, written by hand (RFC 6455,
 * section 4.1).
 *
 * @module
 */

import type { OpenTask } from "../engine.ts";

/** What the handshake itself is made of, as the runtime's WebSocket also takes no other. */
const OWN: readonly string[] = [
  "connection",
  "host",
  "sec-websocket-accept",
  "sec-websocket-extensions",
  "sec-websocket-key",
  "sec-websocket-protocol",
  "sec-websocket-version",
  "upgrade",
];

/** The request that the runtime's WebSocket makes of a task, with another key. */
export function requestOf(
  { headers, protocols, url }: Pick<
    OpenTask,
    "headers" | "protocols" | "url"
  >,
): { bytes: Uint8Array; key: string } {
  const nonce = crypto.getRandomValues(new Uint8Array(16));
  const key = btoa(String.fromCharCode(...nonce));
  const fields: [string, string][] = [
    ["host", url.host],
    ["connection", "Upgrade"],
    ["upgrade", "websocket"],
    ["sec-websocket-version", "13"],
    ["sec-websocket-key", key],
  ];
  if (protocols.length > 0) {
    fields.push(["sec-websocket-protocol", protocols.join(", ")]);
  }
  if (!headers.has("user-agent")) {
    fields.push(["user-agent", navigator.userAgent]);
  }
  fields.push(...[...headers].filter(([name]) => !OWN.includes(name)));
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`);
  const text = `GET ${url.pathname}${url.search} HTTP/1.1\r\n${
    lines.join("")
  }\r\n`;
  // Header values are bytes, each shown as one character.
  const bytes = Uint8Array.from(text, (char) => char.charCodeAt(0));
  return { bytes, key };
}

/** What is wrong with an answer that says 101, and no more. */
export const NO_SWITCH: string =
  "the server answered 101 without switching to WebSocket; check the path of the URL, and what proxies are in between";

/** What is wrong with an answer that switches to WebSocket (RFC 6455, section 4.1). */
export async function findSwitchFault(
  headers: Headers,
  key: string,
  protocols: readonly string[],
): Promise<string | undefined> {
  if (!headers.has("upgrade")) return NO_SWITCH;
  if (
    !/^\s*websocket\s*$/i.test(headers.get("upgrade") ?? "") ||
    !/(?:^|,)\s*upgrade\s*(?:,|$)/i.test(headers.get("connection") ?? "")
  ) {
    return "the server switched to another protocol than WebSocket; check the path of the URL";
  }
  if (headers.get("sec-websocket-accept") !== await acceptKey(key)) {
    return "the answer is that to another request (Sec-WebSocket-Accept); check what caches or proxies are in between";
  }
  const protocol = headers.get("sec-websocket-protocol");
  if (protocol !== null && !protocols.includes(protocol)) {
    return "the server chose a subprotocol that was not offered; offer it in `protocols`";
  }
  return undefined;
}

/** What the server must answer to a key (RFC 6455, section 4.2.2, item 5.4). */
export async function acceptKey(key: string): Promise<string> {
  const guid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const bytes = new TextEncoder().encode(key + guid);
  const digest = await crypto.subtle.digest("SHA-1", bytes);
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}

/**
 * Copies the headers that a program passes.
 *
 * @throws {TypeError} If they cannot be sent; without the runtime's words, which quote them.
 */
export function readHeaders(headers: HeadersInit | undefined): Headers {
  try {
    return new Headers(headers);
  } catch {
    throw new TypeError(
      "Cannot use headers: a name is no token, or a value has a character that a header cannot have, such as a line end (RFC 9110, section 5.5)",
    );
  }
}
