/**
 * The handlers of the servers of this module, the same over both engines.
 *
 * @module
 */

import type { Connection } from "../../../server.ts";
import { BURST, BURST_PATH } from "./_control.ts";

/** Echoes by iteration. */
export async function iterate(ws: Connection): Promise<void> {
  if (ws.url.endsWith(BURST_PATH)) return await burst(ws);
  for await (const message of ws) await ws.send(message);
}

/** Echoes by `receive()`, which rejects at the end: no error here. */
export async function receive(ws: Connection): Promise<void> {
  if (ws.url.endsWith(BURST_PATH)) return await burst(ws);
  while (true) await ws.send(await ws.receive());
}

async function burst(ws: Connection): Promise<void> {
  for await (const message of ws) {
    for (let i = 0; i < BURST; i++) await ws.send(message);
  }
}
