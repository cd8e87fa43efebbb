import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  ConnectionClosedError,
  keepConnected,
  type KeepConnectedOptions,
  type Message,
  type OpenConnection,
  ReconnectingConnection,
} from "../mod.ts";
import { serveTls } from "./_pair.ts";
import { dial, test, text, world } from "./_reconnecting.ts";

test("ReconnectingConnection.receive() brings what is left of one connection before what the next brings", async () => {
  await using it = await world();
  const first = await it.connect();
  for (const message of ["1", "2", "3"]) await first.ws.send(message);
  assertEquals(await it.ws.receive(), "1");
  await first.ws.close(1011);
  const second = await it.connect();
  await second.ws.send("4");
  await second.ws.close(1011);
  const third = await it.connect();
  await third.ws.send("5");
  const rest = [];
  for await (const message of it.ws) {
    rest.push(message);
    if (message === "5") break;
  }
  assertEquals(text(rest), "2 3 4 5");
});

test("ReconnectingConnection.receive() waits across connections, one receiver at a time", async () => {
  await using it = await world();
  const waiting = it.ws.receive();
  await assertRejects(() => it.ws.receive(), TypeError, "still waits");
  const first = await it.connect();
  await assertRejects(() => it.ws.receive(), TypeError, "still waits");
  await first.ws.close(1011);
  const second = await it.connect();
  await second.ws.send("here");
  assertEquals(await waiting, "here");
});

test("ReconnectingConnection.receive() tells who receives from the connection under it, and goes on", async () => {
  await using it = await world();
  const end = await it.connect();
  await it.ws.send("here");
  const other = it.ws.connection?.receive();
  await assertRejects(() => it.ws.receive(), TypeError, "still waits");
  await end.ws.send("1");
  assertEquals(await other, "1");
  await end.ws.send("2");
  assertEquals(await it.ws.receive(), "2");
});

test("ReconnectingConnection.receive() gives up when its signal aborts, and loses no message", async () => {
  await using it = await world();
  for (const connected of [false, true]) {
    if (connected) {
      await it.connect();
      await it.ws.send("here");
    }
    const stop = new AbortController();
    const waiting = it.ws.receive({ signal: stop.signal });
    stop.abort(new Error("of the test"));
    await assertRejects(() => waiting, Error, "of the test");
    await assertRejects(
      () => it.ws.receive({ signal: stop.signal }),
      Error,
      "of the test",
    );
  }
  await it.ends[0]?.ws.send("still there");
  assertEquals(await it.ws.receive(), "still there");
});

test("ReconnectingConnection keeps unreceived messages of the last eight ended connections", async () => {
  await using it = await world();
  for (let index = 0; index < 12; index++) {
    const { ws } = await it.connect();
    await ws.send(`${index}`);
    await ws.close(1011);
  }
  const last = await it.connect();
  await it.ws.send("hello");
  await last.ws.send("last");
  const received = [];
  while (received.at(-1) !== "last") received.push(await it.ws.receive());
  assertEquals(text(received), "4 5 6 7 8 9 10 11 last");
});

test("ReconnectingConnection runs onopen before messages that wait leave, with the connection for itself", async () => {
  const answers: Message[] = [];
  await using it = await world({
    onopen: async (ws) => {
      await ws.send("subscribe");
      answers.push(await ws.receive());
    },
  });
  it.ws.send("a");
  const receiving = it.ws.receive();
  for (const round of [1, 2]) {
    const end = await it.connect();
    await it.until(() => end.received.length === 1);
    assertEquals(it.ws.connection, undefined);
    await end.ws.send(`subscribed ${round}`);
    if (round === 1) {
      await it.until(() => end.received.length === 2);
      assertEquals(text(end.received), "subscribe a");
      await end.ws.close(1012);
    } else {
      await end.ws.send("news");
      assertEquals(await receiving, "news");
    }
  }
  assertEquals(answers, ["subscribed 1", "subscribed 2"]);
});

test("ReconnectingConnection closes a connection whose onopen fails, and tries again", async () => {
  const mine = new Error("of onopen");
  const errors: unknown[] = [];
  let fails = 2;
  await using it = await world({
    onopen: () => {
      if (fails-- > 0) throw mine;
    },
    onstatus: (status) => {
      if (status.state === "waiting") errors.push(status.error);
    },
  });
  const sent = it.ws.send("a");
  it.permit(3);
  assertEquals(await sent, true);
  assertEquals(it.fate.waits, [500, 1000]);
  for (const error of errors) {
    assert(error instanceof ConnectionClosedError);
    assertStrictEquals(error.cause, mine);
  }
  await it.until(() => it.ends[2]?.received.length === 1);
  assertEquals(it.ends.map(({ received }) => text(received)), ["", "", "a"]);
});

test("ReconnectingConnection does not wait for an onopen that misses the end of its connection", async () => {
  let hang = true;
  await using it = await world({
    onopen: () => hang ? new Promise<void>(() => {}) : undefined,
  });
  const first = await it.connect();
  hang = false;
  await first.ws.close(1012);
  const second = await it.connect();
  await it.ws.send("a");
  await it.until(() => second.received.length === 1);
});

test("ReconnectingConnection.close() lets leave what was sent, and drops what waits", async () => {
  await using it = await world();
  const end = await it.connect();
  await it.ws.send("a");
  const sent = ["b", "c"].map((message) => it.ws.send(message));
  const closing = it.ws.close(4000, "done");
  const refused = it.ws.send("d");
  assertEquals(await Promise.all(sent), [true, true]);
  await assertRejects(
    () => refused,
    ConnectionClosedError,
    "close() was called",
  );
  const info = { code: 4000, reason: "done", wasClean: true };
  assertEquals(await closing, info);
  assertEquals(await it.ws.closed, info);
  assertEquals(await end.ws.closed, info);
  assertEquals(text(end.received), "a b c");
  assertEquals(it.ws.status, { state: "closed" });
});

test("ReconnectingConnection.close() ends it while it connects, waits, or makes ready", async () => {
  const lost = new DOMException("late", "TimeoutError");
  const never = () => new Promise<void>(() => {});
  await using server = await serveTls({}, (ws) => ws.closed);
  const cases: Record<string, [OpenConnection, KeepConnectedOptions]> = {
    connecting: [
      (signal) =>
        new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason));
        }),
      {},
    ],
    waiting: [() => Promise.reject(lost), {
      minDelay: 60_000,
      maxDelay: 60_000,
    }],
    ready: [(signal) => dial(server, { signal }), {
      onopen: never,
    }],
  };
  for (const [name, [open, options]] of Object.entries(cases)) {
    const reached = Promise.withResolvers<void>();
    const { onopen } = options;
    const ws = new ReconnectingConnection(open, {
      ...options,
      ...(onopen && {
        onopen: (ws) => {
          reached.resolve();
          return onopen(ws);
        },
      }),
      onstatus: ({ state }) => state === name && reached.resolve(),
    });
    const waits = [ws.send("a"), ws.receive()];
    await reached.promise;
    const info = await ws.close();
    assertEquals(info, { code: 1006, reason: "", wasClean: false }, name);
    for (const wait of waits) {
      await assertRejects(() => wait, ConnectionClosedError, "close()", name);
    }
    const rest = [];
    for await (const message of ws) rest.push(message);
    assertEquals([rest, ws.outstanding], [[], 0]);
  }
});

test("ReconnectingConnection.close() refuses what must not be sent, and stays open", async () => {
  await using it = await world();
  const end = await it.connect();
  await assertRejects(() => it.ws.close(1002), RangeError, "code");
  await assertRejects(() => it.ws.close(1000, "x".repeat(124)), RangeError);
  await it.ws.send("still there");
  await it.until(() => end.received.length === 1);
  const first = it.ws.close(4001);
  assertEquals((await it.ws.close(4002)).code, 4001);
  assertEquals((await first).code, 4001);
});

test("ReconnectingConnection lets receive what came before close()", async () => {
  await using it = await world();
  const end = await it.connect();
  await end.ws.send("1");
  await end.ws.send("2");
  assertEquals(await it.ws.receive(), "1");
  while (it.ws.connection?.pending !== 1) await it.ws.send("?");
  await it.ws.close();
  const rest = [];
  for await (const message of it.ws) rest.push(message);
  assertEquals(rest, ["2"]);
});

test("ReconnectingConnection ends with what trying again can't mend", async () => {
  await using it = await world();
  const end = await it.connect();
  await it.ws.send("a");
  await end.ws.send("before");
  await it.until(() => end.received.length === 1);
  await end.ws.close(1008, "no");
  const info = { code: 1008, reason: "no", wasClean: true };
  assertEquals(await it.ws.closed, info);
  const { status } = it.ws;
  assert(status.state === "closed");
  assert(status.error instanceof ConnectionClosedError);
  assertEquals(await it.ws.receive(), "before");
  const failures = [
    await assertRejects(() => it.ws.receive()),
    await assertRejects(() => it.ws.send("b")),
    await assertRejects(async () => {
      for await (const _ of it.ws) { /* nothing comes */ }
    }),
  ];
  for (const failure of failures) assertStrictEquals(failure, status.error);
  assertEquals(await it.ws.close(), info);
});

test("ReconnectingConnection ends an iteration well when `retry` lets it end with 1000", async () => {
  const retry = (error: unknown, mendable: boolean) =>
    mendable &&
    !(error instanceof ConnectionClosedError && error.code === 1000);
  await using it = await world({ retry });
  const { ws } = await it.connect();
  await ws.send("1");
  await ws.close();
  const all = [];
  for await (const message of it.ws) all.push(message);
  assertEquals(all, ["1"]);
  assertEquals((await it.ws.closed).code, 1000);
});

test("ReconnectingConnection ends with the reason when its signal aborts", async () => {
  const stop = new AbortController();
  await using it = await world({ signal: stop.signal });
  const end = await it.connect();
  await it.ws.send("here");
  const mine = new Error("of the test");
  const receiving = assertRejects(() => it.ws.receive());
  stop.abort(mine);
  assertEquals((await it.ws.closed).code, 1000);
  assertEquals((await end.ws.closed).code, 1000);
  assertStrictEquals(await receiving, mine);
  assertStrictEquals(await assertRejects(() => it.ws.send("a")), mine);
  await using late = await world({ signal: stop.signal });
  assertEquals((await late.ws.closed).code, 1006);
});

test("ReconnectingConnection.status tells what onstatus heard last", async () => {
  const heard: [string, string][] = [];
  await using server = await serveTls({}, async (peer) => {
    for await (const _ of peer) await peer.close(1012);
  });
  const ws = new ReconnectingConnection(
    (signal) => dial(server, { signal }),
    {
      minDelay: 1,
      onstatus: ({ state }) => {
        heard.push([state, ws.status.state]);
        throw new Error("does no harm");
      },
    },
  );
  assertEquals(ws.status, { state: "connecting", attempt: 1 });
  await ws.send("a");
  const first = ws.connection;
  assertEquals([first?.open, ws.latency], [true, undefined]);
  await first?.closed;
  assertEquals(ws.connection, undefined);
  await ws.send("b");
  assert(ws.connection !== first);
  await ws.close();
  const round = ["connecting", "open"];
  const states = [...round, "waiting", ...round, "closed"];
  assertEquals(heard, states.map((state) => [state, state]));
});

Deno.test("keepConnected() refuses wrong options at once", () => {
  const refuses = (options: object, text: string) =>
    assertThrows(
      () => keepConnected("wss://localhost:1", options),
      Error,
      text,
    );
  refuses({ openTimeout: -1 }, "openTimeout");
  refuses({ maxDelay: -1 }, "maxDelay");
  refuses({ onopen: "subscribe" }, "onopen");
  refuses({ onstatus: 1 }, "onstatus");
  refuses({ delivery: "exactly-once" }, "at-most-once, at-least-once");
  refuses({ overflow: "grow" }, "drop-oldest");
  refuses({ maxOutboxMessages: 0 }, "maxOutboxMessages");
  refuses({ maxOutboxBytes: "1k" }, "maxOutboxBytes");
  for (const overflow of ["drop-oldest", "drop-newest"]) {
    refuses({ overflow, delivery: "at-least-once" }, "drops nothing");
  }
  assertThrows(() => keepConnected("http://["), TypeError, "malformed");
});
