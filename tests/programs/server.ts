/**
 * A server that does one thing with each of its clients, and prints how that
 * ended and how much memory it took.
 *
 * @module
 */

import {
  type Connection,
  ConnectionClosedError,
  type EngineName,
  type Limits,
  loadCertChain,
  serve,
} from "../../server.ts";
import { orGreet } from "../_raw_peer.ts";
import { MemoryWatch, print, programOptions } from "./_program.ts";

/** What the server is told. */
export interface ServerProgram {
  /** On which engine. */
  engine: EngineName;
  /** What it does. */
  act: "hold" | "send" | "pour" | "blast" | "sleep";
  /** The file with its certificates; without, it is plain. */
  chainFile?: string;
  /** Its limits and deadlines. */
  limits?: Limits & { pingInterval?: number };
}

/** What the server answers to ordinary requests. */
export interface ServerState {
  pid: number;
  rss: number;
  connections: number;
}

/** How an act ended. */
export interface Ending {
  /** How many messages were sent, or received. */
  count: number;
  /** How many of `send()` were refused. */
  refused: number;
  /** The error that ended it. */
  name: string;
  message: string;
  /** What `closed` resolved to. */
  code: number;
  reason: string;
  /** After how many milliseconds. */
  took: number;
  /** By how many MiB the process grew at most. */
  peak: number;
}

const MESSAGE = new Uint8Array(1 << 20);

interface Tally {
  count: number;
  refused: number;
}

const ACTS: Record<
  ServerProgram["act"],
  (ws: Connection, tally: Tally) => Promise<unknown>
> = {
  /** Holds the connection. */
  hold: (ws) => ws.receive(),
  /** Sends 50 MiB, awaited. */
  send: async (ws, tally) => {
    for (; tally.count < 50; tally.count++) await ws.send(MESSAGE);
    await ws.receive();
  },
  /** Sends without end, awaited. */
  pour: async (ws, tally) => {
    for (;; tally.count++) await ws.send(MESSAGE);
  },
  /** Sends 200 MiB, and awaits nothing. */
  blast: async (ws, tally) => {
    for (let index = 0; index < 200; index++) {
      if (ws.open) tally.count++;
      else tally.refused++;
      ws.send(MESSAGE);
    }
    await ws.receive();
  },
  /** Sleeps until the end, and then receives what came before. */
  sleep: async (ws, tally) => {
    await ws.closed;
    for (;; tally.count++) await ws.receive();
  },
};

async function watched(
  ws: Connection,
  act: ServerProgram["act"],
): Promise<void> {
  const tally: Tally = { count: 0, refused: 0 };
  const began = performance.now();
  using memory = new MemoryWatch();
  try {
    await ACTS[act](ws, tally);
  } catch (error) {
    if (!(error instanceof ConnectionClosedError)) throw error;
    const took = performance.now() - began;
    const { name, message } = error;
    const { code, reason } = await ws.closed;
    print(
      { ...tally, name, message, code, reason, took, peak: memory.peak },
    );
  }
}

if (import.meta.main) {
  const { engine, act, chainFile, limits = {} } = programOptions<
    ServerProgram
  >();
  const chain = chainFile === undefined ? {} : await loadCertChain(chainFile);
  const server = await serve(
    {
      engine,
      port: 0,
      ...chain,
      ...limits,
      fetch: () => {
        const { rss } = Deno.memoryUsage();
        const { size: connections } = server.connections;
        const state: ServerState = { pid: Deno.pid, rss, connections };
        return Response.json(state);
      },
    },
    orGreet((ws) => watched(ws, act)),
  );
  print(server.url);
}
