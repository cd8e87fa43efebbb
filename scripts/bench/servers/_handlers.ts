/**
 * The handlers of the servers of this module, the same over both engines.
 *
 * @module
 */

import {
  type Connection,
  ConnectionClosedError,
  type Server,
} from "../../../server.ts";
import { BROADCAST_PATH, BURST, BURST_PATH } from "./_control.ts";

/** How messages are echoed. */
type Echo = (ws: Connection) => Promise<void>;

/**
 * Serves a connection: echoes, or what is asked for by its path. Not an async
 * function, which would hold a promise more for each connection.
 */
export function attend(
  ws: Connection,
  server: Server,
  echo: Echo,
): Promise<void> {
  if (ws.url.endsWith(BURST_PATH)) return burst(ws);
  if (ws.url.endsWith(BROADCAST_PATH)) return broadcast(ws, server);
  return echo(ws);
}

async function burst(ws: Connection): Promise<void> {
  for await (const message of ws) {
    for (let i = 0; i < BURST; i++) await ws.send(message);
  }
}

async function broadcast(ws: Connection, server: Server): Promise<void> {
  for await (const message of ws) server.broadcast(message);
}

/** Echoes by iteration. */
export async function iterate(ws: Connection): Promise<void> {
  for await (const message of ws) await ws.send(message);
}

/** Echoes by `receive()`, which rejects at the end: no error here. */
export async function receive(ws: Connection): Promise<void> {
  while (true) await ws.send(await ws.receive());
}

/** Echoes by streams. */
export async function stream(ws: Connection): Promise<void> {
  try {
    await ws.readable.pipeTo(ws.writable);
  } catch (error) {
    // The end of the connection may be seen by the one that writes first.
    if (!(error instanceof ConnectionClosedError)) throw error;
  }
}
