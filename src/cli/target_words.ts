/**
 * What `connect()` says of its options, in the words of the command line.
 *
 * @module
 */

import { HandshakeError, NetworkError, TlsError } from "../../client.ts";
import { UsageError } from "./failure.ts";
import { inFlagWords } from "./flag_words.ts";
import { shownDuration } from "./values.ts";

/**
 * An error of `connect()` in the words of the command line: what it has against
 * an option is a mistake in the command line, and names the flag.
 */
export function inFlags(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  if (error instanceof TypeError || error instanceof RangeError) {
    // Others of their kind are faults of this program.
    if (!error.message.startsWith("Cannot ")) return error;
    return new UsageError(inFlagWords(error.message, true), { cause: error });
  }
  if (error instanceof DOMException) {
    if (error.name !== "TimeoutError") return error;
    const message = error.message.replace(
      /\bwithin (\d+) ms\b/,
      (_, ms: string) => `within ${shownDuration(Number(ms))}`,
    );
    return new DOMException(inFlagWords(message, false), error.name);
  }
  if (error instanceof Deno.errors.NotCapable) {
    const isOption = error.message.startsWith("Cannot use ");
    error.message = inFlagWords(error.message, isOption);
  }
  const tellsOfOptions = error instanceof NetworkError ||
    error instanceof TlsError || error instanceof HandshakeError;
  if (tellsOfOptions) error.message = inFlagWords(error.message, false);
  return error;
}
