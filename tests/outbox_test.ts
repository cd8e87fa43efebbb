import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Connection,
  ConnectionClosedError,
  ReconnectingConnection,
} from "../mod.ts";
import { connectTls, serveTls } from "./_pair.ts";
import { dial, test, text, world } from "./_reconnecting.ts";

test("ReconnectingConnection.send() keeps messages while away, and sends them in order", async () => {
  await using it = await world();
  const sent = ["a", "b", "c"].map((message) => it.ws.send(message));
  assertEquals(it.ws.outstanding, 3);
  assertEquals(it.ws.connection, undefined);
  const first = await it.connect();
  assertEquals(await Promise.all(sent), [true, true, true]);
  assertEquals(it.ws.outstanding, 0);
  await it.until(() => first.received.length === 3);
  await first.ws.close(1012);
  await it.ws.connection?.closed;
  const later = it.ws.send("d");
  const second = await it.connect();
  assertEquals(await later, true);
  await it.until(() => second.received.length === 1);
  assertEquals([text(first.received), text(second.received)], ["a b c", "d"]);
});

test("ReconnectingConnection.send() lets the caller reuse the bytes at once, away or not", async () => {
  for (const delivery of ["at-most-once", "at-least-once"] as const) {
    await using it = await world({ delivery });
    const bytes = new Uint8Array([1, 2, 3]);
    it.ws.send(bytes);
    bytes.fill(0);
    it.ws.send(new DataView(new Uint8Array([0, 4]).buffer, 1));
    const end = await it.connect();
    await it.until(() => end.received.length === 2);
    bytes.fill(5);
    it.ws.send(bytes.subarray(1));
    bytes.fill(0);
    await it.until(() => end.received.length === 3);
    const all = [new Uint8Array([1, 2, 3]), new Uint8Array([4])];
    assertEquals(end.received, [...all, new Uint8Array([5, 5])]);
  }
});

test("ReconnectingConnection.send() refuses what is no message, without harm to the others", async () => {
  await using it = await world();
  // @ts-expect-error: it must be text or bytes.
  await assertRejects(() => it.ws.send({ a: 1 }), TypeError, "JSON.stringify");
  assertEquals(it.ws.outstanding, 0);
});

test("ReconnectingConnection.send() rejects for want of room, and takes more when there is some", async () => {
  await using it = await world({ maxOutboxMessages: 2, maxOutboxBytes: 10 });
  const one = it.ws.send("12345");
  await assertRejects(() => it.ws.send("123456"), RangeError, "10 bytes");
  const two = it.ws.send("12345");
  await assertRejects(() => it.ws.send(""), RangeError, "maxOutboxMessages");
  const end = await it.connect();
  assertEquals(await Promise.all([one, two]), [true, true]);
  assertEquals(await it.ws.send("3"), true);
  await it.until(() => end.received.length === 3);
  assertEquals(text(end.received), "12345 12345 3");
});

test("ReconnectingConnection.send() drops the oldest or the newest if it is told to", async () => {
  for (
    const [overflow, results, arrives] of [
      ["drop-oldest", [false, false, true, true], "c d"],
      ["drop-newest", [true, true, false, false], "a b"],
    ] as const
  ) {
    await using it = await world({ overflow, maxOutboxMessages: 2 });
    const sent = ["a", "b", "c", "d"].map((message) => it.ws.send(message));
    const end = await it.connect();
    assertEquals(await Promise.all(sent), [...results]);
    await it.until(() => end.received.length === 2);
    assertEquals(text(end.received), arrives);
  }
  await using it = await world({ overflow: "drop-oldest", maxOutboxBytes: 4 });
  const kept = it.ws.send("four");
  // Nothing that could be dropped makes room for it.
  await assertRejects(() => it.ws.send("fives"), RangeError, "4 bytes");
  await it.connect();
  assertEquals(await kept, true);
});

test("ReconnectingConnection.send() waits while the peer does not keep up", async () => {
  let bytes = 0;
  await using server = await serveTls({}, async (ws) => {
    for await (const message of ws) bytes += message.length;
  });
  await using ws = new ReconnectingConnection(
    (signal) => dial(server, { signal, sendBuffer: 1000 }),
    { maxOutboxMessages: 3 },
  );
  assertEquals(await ws.send("here"), true);
  const message = new Uint8Array(1 << 20);
  const sent: Promise<boolean>[] = [];
  while (ws.outstanding < 3) sent.push(ws.send(message));
  await assertRejects(() => ws.send(message), RangeError);
  assertEquals(await sent[0], true);
  assert(ws.outstanding > 0);
  assert((await Promise.all(sent)).every((handed) => handed));
  assertEquals(ws.outstanding, 0);
  await ws.close();
  await server.shutdown();
  assertEquals(bytes, 4 + sent.length * message.length);
});

for (const delivery of ["at-most-once", "at-least-once"] as const) {
  const what = delivery === "at-most-once" ? "rejects" : "goes on waiting";
  Deno.test(`ReconnectingConnection.send() ${what} when the connection ends with the message in its buffer, with ${delivery}`, async () => {
    const stuck = Promise.withResolvers<Connection>();
    let bytes = 0;
    const all = Promise.withResolvers<void>();
    await using server = await serveTls({ engine: "node" }, async (ws) => {
      // The first one is not received from: it leaves all on the network.
      if (bytes === 0) {
        bytes = 1;
        stuck.resolve(ws);
        await ws.closed;
        return;
      }
      for await (const message of ws) {
        bytes += message.length;
        if (message === "last") all.resolve();
      }
    });
    await using ws = new ReconnectingConnection(
      (signal) => connectTls(server, { signal, sendBuffer: 1000 }),
      { delivery, minDelay: 1, maxOutboxBytes: Infinity },
    );
    const message = new Uint8Array(1 << 19);
    const sent: Promise<boolean>[] = [];
    for (let index = 0; index < 40; index++) sent.push(ws.send(message));
    // Another one is in the buffer by then.
    await sent[3];
    (await stuck.promise).terminate();
    sent.push(ws.send("last"));
    const results = await Promise.allSettled(sent);
    const rejected = results.filter(({ status }) => status === "rejected");
    await all.promise;
    if (delivery === "at-least-once") {
      assertEquals(rejected.length, 0);
      assertEquals(bytes, 1 + 40 * message.length + 4);
    } else {
      assertEquals(rejected.length, 1);
      const { reason } = rejected[0] as PromiseRejectedResult;
      assert(reason instanceof ConnectionClosedError);
    }
  });
}

test("ReconnectingConnection loses what was under way when a connection ended, with at-most-once", async () => {
  await using it = await world();
  const first = await it.connect();
  await it.ws.send("a");
  await it.until(() => first.received.length === 1);
  assertThrows(() => it.ws.acknowledge(), TypeError, "at-least-once");
  await first.ws.close(1012);
  const sent = it.ws.send("b");
  const second = await it.connect();
  assertEquals(await sent, true);
  await it.until(() => second.received.length === 1);
  assertEquals(text(second.received), "b");
});

test("ReconnectingConnection sends again what was not acknowledged, in order and in front, with at-least-once", async () => {
  await using it = await world({ delivery: "at-least-once" });
  const sent = ["a", "b", "c"].map((message) => it.ws.send(message));
  const first = await it.connect();
  await it.until(() => first.received.length === 3);
  assertEquals(await Promise.all(sent), [true, true, true]);
  assertEquals(it.ws.outstanding, 3);
  await first.ws.send("ack");
  await it.ws.receive();
  it.ws.acknowledge();
  assertEquals(it.ws.outstanding, 2);
  await first.ws.close(1012);
  it.ws.send("d");
  const second = await it.connect();
  await it.until(() => second.received.length === 3);
  it.ws.send("e");
  await it.until(() => second.received.length === 4);
  assertEquals(text(second.received), "b c d e");
  await second.ws.send("ack");
  await it.ws.receive();
  it.ws.acknowledge(4);
  assertEquals(it.ws.outstanding, 0);
  await second.ws.close(1012);
  it.ws.send("f");
  const third = await it.connect();
  await it.until(() => third.received.length === 1);
  assertEquals(text(third.received), "f");
});

test("ReconnectingConnection.acknowledge() counts for the connection that was received from", async () => {
  await using it = await world({ delivery: "at-least-once" });
  ["a", "b", "c"].map((message) => it.ws.send(message));
  const first = await it.connect();
  await it.until(() => first.received.length === 3);
  // The peer has two, says so, and is gone before that is received.
  await first.ws.send("ack 2");
  await first.ws.close(1012);
  const second = await it.connect();
  await it.until(() => second.received.length === 3);
  assertEquals(text(second.received), "a b c");
  assertEquals(await it.ws.receive(), "ack 2");
  it.ws.acknowledge(2);
  assertEquals(it.ws.outstanding, 1);
  // It has all three a second time, and says so of the first two: these are
  // known, so the third still waits.
  await second.ws.send("ack 2");
  assertEquals(await it.ws.receive(), "ack 2");
  it.ws.acknowledge(2);
  assertEquals(it.ws.outstanding, 1);
  await second.ws.close(1012);
  const third = await it.connect();
  await it.until(() => third.received.length === 1);
  assertEquals(text(third.received), "c");
});

test("ReconnectingConnection.acknowledge() refuses more than was sent", async () => {
  await using it = await world({ delivery: "at-least-once" });
  it.ws.send("a");
  assertThrows(() => it.ws.acknowledge(), RangeError, "received from waits");
  const end = await it.connect();
  await it.until(() => end.received.length === 1);
  for (const count of [2, 0, -1, 0.5, NaN]) {
    assertThrows(() => it.ws.acknowledge(count), RangeError, `is ${count}`);
  }
  assertEquals(it.ws.outstanding, 1);
  it.ws.acknowledge();
  assertEquals(it.ws.outstanding, 0);
});

test("ReconnectingConnection bounds what waits to be acknowledged", async () => {
  const options = { delivery: "at-least-once", maxOutboxMessages: 2 } as const;
  await using it = await world(options);
  const end = await it.connect();
  await it.ws.send("a");
  await it.ws.send("b");
  await assertRejects(() => it.ws.send("c"), RangeError, "acknowledge()");
  await it.until(() => end.received.length === 2);
  it.ws.acknowledge();
  assertEquals(await it.ws.send("c"), true);
});
