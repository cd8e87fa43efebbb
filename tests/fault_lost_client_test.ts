import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { ConnectionClosedError } from "../src/errors.ts";
import { type Connection, serve } from "../server.ts";
import { devCertificates } from "./_certs.ts";
import { test } from "./_engines.ts";
import {
  assertEmpty,
  assertGreets,
  closePayload,
  Opcode,
  orGreet,
  RawPeer,
} from "./_raw_peer.ts";
import { Program } from "./programs/_program.ts";
import type { ClientProgram } from "./programs/client.ts";

for (const act of ["hold", "pour"] as const) {
  const when = act === "hold"
    ? "while it is idle"
    : "in the middle of a message";
  test(`serve() ends a connection with 1006 when the client is killed ${when}`, async (engine) => {
    const { chain, dir } = await devCertificates();
    const began = Promise.withResolvers<Connection>();
    const ended = Promise.withResolvers<unknown>();
    await using server = await serve(
      { engine, port: 0, ...chain },
      orGreet(async (ws) => {
        try {
          if (act === "pour") await ws.receive();
          began.resolve(ws);
          while (true) await ws.receive();
        } catch (error) {
          ended.resolve(error);
          throw error;
        }
      }),
    );
    const options: ClientProgram = {
      url: server.url,
      caFile: `${dir}/ca.pem`,
      act,
    };
    await using client = new Program("client", options);
    const ws = await began.promise;
    await client.next();
    client.kill();
    const error = await ended.promise;
    assertInstanceOf(error, ConnectionClosedError);
    assertEquals(
      error.message,
      "Cannot receive: the connection ended with code 1006, the peer was lost",
    );
    assertEquals(await ws.closed, { code: 1006, reason: "", wasClean: false });
    await assertGreets(server.url);
    await assertEmpty(server);
  });
}

test("serve() gives up after closeTimeout a client that never answers the close frame", async (engine) => {
  const { chain } = await devCertificates();
  const handled = Promise.withResolvers<Connection>();
  await using server = await serve({
    engine,
    port: 0,
    ...chain,
    closeTimeout: 200,
  }, orGreet((ws) => handled.resolve(ws)));
  using peer = await RawPeer.open(server.url);
  const ws = await handled.promise;
  assertEquals(await peer.readClose(), { code: 1000, reason: "" });
  const began = performance.now();
  assertEquals(await ws.closed, { code: 1006, reason: "", wasClean: false });
  const took = performance.now() - began;
  assert(took > 100 && took < 1000, `${took} ms`);
  const error = await ws.receive().catch((error: unknown) => error);
  assertInstanceOf(error, ConnectionClosedError);
  assertEquals(
    error.message,
    "Cannot receive: the connection ended with code 1006, the peer did not answer the close frame for 200 ms",
  );
  await assertGreets(server.url);
  await assertEmpty(server);
});

test("serve() takes the code it sent where the client hangs up on it instead of an answer", async (engine) => {
  const { chain } = await devCertificates();
  const handled = Promise.withResolvers<Connection>();
  await using server = await serve(
    { engine, port: 0, ...chain, closeTimeout: 2000 },
    orGreet(async (ws) => {
      handled.resolve(ws);
      await ws.close(4001, "no seat left");
    }),
  );
  {
    using peer = await RawPeer.open(server.url);
    assertEquals(await peer.readClose(), {
      code: 4001,
      reason: "no seat left",
    });
  }
  const { code, wasClean } = await (await handled.promise).closed;
  // The runtime says the same of this as of a close frame without a code.
  const clean = { deno: true, node: false }[engine];
  assertEquals({ code, wasClean }, { code: 4001, wasClean: clean });
});

test("serve() waits for the close frame of a client that sends on, unless the runtime cuts it", async (engine) => {
  const { chain } = await devCertificates();
  const handled = Promise.withResolvers<Connection>();
  await using server = await serve(
    { engine, port: 0, ...chain, closeTimeout: 2000 },
    orGreet((ws) => handled.resolve(ws)),
  );
  using peer = await RawPeer.open(server.url);
  const ws = await handled.promise;
  assertEquals(await peer.readClose(), { code: 1000, reason: "" });
  await peer.send({ opcode: Opcode.Text, payload: "one thing more" });
  if (engine === "node") {
    await peer.send({ opcode: Opcode.Close, payload: closePayload(1000) });
  }
  await peer.ended();
  const wasClean = { deno: false, node: true }[engine];
  assertEquals(await ws.closed, { code: 1000, reason: "", wasClean });
  assertEquals(ws.pending, 0);
  await assertGreets(server.url);
});

test("serve() gives up a client that answers no ping within pingInterval and pongTimeout", async (engine) => {
  const { chain } = await devCertificates();
  const handled = Promise.withResolvers<unknown>();
  const began = performance.now();
  await using server = await serve(
    { engine, port: 0, ...chain, pingInterval: 200, pongTimeout: 200 },
    orGreet((ws) => {
      const receiving = ws.receive();
      receiving.catch(handled.resolve);
      return receiving;
    }),
  );
  using peer = await RawPeer.open(server.url);
  assertEquals((await peer.readFrame()).opcode, Opcode.Ping);
  const error = await handled.promise;
  const took = performance.now() - began;
  assert(took > 300 && took < 1500, `${took} ms`);
  assertInstanceOf(error, ConnectionClosedError);
  assertEquals(
    error.message,
    "Cannot receive: the connection ended with code 1006, the peer did not answer a ping",
  );
  await peer.ended();
  await assertGreets(server.url);
  await assertEmpty(server);
});

test("serve() keeps a silent client that answers its pings", async (engine) => {
  const { chain } = await devCertificates();
  await using server = await serve({
    engine,
    port: 0,
    ...chain,
    pingInterval: 100,
    pongTimeout: 100,
  }, orGreet(async (ws) => ws.send(`Hello ${await ws.receive()}!`)));
  using peer = await RawPeer.open(server.url);
  for (let pings = 0; pings < 4; pings++) {
    const { opcode, payload } = await peer.readFrame();
    assertEquals(opcode, Opcode.Ping);
    await peer.send({ opcode: Opcode.Pong, payload });
  }
  await peer.send({ opcode: Opcode.Text, payload: "Ada" });
  const { payload } = await peer.readFrame();
  assertEquals(new TextDecoder().decode(payload), "Hello Ada!");
});
