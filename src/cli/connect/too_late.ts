/**
 * The end of `--max-time`.
 *
 * @module
 */

import { shownDuration } from "../values.ts";

/** What a command that took too long ends with. */
export function tooLate(ms: number): DOMException {
  return new DOMException(
    `Cannot go on: --max-time of ${shownDuration(ms)} is over`,
    "TimeoutError",
  );
}
