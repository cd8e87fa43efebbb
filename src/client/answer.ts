/**
 * Answers to the opening handshake that do not open a WebSocket, and what they
 * mean for who asked.
 *
 * @module
 */

import {
  HandshakeError,
  TlsError,
  type TlsErrorReason,
  type WssError,
} from "../errors.ts";
import { escaped, quoted } from "../peer_text.ts";
import { isPassing } from "../reconnect/backoff.ts";

/** What a server answered, as far as it is known. */
export interface Answer {
  readonly status: number;
  /** The text behind the status. */
  readonly statusText?: string | undefined;
  readonly headers?: Headers | undefined;
  /** How the body begins. */
  readonly body?: string | undefined;
}

/** What helps where a client certificate is wanted. */
export const WANTED: string =
  'pass one that it accepts, `...await loadCertChain("client.pem")`, as `cert` and `key`';

/** What helps where a client certificate is not taken. */
export const ACCEPTED: string =
  "pass one that is valid, for clients, and of an authority that the server trusts, as `cert` and `key`";

/** How much of a body is kept, in characters. */
const MOST_BODY = 1024;

/** What servers say of TLS in a page with status 400. */
const TLS_FAULTS: readonly {
  readonly scheme: string;
  readonly says: RegExp;
  readonly reason: TlsErrorReason;
  readonly state: string;
  readonly remedy: string;
}[] = [
  {
    // nginx, Go, Apache.
    scheme: "ws:",
    says:
      /plain HTTP request was sent to HTTPS port|HTTP request to an HTTPS server|plain HTTP to an SSL-enabled server port/,
    reason: "tls-required",
    state: "the server speaks TLS on this port",
    remedy: "connect with wss://",
  },
  {
    // nginx, which goes on without one until there is a request.
    scheme: "wss:",
    says: /No required SSL certificate was sent/,
    reason: "client-certificate-required",
    state: "the server wants a client certificate",
    remedy: WANTED,
  },
  {
    scheme: "wss:",
    says: /The SSL certificate error/,
    reason: "client-certificate-refused",
    state: "the server refused the client certificate",
    remedy: ACCEPTED,
  },
];

/**
 * Makes a typed error of an answer that is no switch to WebSocket.
 *
 * @param action What could not be done.
 * @param answer What was answered.
 * @param asked Whom it was asked, to which a `Location` is relative, and with what.
 * @param cause What the runtime said, if it said something.
 */
export function explainAnswer(
  action: string,
  answer: Answer,
  { url, headers: sent }: { url?: URL; headers?: Headers },
  cause?: unknown,
): WssError {
  const { status, statusText = "", headers = new Headers() } = answer;
  const body = (answer.body ?? "").slice(0, MOST_BODY);
  const fault = TLS_FAULTS.find(({ scheme, says }) =>
    status === 400 && url?.protocol === scheme && says.test(body)
  );
  if (fault !== undefined) {
    const { state, reason, remedy } = fault;
    return new TlsError(`${action}: ${state}`, { reason, remedy, cause });
  }
  const target = locationOf(status, headers, url);
  const text = statusText === "" ? "" : ` ${quoted(statusText)}`;
  const state = target === undefined
    ? `the server answered with status ${status}${text} instead of a WebSocket`
    : `the server redirects to ${shown(target)} with status ${status}`;
  const remedy = target === undefined
    ? remedyFor(status, headers, sent)
    : "pass `followRedirects: true`, or connect to the target";
  return new HandshakeError(`${action}: ${state}; ${remedy}`, {
    status,
    statusText,
    headers,
    body,
    cause,
  });
}

/** The error for a request without TLS to a port that speaks TLS. */
export function tlsRequired(action: string, cause: unknown): TlsError {
  return new TlsError(`${action}: the server speaks TLS on this port`, {
    reason: "tls-required",
    remedy: "connect with wss://",
    cause,
  });
}

/** Where an answer sends the client (RFC 9110, section 15.4), if anywhere. */
export function locationOf(
  status: number,
  headers: Headers,
  url: URL | undefined,
): URL | undefined {
  const location = headers.get("location");
  if (![301, 302, 303, 307, 308].includes(status) || location === null) {
    return undefined;
  }
  return URL.canParse(location, url) ? new URL(location, url) : undefined;
}

/** A URL from a peer as it may be shown; tokens travel in its query. */
export function shown({ protocol, host, pathname }: URL): string {
  // What has no host may hold anything in its path.
  return host === ""
    ? `a ${escaped(protocol)} URL`
    : escaped(`${protocol}//${host}${pathname === "/" ? "" : pathname}`, 200);
}

function remedyFor(
  status: number,
  headers: Headers,
  sent: Headers | undefined,
): string {
  const seconds = retryAfter(headers);
  if (
    status === 429 || status === 503 ||
    seconds !== undefined && isPassing(status)
  ) {
    const when = seconds === undefined ? "later" : `after ${seconds} s`;
    return `try again ${when}, as reconnect() does`;
  }
  if (status < 300) {
    return "this is a page and no WebSocket: check the path, and that a proxy in between passes `Upgrade` on";
  }
  if (status >= 500) {
    return "the server's log tells more, or that of the proxy before it; try again later, as reconnect() does";
  }
  if (status === 401 && sent?.has("authorization")) {
    return "the server did not accept `authorization`: check whether it is right, and not out of date";
  }
  return REMEDIES[status] ??
    "check the URL and the headers; `body` of this error may tell more";
}

const REMEDIES: Record<number, string | undefined> = {
  400:
    "check the URL and the headers, and that a proxy in between passes `Upgrade` on",
  401: 'pass what proves who you are: `headers: { authorization: "Bearer …" }`',
  403:
    "check what `headers` say of who you are, and whether the server lets this client in",
  404: "check the path of the URL",
  407: "put the user and the password into `proxy`",
  410: "check the path of the URL",
  426:
    "check that a proxy in between passes `Upgrade` on, and that the server speaks version 13 of the protocol",
};

/** How long to wait, in whole seconds (RFC 9110, section 10.2.3). */
function retryAfter(headers: Headers): number | undefined {
  const value = headers.get("retry-after")?.trim() ?? "";
  if (/^\d{1,9}$/.test(value)) return Number(value);
  // A date has the name of a day in front.
  const date = /^[A-Za-z]{3}/.test(value) ? Date.parse(value) : NaN;
  if (Number.isNaN(date)) return undefined;
  return Math.max(0, Math.ceil((date - Date.now()) / 1000));
}
