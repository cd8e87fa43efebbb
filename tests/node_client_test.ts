import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  connect,
  type Connection,
  ConnectionClosedError,
  type ConnectOptions,
  HandshakeError,
  type StrictConnectOptions,
} from "../mod.ts";
import { devCertificates } from "./_certs.ts";
import { testEnds } from "./_engines.ts";
import { connectTls, serveTls } from "./_pair.ts";
import {
  closePayload,
  encodeFrame,
  type FrameShape,
  joined,
  Opcode,
  type RawPeer,
  RawServer,
} from "./_raw_peer.ts";

const HEAD = "HTTP/1.1 401 Unauthorized\r\n";

/** Options of the strict engine, of which nothing is to take long. */
function strict(
  options: Partial<ConnectOptions> = {},
): ConnectOptions & StrictConnectOptions {
  return { openTimeout: 5000, ...options, engine: "node" } as
    & ConnectOptions
    & StrictConnectOptions;
}

/** Connects to a server that opens a WebSocket, and then follows a script. */
async function meet(
  script: (peer: RawPeer) => Promise<void>,
  options: Partial<ConnectOptions> = {},
): Promise<{ server: RawServer; ws: Connection }> {
  const server = new RawServer(async (peer) => {
    await peer.accept();
    await script(peer);
  });
  return { server, ws: await connect(server.url, strict(options)) };
}

/** The masked frames in bytes that a client sent, each with its key. */
function framesIn(bytes: Uint8Array): { key: string; text: string }[] {
  const frames = [];
  for (let at = 0; at < bytes.length;) {
    const size = bytes[at + 1]! & 0x7f;
    const key = bytes.slice(at + 2, at + 6);
    const payload = bytes.slice(at + 6, at + 6 + size)
      .map((byte, index) => byte ^ key[index % 4]!);
    frames.push({ key: key.toHex(), text: new TextDecoder().decode(payload) });
    at += 6 + size;
  }
  return frames;
}

Deno.test("connect() on the strict engine masks each message with a key of its own", async () => {
  const heard = Promise.withResolvers<Uint8Array>();
  const { server, ws } = await meet(async (peer) =>
    heard.resolve(await peer.rest())
  );
  await using _server = server;
  for (let i = 0; i < 20; i++) await ws.send("the same");
  await new Promise((resolve) => setTimeout(resolve)); // They leave together.
  ws.terminate();
  const frames = framesIn(await heard.promise);
  assertEquals(frames.map(({ text }) => text), Array(20).fill("the same"));
  assertEquals(new Set(frames.map(({ key }) => key)).size, 20);
});

Deno.test("connect() on the strict engine keeps the headers of the answer, and no others do", async () => {
  await using server = new RawServer(async (peer) => {
    await peer.accept(["X-A: 1", "Set-Cookie: a=b", "Set-Cookie: c=d"]);
  });
  await using ws = await connect(server.url, strict());
  assertEquals(ws.responseHeaders?.get("x-a"), "1");
  assertEquals(ws.responseHeaders?.getSetCookie(), ["a=b", "c=d"]);
  assertEquals(ws.responseHeaders?.get("upgrade"), "websocket");
  ws.terminate();
  await using other = await connect(server.url);
  assertEquals(other.responseHeaders, undefined);
  other.terminate();
});

Deno.test("connect() on the strict engine masks messages of all lengths and alignments", async () => {
  await using server = await serveTls({}, async (ws) => {
    for await (const message of ws) await ws.send(message);
  });
  await using ws = await connectTls(server, { engine: "node" });
  const random = crypto.getRandomValues(new Uint8Array(65_536));
  for (const size of [0, 1, 2, 3, 5, 124, 125, 126, 127, 65_535, 65_536]) {
    for (const start of [0, 1, 3]) {
      const message = random.subarray(start, size);
      await ws.send(message);
      assertEquals(await ws.receive(), message.slice());
    }
    const text = "ü€👋x".repeat(size).slice(0, size).toWellFormed();
    await ws.send(text);
    assertEquals(await ws.receive(), text);
  }
});

Deno.test("connect() on the strict engine closes with the codes that servers have, too", async () => {
  for (const code of [1001, 1008, 1011]) {
    const seen = Promise.withResolvers<{ code: number; reason: string }>();
    const { server, ws } = await meet(async (peer) => {
      seen.resolve(await peer.readClose());
      await peer.send({ opcode: Opcode.Close, payload: closePayload(code) });
    });
    await using _server = server;
    const info = await ws.close(code, "why");
    assertEquals(info, { code, reason: "", wasClean: true });
    assertEquals(await seen.promise, { code, reason: "why" });
  }
});

const many = (count: number, shape: FrameShape): Uint8Array =>
  joined(Array.from({ length: count }, () => encodeFrame(shape, false)));

const broken: [what: string, bytes: Uint8Array, code: number][] = [
  [
    "masks its frames",
    encodeFrame({ opcode: Opcode.Text, payload: "x", masked: true }, false),
    1002,
  ],
  ["uses a reserved opcode", encodeFrame({ opcode: 3 }, false), 1002],
  ["uses a reserved bit", Uint8Array.of(0xc1, 0x01, 0x78), 1002],
  [
    "begins with a continuation",
    encodeFrame({ opcode: Opcode.Continuation, payload: "x" }, false),
    1002,
  ],
  [
    "sends a ping that is too long",
    encodeFrame({ opcode: Opcode.Ping, payload: new Uint8Array(126) }, false),
    1002,
  ],
  [
    "closes with a code that must not be",
    encodeFrame({ opcode: Opcode.Close, payload: closePayload(1006) }, false),
    1002,
  ],
  [
    "sends text that is not UTF-8",
    encodeFrame({ opcode: Opcode.Text, payload: Uint8Array.of(0xff) }, false),
    1007,
  ],
  [
    "sends more than maxMessageSize",
    encodeFrame(
      { opcode: Opcode.Binary, payload: new Uint8Array(1001) },
      false,
    ),
    1009,
  ],
  [
    "claims to send more than maxMessageSize",
    encodeFrame({ opcode: Opcode.Binary, claims: 2 ** 40 }, false),
    1009,
  ],
  [
    "sends more than maxMessageSize in fragments",
    joined([
      encodeFrame({ opcode: Opcode.Binary, fin: false, payload: "x" }, false),
      many(1000, { opcode: 0, fin: false, payload: "x" }),
    ]),
    1009,
  ],
  [
    "sends fragments without end",
    joined([
      encodeFrame({ opcode: Opcode.Text, fin: false }, false),
      many(17_000, { opcode: 0, fin: false }),
    ]),
    1008,
  ],
  ["floods with pings", many(5000, { opcode: Opcode.Ping }), 1008],
  ["floods with pongs", many(5000, { opcode: Opcode.Pong }), 1008],
];

for (const [what, bytes, code] of broken) {
  Deno.test(`connect() on the strict engine says ${code} to a server that ${what}`, async () => {
    const said = Promise.withResolvers<number>();
    const { server, ws } = await meet(async (peer) => {
      await peer.write(bytes);
      said.resolve((await peer.readClose()).code);
      peer[Symbol.dispose]();
    }, { maxMessageSize: 1000, closeTimeout: 2000 });
    await using _server = server;
    const error = await assertRejects(
      async () => await Array.fromAsync(ws),
      ConnectionClosedError,
    );
    assertEquals([error.code, await said.promise], [code, code]);
    await ws.closed;
  });
}

Deno.test("connect() on the strict engine leaves on the network what nobody receives", async () => {
  let written = 0;
  const chunk = encodeFrame({
    opcode: Opcode.Binary,
    payload: new Uint8Array(100_000),
  }, false);
  const total = 400;
  const { server, ws } = await meet(async (peer) => {
    for (; written < total; written++) await peer.write(chunk);
    await peer.send({ opcode: Opcode.Close, payload: closePayload(1000) });
  });
  await using _server = server;
  let before = -1;
  while (written !== before) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert(written < total / 2, `${written} messages were taken`);
  assert(ws.pending <= 16, `${ws.pending} messages wait`);
  let received = 0;
  for await (const _message of ws) received++;
  assertEquals(received, total);
});

Deno.test("connect() on the strict engine gives up a server that takes nothing", async () => {
  const { server, ws } = await meet(async () => {}, { pongTimeout: 200 });
  await using _server = server;
  const error = await assertRejects(async () => {
    while (true) await ws.send(new Uint8Array(1 << 20));
  }, ConnectionClosedError);
  assertEquals(error.code, 1006);
  assertMatch(error.message, /the peer took nothing for 200 ms/);
});

Deno.test("connect() on the strict engine asks for a sign of life, and gives up without one", async () => {
  const pinged = Promise.withResolvers<number>();
  const { server, ws } = await meet(async (peer) => {
    pinged.resolve((await peer.readFrame()).opcode);
    await peer.ended();
  }, { pingInterval: 50, pongTimeout: 100 } as Partial<ConnectOptions>);
  await using _server = server;
  assertEquals(await pinged.promise, Opcode.Ping);
  assertEquals((await ws.closed).code, 1006);
});

testEnds(
  "Connection.ping() and latency tell how far away the server is, where the engine can",
  async (server, client) => {
    await using one = await serveTls({ engine: server }, (ws) => ws.closed);
    await using ws = await connectTls(one);
    if (client === "deno") {
      await assertRejects(() => ws.ping(), TypeError, 'engine: "node"');
      return;
    }
    const latency = await ws.ping();
    assert(latency > 0 && latency < 5000);
    assertEquals(ws.latency, latency);
  },
);

testEnds(
  "Connection.peerCertificate is the server's, where the engine can tell",
  async (server, client) => {
    const { chain } = await devCertificates();
    await using one = await serveTls({ engine: server }, (ws) => ws.closed);
    await using ws = await connectTls(one);
    const certificate = ws.peerCertificate;
    if (client === "deno") return assertEquals(certificate, undefined);
    assertEquals(certificate?.names.includes("DNS:localhost"), true);
    assert(chain.cert.replaceAll("\r", "").includes(certificate!.pem.trim()));
  },
);

Deno.test("connect() on the strict engine reads a bounded part of a refusal's body, and does not wait for its end", async () => {
  await using server = new RawServer(async (peer) => {
    await peer.readHead();
    await peer.write(`${HEAD}x-why: key\r\n\r\n${"no ".repeat(1000)}`);
    await peer.ended();
  });
  const start = performance.now();
  const error = await assertRejects(
    () => connect(server.url, strict()),
    HandshakeError,
    "status 401",
  );
  assertEquals([error.status, error.statusText], [401, "Unauthorized"]);
  assertEquals(error.headers.get("x-why"), "key");
  assertEquals(error.body, "no ".repeat(1000).slice(0, 1024));
  assert(performance.now() - start < 3000);
});

Deno.test("connect() on the strict engine tells of a refusal whose body hangs when the time is over", async () => {
  await using server = new RawServer(async (peer) => {
    await peer.readHead();
    await peer.write(`${HEAD}content-length: 9\r\n\r\nno`);
    await peer.ended();
  });
  const error = await assertRejects(
    () => connect(server.url, strict({ openTimeout: 300 })),
    HandshakeError,
  );
  assertEquals([error.status, error.body], [401, "no"]);
});

Deno.test("connect() on the strict engine takes no endless head of an answer", async () => {
  await using server = new RawServer(async (peer) => {
    await peer.readHead();
    await peer.write("HTTP/1.1 101 Switching Protocols\r\n");
    while (true) await peer.write(`x: ${"y".repeat(8000)}\r\n`);
  });
  await assertRejects(
    () => connect(server.url, strict()),
    HandshakeError,
    "the head of the answer is too long",
  );
  await using slow = new RawServer(async (peer) => {
    await peer.readHead();
    while (true) {
      await peer.write("HTTP/1.1 100 Continue\r\n\r\n");
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  });
  const error = await assertRejects(
    () => connect(slow.url, strict({ openTimeout: 300 })),
    DOMException,
    "the request was not answered",
  );
  assertEquals(error.name, "TimeoutError");
});

Deno.test("connect() on the strict engine refuses an answer that does not fit its request", async () => {
  const extension = "Sec-WebSocket-Extensions: permessage-deflate";
  for (const header of ["Sec-WebSocket-Protocol: b", extension]) {
    await using server = new RawServer(async (peer) => {
      await peer.accept([header]);
      await peer.ended();
    });
    await assertRejects(
      () => connect(server.url, strict({ protocols: ["a"] })),
      HandshakeError,
      "that was not offered",
    );
  }
  await using server = new RawServer(async (peer) => {
    await peer.readHead();
    await peer.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
        "Connection: Upgrade\r\nSec-WebSocket-Accept: c3RhbGU=\r\n\r\n",
    );
    await peer.ended();
  });
  await assertRejects(
    () => connect(server.url, strict()),
    HandshakeError,
    "Sec-WebSocket-Accept",
  );
});

Deno.test("connect() on the strict engine hangs up as soon as its signal aborts, at each step", async () => {
  const { ca, chain } = await devCertificates();
  for (const secure of [false, true]) {
    const asked = Promise.withResolvers<void>();
    const gone = Promise.withResolvers<void>();
    await using server = new RawServer(async (peer) => {
      await peer.readHead();
      asked.resolve();
      await peer.ended();
      gone.resolve();
    }, secure ? chain : undefined);
    const controller = new AbortController();
    const reason = new Error("never mind");
    const { signal } = controller;
    const opening = connect(server.url, strict({ signal, caCerts: [ca] }));
    const failed = opening.catch((error: unknown) => error);
    await asked.promise;
    controller.abort(reason);
    assertEquals(await failed, reason);
    await gone.promise;
  }
});

Deno.test("connect() on the strict engine delivers what comes with the answer", async () => {
  await using server = new RawServer(async (peer) => {
    await peer.accept();
    await peer.write(joined([
      encodeFrame({ opcode: Opcode.Text, payload: "at once" }, false),
      encodeFrame({ opcode: Opcode.Close, payload: closePayload(4000) }, false),
    ]));
    await peer.ended();
  });
  const ws = await connect(server.url, strict());
  assertEquals(await ws.receive(), "at once");
  assertEquals((await ws.closed).code, 4000);
});

Deno.test("connect() on the strict engine needs its address, and no other permission", async () => {
  const { dir } = await devCertificates();
  await using server = await serveTls({}, (ws) => ws.closed);
  const { port } = new URL(server.url);
  const results: string[] = [];
  for (const flags of [[`--allow-net=localhost:${port}`], []]) {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--no-prompt", `--cert=${dir}/ca.pem`],
        ...["--deny-env", "--deny-sys", "--deny-read", "--deny-ffi", ...flags],
        fromFileUrl(new URL("programs/asks.ts", import.meta.url)),
        server.url,
      ],
    }).output();
    results.push(new TextDecoder().decode(stdout).trim());
  }
  assertEquals(results, [
    "open",
    `NotCapable: Cannot connect to wss://localhost:${port}: this program may not reach localhost:${port}; run it with --allow-net=localhost:${port}`,
  ]);
});
