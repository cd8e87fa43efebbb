/**
 * Lines of a server that goes on, whether or not somebody still reads them.
 *
 * @module
 */

import { print, printError } from "../output.ts";

/** Prints on standard error, if there still is one. */
export function tell(line: string): void {
  unlessGone(() => printError(line));
}

/** Prints on standard output, if there still is one. */
export function put(line: string): void {
  unlessGone(() => print(line));
}

/** A terminal that was closed, or a pipe that nobody reads, ends no server. */
function unlessGone(write: () => void): void {
  try {
    write();
  } catch {
    // There is nowhere left to tell.
  }
}
