import { assertEquals } from "@std/assert";
import { connect, type Connection } from "../../client.ts";
import { serve, type ServeOptions } from "../../server.ts";
import type { Mode } from "../../src/cli/serve/mode.ts";
import { broadcastMode, echoMode } from "../../src/cli/serve/modes.ts";
import { test } from "../_engines.ts";
import { RawPeer } from "../_raw_peer.ts";

/** Starts a server of one mode, as the command does. */
async function start(mode: Mode, options: ServeOptions<unknown>) {
  const server = await serve({ port: 0, ...options }, mode.handler);
  mode.started?.(server);
  return server;
}

/** Waits until a server has so many connections. */
async function joined(
  server: { connections: ReadonlySet<Connection> },
  count: number,
) {
  while (server.connections.size < count) {
    await new Promise((next) => setTimeout(next));
  }
}

test("echoMode() sends text and bytes back as what they were", async (engine) => {
  await using server = await start(echoMode(), { engine });
  await using ws = await connect(server.url);
  for (const message of ["Hello", "", new Uint8Array([0, 255])]) {
    await ws.send(message);
    assertEquals(await ws.receive(), message);
  }
});

test("broadcastMode() sends to all others, and not to the sender", async (engine) => {
  await using server = await start(broadcastMode(), { engine });
  await using ada = await connect(server.url);
  await using bob = await connect(server.url);
  await using eve = await connect(server.url);
  await joined(server, 3);
  await ada.send("from Ada");
  assertEquals(await bob.receive(), "from Ada");
  assertEquals(await eve.receive(), "from Ada");
  await bob.send(new Uint8Array([1]));
  // The first that comes to Ada is that of Bob.
  assertEquals(await ada.receive(), new Uint8Array([1]));
  assertEquals(await eve.receive(), new Uint8Array([1]));
});

test("broadcastMode() lets nobody wait for one who does not read", async (engine) => {
  const options = {
    engine,
    maxUnsentBytes: 1 << 20,
    pongTimeout: 60_000,
    logger: {},
  };
  await using server = await start(broadcastMode(), options);
  using _idle = await RawPeer.open(server.url);
  await using from = await connect(server.url);
  await using to = await connect(server.url);
  await joined(server, 3);
  // More than a system keeps for a peer that takes nothing.
  const message = new Uint8Array(1 << 19);
  for (let sent = 0; sent < 64; sent++) {
    await from.send(message);
    const signal = AbortSignal.timeout(10_000);
    const { length } = await to.receive({ signal });
    assertEquals(length, message.length);
  }
});
