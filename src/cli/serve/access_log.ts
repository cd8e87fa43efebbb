/**
 * The access log of `wss serve`: a line for each connection that was opened,
 * refused or closed, on standard output.
 *
 * What strangers chose stands in it escaped and shortened. No query, header,
 * close reason or message is in it, since any of these may be a secret.
 *
 * @module
 */

import type {
  CloseInfo,
  Connection,
  RefusedHandshake,
} from "../../../server.ts";
import { visible } from "../output.ts";
import { Outlet, type Sink } from "./outlet.ts";

/** How the log is written. */
export type LogFormat = "text" | "json" | "none";

/** How much of a path, an origin or a name is logged, in characters. */
const MOST = 200;

/** Who is told what happens to connections. */
export interface AccessLog {
  /** The server listens. */
  listening(url: string): void;
  /** A connection was opened. */
  opened(ws: Connection): void;
  /** It has ended, after so many milliseconds. */
  closed(ws: Connection, info: CloseInfo, ms: number): void;
  /** A handshake was refused. */
  refused(refused: RefusedHandshake): void;
  /** What a mode tells besides, where people read. */
  said(line: string): void;
  /** Resolves when all of it is written, or after a second. */
  ended(): Promise<void>;
}

/** The fields of a line, in their order; what has no value is null. */
type Fields = Record<string, string | number | boolean | null>;

/** Makes a log in one of the formats. */
export function createAccessLog(
  format: LogFormat,
  to: Sink = Deno.stdout,
): AccessLog {
  const line = format === "json" ? jsonLine : textLine;
  const outlet = new Outlet(to, (lines) => line("lost", { lines }));
  const note = (event: string, fields: Fields) => {
    if (format !== "none") outlet.put(line(event, fields));
  };
  return {
    listening: (url) => {
      if (format === "json") note("listen", { url });
    },
    opened: (ws) => note("open", whoIs(ws)),
    closed: (ws, { code, wasClean }, ms) =>
      note("close", {
        ...whoIs(ws),
        code,
        clean: wasClean,
        ms: Math.round(ms),
        ...ws.traffic,
      }),
    refused: ({ status, url, remoteAddr, request }) =>
      note("refuse", {
        peer: peerOf(remoteAddr),
        path: pathOf(url),
        status,
        origin: shortened(request.headers.get("origin")),
      }),
    said: (line) => {
      if (format === "text") outlet.put(line);
    },
    ended: () => outlet.flush(),
  };
}

function whoIs(ws: Connection): Fields {
  return {
    id: ws.id,
    peer: peerOf(ws.remoteAddr),
    path: pathOf(ws.url),
    subprotocol: ws.protocol || null,
    user: shortened(userOf(ws)),
  };
}

/** Who it is: by the name of the password or token, else by the certificate. */
export function userOf(
  { context, peerCertificate }: Connection,
): string | null {
  if (typeof context === "object" && context !== null) {
    if ("user" in context && typeof context.user === "string") {
      return context.user;
    }
    if ("name" in context && typeof context.name === "string") {
      return context.name;
    }
  }
  return peerCertificate?.subject ?? null;
}

function peerOf(address: Deno.Addr | undefined): string | null {
  if (address === undefined || !("hostname" in address)) {
    return address?.transport ?? null;
  }
  const { hostname, port } = address;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  // Of a client behind a proxy no port is known.
  return port === 0 ? host : `${host}:${port}`;
}

/** The path, without the query, in which tokens are sent. */
function pathOf(url: string): string {
  return shortened(URL.canParse(url) ? new URL(url).pathname : "/") ?? "/";
}

function shortened(text: string | null): string | null {
  if (text === null || text.length <= MOST) return text;
  return `${text.slice(0, MOST)}…`;
}

function jsonLine(event: string, fields: Fields): string {
  const line = { time: new Date().toISOString(), event, ...fields };
  // An escape of JSON is what visible() makes of what a terminal obeys.
  return visible(JSON.stringify(line));
}

/** A line for people: what is always there by its place, the rest by name. */
function textLine(event: string, fields: Fields): string {
  const { id, peer, path, ms, ...rest } = fields;
  const words = [
    new Date().toISOString(),
    event.padEnd(6),
    typeof id === "string" ? id.slice(0, 8) : "-".padEnd(8),
    word(peer ?? "-"),
    word(path ?? "-"),
  ];
  if (typeof ms === "number") words.push(`${(ms / 1000).toFixed(3)}s`);
  const { messagesReceived, bytesReceived, messagesSent, bytesSent } = rest;
  for (const [name, value] of Object.entries(rest)) {
    if (value === null || name.endsWith("Sent") || name.endsWith("Received")) {
      continue;
    }
    if (name === "clean") {
      if (value === false) words.push("unclean");
      continue;
    }
    words.push(`${name}=${word(value)}`);
  }
  if (messagesReceived !== undefined) {
    words.push(
      `received=${messagesReceived}/${bytesReceived}B`,
      `sent=${messagesSent}/${bytesSent}B`,
    );
  }
  return words.join(" ");
}

/** A value that is one word, so that no name can pass for another field. */
function word(value: string | number | boolean | null): string {
  const text = visible(String(value));
  return /[\s"\\]/.test(text) ? visible(JSON.stringify(value)) : text;
}
