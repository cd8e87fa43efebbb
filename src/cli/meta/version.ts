/**
 * The version of the command.
 *
 * @module
 */

import config from "../../../deno.json" with { type: "json" };

/** The version of the package. */
export const VERSION: string = config.version;

/** Says it, with that of the runtime, on which most depends. */
export function versionLine(): string {
  return `wss ${VERSION} (Deno ${Deno.version.deno})`;
}
