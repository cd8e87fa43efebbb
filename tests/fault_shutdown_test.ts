import { assert, assertEquals } from "@std/assert";
import {
  type CommonServeOptions,
  type Connection,
  type EngineName,
  serve,
  type Server,
} from "../server.ts";
import { devCertificates } from "./_certs.ts";
import { test } from "./_engines.ts";
import {
  assertGreets,
  handshake,
  Opcode,
  orGreet,
  RawPeer,
} from "./_raw_peer.ts";

/** The time that each server has, and what this machine may add to it. */
const TIMEOUT = 800;
const SLACK = 300;

async function start(
  engine: EngineName,
  handler: (ws: Connection) => unknown,
  options: CommonServeOptions = {},
): Promise<Server> {
  const { chain } = await devCertificates();
  return await serve(
    { engine, port: 0, ...chain, pingInterval: 0, ...options },
    handler,
  );
}

/**
 * Begins to shut the server down. What it returns fails unless that took less
 * than so many milliseconds, and left nothing behind.
 */
function beginShutdown(server: Server): (limit: number) => Promise<void> {
  const began = performance.now();
  const ending = server.shutdown({ timeout: TIMEOUT })
    .then(() => performance.now() - began);
  return async (limit) => {
    const took = await ending;
    assert(took < limit, `it took ${Math.round(took)} ms`);
    await server.finished;
    assertEquals(server.connections.size, 0);
    const { port } = server.addr as Deno.NetAddr;
    using _free = Deno.listen({ hostname: "localhost", port });
  };
}

async function never(): Promise<void> {
  await new Promise<void>(() => {});
}

test("shutdown() closes with 1001 at once where handlers wait for messages", async (engine) => {
  const server = await start(engine, async (ws) => {
    for await (const message of ws) await ws.send(message);
  });
  using one = await RawPeer.open(server.url);
  using two = await RawPeer.open(server.url);
  for (const peer of [one, two]) {
    await peer.send({ opcode: Opcode.Text, payload: "Ada" });
    await peer.readFrame();
  }
  const down = beginShutdown(server);
  for (const peer of [one, two]) {
    const { code, reason } = await peer.readClose();
    assertEquals({ code, reason }, {
      code: 1001,
      reason: "server is shutting down",
    });
    await peer.send({ opcode: Opcode.Close, payload: Uint8Array.of(3, 0xe9) });
  }
  await down(TIMEOUT / 2);
});

test("shutdown() lets a busy handler finish its answer, and refuses the next client with 503", async (engine) => {
  const busy = Promise.withResolvers<void>();
  const free = Promise.withResolvers<void>();
  const server = await start(engine, async (ws) => {
    for await (const message of ws) {
      busy.resolve();
      await free.promise;
      await ws.send(`Hello ${message}!`);
    }
  });
  using peer = await RawPeer.open(server.url);
  await peer.send({ opcode: Opcode.Text, payload: "Ada" });
  await busy.promise;
  const down = beginShutdown(server);
  {
    using late = await RawPeer.dial(server.url);
    const answer = await late.ask(handshake(new URL(server.url).host));
    assertEquals(answer.status, 503);
    assertEquals(answer.body, "The server is shutting down\n");
    assertEquals(answer.headers.get("retry-after"), "5");
    assertEquals(answer.headers.get("connection"), "close");
  }
  free.resolve();
  const { payload } = await peer.readFrame();
  assertEquals(new TextDecoder().decode(payload), "Hello Ada!");
  assertEquals((await peer.readClose()).code, 1001);
  await peer.send({ opcode: Opcode.Close, payload: Uint8Array.of(3, 0xe9) });
  await down(TIMEOUT);
});

test("shutdown() closes with 1001 after half of its time where a handler never returns", async (engine) => {
  const server = await start(engine, never);
  using peer = await RawPeer.open(server.url);
  const began = performance.now();
  const down = beginShutdown(server);
  assertEquals((await peer.readClose()).code, 1001);
  const took = performance.now() - began;
  assert(took > TIMEOUT / 3 && took < TIMEOUT, `${took} ms`);
  await peer.send({ opcode: Opcode.Close, payload: Uint8Array.of(3, 0xe9) });
  await down(TIMEOUT + SLACK);
});

test("shutdown() ends in its time where a client never answers the close frame", async (engine) => {
  const handled = Promise.withResolvers<Connection>();
  const server = await start(engine, (ws) => {
    handled.resolve(ws);
    return ws.receive();
  });
  using peer = await RawPeer.open(server.url);
  const ws = await handled.promise;
  await beginShutdown(server)(TIMEOUT + SLACK);
  assertEquals(await ws.closed, { code: 1006, reason: "", wasClean: false });
  assertEquals((await peer.readClose()).code, 1001);
  await peer.ended();
});

test("shutdown() ends in its time where a client stopped reading", async (engine) => {
  const handled = Promise.withResolvers<Connection>();
  const server = await serve(
    { engine, port: 0, pingInterval: 0 },
    async (ws) => {
      handled.resolve(ws);
      while (true) await ws.send(new Uint8Array(1 << 20));
    },
  );
  const peer = await RawPeer.open(server.url);
  const ws = await handled.promise;
  await beginShutdown(server)(TIMEOUT + SLACK);
  assertEquals(await ws.closed, { code: 1006, reason: "", wasClean: false });
  // The runtime lets go of the socket when the client does; by the time another
  // is served, it has.
  peer[Symbol.dispose]();
  await using other = await serve({ engine, port: 0 }, orGreet(() => {}));
  await assertGreets(other.url);
});

for (
  const [name, bytes] of [
    ["says nothing to the TLS port", ""],
    [
      "is halfway through the TLS handshake",
      Uint8Array.of(0x16, 3, 1, 2, 0, 1),
    ],
  ] as const
) {
  test(`shutdown() ends in its time where a client ${name}`, async (engine) => {
    const server = await start(engine, never);
    using peer = await RawPeer.dial(server.url, { tls: false });
    await peer.write(bytes);
    // By the time another is served the first has been accepted.
    {
      using other = await RawPeer.dial(server.url);
      await other.ask(["GET / HTTP/1.1", "Host: localhost"]);
    }
    // The runtime keeps that socket until the client is gone, but nothing waits for it.
    await beginShutdown(server)(TIMEOUT + SLACK);
  });
}

test("shutdown() ends in its time where a client sent half a request", async (engine) => {
  const server = await start(engine, never);
  using peer = await RawPeer.dial(server.url);
  await peer.write("GET / HTTP/1.1\r\nHost: loc");
  await beginShutdown(server)(TIMEOUT + SLACK);
  await peer.ended();
});

test("shutdown() ends in its time where a client keeps an HTTP connection", async (engine) => {
  const server = await start(engine, never);
  using peer = await RawPeer.dial(server.url);
  assertEquals((await peer.ask(["GET / HTTP/1.1", "Host: h"])).status, 426);
  await beginShutdown(server)(TIMEOUT + SLACK);
  await peer.ended();
});

test("shutdown() lets a client take the rest of its page", async (engine) => {
  const { readable, writable } = new TransformStream<Uint8Array>();
  const page = writable.getWriter();
  await using server = await serve({
    engine,
    port: 0,
    fetch: () => new Response(readable),
  }, never);
  const encoder = new TextEncoder();
  page.write(encoder.encode("begin, ")).catch(() => {});
  const response = await fetch(server.url.replace("ws", "http"));
  const down = server.shutdown();
  // Longer than a server takes to go that does not wait.
  await new Promise((next) => setTimeout(next, 50));
  page.write(encoder.encode("end")).catch(() => {});
  page.close().catch(() => {});
  assertEquals(await response.text(), "begin, end");
  await down;
});

test("shutdown() ends in its time where authorize never decides", async (engine) => {
  const asked = Promise.withResolvers<void>();
  const server = await start(engine, never, {
    authorize: async () => {
      asked.resolve();
      await never();
      return undefined;
    },
    openTimeout: 1200,
  });
  using peer = await RawPeer.dial(server.url);
  await peer.write(`${handshake("localhost").join("\r\n")}\r\n\r\n`);
  await asked.promise;
  await beginShutdown(server)(TIMEOUT + SLACK);
});

test("shutdown() answers 503 to a handshake that authorize let in meanwhile", async (engine) => {
  const asked = Promise.withResolvers<void>();
  const decided = Promise.withResolvers<undefined>();
  let handled = 0;
  const server = await start(engine, () => void handled++, {
    authorize: () => {
      asked.resolve();
      return decided.promise;
    },
  });
  using peer = await RawPeer.dial(server.url);
  const answer = peer.ask(handshake("localhost"));
  await asked.promise;
  const down = beginShutdown(server);
  decided.resolve(undefined);
  assertEquals((await answer).status, 503);
  assertEquals(handled, 0);
  await down(TIMEOUT + SLACK);
});

test("shutdown() has one end for all who ask, for the signal and for disposal", async (engine) => {
  const controller = new AbortController();
  await using server = await start(engine, (ws) => ws.receive(), {
    signal: controller.signal,
  });
  using peer = await RawPeer.open(server.url);
  controller.abort();
  const down = beginShutdown(server);
  assertEquals((await peer.readClose()).code, 1001);
  await peer.send({ opcode: Opcode.Close, payload: Uint8Array.of(3, 0xe9) });
  await down(TIMEOUT);
});
