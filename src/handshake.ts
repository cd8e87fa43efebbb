/**
 * The server's part of the opening handshake (RFC 6455, section 4.2): what a
 * request must be, and how it is refused.
 *
 * @module
 */

/** 16 bytes in base64 (RFC 6455, section 4.2.1, item 5). */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;

const encoder = new TextEncoder();

/** A short refusal in plain text; `say` is for the person at the other end. */
export function refuse(
  status: number,
  say: string,
  headers: Record<string, string> = {},
): Response {
  const body = encoder.encode(`${say}\n`);
  return new Response(body, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "content-length": `${body.length}`,
      ...headers,
    },
  });
}

/** The refusal that a verdict of `authorize` is, if it is one. */
export function refusalOf(verdict: unknown): Response | undefined {
  if (verdict instanceof Response) return verdict;
  return verdict === false ? refuse(403, "You may not connect") : undefined;
}

/** Whether the request wants to become a WebSocket, rightly or wrongly. */
export function wantsWebSocket(request: Request): boolean {
  return hasToken(request.headers.get("upgrade"), "websocket");
}

/** The URL of a request; `null` if its `Host` makes none, which the runtime lets pass. */
export function urlOf(request: Request): URL | null {
  // An empty one, or one with a part of a path in it, would move the path.
  const host = request.headers.get("host");
  const good = host === null || /^[^\s/?#@\\]+$/.test(host);
  return good ? URL.parse(request.url) : null;
}

/** What is wrong with an opening handshake, as the answer to it. */
export function findFault(request: Request): Response | undefined {
  const { headers } = request;
  if (request.method !== "GET") {
    return refuse(405, "A WebSocket handshake is a GET request", {
      allow: "GET",
    });
  }
  if (!hasToken(headers.get("connection"), "upgrade")) {
    return refuse(400, "A WebSocket handshake needs `Connection: Upgrade`");
  }
  if (headers.get("sec-websocket-version") !== "13") {
    return refuse(426, "This server speaks version 13 of the protocol", {
      "sec-websocket-version": "13",
      upgrade: "websocket",
      connection: "upgrade",
    });
  }
  if (!KEY.test(headers.get("sec-websocket-key") ?? "")) {
    return refuse(400, "Sec-WebSocket-Key must be 16 bytes in base64");
  }
  return undefined;
}

/** The answer to an ordinary HTTP request, where the server has no other. */
export function upgradeRequired(url: string): Response {
  return refuse(426, `This is a WebSocket server: connect to ${url}`, {
    upgrade: "websocket",
    connection: "upgrade",
  });
}

/** The subprotocols that the client offers, in its order. */
export function offeredProtocols(request: Request): string[] {
  return tokens(request.headers.get("sec-websocket-protocol"));
}

/** The first of the server's subprotocols that the client offers; empty if none is. */
export function chooseProtocol(
  offered: readonly string[],
  supported: readonly string[],
): string {
  return supported.find((protocol) => offered.includes(protocol)) ?? "";
}

/**
 * Which pages of other sites may connect.
 *
 * @example Pages of one site and its branches
 * ```ts
 * import { type OriginPolicy, serve } from "@wss/wss";
 *
 * const origins: OriginPolicy = (origin) =>
 *   /^https:\/\/(?:[a-z]+\.)?app\.example$/.test(origin);
 * await using server = await serve({ port: 0, origins }, (ws) => ws.closed);
 * console.log(server.url);
 * ```
 */
export type OriginPolicy =
  | readonly string[]
  | ((origin: string, request: Request) => boolean | Promise<boolean>);

/** What decides about pages. */
export interface OriginRules {
  /** What the options say. */
  readonly origins: OriginPolicy | undefined;
  /** Where given, the server's own origin must have one of these names. */
  readonly hosts: readonly string[] | undefined;
}

/**
 * Whether the page that makes the request may do so (RFC 6455, section 10.2).
 * A request without `Origin` comes from no page. Without a policy the page must
 * be of the same origin as `url`, the address the client connected to.
 */
export function isOriginAllowed(
  request: Request,
  url: string,
  { origins, hosts }: OriginRules,
): boolean | Promise<boolean> {
  const origin = request.headers.get("origin");
  if (origin === null) return true;
  if (typeof origins === "function") return origins(origin, request);
  if (origins !== undefined) return origins.includes(origin);
  const own = new URL(url.replace(/^ws/, "http"));
  // A name that its owner points at this machine is not this machine's name.
  if (hosts !== undefined && !hosts.includes(own.hostname)) return false;
  return origin === own.origin;
}

/** Refuses what can never be the value of an `Origin` header (RFC 6454, section 7). */
export function checkOriginPolicy(policy: OriginPolicy | undefined): void {
  if (policy === undefined || typeof policy === "function") return;
  if (!Array.isArray(policy)) {
    throw new TypeError("Cannot use origins: it must be a list, or a function");
  }
  for (const origin of policy) {
    const real = URL.canParse(origin) ? new URL(origin).origin : undefined;
    if (origin === "null" || (real === origin)) continue;
    // Origins of browser extensions are opaque to URL, yet they are sent.
    if (real === "null" && /^[a-z][a-z0-9+.-]*:\/\/[^/\s]+$/.test(origin)) {
      continue;
    }
    const hint = origin === "*"
      ? "; see insecureAnyOrigin"
      : origin.endsWith("/")
      ? "; leave out the last /"
      : "";
    throw new TypeError(
      `Cannot allow origin ${
        JSON.stringify(origin)
      }: an origin is scheme, host and port, like "https://app.example"${hint}`,
    );
  }
}

/** Refuses what is not a token, of which subprotocols are made (RFC 6455, section 4.1). */
export function checkProtocols(protocols: readonly string[]): void {
  for (const [index, protocol] of protocols.entries()) {
    // It is not shown, as some hold tokens of another kind.
    checkToken(`protocols[${index}]`, protocol);
  }
  if (new Set(protocols).size !== protocols.length) {
    throw new TypeError("Cannot use the same subprotocol twice");
  }
}

/** Refuses what is not a token (RFC 9110, section 5.6.2). */
export function checkToken(name: string, text: string): void {
  if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(text)) return;
  throw new TypeError(
    `Cannot use ${name}: it must be a token of letters, digits and !#$%&'*+-.^_\`|~`,
  );
}

function tokens(header: string | null): string[] {
  if (header === null) return [];
  return header.split(",").map(withoutSpace).filter(Boolean);
}

/** A pattern for this takes time that grows with the square of the spaces within. */
function withoutSpace(token: string): string {
  let start = 0;
  let end = token.length;
  while (start < end && isSpace(token.charCodeAt(start))) start++;
  while (end > start && isSpace(token.charCodeAt(end - 1))) end--;
  return token.slice(start, end);
}

/** Space and tab (RFC 9110, section 5.6.3). */
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

function hasToken(header: string | null, token: string): boolean {
  if (header === null) return false;
  // Most headers hold nothing else.
  return header.toLowerCase() === token ||
    tokens(header).some((one) => one.toLowerCase() === token);
}
