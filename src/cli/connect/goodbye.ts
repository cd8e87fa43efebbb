/**
 * How a connection is left in a hurry.
 *
 * @module
 */

import type { Connection } from "../../../client.ts";

/** How long a goodbye may take where nobody waits for its end, in milliseconds. */
const GOODBYE = 500;

/** Closes a connection, without much patience. */
export async function sayGoodbye(ws: Connection): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, GOODBYE);
  await Promise.race([ws.close(), promise]);
  clearTimeout(timer);
}
