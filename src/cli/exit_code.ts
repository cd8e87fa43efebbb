/**
 * How the command ends: one number for each kind of failure, for scripts.
 *
 * @module
 */

/** The exit codes, which stay what they are. */
export const ExitCode = {
  /** It worked; a connection ended with 1000, 1001, no code, or as `/close` asked. */
  Ok: 0,
  /** It failed in a way that has no code of its own. */
  Failure: 1,
  /** It was called wrongly. */
  Usage: 2,
  /** Unknown host, refused, unreachable, reset, or a proxy in the way. */
  Network: 3,
  /** A certificate, a key, or the trust in one. */
  Tls: 4,
  /** The server did not agree to a WebSocket. */
  Http: 5,
  /** One side broke the protocol, or a limit: 1002, 1003, 1007, 1008, 1009, 1010. */
  Protocol: 6,
  /** The connection was lost, or ended with any other code. */
  Closed: 7,
  /** It took longer than it may. */
  Timeout: 8,
  /** A permission is missing; the message has the flag. */
  Permission: 9,
  /** Ended by Ctrl-C or SIGTERM; of a server, the second that came. */
  Interrupted: 130,
} as const;

/** One of them. */
export type ExitCode = typeof ExitCode[keyof typeof ExitCode];

/** What each means, for help and the man page. */
export const EXIT_CODES: readonly (readonly [ExitCode, string])[] = [
  [
    0,
    "it worked; a connection ended with 1000, 1001, no code, or as /close asked",
  ],
  [1, "it failed otherwise"],
  [2, "called wrongly"],
  [3, "network: unknown host, refused, unreachable, reset, proxy"],
  [4, "TLS: a certificate, a key, or the trust in one"],
  [5, "HTTP: the server did not agree to a WebSocket"],
  [6, "protocol: closed with 1002, 1003 or 1007 to 1010"],
  [7, "closed: the connection was lost, or ended with another code"],
  [8, "it took longer than it may"],
  [9, "a permission is missing"],
  [
    130,
    "ended by Ctrl-C; connect, serve and bench by SIGTERM, too (in peace: 0)",
  ],
];

/** The exit code for a connection that ended with a close code. */
export function exitCodeOfClose(code: number): ExitCode {
  if (code === 1000 || code === 1001 || code === 1005) return ExitCode.Ok;
  const broken = code === 1002 || code === 1003 || code >= 1007 && code <= 1010;
  return broken ? ExitCode.Protocol : ExitCode.Closed;
}
