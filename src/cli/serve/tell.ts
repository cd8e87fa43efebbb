/**
 * Lines of a server that goes on, whether or not somebody still reads them.
 *
 * @module
 */

import { visible } from "../output.ts";
import { Outlet } from "./outlet.ts";

const errors = new Outlet(
  Deno.stderr,
  (lines) => `warning: ${lines} lines were dropped here, as nobody read them`,
);

/** Prints on standard error, if there still is one; waits for nobody. */
export function tell(line: string): void {
  errors.put(visible(line));
}

/** Resolves when all that was told is printed, or after a second. */
export function told(): Promise<void> {
  return errors.flush();
}
