import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type CommonServeOptions,
  type Connection,
  ConnectionClosedError,
  serve,
  type Server,
} from "../server.ts";
import { Heartbeat } from "../src/heartbeat.ts";
import { test } from "./_engines.ts";
import { pair } from "./_pair.ts";
import { encodeFrame, Opcode, RawPeer } from "./_raw_peer.ts";

/** A pinger that notes what is sent. */
class Notes {
  bytesReceived = 0;
  readonly sent: string[] = [];

  ping(payload: string): void {
    this.sent.push(payload);
  }
}

const TIMES = { pingInterval: 100, pongTimeout: 50 };

Deno.test("Heartbeat.check() pings every pingInterval, and never where that is 0", () => {
  const notes = new Notes();
  const now = performance.now();
  const heart = new Heartbeat(notes, TIMES);
  for (let at = 0; at <= 350; at += 10) {
    notes.bytesReceived++;
    assertEquals(heart.check(now + at + 5, true), false);
  }
  assertEquals(notes.sent, ["0", "1", "2"]);
  const none = new Notes();
  const silent = new Heartbeat(none, { ...TIMES, pingInterval: 0 });
  for (let at = 0; at < 1000; at += 100) silent.check(now + at, true);
  assertEquals(none.sent, []);
});

Deno.test("Heartbeat.check() gives a peer up that is silent for pongTimeout after a ping", () => {
  const notes = new Notes();
  const heart = new Heartbeat(notes, TIMES);
  const now = performance.now();
  assertEquals(heart.check(now + 99, true), false);
  // A silence without a ping says nothing.
  assertEquals(heart.check(now + 110, true), false);
  assertEquals(notes.sent.length, 1);
  assertEquals(heart.check(now + 120, true), true);
});

Deno.test("Heartbeat.check() keeps a peer that answers, or sends anything else", () => {
  for (const answer of ["pong", "bytes"]) {
    const notes = new Notes();
    const heart = new Heartbeat(notes, TIMES);
    const now = performance.now();
    for (let at = 0; at < 1000; at += 25) {
      assertEquals(heart.check(now + at, true), false, `${answer} at ${at}`);
      if (answer === "bytes") notes.bytesReceived++;
      else heart.pong(notes.sent.at(-1) ?? "none");
    }
  }
});

Deno.test("Heartbeat.check() does not blame a peer for what this side does not read", () => {
  const notes = new Notes();
  const heart = new Heartbeat(notes, TIMES);
  const now = performance.now();
  for (let at = 0; at <= 1000; at += 50) {
    assertEquals(heart.check(now + at, false), false);
  }
  // From when it reads again, the peer has its time.
  assertEquals(heart.check(now + 1040, true), false);
  assertEquals(heart.check(now + 1051, true), true);
});

Deno.test("Heartbeat.pong() answers its ping and all before, and no others", async () => {
  const notes = new Notes();
  const heart = new Heartbeat(notes, TIMES);
  const pings = [heart.ping(), heart.ping(), heart.ping()];
  assertEquals(notes.sent, ["0", "1", "2"]);
  for (const payload of ["", "3", "-1", "1 ", "x".repeat(125)]) {
    heart.pong(payload);
  }
  assertEquals(heart.latency, undefined);
  heart.pong("1");
  const [first, second] = await Promise.all(pings.slice(0, 2));
  assert(first! >= second! && second! >= 0);
  assertEquals(heart.latency, second);
  heart.pong("1"); // Once more is unasked for.
  heart.end(() => new Error("the end"));
  await assertRejects(() => pings[2]!, Error, "the end");
});

Deno.test("Heartbeat.ping() refuses to pile pings up", async () => {
  const notes = new Notes();
  const heart = new Heartbeat(notes, { ...TIMES, pongTimeout: 1e6 });
  const pings = Array.from({ length: 64 }, () => heart.ping());
  await assertRejects(() => heart.ping(), RangeError, "64 pings wait");
  const now = performance.now();
  for (let at = 0; at < 1000; at += 100) heart.check(now + at, true);
  // For the network to tell if the peer is gone, the last is said again.
  assertEquals(new Set(notes.sent).size, 64);
  assertEquals(notes.sent.at(-1), "63");
  assertEquals(notes.sent.length > 64, true);
  assertEquals([heart.pong("64"), heart.pong("63")], [false, true]);
  assertEquals((await Promise.all(pings)).length, 64);
});

test("Connection.ping() tells how far away the peer is, where the engine can", async (engine) => {
  await using ends = await pair({ engine });
  const { client, peer } = ends;
  assertEquals([client.latency, peer.latency], [undefined, undefined]);
  const refused = "Cannot ping: the built-in engine has no pings";
  await assertRejects(() => client.ping(), TypeError, refused);
  if (engine === "deno") {
    await assertRejects(() => peer.ping(), TypeError, 'engine: "node"');
    assertEquals(peer.latency, undefined);
    return;
  }
  const took = await peer.ping();
  assert(took > 0 && took < 1000, `${took} ms`);
  assertEquals(peer.latency, took);
  assertEquals((await Promise.all([peer.ping(), peer.ping()])).length, 2);
  await client.close();
  await peer.closed;
  await assertRejects(() => peer.ping(), ConnectionClosedError, "Cannot ping");
});

/** A plain server on the strict engine, its first connection, and the peer of that. */
interface Meeting extends AsyncDisposable {
  server: Server;
  ws: Connection;
  peer: RawPeer;
}

async function meet(options: CommonServeOptions): Promise<Meeting> {
  const open = Promise.withResolvers<Connection>();
  const server = await serve(
    { engine: "node", port: 0, logger: {}, ...options },
    (ws) => {
      open.resolve(ws);
      return ws.closed;
    },
  );
  const peer = await RawPeer.open(server.url);
  return {
    server,
    peer,
    ws: await open.promise,
    async [Symbol.asyncDispose]() {
      peer[Symbol.dispose]();
      await server.shutdown();
    },
  };
}

Deno.test("Connection.ping() takes only the pong to its ping, and rejects at the end", async () => {
  await using meeting = await meet({ pingInterval: 0 });
  const { ws, peer } = meeting;
  const ping = ws.ping();
  const { opcode, payload } = await peer.readFrame();
  assertEquals(opcode, Opcode.Ping);
  await peer.send({ opcode: Opcode.Pong, payload: "something else" });
  await peer.send({ opcode: Opcode.Text, payload: "a message" });
  assertEquals(await ws.receive(), "a message");
  assertEquals(ws.latency, undefined);
  await peer.send({ opcode: Opcode.Pong, payload });
  assertEquals(await ping, ws.latency);
  const last = ws.ping();
  peer[Symbol.dispose]();
  await assertRejects(() => last, ConnectionClosedError, "Cannot ping");
});

Deno.test("serve() on the strict engine knows the latency by its own pings", async () => {
  await using meeting = await meet({ pingInterval: 40, pongTimeout: 2000 });
  const { ws, peer } = meeting;
  for (let pings = 0; pings < 3; pings++) {
    const { opcode, payload } = await peer.readFrame();
    assertEquals(opcode, Opcode.Ping);
    await peer.send({ opcode: Opcode.Pong, payload });
    await peer.send({ opcode: Opcode.Text, payload: "there" });
    assertEquals(await ws.receive(), "there");
    assert(ws.latency !== undefined && ws.latency >= 0);
  }
});

Deno.test("serve() on the strict engine gives a silent peer up after pingInterval and pongTimeout", async () => {
  await using meeting = await meet({ pingInterval: 200, pongTimeout: 200 });
  const { ws, peer } = meeting;
  const began = performance.now();
  const error = await assertRejects(() => ws.receive(), ConnectionClosedError);
  const took = performance.now() - began;
  assert(took > 330 && took < 1200, `${took} ms`);
  assertEquals([error.code, error.wasClean], [1006, false]);
  assert(error.message.endsWith("the peer did not answer a ping"));
  // The socket is cut: there is no close frame.
  assertEquals((await peer.readFrame()).opcode, Opcode.Ping);
  await peer.readFrame().then(() => assert(false), () => {});
});

Deno.test("serve() on the strict engine keeps a peer that sends messages and no pongs, while it does", async () => {
  await using meeting = await meet({ pingInterval: 40, pongTimeout: 160 });
  const { ws, peer } = meeting;
  const began = performance.now();
  while (performance.now() - began < 700) {
    await peer.send({ opcode: Opcode.Text, payload: "still here" });
    assertEquals(await ws.receive(), "still here");
    await new Promise((next) => setTimeout(next, 20));
  }
  assert(ws.open);
  assertEquals(ws.latency, undefined);
  await assertRejects(
    () => ws.receive(),
    ConnectionClosedError,
    "did not answer a ping",
  );
});

Deno.test("serve() on the strict engine does not give a peer up whose messages nobody receives", async () => {
  await using meeting = await meet({
    pingInterval: 30,
    pongTimeout: 100,
    maxQueuedMessages: 4,
  });
  const { ws, peer } = meeting;
  for (let number = 0; number < 8; number++) {
    await peer.send({ opcode: Opcode.Text, payload: `${number}` });
  }
  while (ws.pending < 4) await new Promise((next) => setTimeout(next, 5));
  // Several times the patience that there is with a peer that is heard.
  await new Promise((next) => setTimeout(next, 500));
  assert(ws.open);
  // Its pongs are behind its messages; those of the oldest pings are left out.
  const answering = (async () => {
    while (true) {
      const { opcode, payload } = await peer.readFrame();
      if (opcode !== Opcode.Ping) return opcode;
      const pong = encodeFrame({ opcode: Opcode.Pong, payload }, true);
      await peer.write(pong);
    }
  })();
  for (let number = 0; number < 8; number++) {
    assertEquals(await ws.receive(), `${number}`);
  }
  while (ws.latency === undefined) {
    await new Promise((next) => setTimeout(next, 5));
  }
  assert(ws.open);
  ws.close();
  assertEquals(await answering, Opcode.Close);
});
