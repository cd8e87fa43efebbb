/**
 * Requests and connections that cost more than they should.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import process from "node:process";
import { serve } from "../../mod.ts";
import { offeredProtocols, wantsWebSocket } from "../../src/handshake.ts";
import { test } from "../_engines.ts";
import {
  assertEmpty,
  assertGreets,
  Opcode,
  orGreet,
  RawPeer,
} from "../_raw_peer.ts";

Deno.test("a header of many spaces takes no time to read", () => {
  const spaces = `a${" ".repeat(60_000)}b`;
  const headers = { upgrade: spaces, "sec-websocket-protocol": spaces };
  const request = new Request("http://localhost", { headers });
  const begin = performance.now();
  for (let round = 0; round < 10; round++) {
    assertEquals(wantsWebSocket(request), false);
    assertEquals(offeredProtocols(request), [spaces]);
  }
  // With a pattern that goes back and forth it was a second for each.
  const took = performance.now() - begin;
  assert(took < 500, `${took} ms`);
});

Deno.test("requests that wait for their answers in a long row end their connection [node]", async () => {
  const held = Promise.withResolvers<Response>();
  let asked = 0;
  await using server = await serve({
    port: 0,
    engine: "node",
    logger: {},
    fetch: () => {
      asked++;
      return held.promise;
    },
  }, orGreet(() => {}));
  using peer = await RawPeer.dial(server.url);
  await peer.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(5000))
    .catch(() => {}); // It was cut meanwhile.
  await peer.ended();
  assert(asked <= 6, `${asked} requests`);
  await assertGreets(server.url);
  held.resolve(new Response("late"));
});

Deno.test("requests that wait for their answers make the runtime warn of no leak [node]", async () => {
  const warnings: string[] = [];
  const warn = ({ name }: Error) => void warnings.push(name);
  const most = EventEmitter.defaultMaxListeners;
  // Those of an idle socket, and one that all requests share.
  EventEmitter.defaultMaxListeners = 6;
  process.on("warning", warn);
  try {
    const asked = Promise.withResolvers<void>();
    const answer = Promise.withResolvers<void>();
    let waiting = 0;
    await using server = await serve({
      port: 0,
      engine: "node",
      logger: {},
      fetch: async () => {
        if (++waiting === 5) asked.resolve();
        await answer.promise;
        return new Response("at last");
      },
    }, () => {});
    using peer = await RawPeer.dial(server.url);
    await peer.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(4));
    const first = peer.ask(["GET / HTTP/1.1", "Host: localhost"]);
    await asked.promise;
    answer.resolve();
    assertEquals((await first).body, "at last");
  } finally {
    EventEmitter.defaultMaxListeners = most;
    process.off("warning", warn);
  }
  assertEquals(warnings, []);
});

test("a client that leaves while its messages wait is noticed, however long they do", async (engine) => {
  const done = Promise.withResolvers<void>();
  await using server = await serve({
    port: 0,
    engine,
    logger: {},
    pingInterval: 10,
    pongTimeout: 100,
  }, orGreet((ws) => Promise.race([ws.closed, done.promise])));
  const peer = await RawPeer.open(server.url);
  for (let count = 0; count < 40; count++) {
    await peer.send({ opcode: Opcode.Text, payload: "unwanted" });
  }
  // Longer than it takes to have as many pings on their way as there may be.
  await new Promise((resolve) => setTimeout(resolve, 1500));
  peer[Symbol.dispose]();
  await assertEmpty(server);
  done.resolve();
});

Deno.test("a body that is read after the answer ends with an error, not too early [node]", async () => {
  const read = Promise.withResolvers<unknown>();
  await using server = await serve({
    port: 0,
    engine: "node",
    logger: {},
    fetch(request) {
      request.arrayBuffer().then(
        ({ byteLength }) => read.resolve(byteLength),
        (error: unknown) => read.resolve(error),
      );
      return new Response("at once");
    },
  }, () => {});
  using peer = await RawPeer.dial(server.url);
  const { body } = await peer.ask([
    "POST / HTTP/1.1",
    "Host: localhost",
    "Content-Length: 300000",
  ]);
  assertEquals(body, "at once");
  await peer.write(new Uint8Array(300_000));
  const outcome = await read.promise;
  assert(outcome instanceof TypeError, `${outcome}`);
});
