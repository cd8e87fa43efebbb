import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  type Connection,
  ConnectionClosedError,
  type Handler,
  HandshakeError,
  reconnect,
  type ReconnectStatus,
  serve,
  TlsError,
  WssError,
} from "../mod.ts";
import { reconnectWith } from "../src/reconnect/reconnect.ts";
import { devCertificates } from "./_certs.ts";
import { test } from "./_engines.ts";
import { FakeFate } from "./_fate.ts";
import { connectTls, serveTls } from "./_pair.ts";

/** What `onstatus` hears, in words. */
function log(): { words: string[]; onstatus: (s: ReconnectStatus) => void } {
  const words: string[] = [];
  const onstatus = (status: ReconnectStatus) => {
    const { state } = status;
    if (state === "connecting") words.push(`connecting ${status.attempt}`);
    else if (state === "waiting") words.push(`waiting ${status.delay}`);
    else if (state === "closed" && status.error !== undefined) {
      words.push(`gave up: ${(status.error as Error).name}`);
    } else words.push(state);
  };
  return { words, onstatus };
}

/** A server, and connections to it one after the other, without real waits. */
async function world(handler: Handler<undefined>, fate = new FakeFate()) {
  const server = await serveTls({}, handler);
  const { words, onstatus } = log();
  const opened: Connection[] = [];
  const open = async (signal: AbortSignal) => {
    const ws = await connectTls(server, { signal });
    opened.push(ws);
    return ws;
  };
  return {
    server,
    fate,
    words,
    opened,
    open,
    connections: (options: Parameters<typeof reconnectWith>[1] = {}) =>
      reconnectWith(open, { onstatus, ...options }, fate),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("reconnect() brings the next connection when one has ended, whatever code it ended with", async () => {
  const codes = [1000, 1001, 1012, 4000];
  await using it = await world((ws) => ws.close(codes.shift() ?? 1000));
  const seen: number[] = [];
  for await (const ws of it.connections()) {
    seen.push((await ws.closed).code);
    if (codes.length === 0) break;
  }
  assertEquals(seen, [1000, 1001, 1012, 4000]);
  assertEquals(it.words.slice(0, 4), [
    "connecting 1",
    "open",
    "waiting 500",
    "connecting 2",
  ]);
  assertEquals(it.words.at(-1), "closed");
});

Deno.test("reconnect() closes the connection when the body of the loop ends", async () => {
  const ends: number[] = [];
  await using it = await world(async (ws) => {
    ends.push((await ws.closed).code);
  });
  let rounds = 0;
  for await (const ws of it.connections()) {
    assertEquals(it.opened.slice(0, -1).filter(({ open }) => open), []);
    assert(ws.open);
    if (++rounds === 3) break;
    if (rounds === 2) continue;
  }
  assertEquals(it.opened.map(({ open }) => open), [false, false, false]);
  await it.server.shutdown();
  assertEquals(ends, [1000, 1000, 1000]);
});

Deno.test("reconnect() closes the connection when the loop is left by return or by an error", async () => {
  await using it = await world((ws) => ws.closed);
  const first = async () => {
    for await (const ws of it.connections()) return ws;
    throw new Error("no connection");
  };
  assertEquals((await first()).open, false);
  const mine = new Error("of the body");
  const failed = await assertRejects(async () => {
    for await (const _ of it.connections()) throw mine;
  });
  assertStrictEquals(failed, mine);
  assertEquals(it.opened.map(({ open }) => open), [false, false]);
  assertEquals(it.words, [
    ...["connecting 1", "open", "closed"],
    ...["connecting 1", "open", "closed"],
  ]);
});

Deno.test("reconnect() waits longer and longer for a server that accepts and hangs up at once", async () => {
  await using it = await world((ws) => ws.close(1011));
  const error = await assertRejects(async () => {
    for await (const ws of it.connections({ maxAttempts: 5 })) await ws.closed;
  }, ConnectionClosedError);
  assertEquals(error.code, 1011);
  assertEquals(it.fate.waits, [500, 1000, 2000, 4000]);
  assertEquals(it.words.at(-1), "gave up: ConnectionClosedError");
});

Deno.test("reconnect() waits for whole milliseconds, and says so", async () => {
  await using it = await world((ws) => ws.close(), new FakeFate(() => 1 / 7));
  let count = 0;
  for await (const ws of it.connections()) {
    await ws.closed;
    if (++count === 3) break;
  }
  assertEquals(it.fate.waits, [71, 143]);
  assertEquals(
    it.words.filter((word) => word.startsWith("waiting")),
    ["waiting 71", "waiting 143"],
  );
});

Deno.test("reconnect() starts over after a connection that lived, however long the body took after its end", async () => {
  const fate = new FakeFate();
  await using it = await world((ws) => ws.closed, fate);
  const lives = [0, 9_999, 10_000, 0, 50_000];
  for await (const ws of it.connections()) {
    const life = lives.shift();
    if (life === undefined) break;
    fate.clock += life;
    await ws.close();
    fate.clock += 60_000;
  }
  assertEquals(fate.waits, [500, 1000, 500, 1000, 500]);
});

test("reconnect() follows the Retry-After of a refusal", async (engine) => {
  let away = true;
  const headers = { "retry-after": "3" };
  await using server = await serveTls({
    authorize: () => away ? new Response(null, { status: 503, headers }) : null,
  }, (ws) => ws.closed);
  const fate = new FakeFate();
  const { words, onstatus } = log();
  const open = (signal: AbortSignal) => connectTls(server, { engine, signal });
  const connections = reconnectWith(open, {
    onstatus: (status) => {
      onstatus(status);
      if (status.state === "waiting" && status.attempt === 2) away = false;
    },
  }, fate);
  for await (const _ of connections) break;
  assertEquals(fate.waits, [3500, 4000]);
  assertEquals(words.slice(-3), ["connecting 3", "open", "closed"]);
});

Deno.test("reconnect() gives up at once on what trying again can't mend", async () => {
  const { ca } = await devCertificates();
  await using refusing = await serve(
    { port: 0, authorize: () => new Response(null, { status: 403 }) },
    () => {},
  );
  const firstOf = async (url: string, caCerts: string[] = []) => {
    const { words, onstatus } = log();
    const options = { caCerts, maxAttempts: 2, onstatus };
    const failed = await assertRejects(async () => {
      for await (const ws of reconnect(url, options)) await ws.closed;
    }, WssError);
    assertEquals(words.filter((word) => word.startsWith("waiting")), []);
    return failed;
  };
  const forbidden = await firstOf(refusing.url);
  assertEquals(forbidden instanceof HandshakeError && forbidden.status, 403);
  await using it = await world((ws) => ws.close(1008));
  const untrusted = await firstOf(it.server.url);
  assertEquals(
    untrusted instanceof TlsError && untrusted.reason,
    "unknown-issuer",
  );
  const expelled = await firstOf(it.server.url, [ca]);
  assertEquals(
    expelled instanceof ConnectionClosedError && expelled.code,
    1008,
  );
});

Deno.test("reconnect() throws what permission is missing", {
  permissions: { net: false, read: true, write: true, env: true },
}, async () => {
  const { words, onstatus } = log();
  await assertRejects(async () => {
    const connections = reconnect("ws://127.0.0.1:1", { onstatus });
    for await (const _ of connections) break;
  }, Deno.errors.NotCapable);
  assertEquals(words, ["connecting 1", "gave up: NotCapable"]);
});

Deno.test("reconnect() refuses wrong options before it is iterated", () => {
  const refuses = (target: string, options: object, text: string) =>
    assertThrows(() => reconnect(target, options), Error, text);
  const url = "wss://localhost:1";
  refuses("http://[", {}, "the URL is malformed");
  refuses(url, { openTimeout: -1 }, "openTimeout");
  refuses(url, { minDelay: -1 }, "minDelay");
  refuses(url, { onstatus: "print" }, "onstatus");
  refuses(url, { retry: true }, "retry");
  const open = () => Promise.reject(new Error("is not called"));
  assertThrows(
    // @ts-expect-error: the type refuses it as well.
    () => reconnect(open, { headers: {} }),
    TypeError,
    "Cannot use headers",
  );
});

Deno.test("reconnect() ends with the reason when its signal aborts, whatever it is doing", async () => {
  await using it = await world((ws) => ws.closed);
  const mine = new Error("of the test");
  for (const state of ["before", "connecting", "open", "waiting"] as const) {
    const stop = new AbortController();
    const listeners = watchListeners(stop.signal);
    const { words, onstatus } = log();
    if (state === "before") stop.abort(mine);
    const connections = reconnect(async (signal) => {
      if (state === "waiting") throw new DOMException("late", "TimeoutError");
      return await it.open(signal);
    }, {
      signal: stop.signal,
      minDelay: 60_000,
      maxDelay: 60_000,
      onstatus: (status) => {
        onstatus(status);
        if (status.state === state) stop.abort(mine);
      },
    });
    const error = await assertRejects(async () => {
      for await (const ws of connections) await ws.closed;
    });
    assertStrictEquals(error, mine, state);
    assertEquals(words.at(-1), "closed", state);
    assertEquals(listeners(), 0, state);
  }
  assertEquals(it.opened.filter(({ open }) => open), []);
});

/** How many listeners a signal has that were added from now on. */
function watchListeners(signal: AbortSignal): () => number {
  const there = new Set<unknown>();
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (type: string, listener: EventListener) => {
    there.add(listener);
    add(type, listener);
  };
  signal.removeEventListener = (type: string, listener: EventListener) => {
    there.delete(listener);
    remove(type, listener);
  };
  return () => there.size;
}

Deno.test("reconnect() leaves no listener on its signal when the loop is left", async () => {
  await using it = await world((ws) => ws.close());
  const { signal } = new AbortController();
  const listeners = watchListeners(signal);
  let rounds = 0;
  for await (const ws of it.connections({ signal })) {
    await ws.closed;
    assert(listeners() <= 1);
    if (++rounds === 3) break;
  }
  assertEquals(listeners(), 0);
});

Deno.test("reconnect() goes on when onstatus throws or rejects", async () => {
  await using it = await world((ws) => ws.close());
  for (const fails of [() => fail(), () => Promise.reject(new Error("no"))]) {
    let rounds = 0;
    for await (const _ of it.connections({ onstatus: fails })) {
      if (++rounds === 2) break;
    }
    assertEquals(rounds, 2);
  }

  function fail(): never {
    throw new Error("no");
  }
});

Deno.test("reconnect() throws what `retry` throws, and no connection stays open", async () => {
  await using it = await world((ws) => ws.close());
  const mine = new Error("of retry");
  const retry = () => {
    throw mine;
  };
  const error = await assertRejects(async () => {
    for await (const ws of it.connections({ retry })) await ws.closed;
  });
  assertStrictEquals(error, mine);
  assertEquals(it.opened.map(({ open }) => open), [false]);
});

Deno.test("reconnect() finds a server again that was away", async () => {
  const { chain, ca } = await devCertificates();
  const { words, onstatus } = log();
  const start = (port: number) =>
    serveTls({ port, ...chain }, (ws) => ws.send(`from ${port}`));
  const first = await start(0);
  const { port } = first.addr as Deno.NetAddr;
  let second: typeof first | undefined;
  const seen: unknown[] = [];
  const connections = reconnect(first.url, {
    caCerts: [ca],
    minDelay: 5,
    maxDelay: 20,
    onstatus: async (status) => {
      onstatus(status);
      // It was refused once, and then the server is back.
      if (status.state === "waiting" && status.attempt === 2) {
        second = await start(port);
      }
    },
  });
  for await (const ws of connections) {
    seen.push(await ws.receive());
    if (second !== undefined) break;
    await first.shutdown();
  }
  await second?.shutdown();
  assert(seen.length === 2, `${words}`);
});
