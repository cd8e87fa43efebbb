/**
 * What `--verbose` tells: of the request, the server's certificate, the end; and
 * of TLS, where it is asked for twice.
 *
 * @module
 */

import type {
  CloseInfo,
  Connection,
  ConnectOptions,
  HandshakeError,
  PeerCertificate,
} from "../../../client.ts";
import { messageOf } from "../failure.ts";
import { shownUrl } from "../target_url.ts";
import { milliseconds } from "./commands.ts";
import type { Traffic } from "./session.ts";
import type { ConnectValues } from "./values.ts";

/** Shows a line. */
export type Say = (text: string) => void;

/** Headers that are known to hold no secret. */
const PUBLIC =
  /^(?:accept|accept-language|cache-control|content-type|from|host|origin|pragma|referer|user-agent|x-request-id)$/;

/** What the strict engine adds (RFC 6455, section 4.1). */
const HANDSHAKE = [
  "connection: Upgrade",
  "upgrade: websocket",
  "sec-websocket-version: 13",
  "sec-websocket-key: (random)",
];

/** Tells whom is asked for what. */
export function tellRequest(
  url: URL,
  { headers, protocols = [] }: ConnectOptions,
  { engine, proxy, resolve, unixSocket }: ConnectValues,
  say: Say,
): void {
  const way = unixSocket !== undefined
    ? `, through ${unixSocket}`
    : proxy !== undefined
    ? `, by the proxy ${shownProxy(proxy)}`
    : "";
  say(`* connecting to ${shownUrl(url)}${way}`);
  for (const entry of resolve ?? []) say(`* resolve ${entry}`);
  say(`> GET ${url.pathname}${shownQuery(url)} HTTP/1.1`);
  const given = new Headers(headers ?? {});
  if (!given.has("host")) say(`> host: ${url.host}`);
  if (url.username !== "" && !given.has("authorization")) {
    say("> authorization: Basic (hidden)");
  }
  for (const [name, value] of given) {
    say(`> ${name}: ${shownValue(name, value)}`);
  }
  if (protocols.length > 0) {
    say(`> sec-websocket-protocol: ${protocols.map(shownProtocol).join(", ")}`);
  }
  if (engine === "deno") {
    return say(
      "* --engine deno tells neither what else it asks nor the answer",
    );
  }
  for (const line of HANDSHAKE) say(`> ${line}`);
}

function shownValue(name: string, value: string): string {
  if (PUBLIC.test(name)) return value;
  const [, scheme = ""] = /^(Basic|Bearer) /.exec(value) ?? [];
  return `${scheme === "" ? "" : `${scheme} `}(hidden)`;
}

/** The names in a query; the values may be tokens, and so may what has no name. */
function shownQuery({ search }: URL): string {
  const parts = search.slice(1).split("&").filter((part) => part !== "");
  const names = parts.map((part) => /^[^=]*=/.exec(part)?.[0] ?? "");
  return parts.length === 0
    ? ""
    : `?${names.map((name) => `${name}(hidden)`).join("&")}`;
}

/** A subprotocol, but for the token that some are. */
function shownProtocol(name: string): string {
  return name.replace(
    /^((?:base64url\.)?bearer(?:\.authorization)?\.).+/i,
    "$1(hidden)",
  ).replace(/^(.{16}).{48,}$/, "$1(hidden)");
}

/** Shorter ones are no secrets, and would tear holes into every text. */
const LEAST = 4;

/** Says what a server tells, without what it was sent: some repeat that. */
export function withoutSecrets(
  say: Say,
  url: URL,
  { headers, protocols = [] }: ConnectOptions,
): Say {
  const given = [...new Headers(headers ?? {})].filter(([name]) =>
    !PUBLIC.test(name)
  );
  const secrets = [
    ...given.flatMap(([, value]) => [value, ...value.split(" ").slice(1)]),
    ...protocols.filter((name) => shownProtocol(name) !== name),
    ...url.searchParams.values(),
    url.search.slice(1),
    url.password,
  ].filter((secret) => secret.length >= LEAST);
  return (text) =>
    say(
      secrets.reduce((rest, one) => rest.replaceAll(one, "(hidden)"), text),
    );
}

function shownProxy(proxy: string): string {
  if (!URL.canParse(proxy)) return "of the environment";
  const { protocol, host } = new URL(proxy);
  return `${protocol}//${host}`;
}

/** Tells of a connection that is open. */
export function tellOpen(ws: Connection, took: number, say: Say): void {
  const { responseHeaders } = ws;
  if (responseHeaders !== undefined) say("< HTTP/1.1 101");
  tellHeaders(responseHeaders ?? new Headers(), say);
  say(`< open after ${milliseconds(took)}`);
  if (ws.protocol === "") say("< no subprotocol");
  else if (responseHeaders === undefined) {
    say(`< sec-websocket-protocol: ${ws.protocol}`);
  }
  if (ws.peerCertificate !== undefined) {
    tellCertificate(ws.peerCertificate, say);
  }
}

function tellCertificate(certificate: PeerCertificate, say: Say): void {
  const { subject, issuer, names, validFrom, validTo } = certificate;
  const days = Math.floor((validTo.getTime() - Date.now()) / 86_400_000);
  say("* certificate, verified:");
  say(`*   subject ${subject || "(none)"}`);
  say(`*   issuer  ${issuer}`);
  say(`*   names   ${names.join(", ")}`);
  say(
    `*   valid   ${dayOf(validFrom)} to ${dayOf(validTo)}, ${days} more days`,
  );
  say(`*   sha256  ${certificate.fingerprint}`);
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

/** Tells of an answer that was no WebSocket. */
export function tellRefusal(error: HandshakeError, say: Say): void {
  if (error.status === undefined) return;
  say(`< HTTP/1.1 ${error.status} ${error.statusText}`.trimEnd());
  tellHeaders(error.headers, say);
}

function tellHeaders(headers: Headers, say: Say): void {
  for (const [name, value] of headers) {
    say(`< ${name}: ${shownAnswer(name, value)}`);
  }
}

/** A cookie, or where one is sent with a token, may be a secret from others. */
function shownAnswer(name: string, value: string): string {
  if (name === "set-cookie") return "(hidden)";
  if (name !== "location") return value;
  return value.replace(/^([a-z][a-z0-9+.-]*:)?\/\/[^/?#]*@/i, "$1//(hidden)@")
    .replace(/([?#]).*/s, "$1(hidden)");
}

/** Tells how it ended, and what went over the connection. */
export function tellEnd(
  info: CloseInfo | undefined,
  { sent, sentBytes, received, receivedBytes }: Traffic,
  took: number,
  say: Say,
): void {
  if (info !== undefined) {
    const { code, reason, wasClean } = info;
    const why = reason === "" ? "" : ` ${JSON.stringify(reason)}`;
    say(`* closed with ${code}${why}${wasClean ? "" : ", without an answer"}`);
  }
  const time = took < 1000
    ? milliseconds(took)
    : `${(took / 1000).toFixed(1)} s`;
  say(
    `* sent ${counted(sent, "message")} (${
      counted(sentBytes, "byte")
    }), received ${received} (${counted(receivedBytes, "byte")}), in ${time}`,
  );
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** Tells the version of TLS and the cipher, by a handshake of its own. */
export async function tellTls(
  url: URL,
  options: ConnectOptions,
  { connectTimeout, proxy, resolve, unixSocket }: ConnectValues,
  say: Say,
): Promise<void> {
  if (url.protocol === "ws:") return say("* no TLS: the scheme is ws");
  if (
    proxy !== undefined || resolve !== undefined || unixSocket !== undefined
  ) {
    return say(
      "* -vv cannot look at TLS by way of --proxy, --resolve or --unix-socket",
    );
  }
  try {
    const { inspectTls } = await import("../../doctor/mod.ts");
    const { caCerts, cert, key } = options;
    const tls = await inspectTls(url, {
      timeout: connectTimeout,
      ...caCerts !== undefined && { caCerts },
      ...cert !== undefined && key !== undefined && { cert, key },
    });
    say(
      `* ${tls.protocol}, ${tls.cipher}, ALPN ${
        tls.alpn ?? "none"
      }, ${tls.certificates.length} certificates`,
    );
  } catch (error) {
    say(`* -vv: ${messageOf(error)}`);
  }
}
