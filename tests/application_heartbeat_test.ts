import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type CommonConnectOptions,
  connect,
  type Connection,
  ConnectionClosedError,
  type ConnectOptions,
  serve,
  upgrade,
} from "../mod.ts";
import { ENGINES, test } from "./_engines.ts";
import { pair } from "./_pair.ts";
import { Opcode, RawPeer, RawServer } from "./_raw_peer.ts";

const NEVER = 60_000;

test("ws.ping() and ws.latency work by messages that neither side's receiver sees", async (engine) => {
  for (const client of ENGINES) {
    await using ends = await pair({ engine, heartbeat: true }, {
      engine: client,
      heartbeat: true,
    });
    const { client: ws, peer } = ends;
    assertEquals(ws.latency, undefined);
    const took = await ws.ping();
    assert(took > 0 && took < 1000, `${took} ms`);
    assertEquals(ws.latency, took);
    assertEquals((await Promise.all([ws.ping(), ws.ping()])).length, 2);
    await ws.send("for the handler");
    await peer.send("for the client");
    assertEquals(await peer.receive(), "for the handler");
    assertEquals(await ws.receive(), "for the client");
    assertEquals([peer.pending, ws.pending], [0, 0]);
    await ws.close();
    await assertRejects(() => ws.ping(), ConnectionClosedError, "Cannot ping");
  }
});

test("serve() answers a heartbeat in the words that they are given", async (engine) => {
  const heartbeat = { message: '{"type":"ping"}', reply: '{"type":"pong"}' };
  await using ends = await pair({ engine, heartbeat }, { heartbeat });
  assert(await ends.client.ping() < 1000);
  // These are ordinary here.
  await ends.client.send("ping");
  assertEquals(await ends.peer.receive(), "ping");
  await ends.client.send(new TextEncoder().encode(heartbeat.message));
  assert(await ends.peer.receive() instanceof Uint8Array);
});

Deno.test("upgrade() answers a heartbeat, too", async () => {
  await using server = Deno.serve(
    { hostname: "localhost", port: 0, onListen() {} },
    (request, info) =>
      upgrade(request, info, { heartbeat: true }, (ws) => ws.closed),
  );
  await using ws = await connect(`ws://localhost:${server.addr.port}`, {
    heartbeat: true,
  });
  assert(await ws.ping() < 1000);
});

test("serve() hands the heartbeat of clients to its handler where it was not asked to answer", async (engine) => {
  await using ends = await pair({ engine }, { heartbeat: true });
  const ping = ends.client.ping();
  assertEquals(await ends.peer.receive(), "ping");
  await ends.peer.send("pong");
  assert(await ping < 1000);
  assertEquals(ends.client.pending, 0);
});

test("serve() counts a heartbeat for maxMessagesPerSecond", async (engine) => {
  await using ends = await pair(
    { engine, heartbeat: true, maxMessagesPerSecond: 1, maxMessageBurst: 3 },
    { heartbeat: { interval: NEVER } },
  );
  const pings = [1, 2, 3, 4].map(() => ends.client.ping());
  const answered = await Promise.allSettled(pings);
  assertEquals(answered[3]?.status, "rejected");
  assertEquals((await ends.client.closed).code, 1008);
});

test("serve() answers a heartbeat while more than sendBuffer waits, but not without end", async (engine) => {
  const { promise, resolve } = Promise.withResolvers<Connection>();
  await using server = await serve(
    { port: 0, engine, heartbeat: true, sendBuffer: 1000, logger: {} },
    (ws) => {
      resolve(ws);
      return ws.closed;
    },
  );
  using peer = await RawPeer.open(server.url);
  const ws = await promise;
  const filler = new Uint8Array(4 << 20);
  const sent = ws.send(filler);
  // The handler's turn comes when the pings were dealt with.
  for (let count = 0; count < 100; count++) {
    await peer.send({ opcode: Opcode.Text, payload: "ping" });
  }
  await peer.send({ opcode: Opcode.Text, payload: "done" });
  assertEquals(await ws.receive(), "done");
  assertEquals((await peer.readFrame()).payload.length, filler.length);
  await sent;
  await ws.send("end");
  const text = async () =>
    new TextDecoder().decode((await peer.readFrame()).payload);
  let replies = 0;
  for (; await text() === "pong"; replies++);
  assert(replies >= 64 && replies < 70, `${replies} replies`);
  await peer.send({ opcode: Opcode.Text, payload: "ping" });
  assertEquals(await text(), "pong");
  peer[Symbol.dispose]();
});

/** Opens a connection, on each engine, to a server that does as `script` says. */
async function toRawServer(
  script: (peer: RawPeer) => Promise<void> | void,
  options: CommonConnectOptions,
  then: (ws: Connection, peer: RawPeer, engine: string) => Promise<void>,
): Promise<void> {
  for (const engine of ENGINES) {
    const opened = Promise.withResolvers<RawPeer>();
    await using server = new RawServer(async (peer) => {
      await peer.accept();
      opened.resolve(peer);
      await script(peer);
    });
    const ws = await connect(server.url, { ...options, engine });
    await then(ws, await opened.promise, engine);
    await ws.closed;
  }
}

Deno.test("connect() with heartbeat gives a silent server up after interval and pongTimeout", async () => {
  const options = { heartbeat: { interval: 150 }, pongTimeout: 150 };
  await toRawServer(() => {}, options, async (ws, peer, engine) => {
    const began = performance.now();
    const { opcode, payload } = await peer.readFrame();
    assertEquals(
      [opcode, new TextDecoder().decode(payload)],
      [Opcode.Text, "ping"],
    );
    const error = await assertRejects(
      () => ws.receive(),
      ConnectionClosedError,
      "the peer did not answer the heartbeat (does the server have `heartbeat`, too?)",
    );
    const took = performance.now() - began;
    assert(took > 200 && took < 1200, `${took} ms [${engine}]`);
    assertEquals([error.code, error.wasClean], [1006, false]);
    // The built-in socket says goodbye; it has no other way out.
    peer[Symbol.dispose]();
  });
});

Deno.test("connect() with heartbeat keeps a server that sends anything, until it falls silent", async () => {
  const options = { heartbeat: { interval: 40 }, pongTimeout: 160 };
  await toRawServer(() => {}, options, async (ws, peer) => {
    const began = performance.now();
    while (performance.now() - began < 600) {
      await peer.send({ opcode: Opcode.Text, payload: "still here" });
      assertEquals(await ws.receive(), "still here");
      await new Promise((next) => setTimeout(next, 20));
    }
    assert(ws.open);
    assertEquals(ws.latency, undefined);
    await assertRejects(() => ws.receive(), ConnectionClosedError);
    peer[Symbol.dispose]();
  });
});

Deno.test("connect() with heartbeat sends the message by itself, as it was when it was given", async () => {
  const message = new Uint8Array([1, 2, 3]);
  const reply = (received: unknown) =>
    received instanceof Uint8Array && received[0] === 9;
  const options = { heartbeat: { message, reply, interval: 30 } };
  await toRawServer(() => {}, options, async (ws, peer, engine) => {
    message.fill(0);
    for (let beats = 0; beats < 3; beats++) {
      const { opcode, payload } = await peer.readFrame();
      assertEquals([opcode, ...payload], [Opcode.Binary, 1, 2, 3], engine);
      await peer.send({ opcode: Opcode.Binary, payload: new Uint8Array([9]) });
    }
    await peer.send({ opcode: Opcode.Binary, payload: new Uint8Array([8]) });
    assertEquals(await ws.receive(), new Uint8Array([8]));
    assert(ws.latency !== undefined);
    // Without a ping on its way, it is for the heartbeat all the same.
    await peer.send({ opcode: Opcode.Binary, payload: new Uint8Array([9]) });
    await peer.send({ opcode: Opcode.Text, payload: "last" });
    assertEquals(await ws.receive(), "last");
    message.set([1, 2, 3]);
    peer[Symbol.dispose]();
  });
});

Deno.test("connect() closes when the function reply throws, and says so", async () => {
  const failure = new Error("a fault of the caller");
  const reply = () => {
    throw failure;
  };
  await toRawServer(() => {}, { heartbeat: { reply } }, async (ws, peer) => {
    await peer.send({ opcode: Opcode.Text, payload: "anything" });
    const receiving = assertRejects(() => ws.receive(), ConnectionClosedError);
    assertEquals((await peer.readFrame()).opcode, Opcode.Close);
    peer[Symbol.dispose]();
    const error = await receiving;
    assert(error.message.includes("heartbeat.reply failed"), error.message);
    assertEquals(error.cause, failure);
  });
});

Deno.test("connect() that closes waits for closeTimeout, not for the heartbeat", async () => {
  const options = {
    heartbeat: { interval: 40 },
    pongTimeout: 40,
    closeTimeout: 400,
  };
  await toRawServer(() => {}, options, async (ws, peer, engine) => {
    const began = performance.now();
    await ws.close();
    const took = performance.now() - began;
    assert(took > 350 && took < 1500, `${took} ms [${engine}]`);
    peer[Symbol.dispose]();
  });
});

Deno.test("connect() and serve() refuse a heartbeat that makes no sense", async () => {
  const refused: [unknown, typeof TypeError | typeof RangeError, string][] = [
    ["ping", TypeError, "heartbeat: it must be true or options"],
    [null, TypeError, "heartbeat: it must be true or options"],
    [{ message: 1 }, TypeError, "heartbeat.message: it must be text or bytes"],
    [{ reply: 1 }, TypeError, "heartbeat.reply: it must be text or a function"],
    [{ interval: 0 }, RangeError, "heartbeat.interval"],
    [{ interval: "1" }, RangeError, "heartbeat.interval"],
    [{ interval: 0.5 }, RangeError, "heartbeat.interval"],
    [{ message: "" }, TypeError, "heartbeat.message: it must not be empty"],
    [
      { message: new Uint8Array() },
      TypeError,
      "heartbeat.message: it must not be empty",
    ],
    [{ reply: "" }, TypeError, "heartbeat.reply: it must not be empty"],
    [
      { msg: 1 },
      TypeError,
      "Cannot use msg: heartbeat has no such option; it has interval, message, reply",
    ],
  ];
  for (const [heartbeat, kind, message] of refused) {
    const options = { heartbeat } as ConnectOptions;
    const error = await assertRejects(() =>
      connect("ws://localhost:1", options)
    );
    assert(
      error instanceof kind && error.message.includes(message),
      `${error}`,
    );
  }
  const server = [
    ["ping", "heartbeat: it must be true or options"],
    [{ message: new Uint8Array(1) }, "heartbeat.message: it must be text"],
    [{ reply: () => true }, "heartbeat.reply: it must be text"],
    [{ message: "" }, "heartbeat.message: it must not be empty"],
    [{ reply: "" }, "heartbeat.reply: it must not be empty"],
    [
      { interval: 1000 },
      "Cannot use interval: heartbeat has no such option; it has message, reply",
    ],
  ] as const;
  for (const [heartbeat, message] of server) {
    const options = { port: 0, heartbeat } as unknown as { port: number };
    await assertRejects(
      () => serve(options, () => {}),
      TypeError,
      message,
    );
  }
  await assertRejects(
    () =>
      connect("ws://localhost:1", {
        engine: "node",
        pingInterval: 1000,
        heartbeat: true,
      }),
    TypeError,
    "Cannot use pingInterval together with heartbeat",
  );
});
