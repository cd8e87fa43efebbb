/**
 * Redirects of the opening handshake (RFC 6455, section 4.1, item 1), which are
 * followed on request only.
 *
 * @module
 */

import { locationOf, shown } from "./answer.ts";
import { HandshakeError, TlsError } from "../errors.ts";
import type { ClientTrust } from "../tls/trust.ts";

/** Whom to ask next, and with what. */
export interface Hop {
  readonly url: URL;
  readonly headers: Headers;
  readonly protocols: readonly string[];
  readonly trust: ClientTrust;
  /** Whether another origin led here, so that what proves who the client is was kept back. */
  readonly withheld?: boolean;
}

/** How many redirects `true` stands for. */
const USUAL = 5;

/** More than anybody means, as in browsers. */
const MOST = 20;

/**
 * How many redirects may be followed.
 *
 * @param value What the option says.
 * @param visible Whether the engine gets to see redirects.
 * @throws {TypeError} If it is neither a boolean nor a number, or cannot be honoured.
 * @throws {RangeError} If it is no such number.
 */
export function checkRedirects(
  value: boolean | number,
  visible: boolean,
): number {
  if (value === false || value === 0) return 0;
  if (!visible) {
    throw new TypeError(
      'Cannot use followRedirects: with `diagnose: false` the built-in engine does not see redirects; leave that out, or use connect() with engine: "node"',
    );
  }
  if (value === true) return USUAL;
  if (typeof value !== "number") {
    throw new TypeError(
      "Cannot use followRedirects: it must be true, false or a number",
    );
  }
  if (!Number.isInteger(value) || value < 0 || value > MOST) {
    throw new RangeError(
      `Cannot use followRedirects: it must be a whole number from 0 to ${MOST}, current value is ${value}`,
    );
  }
  return value;
}

/**
 * Where an answer sends a client that follows.
 *
 * @param from Whom it had asked.
 * @param error What that answered; it is thrown if it is no redirect.
 * @param action What could not be done.
 * @param left How many redirects may be followed yet.
 * @throws {HandshakeError} If that must not be followed.
 */
export function follow(
  from: Hop,
  error: unknown,
  action: string,
  left: number,
): Hop {
  if (!(error instanceof HandshakeError) || error.status === undefined) {
    throw error;
  }
  const target = locationOf(error.status, error.headers, from.url);
  if (target === undefined) throw error;
  if (left === 0) {
    throw refused(error, action, target, "too many redirects came before");
  }
  const url = new URL(target);
  url.protocol = target.protocol.replace(/^http/, "ws");
  // What the server says of user and fragment is not the caller's to send.
  url.username = url.password = url.hash = "";
  if (url.protocol !== "ws:" && url.protocol !== "wss:") {
    throw refused(error, action, target, "no WebSocket can go there");
  }
  if (from.url.protocol === "wss:" && url.protocol === "ws:") {
    const state = "that would not be encrypted any more";
    throw refused(error, action, target, state);
  }
  if (url.origin === from.url.origin) return { ...from, url };
  // Who is at another origin must not see what was meant for this one.
  const trust = { ...from.trust, identity: undefined };
  // Some hold a token, see `bearerAuth()`.
  const protocols = from.protocols.filter((one) => !one.startsWith("bearer."));
  return { url, headers: new Headers(), protocols, trust, withheld: true };
}

/**
 * What a hop failed of; where that wants to know who the client is, and was not
 * told, it says so.
 *
 * @param hop Who was asked.
 * @param error What came of it.
 * @param action What could not be done.
 */
export function explainWithheld(
  { withheld }: Hop,
  error: unknown,
  action: string,
): unknown {
  if (withheld !== true) return error;
  const kept =
    "headers, user name and client certificate are not sent on to another origin";
  const remedy = "connect to that URL directly if it is to be trusted";
  if (
    error instanceof TlsError && error.reason === "client-certificate-required"
  ) {
    const { reason } = error;
    return new TlsError(
      `${action}: the server wants a client certificate, but ${kept}`,
      { reason, remedy, cause: error },
    );
  }
  if (!(error instanceof HandshakeError)) return error;
  const { status, statusText, headers, body } = error;
  if (status !== 401 && status !== 403) return error;
  return new HandshakeError(
    `${action}: the server answered with status ${status}, and ${kept}; ${remedy}`,
    { status, statusText, headers, body, cause: error },
  );
}

function refused(
  error: HandshakeError,
  action: string,
  target: URL,
  state: string,
): HandshakeError {
  const { status = 0, statusText, headers, body } = error;
  return new HandshakeError(
    `${action}: the server redirects to ${
      shown(target)
    }, but ${state}; connect to the target yourself if that is meant`,
    { status, statusText, headers, body, cause: error },
  );
}
