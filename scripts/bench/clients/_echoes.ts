/**
 * What the clients of this module do, the same over both engines.
 *
 * @module
 */

import type { Connection } from "../../../client.ts";
import type { Lane, Payload } from "./_control.ts";

/** Sends so many messages, and one after each echo. */
export function echoOver(
  ws: Connection,
  payload: Payload,
  { lane, window }: { lane: Lane; window: number },
): () => Promise<unknown> {
  iterate(ws, payload, lane).catch((error) => lane.fail(error));
  for (let i = 0; i < window; i++) ws.send(payload);
  return () => ws.close();
}

async function iterate(
  ws: Connection,
  payload: Payload,
  lane: Lane,
): Promise<void> {
  for await (const message of ws) {
    if (lane.take(message.length)) await ws.send(payload);
  }
}
