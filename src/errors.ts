/**
 * Every error this module throws of its own, in one small tree. Bad arguments
 * are the built-in `TypeError` and `RangeError`; deadlines and cancelled waits
 * are a `DOMException` named "TimeoutError" or "AbortError".
 *
 * ```text
 * Error
 * └─ WssError                 what all of the below have in common
 *    ├─ TlsError              a certificate, a key or the trust in one
 *    ├─ HandshakeError        an answer that is not a WebSocket's
 *    ├─ NetworkError          no answer: refused, unreachable, reset, unknown host
 *    └─ ConnectionClosedError the connection ended; how, is in `code` and `reason`
 * ```
 *
 * @module
 */

/**
 * The base of all errors that this module throws of its own, so that one
 * `instanceof` catches them all.
 *
 * @example Tell the module's errors from those of your own code
 * ```ts
 * import { connect, WssError } from "@wss/wss";
 *
 * try {
 *   await connect("wss://localhost:1");
 * } catch (error) {
 *   if (!(error instanceof WssError)) throw error;
 *   console.log(error.name); // "NetworkError"
 * }
 * ```
 */
export class WssError extends Error {
  /** The name of the class, the same in minified code. */
  override name = "WssError";
}

/**
 * Why a {@linkcode TlsError} happened, in a word that a program can test.
 *
 * Files: `missing-file`, `unreadable-file`, `malformed-pem`, `no-certificate`,
 * `no-private-key`, `encrypted-private-key`, `key-mismatch`, `not-a-ca`.
 * Certificates, from a file or from a peer: `ca-used-as-leaf`, `expired`,
 * `not-yet-valid`. From a peer alone: `unknown-issuer`, `name-mismatch`,
 * `pin-mismatch`, `protocol-version` (no version of TLS in common),
 * `client-certificate-required`, `client-certificate-refused`, `not-tls` (TLS
 * spoken to a plain port), `tls-required` (no TLS spoken to a TLS port), `other`.
 *
 * @example Go on without a file, but not with a broken one
 * ```ts
 * import { loadCertChain, TlsError, type TlsErrorReason } from "@wss/wss";
 *
 * const harmless: TlsErrorReason[] = ["missing-file"];
 * const chain = await loadCertChain("no/such.pem").catch((error) => {
 *   if (error instanceof TlsError && harmless.includes(error.reason)) return undefined;
 *   throw error;
 * });
 * console.log(chain); // undefined
 * ```
 */
export type TlsErrorReason =
  | "missing-file"
  | "unreadable-file"
  | "malformed-pem"
  | "no-certificate"
  | "no-private-key"
  | "encrypted-private-key"
  | "key-mismatch"
  | "not-a-ca"
  | "ca-used-as-leaf"
  | "expired"
  | "not-yet-valid"
  | "unknown-issuer"
  | "name-mismatch"
  | "pin-mismatch"
  | "protocol-version"
  | "client-certificate-required"
  | "client-certificate-refused"
  | "not-tls"
  | "tls-required"
  | "other";

/**
 * Options for {@linkcode TlsError}.
 *
 * @example Make one of your own
 * ```ts
 * import { TlsError, type TlsErrorOptions } from "@wss/wss";
 *
 * const options: TlsErrorOptions = { reason: "expired", remedy: "renew it" };
 * console.log(new TlsError("Cannot load x.pem: it has expired", options).message);
 * ```
 */
export interface TlsErrorOptions extends ErrorOptions {
  /** Why, in a word that a program can test. */
  reason: TlsErrorReason;
  /** What a person can do about it, in one sentence. */
  remedy: string;
}

/**
 * A certificate, a private key or the trust in one is not as it must be. The
 * message says what is wrong and then what to do; no key material is in it.
 *
 * @example Read what to do
 * ```ts
 * import { loadCertChain, TlsError } from "@wss/wss";
 *
 * try {
 *   await loadCertChain("no/such.pem");
 * } catch (error) {
 *   if (!(error instanceof TlsError)) throw error;
 *   console.log(error.reason); // "missing-file"
 *   console.log(error.remedy); // make one with …
 * }
 * ```
 */
export class TlsError extends WssError {
  /** The name of the class, the same in minified code. */
  override name = "TlsError";
  /** Why, in a word that a program can test. */
  readonly reason: TlsErrorReason;
  /** What a person can do about it, in one sentence. */
  readonly remedy: string;

  /**
   * Makes a new instance.
   *
   * @param message What could not be done, and why: "Cannot load x.pem: it has expired".
   * @param options The reason, the remedy and the cause.
   */
  constructor(message: string, options: TlsErrorOptions) {
    super(`${message}; ${options.remedy}`, options);
    this.reason = options.reason;
    this.remedy = options.remedy;
  }
}

/**
 * Options for {@linkcode HandshakeError}.
 *
 * @example Make one of your own
 * ```ts
 * import { HandshakeError, type HandshakeErrorOptions } from "@wss/wss";
 *
 * const options: HandshakeErrorOptions = { status: 401 };
 * console.log(new HandshakeError("Cannot connect to wss://a.example", options).status);
 * ```
 */
export interface HandshakeErrorOptions extends ErrorOptions {
  /** The HTTP status of the answer, where it is known. */
  status?: number;
  /** The text behind the status. */
  statusText?: string;
  /** The headers of the answer, where they are known. */
  headers?: Headers;
  /** How the body of the answer begins. */
  body?: string;
}

/**
 * The other side answered the opening handshake (RFC 6455, section 4) with
 * something else than the switch to WebSocket.
 *
 * @example See which status refused
 * ```ts
 * import { connect, HandshakeError } from "@wss/wss";
 *
 * await using http = Deno.serve({ port: 0, onListen() {} }, () => new Response(null, { status: 401 }));
 * try {
 *   await connect(`ws://localhost:${http.addr.port}`);
 * } catch (error) {
 *   if (!(error instanceof HandshakeError)) throw error;
 *   console.log(error.status); // 401
 * }
 * ```
 */
export class HandshakeError extends WssError {
  /** The name of the class, the same in minified code. */
  override name = "HandshakeError";
  /** The HTTP status of the answer; `undefined` where the runtime hides it. */
  readonly status: number | undefined;
  /** The text behind the status; may be empty. */
  readonly statusText: string;
  /** The headers of the answer; empty where the runtime hides them. */
  readonly headers: Headers;
  /**
   * How the body of the answer begins, at most 1,024 characters; empty where
   * there is none, or it is no text. It is as the server sent it: escape it
   * before a terminal or a page shows it.
   */
  readonly body: string;

  /**
   * Makes a new instance.
   *
   * @param message What could not be done, and why.
   * @param options What is known of the answer, and the cause.
   */
  constructor(message: string, options: HandshakeErrorOptions = {}) {
    super(message, options);
    this.status = options.status;
    this.statusText = options.statusText ?? "";
    this.headers = options.headers ?? new Headers();
    this.body = options.body ?? "";
  }
}

/**
 * Why a {@linkcode NetworkError} happened, in a word that a program can test.
 *
 * `unknown-host`: the name has no address. `refused`: nothing listens there.
 * `unreachable`: no way leads there. `reset`: the other side hung up before it
 * answered. `proxy`: the proxy refused, or is none. `proxy-login`: it wants another
 * user name or password. `other`: all else.
 *
 * @example Was it the name?
 * ```ts
 * import { connect, NetworkError, type NetworkErrorReason } from "@wss/wss";
 *
 * const mistyped: NetworkErrorReason = "unknown-host";
 * const error = await connect("wss://no-such-host.invalid").catch((error) => error);
 * console.log(error instanceof NetworkError && error.reason === mistyped); // true
 * ```
 */
export type NetworkErrorReason =
  | "unknown-host"
  | "refused"
  | "unreachable"
  | "reset"
  | "proxy"
  | "proxy-login"
  | "other";

/**
 * Options for {@linkcode NetworkError}.
 *
 * @example Make one of your own
 * ```ts
 * import { NetworkError, type NetworkErrorOptions } from "@wss/wss";
 *
 * const options: NetworkErrorOptions = { reason: "refused", remedy: "start the server" };
 * console.log(new NetworkError("Cannot connect to wss://a.example: nothing listens there", options).message);
 * ```
 */
export interface NetworkErrorOptions extends ErrorOptions {
  /** Why, in a word that a program can test. */
  reason: NetworkErrorReason;
  /** What a person can do about it, in one sentence. */
  remedy: string;
}

/**
 * The other side could not be reached, or was lost before it answered: unknown
 * host, connection refused, unreachable, reset, a proxy that refuses.
 *
 * @example Nobody listens
 * ```ts
 * import { connect, NetworkError } from "@wss/wss";
 *
 * try {
 *   await connect("wss://localhost:1");
 * } catch (error) {
 *   if (!(error instanceof NetworkError)) throw error;
 *   console.log(error.reason, error.remedy); // "refused" …
 * }
 * ```
 */
export class NetworkError extends WssError {
  /** The name of the class, the same in minified code. */
  override name = "NetworkError";
  /** Why, in a word that a program can test. */
  readonly reason: NetworkErrorReason;
  /** What a person can do about it, in one sentence. */
  readonly remedy: string;

  /**
   * Makes a new instance.
   *
   * @param message What could not be done, and why.
   * @param options The reason, the remedy and the cause.
   */
  constructor(message: string, options: NetworkErrorOptions) {
    super(`${message}; ${options.remedy}`, options);
    this.reason = options.reason;
    this.remedy = options.remedy;
  }
}

/**
 * How a connection ended (RFC 6455, section 7).
 *
 * @example Log how a connection ended
 * ```ts
 * import { type CloseInfo, connect, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, (ws) => ws.close(4000, "done"));
 * const ws = await connect(server.url);
 * const info: CloseInfo = await ws.closed;
 * console.log(info); // { code: 4000, reason: "done", wasClean: true }
 * ```
 */
export interface CloseInfo {
  /**
   * The close code: the peer's where it sent one, else the one sent to it;
   * 1005 where the peer's close frame had none; 1006 where the connection
   * ended without a closing handshake.
   */
  readonly code: number;
  /** The reason that came with the code, at most 123 bytes; may be empty. */
  readonly reason: string;
  /** Whether the closing handshake was completed. */
  readonly wasClean: boolean;
}

/**
 * Options for {@linkcode ConnectionClosedError}.
 *
 * @example Make one of your own
 * ```ts
 * import { ConnectionClosedError, type ConnectionClosedErrorOptions } from "@wss/wss";
 *
 * const options: ConnectionClosedErrorOptions = { detail: "the peer was lost" };
 * const info = { code: 1006, reason: "", wasClean: false };
 * console.log(new ConnectionClosedError("send", info, options).message);
 * ```
 */
export interface ConnectionClosedErrorOptions extends ErrorOptions {
  /** What was noticed on this side, for the message: "no pong for 20 s". */
  detail?: string;
}

/**
 * The connection has ended, so nothing more can be sent to it or received from
 * it.
 *
 * @example Tell a normal end from a lost peer
 * ```ts
 * import { connect, ConnectionClosedError, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, (ws) => ws.close(4001, "no seat left"));
 * await using ws = await connect(server.url);
 * try {
 *   await ws.receive();
 * } catch (error) {
 *   if (!(error instanceof ConnectionClosedError)) throw error;
 *   console.log(error.code, error.reason); // 4001 "no seat left"
 * }
 * ```
 */
export class ConnectionClosedError extends WssError implements CloseInfo {
  /** The name of the class, the same in minified code. */
  override name = "ConnectionClosedError";
  /** The close code; see {@linkcode CloseInfo.code}. */
  readonly code: number;
  /** The reason that came with the code; may be empty. */
  readonly reason: string;
  /** Whether the closing handshake was completed. */
  readonly wasClean: boolean;

  /**
   * Makes a new instance.
   *
   * @param action What could not be done: "receive".
   * @param info How the connection ended.
   * @param options What this side noticed, and the cause.
   */
  constructor(
    action: string,
    info: CloseInfo,
    options: ConnectionClosedErrorOptions = {},
  ) {
    const reason = info.reason === "" ? "" : ` ${quote(info.reason)}`;
    const detail = options.detail === undefined ? "" : `, ${options.detail}`;
    super(
      `Cannot ${action}: the connection ended with code ${info.code}${reason}${detail}`,
      options,
    );
    this.code = info.code;
    this.reason = info.reason;
    this.wasClean = info.wasClean;
  }
}

/** A peer's text in quotes, with nothing in it that moves a terminal or turns a line. */
function quote(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
