/**
 * A reconnecting connection, a server whose ends the test holds, and what is
 * between them.
 *
 * @module
 */

import {
  type Connection,
  type ConnectOptions,
  type EngineName,
  type KeepConnectedOptions,
  type Message,
  type OpenConnection,
  ReconnectingConnection,
} from "../mod.ts";
import { ENGINES } from "./_engines.ts";
import { FakeFate } from "./_fate.ts";
import { connectTls, serveTls } from "./_pair.ts";

/** The engine of the clients in this test. */
let engine: EngineName = "deno";

/** Connects with that engine. */
export function dial(
  server: { url: string },
  options: ConnectOptions,
): Promise<Connection> {
  return connectTls(server, { engine, ...options } as ConnectOptions);
}

/** Declares a test for each engine of clients. */
export function test(name: string, fn: () => Promise<void>): void {
  for (const each of ENGINES) {
    Deno.test(`${name} [${each}]`, async () => {
      engine = each;
      await fn();
    });
  }
}

/** The server's end of one connection, and what comes to it. */
export interface End {
  ws: Connection;
  received: Message[];
}

/** What {@linkcode world} makes. */
export interface World extends AsyncDisposable {
  ws: ReconnectingConnection;
  /** The server's ends, in the order of the connections. */
  ends: End[];
  fate: FakeFate;
  /** Waits until something came to the server that makes the condition true. */
  until(condition: () => boolean): Promise<void>;
  /** Lets it connect so many times more. */
  permit(count?: number): void;
  /** Lets it connect, and waits for the server's end. */
  connect(): Promise<End>;
}

/**
 * A server whose ends the test holds, and a reconnecting connection to it that
 * is away until the test lets it connect.
 */
export async function world(
  options: KeepConnectedOptions = {},
): Promise<World> {
  const ends: End[] = [];
  let arrived = Promise.withResolvers<void>();
  const server = await serveTls({}, async (ws) => {
    const end: End = { ws, received: [] };
    ends.push(end);
    arrived.resolve();
    try {
      for await (const message of ws) {
        end.received.push(message);
        arrived.resolve();
      }
    } catch { /* It was lost. */ }
    arrived.resolve();
  });
  let permits = 0;
  let permitted = Promise.withResolvers<void>();
  const open: OpenConnection = async (signal) => {
    signal.addEventListener("abort", () => permitted.resolve());
    while (permits === 0 && !signal.aborted) {
      await permitted.promise;
      permitted = Promise.withResolvers();
    }
    permits--;
    return await dial(server, { signal });
  };
  const fate = new FakeFate();
  const ws = new ReconnectingConnection(open, options, fate);
  const until = async (condition: () => boolean) => {
    while (!condition()) {
      await arrived.promise;
      arrived = Promise.withResolvers();
    }
  };
  const made: World = {
    ws,
    ends,
    fate,
    until,
    permit(count = 1): void {
      permits += count;
      permitted.resolve();
    },
    async connect(): Promise<End> {
      const { length } = ends;
      made.permit();
      await until(() => ends.length > length);
      return ends[length]!;
    },
    async [Symbol.asyncDispose](): Promise<void> {
      await ws.close();
      await server.shutdown();
    },
  };
  return made;
}

/** Messages in one line. */
export function text(received: readonly Message[]): string {
  return received.join(" ");
}
