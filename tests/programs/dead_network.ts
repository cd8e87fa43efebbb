/**
 * One side of a network that dies: servers on both engines, or clients of every
 * kind. It prints when which connection was found to be lost.
 *
 * @module
 */

import {
  connect,
  type Connection,
  type ConnectOptions,
  type EngineName,
  serve,
} from "../../mod.ts";
import { print, programOptions } from "./_program.ts";

/** What the servers are told. */
export interface DeadServers {
  side: "server";
  hostname: string;
  cert: string;
  key: string;
  pingInterval: number;
  pongTimeout: number;
}

/** What the clients are told. */
export interface DeadClients {
  side: "client";
  caCerts: string[];
  clients: DeadClient[];
  /** How long to look for losses, in milliseconds. */
  time: number;
}

/** One of the clients. */
export interface DeadClient {
  /** What it is called in the report, and asks its server for. */
  name: string;
  url: string;
  options: ConnectOptions;
  /** How much it sends every 50 ms. */
  sends?: number;
}

/** A connection that has ended. */
export interface Loss {
  name: string;
  code: number;
  /** When, in milliseconds since 1970. */
  at: number;
}

const ENGINES: readonly EngineName[] = ["deno", "node"];

function now(): number {
  return performance.timeOrigin + performance.now();
}

async function watchLoss(name: string, ws: Connection): Promise<void> {
  const { code } = await ws.closed;
  const loss: Loss = { name, code, at: now() };
  print(loss);
}

async function listen({ side: _, ...options }: DeadServers): Promise<void> {
  const urls: string[] = [];
  for (const engine of ENGINES) {
    const server = await serve(
      { ...options, engine, port: 0, heartbeat: true },
      async (ws) => {
        const { searchParams } = new URL(ws.url);
        const loss = watchLoss(searchParams.get("name") ?? "", ws);
        try {
          for await (const _ of ws) { /* It is only there to be taken. */ }
        } catch {
          await loss;
        }
      },
    );
    urls.push(server.url);
  }
  print(urls);
}

async function sendOn(ws: Connection, size: number): Promise<void> {
  try {
    while (ws.open) {
      await ws.send(new Uint8Array(size));
      await new Promise((next) => setTimeout(next, 50));
    }
  } catch {
    // It is lost.
  }
}

async function dial({ caCerts, clients, time }: DeadClients): Promise<void> {
  const open = new Set<string>();
  for (const { name, url, options, sends } of clients) {
    const target = `${url}/?name=${encodeURIComponent(name)}`;
    const ws = await connect(target, { ...options, caCerts });
    open.add(name);
    watchLoss(name, ws).then(() => open.delete(name));
    if (sends !== undefined) sendOn(ws, sends);
  }
  print("open");
  await new Promise((next) => setTimeout(next, time));
  print([...open]);
}

if (import.meta.main) {
  const options = programOptions<DeadServers | DeadClients>();
  if (options.side === "server") await listen(options);
  else await dial(options);
}
