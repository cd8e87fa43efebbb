import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  CloseCode,
  type Connection,
  ConnectionClosedError,
  serve,
} from "../mod.ts";
import { test as testServer, testEnds as test } from "./_engines.ts";
import { pair } from "./_pair.ts";
import { Opcode, RawPeer } from "./_raw_peer.ts";

test("Connection.send() and receive() carry text and bytes both ways, in order", async (engine) => {
  await using ends = await pair({ engine });
  const { client, peer } = ends;
  const messages = [
    "",
    "text",
    "Grüße 👋",
    new Uint8Array(),
    new Uint8Array([0, 255]),
  ];
  for (const [from, to] of [[client, peer], [peer, client]] as const) {
    for (const message of messages) await from.send(message);
    for (const message of messages) assertEquals(await to.receive(), message);
  }
});

test("Connection.send() takes views and buffers, and sends just their bytes", async (engine) => {
  await using ends = await pair({ engine });
  const buffer = new Uint8Array([1, 2, 3, 4]).buffer;
  await ends.client.send(buffer);
  await ends.client.send(new Uint8Array(buffer, 1, 2));
  await ends.client.send(new DataView(buffer, 3));
  assertEquals(await ends.peer.receive(), new Uint8Array([1, 2, 3, 4]));
  assertEquals(await ends.peer.receive(), new Uint8Array([2, 3]));
  assertEquals(await ends.peer.receive(), new Uint8Array([4]));
});

test("Connection.send() refuses what is neither text nor bytes", async (engine) => {
  await using ends = await pair({ engine });
  const object = { secret: 1 } as unknown as string;
  await assertRejects(
    () => ends.client.send(object),
    TypeError,
    "Cannot send message: expected a string or bytes (of an object, JSON.stringify() makes a string), current value is of type object",
  );
});

test("Connection.send() rejects after the end, and harms nobody who does not await it", async (engine) => {
  await using ends = await pair({ engine });
  await ends.client.close(3000, "done");
  ends.client.send("nobody awaits this");
  const error = await assertRejects(
    () => ends.client.send("x"),
    ConnectionClosedError,
    'Cannot send: the connection ended with code 3000 "done"',
  );
  assertEquals(error.code, 3000);
});

test("Connection.receive() delivers what came before the end, then rejects", async (engine) => {
  await using ends = await pair({ engine });
  await ends.peer.send("one");
  await ends.peer.send("two");
  await ends.peer.close(4000, "enough");
  await ends.client.closed;
  assertEquals(ends.client.pending, 2);
  assertEquals(await ends.client.receive(), "one");
  assertEquals(await ends.client.receive(), "two");
  const error = await assertRejects(
    () => ends.client.receive(),
    ConnectionClosedError,
  );
  assertEquals([error.code, error.reason, error.wasClean], [
    4000,
    "enough",
    true,
  ]);
});

test("Connection.receive() stops waiting when its signal aborts, and loses nothing", async (engine) => {
  await using ends = await pair({ engine });
  const controller = new AbortController();
  const waiting = ends.client.receive({ signal: controller.signal });
  const reason = new Error("changed my mind");
  controller.abort(reason);
  assertEquals(await waiting.catch((error: unknown) => error), reason);
  await assertRejects(
    () => ends.client.receive({ signal: AbortSignal.timeout(10) }),
    DOMException,
    "timeout",
  );
  await ends.peer.send("later");
  assertEquals(await ends.client.receive(), "later");
});

test("Connection.receive() is not disturbed by a signal that aborts after it is done", async (engine) => {
  await using ends = await pair({ engine });
  const controller = new AbortController();
  const first = ends.client.receive({ signal: controller.signal });
  await ends.peer.send("one");
  assertEquals(await first, "one");
  const second = ends.client.receive();
  controller.abort();
  await ends.peer.send("two");
  assertEquals(await second, "two");
});

test("Connection.receive() refuses a second receiver", async (engine) => {
  await using ends = await pair({ engine });
  const first = ends.client.receive();
  await assertRejects(
    () => ends.client.receive(),
    TypeError,
    "another receive() still waits",
  );
  await ends.peer.send("for the first");
  assertEquals(await first, "for the first");
});

for (const code of [1000, 1001] as const) {
  test(`Connection iteration ends when the server closes with ${code}`, async (engine) => {
    await using ends = await pair({ engine });
    await ends.peer.send("last");
    ends.peer.close(code);
    assertEquals(await Array.fromAsync(ends.client), ["last"]);
  });
}

test("Connection iteration throws when the connection ends in any other way", async (engine) => {
  await using ends = await pair({ engine });
  ends.peer.close(CloseCode.InternalError, "sorry");
  const error = await assertRejects(
    () => Array.fromAsync(ends.client),
    ConnectionClosedError,
  );
  assertEquals([error.code, error.reason], [1011, "sorry"]);
});

test("Connection iteration may be left and taken up again", async (engine) => {
  await using ends = await pair({ engine });
  for (const text of ["a", "b", "c"]) await ends.peer.send(text);
  const seen = [];
  for await (const message of ends.client) {
    seen.push(message);
    if (seen.length === 2) break;
  }
  assert(ends.client.open);
  for await (const message of ends.client) {
    seen.push(message);
    break;
  }
  assertEquals(seen, ["a", "b", "c"]);
});

test("Connection.readable and writable pass messages and the end on", async (engine) => {
  await using ends = await pair({ engine });
  const writer = ends.client.writable.getWriter();
  await writer.write("one");
  await writer.write(new Uint8Array([2]));
  await writer.close();
  assertEquals(await Array.fromAsync(ends.peer.readable), [
    "one",
    new Uint8Array([2]),
  ]);
  assertEquals((await ends.client.closed).code, 1000);
});

test("Connection.readable reads nothing ahead, and closes the connection when cancelled", async (engine) => {
  await using ends = await pair({ engine });
  const { readable } = ends.client;
  await ends.peer.send("unread");
  await ends.peer.send("unread too");
  const reader = readable.getReader();
  assertEquals(await reader.read(), { done: false, value: "unread" });
  await reader.cancel();
  assertEquals((await ends.peer.closed).code, 1000);
});

test(
  "Connection.writable closes with 1011 when aborted, as far as a client can",
  async (engine, client) => {
    await using ends = await pair({ engine });
    await ends.client.writable.abort();
    const code = { deno: 4011, node: 1011 }[client];
    assertEquals((await ends.peer.closed).code, code);
    await using others = await pair({ engine });
    await others.peer.writable.abort();
    assertEquals((await others.client.closed).code, 1011);
  },
);

test("Connection.close() tells both sides the same, and only once", async (engine) => {
  await using ends = await pair({ engine });
  const [one, two] = await Promise.all([
    ends.client.close(4001, "first"),
    ends.client.close(4002, "second"),
  ]);
  const expected = { code: 4001, reason: "first", wasClean: true };
  assertEquals([one, two, await ends.peer.closed], [
    expected,
    expected,
    expected,
  ]);
});

test(
  "Connection.close() refuses codes and reasons that must not be sent",
  async (engine, client) => {
    await using ends = await pair({ engine });
    for (
      const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, NaN, 1000.5]
    ) {
      await assertRejects(
        () => ends.peer.close(code),
        RangeError,
        String(code),
      );
    }
    for (const code of client === "deno" ? [1001, 1011] : []) {
      await assertRejects(
        () => ends.client.close(code),
        RangeError,
        "a client's code",
      );
    }
    await assertRejects(
      () => ends.client.close(1000, "ü".repeat(62)),
      RangeError,
      "longer than 123 bytes",
    );
    assert(ends.client.open && ends.peer.open);
    const info = await ends.client.close(1000, "x".repeat(123));
    assertEquals(info.reason.length, 123);
  },
);

test("Connection.closed can be asked for after the end, and never rejects", async (engine) => {
  await using ends = await pair({ engine });
  await ends.client.close();
  assertEquals((await ends.client.closed).code, 1000);
  assertEquals((await ends.peer.closed).code, 1000);
});

test("Connection.terminate() ends this side at once", async (engine) => {
  await using ends = await pair({ engine });
  const waiting = ends.client.receive();
  ends.client.terminate();
  const error = await assertRejects(() => waiting, ConnectionClosedError);
  assertEquals([error.code, error.wasClean], [1006, false]);
  assertStringIncludes(error.message, "it was terminated");
  await ends.peer.closed;
});

test("Connection closes with 1009 when a message is larger than maxMessageSize", async (engine) => {
  for (const message of ["ü".repeat(6), new Uint8Array(11), "x".repeat(11)]) {
    await using ends = await pair({ engine, maxMessageSize: 10 });
    await ends.client.send("ü".repeat(5));
    await ends.client.send(new Uint8Array(10));
    await ends.client.send(message);
    // The strict engine ends a message while it arrives, and says no reason.
    const reason = {
      deno: "message over 10 bytes (maxMessageSize)",
      node: "",
    }[engine];
    const info = await ends.client.closed;
    assertEquals([info.code, info.reason], [1009, reason]);
    assertEquals(await ends.peer.receive(), "ü".repeat(5));
    assertEquals(await ends.peer.receive(), new Uint8Array(10));
    const error = await assertRejects(
      () => ends.peer.receive(),
      ConnectionClosedError,
    );
    assertEquals(error.code, 1009);
  }
});

test(
  "Connection of a client says 1009, or 4009 for it, and 1009 to its own side",
  async (engine, client) => {
    await using ends = await pair({ engine }, { maxMessageSize: 10 });
    await ends.peer.send(new Uint8Array(11));
    const info = await ends.peer.closed;
    // The strict engine ends a message while it arrives, and says no reason.
    const expected = {
      deno: [4009, "message over 10 bytes (maxMessageSize)"],
      node: [1009, ""],
    }[client];
    assertEquals([info.code, info.reason], expected);
    assertEquals((await ends.client.closed).code, 1009);
  },
);

Deno.test("Connection closes with 1013 past maxQueuedMessages, and keeps what it took", async () => {
  await using ends = await pair({ maxQueuedMessages: 3 });
  for (let i = 0; i < 4; i++) await ends.client.send(`${i}`);
  const { code, reason } = await ends.client.closed;
  assertEquals([code, reason], [
    1013,
    "more than 3 messages wait to be received (maxQueuedMessages)",
  ]);
  assertEquals(ends.peer.pending, 3);
  assertEquals(await ends.peer.receive(), "0");
});

Deno.test("Connection closes with 1013 past maxQueuedBytes", async () => {
  await using ends = await pair({ maxQueuedBytes: 100 });
  for (let i = 0; i < 3; i++) await ends.client.send(new Uint8Array(60));
  const { code, reason } = await ends.client.closed;
  assertEquals([code, reason], [
    1013,
    "more than 100 bytes wait to be received (maxQueuedBytes)",
  ]);
});

testServer(
  "Connection.terminate() of a server cuts the socket, where the engine can",
  async (engine) => {
    const open = Promise.withResolvers<Connection>();
    await using server = await serve(
      { engine, port: 0, logger: {}, pingInterval: 0 },
      async (ws) => {
        open.resolve(ws);
        await ws.closed;
      },
    );
    using raw = await RawPeer.open(server.url);
    const ws = await open.promise;
    ws.terminate();
    const info = await ws.closed;
    assertEquals(info, { code: 1006, reason: "", wasClean: false });
    // What the built-in engine has instead is a close frame.
    const frame = raw.readFrame().then(({ opcode }) => opcode, () => undefined);
    const expected = { deno: Opcode.Close, node: undefined }[engine];
    assertEquals(await frame, expected);
  },
);

test("Connection knows its id, URL, protocol, request and addresses", async (engine) => {
  await using ends = await pair({ engine, protocols: ["chat"] }, {
    protocols: ["x", "chat"],
    headers: { "x-test": "yes" },
  });
  const { client, peer, server } = ends;
  assertNotEquals(client.id, peer.id);
  assertEquals(client.id, client.id);
  assertEquals([client.protocol, peer.protocol], ["chat", "chat"]);
  assertEquals([client.url, peer.url], [`${server.url}/`, `${server.url}/`]);
  assertEquals(peer.request?.headers.get("x-test"), "yes");
  assertEquals((peer.remoteAddr as Deno.NetAddr).hostname, "127.0.0.1");
  assertEquals([client.request, client.remoteAddr], [undefined, undefined]);
});

test("Connection carries messages of 1 MiB, and thousands of small ones", async (engine) => {
  await using ends = await pair({ engine }, { maxQueuedMessages: 5000 });
  const large = crypto.getRandomValues(new Uint8Array(65_536));
  const message = new Uint8Array(1 << 20).map((_, i) => large[i % 65_536]!);
  await ends.client.send(message);
  assertEquals(await ends.peer.receive(), message);
  for (let i = 0; i < 5000; i++) await ends.peer.send(`${i}`);
  for (let i = 0; i < 5000; i++) {
    assertEquals(await ends.client.receive(), `${i}`);
  }
});

test("Connection.send() waits while the peer is behind, and copies what waits", async (engine) => {
  await using ends = await pair({ engine, sendBuffer: 1000 }, {
    maxQueuedBytes: 1 << 26,
  });
  const bytes = new Uint8Array(200_000);
  const sent = [];
  for (let i = 0; i < 20; i++) {
    sent.push(ends.peer.send(bytes.fill(i)));
  }
  await Promise.all(sent);
  for (let i = 0; i < 20; i++) {
    const message = await ends.client.receive();
    assertInstanceOf(message, Uint8Array);
    assertEquals([message[0], message.at(-1), message.length], [i, i, 200_000]);
  }
});

test("Connection.close() lets leave what waits to be sent", async (engine) => {
  await using ends = await pair({ engine, sendBuffer: 1000 }, {
    maxQueuedBytes: 1 << 26,
    maxQueuedMessages: 100,
  });
  for (let i = 0; i < 20; i++) ends.peer.send(new Uint8Array(200_000));
  const info = await ends.peer.close(1000, "all sent");
  assertEquals([info.code, info.wasClean], [1000, true]);
  assertEquals((await Array.fromAsync(ends.client)).length, 20);
});

test("Connection.subscribe() refuses where there are no topics", async (engine) => {
  await using ends = await pair({ engine });
  let error: unknown;
  try {
    ends.client.subscribe("news");
  } catch (thrown) {
    error = thrown;
  }
  assertInstanceOf(error, TypeError);
});
