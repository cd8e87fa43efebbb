/**
 * The close codes of RFC 6455, section 7.4, and which of them may be sent.
 *
 * @module
 */

/**
 * The close codes by name (RFC 6455, section 7.4.1, and the IANA registry).
 * 3000 to 3999 are for registered libraries, 4000 to 4999 for applications.
 *
 * @example Close because the message makes no sense
 * ```ts
 * import { CloseCode, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, async (ws) => {
 *   const message = await ws.receive();
 *   if (typeof message !== "string") {
 *     await ws.close(CloseCode.UnsupportedData, "text only");
 *   }
 * });
 * ```
 */
export const CloseCode = {
  /** The purpose is fulfilled. */
  Normal: 1000,
  /** A server goes down, or a page is left. */
  GoingAway: 1001,
  /** The peer broke the protocol. */
  ProtocolError: 1002,
  /** Data of a kind that cannot be taken. */
  UnsupportedData: 1003,
  /** The close frame had no code; never sent. */
  NoStatus: 1005,
  /** The connection ended without a close frame; never sent. */
  Abnormal: 1006,
  /** Text that is not UTF-8, or data that does not fit its type. */
  InvalidPayload: 1007,
  /** A rule of the application is broken. */
  PolicyViolation: 1008,
  /** A message is larger than can be taken. */
  MessageTooBig: 1009,
  /** The server could not fulfil the request. */
  InternalError: 1011,
  /** The server restarts; come back. */
  ServiceRestart: 1012,
  /** More than can be handled now; come back later. */
  TryAgainLater: 1013,
} as const;

/**
 * Who sends the close frame. A "client" is a WebSocket of the web platform, which
 * takes few codes; a "strict-client" is not.
 */
export type Role = "client" | "strict-client" | "server";

/** Whether a connection that ended with `code` ended well: 1000, 1001, or no code at all. */
export function isNormalClose(code: number): boolean {
  return code === 1000 || code === 1001 || code === 1005;
}

const encoder = new TextEncoder();

/** Refuses a close code or reason that must not be, or cannot be, sent. */
export function checkClose(role: Role, code: number, reason: string): void {
  const isWeb = role === "client";
  const isOfProtocol = !isWeb &&
    (code > 1000 && code < 1004 || code > 1006 && code < 1015);
  const isFree = code === 1000 || code >= 3000 && code < 5000;
  if (!Number.isInteger(code) || !(isFree || isOfProtocol)) {
    // RFC 6455, section 7.4; the web platform lets clients send fewer.
    throw new RangeError(
      `Cannot close the connection: ${
        isWeb
          ? "a client's code must be 1000 or"
          : "the code must be from 1000 to 1003, from 1007 to 1014, or"
      } from 3000 to 4999, current value is ${
        typeof code === "string" ? `the string ${JSON.stringify(code)}` : code
      }`,
    );
  }
  // A UTF-16 unit is at least one byte and at most three.
  if (reason.length > 41 && encoder.encode(reason).length > 123) {
    throw new RangeError(
      "Cannot close the connection: the reason is longer than 123 bytes",
    );
  }
}

/**
 * The code as `role` can put it on the wire. The built-in client sends no code
 * of the protocol's own but 1000, so a client says 4009 for 1009.
 */
export function wireCode(role: Role, code: number): number {
  return role === "client" && code !== 1000 && code < 3000 ? code + 3000 : code;
}
