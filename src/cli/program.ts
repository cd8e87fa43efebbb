/**
 * What all programs share: how they read a command line, print and fail.
 *
 * @module
 */

import { parseArgs, type ParseArgsConfig } from "node:util";
import { TlsError, type TlsErrorReason } from "../../client.ts";

/** How a program ended: well, with a failure, or because it was called wrongly. */
export const ExitCode = { Ok: 0, Failure: 1, Usage: 2 } as const;

/** A command line that cannot be understood. */
export class UsageError extends Error {
  /** The name of the class. */
  override name = "UsageError";
}

/** Reads a command line, refusing what is not known. */
export function readArgs<T extends ParseArgsConfig>(
  config: T,
): ReturnType<typeof parseArgs<T>> {
  try {
    return parseArgs(config);
  } catch (error) {
    throw new UsageError(messageOf(error), { cause: error });
  }
}

/** Reads a port. */
export function readPort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65535)) {
    throw new UsageError(
      `--port must be a number from 0 to 65535, and is ${JSON.stringify(text)}`,
    );
  }
  return port;
}

/** The flag of a program that mends what a certificate was refused for. */
export type TlsFlags = Readonly<Partial<Record<TlsErrorReason, string>>>;

/** Runs a program to its end; whatever it throws becomes a line and an exit code. */
export async function runProgram(
  program: () => Promise<void>,
  flags: TlsFlags = {},
): Promise<number> {
  try {
    await program();
    return ExitCode.Ok;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`error: ${messageOf(error)}\nTry --help`);
      return ExitCode.Usage;
    }
    console.error(`error: ${visible(failure(error, flags))}`);
    return ExitCode.Failure;
  }
}

/** What failed; with the flag that mends it, of this program or for a permission. */
function failure(error: unknown, flags: TlsFlags): string {
  const message = messageOf(error);
  if (error instanceof TlsError && flags[error.reason] !== undefined) {
    return `${message} (here: ${flags[error.reason]})`;
  }
  if (!(error instanceof Deno.errors.NotCapable)) return message;
  const match = /^Requires (\w+) access to "?([^"]+)"?/.exec(message);
  if (match === null) return message;
  const [, kind, what] = match;
  return `this program may not use ${what}; run it with --allow-${kind}=${what}`;
}

/** Text of a peer, made fit for a terminal: no control characters. */
export function visible(text: string): string {
  return text.replace(
    // deno-lint-ignore no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** What an error says, or anything else that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
