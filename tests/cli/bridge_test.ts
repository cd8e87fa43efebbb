import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { connect } from "../../client.ts";
import { serve, type ServeOptions } from "../../server.ts";
import { UsageError } from "../../src/cli/failure.ts";
import { bridgeMode, type BridgeOptions } from "../../src/cli/serve/bridge.ts";
import { temporaryDirectory } from "../_certs.ts";
import { test } from "../_engines.ts";
import { RawPeer } from "../_raw_peer.ts";
import { flood } from "./_flood.ts";
import { startWss } from "./_wss.ts";

/** A server of `--proxy`, and what it tells people. */
async function start(
  target: string,
  options: BridgeOptions = {},
  serving: ServeOptions<unknown> = {},
) {
  const told: string[] = [];
  const mode = bridgeMode(target, {
    tell: (line) => void told.push(line),
    ...options,
  });
  let sent = () => 0;
  let handled = Promise.resolve();
  const server = await serve({ port: 0, logger: {}, ...serving }, (ws) => {
    sent = () => ws.traffic.bytesSent;
    return handled = mode.handler(ws);
  });
  return {
    url: server.url,
    told,
    /** How many bytes were sent to the last client. */
    sent: () => sent(),
    /** Resolves when the last client is served. */
    handled: () => handled,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** A target by hand, of which every connection follows a script. */
function listen(
  script: (conn: Deno.Conn) => Promise<void>,
  listener: Deno.Listener = Deno.listen({ hostname: "127.0.0.1", port: 0 }),
) {
  const running: Promise<void>[] = [];
  const accepting = (async () => {
    for await (const conn of listener) {
      running.push(
        script(conn).finally(() => {
          try {
            conn.close();
          } catch {
            // The script did.
          }
        }),
      );
    }
  })();
  const { addr } = listener;
  return {
    target: "port" in addr
      ? `tcp://127.0.0.1:${addr.port}`
      : `unix:${(addr as Deno.UnixAddr).path}`,
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      await Promise.all(running);
    },
  };
}

async function echo(conn: Deno.Conn) {
  await conn.readable.pipeTo(conn.writable).catch(() => {});
}

/** All bytes of a connection until it ends. */
async function all(conn: AsyncIterable<unknown>) {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const part of conn) parts.push(part as Uint8Array<ArrayBuffer>);
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

/** Waits until a number grows no more, and tells it. */
async function settled(count: () => number) {
  for (let last = -1;;) {
    await new Promise((next) => setTimeout(next, 200));
    const current = count();
    if (current === last && current > 0) return current;
    last = current;
  }
}

test("bridgeMode() passes bytes on both ways, and text as UTF-8", async (engine) => {
  await using target = listen(echo);
  await using server = await start(target.target, {}, { engine });
  await using ws = await connect(server.url);
  await ws.send("Grüße");
  assertEquals(text(await ws.receive() as Uint8Array), "Grüße");
  const bytes = new Uint8Array(900_000).map((_, index) => index * 7);
  await ws.send(bytes);
  for (let came = 0; came < bytes.length;) {
    const part = await ws.receive() as Uint8Array;
    assert(part.length <= 65_536);
    assertEquals(part, bytes.subarray(came, came += part.length));
  }
  await ws.close();
});

test("bridgeMode() closes with 1000 when the target ends, after all its bytes", async (engine) => {
  const bytes = new Uint8Array(500_000).map((_, index) => index * 7);
  await using target = listen(async (conn) => {
    for (let sent = 0; sent < bytes.length;) {
      sent += await conn.write(bytes.subarray(sent));
    }
  });
  await using server = await start(target.target, {}, { engine });
  await using ws = await connect(server.url);
  assertEquals(await all(ws), bytes);
  assertEquals((await ws.closed).code, 1000);
  assertEquals(server.told, []);
});

test("bridgeMode() closes with 1011 when the target resets", async (engine) => {
  const target = createServer((socket) => {
    socket.once("data", () => socket.resetAndDestroy());
  });
  target.listen(0, "127.0.0.1");
  await once(target, "listening");
  const { port } = target.address() as AddressInfo;
  await using server = await start(`tcp://127.0.0.1:${port}`, {}, { engine });
  await using ws = await connect(server.url);
  await ws.send("Hello");
  const info = await ws.closed;
  target.close();
  assertEquals([info.code, info.reason], [1011, "the target hung up"]);
  assertMatch(server.told.join(), /^[\da-f]{8}: The target hung up: /);
});

test("bridgeMode() closes with 1011 when nobody listens", async (engine) => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const target = `tcp://127.0.0.1:${port}`;
  await using server = await start(target, {}, { engine });
  await using ws = await connect(server.url);
  const info = await ws.closed;
  assertEquals([info.code, info.reason], [
    1011,
    "the target cannot be reached",
  ]);
  assertMatch(server.told.join(), /: Cannot reach tcp:.*refused/);
});

Deno.test("bridgeMode() closes with 1011 when the target does not answer in time, and gives up with its client", async () => {
  const listener = Deno.listen({
    hostname: "127.0.0.1",
    port: 0,
    tcpBacklog: 1,
  });
  const { port } = listener.addr as Deno.NetAddr;
  // Whom nobody accepts fills the place of those who come later.
  const waiting: Deno.Conn[] = [];
  for (let full = false; !full;) {
    const signal = AbortSignal.timeout(300);
    await Deno.connect({ hostname: "127.0.0.1", port, signal })
      .then((conn) => waiting.push(conn), () => full = true);
  }
  try {
    const target = `tcp://127.0.0.1:${port}`;
    await using late = await start(target, { connectTimeout: 100 });
    await using ws = await connect(late.url);
    assertEquals((await ws.closed).code, 1011);
    assertMatch(late.told.join(), /it did not answer within 0.1 s/);
    await using patient = await start(target, { connectTimeout: 3_600_000 });
    await (await connect(patient.url)).close();
    await patient.handled();
    assertEquals(patient.told, []);
  } finally {
    for (const conn of waiting) conn.close();
    listener.close();
  }
});

test("bridgeMode() hands the target all that was sent before the client closed", async (engine) => {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const closed = Promise.withResolvers<unknown>();
  await using target = listen(async (conn) => {
    const buffer = new Uint8Array(1 << 16);
    let came = 0;
    try {
      // The default engine takes the end before the target took the rest.
      if (engine === "deno") await closed.promise;
      for (let size; (size = await conn.read(buffer)) !== null;) came += size;
      // It is told of the end, and may answer still.
      for (let answers = 0; answers < 5; answers++) {
        await conn.write(buffer);
        await new Promise((next) => setTimeout(next, 20));
      }
      resolve(came);
    } catch (error) {
      reject(error);
    }
  });
  await using server = await start(target.target, {}, { engine });
  const ws = await connect(server.url);
  const message = new Uint8Array(900_000);
  for (let sent = 0; sent < 10; sent++) await ws.send(message);
  closed.resolve(await ws.close());
  assertEquals(await promise, 9_000_000);
});

test("bridgeMode() lets the target wait for a client that does not read", async (engine) => {
  const size = 256 * 2 ** 20;
  let written = 0;
  await using target = listen(async (conn) => {
    const chunk = new Uint8Array(1 << 16);
    try {
      while (written < size) written += await conn.write(chunk);
    } catch {
      // The other end is gone.
    }
  });
  const serving = { engine, pingInterval: 0 };
  await using server = await start(target.target, {}, serving);
  const before = Deno.memoryUsage().rss;
  using idle = await RawPeer.open(server.url);
  const sent = await settled(() => server.sent());
  assert(sent < size / 2 && written < size, `${sent} bytes were sent`);
  const grown = Deno.memoryUsage().rss - before;
  assert(grown < 100 * 2 ** 20, `${grown} bytes more are in use`);
  idle[Symbol.dispose]();
});

test("bridgeMode() holds no more than the limits for a target that does not read", async (engine) => {
  const over = Promise.withResolvers<void>();
  await using target = listen(() => over.promise);
  using _end = { [Symbol.dispose]: over.resolve };
  const serving = { engine, pingInterval: 0 };
  await using server = await start(target.target, {}, serving);
  await using ws = await connect(server.url);
  const flooded = await flood(ws, engine);
  over.resolve();
  await flooded();
});

Deno.test("bridgeMode() reaches unix sockets", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/app.sock`;
  await using _target = listen(echo, Deno.listen({ transport: "unix", path }));
  for (const name of [`unix:${path}`, `unix://${path}`]) {
    await using server = await start(name);
    await using ws = await connect(server.url);
    await ws.send("Hello");
    assertEquals(text(await ws.receive() as Uint8Array), "Hello");
    await ws.close();
  }
  await using server = await start(`unix:${directory.path}/none.sock`);
  await using ws = await connect(server.url);
  assertEquals((await ws.closed).code, 1011);
});

Deno.test("bridgeMode() refuses targets that it cannot understand", () => {
  const bad = [
    ...["", "localhost:80", "tcp://localhost", "tcp://localhost:0", "unix:"],
    ...["tcp://localhost:80/path", "tcp://me@localhost:80", "http://a:80"],
    ...["tcp://localhost:99999", "tcp://:80", "tcp://a:80?b", "tcp://a:80#b"],
  ];
  for (const target of bad) {
    const error = assertThrows(() => bridgeMode(target), UsageError);
    assertMatch(error.message, /^--proxy: the target must be like tcp:\/\//);
  }
});

Deno.test("wss serve --proxy needs no more than the permission to reach the target", async () => {
  await using target = listen(echo);
  const { host } = new URL(target.target);
  await using running = startWss(
    ["serve", "--plain", "--port", "0", "--proxy", target.target],
    { permissions: [`--allow-net=127.0.0.1:0,${host}`] },
  );
  const [url = ""] = await running.seen(/ws:\/\/localhost:\d+/, "err");
  await using ws = await connect(url);
  await ws.send("Hello");
  assertEquals(text(await ws.receive() as Uint8Array), "Hello");
  running.kill();
  await ws.closed;
  assertEquals((await running.ended).code, 0);
});
