import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  connect,
  ConnectionClosedError,
  type ConnectOptions,
  serve,
  TlsError,
} from "../mod.ts";
import {
  type Behaviour,
  type CertificateFault,
  type ClientBehaviour,
  type ClientCertificateFault,
  misbehave,
  pester,
  relay,
  testCertificates,
  testClientCertificate,
} from "../src/testing/mod.ts";
import { test } from "./_engines.ts";
import {
  type Answer,
  handshake,
  Opcode,
  RawPeer,
  RawServer,
} from "./_raw_peer.ts";

/** The answer to the key of `handshake()`. */
const RIGHT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

const LOST = { code: 1006, reason: "", wasClean: false };

test("testCertificates() gives a server and a client what they need, for all names of loopback", async (engine) => {
  const tls = await testCertificates();
  await using server = await serve(
    { engine, port: 0, logger: {}, ...tls.server },
    (ws) => ws.send("hello"),
  );
  const { port } = new URL(server.url);
  for (const host of ["localhost", "127.0.0.1"]) {
    await using ws = await connect(`wss://${host}:${port}`, tls.client);
    assertEquals(await ws.receive(), "hello");
  }
});

const FAULTS: CertificateFault[] = [
  "expired",
  "not-yet-valid",
  "name-mismatch",
  "unknown-issuer",
  "ca-used-as-leaf",
];

for (const fault of FAULTS) {
  Deno.test(`testCertificates() makes one that connect() refuses with "${fault}"`, async () => {
    const tls = await testCertificates({ fault });
    await using server = await serve(
      { port: 0, logger: {}, ...tls.server },
      () => {},
    );
    const error = await assertRejects(
      () => connect(server.url, tls.client),
      TlsError,
    );
    assertEquals(error.reason, fault);
  });
}

Deno.test("testCertificates() makes one for other names, and refuses what is none", async () => {
  const { X509Certificate } = await import("node:crypto");
  const tls = await testCertificates({ names: ["chat.test", "192.0.2.1"] });
  assertEquals(
    new X509Certificate(tls.server.cert).subjectAltName,
    "DNS:localhost, IP Address:127.0.0.1, IP Address:::1, DNS:chat.test, IP Address:192.0.2.1",
  );
  await assertRejects(
    () => testCertificates({ names: ["a b"] }),
    TypeError,
    "no DNS name",
  );
  const fault = "rotten" as CertificateFault;
  await assertRejects(
    () => testCertificates({ fault }),
    TypeError,
    'Cannot use fault of testCertificates(): "rotten" is none',
  );
});

Deno.test("testClientCertificate() makes one that a server knows its owner by", async () => {
  const tls = await testCertificates();
  const ada = await testClientCertificate({ name: "ada, the first" });
  await using server = await serve(
    { engine: "node", port: 0, logger: {}, ...tls.server, ...ada.server },
    (ws) => ws.send(ws.peerCertificate?.subject ?? ""),
  );
  const options = { ...tls.client, ...ada.client };
  await using ws = await connect(server.url, options);
  assertEquals(await ws.receive(), "CN=ada\\, the first");
});

for (
  const fault of [
    "expired",
    "unknown-issuer",
    "revoked",
  ] as ClientCertificateFault[]
) {
  Deno.test(`testClientCertificate() makes one that a server refuses as "${fault}"`, async () => {
    const tls = await testCertificates();
    const eve = await testClientCertificate({ name: "eve", fault });
    await using server = await serve(
      { engine: "node", port: 0, logger: {}, ...tls.server, ...eve.server },
      (ws) => ws.closed,
    );
    const options = { ...tls.client, ...eve.client };
    await assertRejects(() => connect(server.url, options));
    assertEquals(server.connections.size, 0);
  });
}

/** A behaviour before the WebSocket is open, and what its client meets. */
const CLOSED: [Behaviour, string][] = [
  [{ kind: "silent" }, "TimeoutError"],
  [{ kind: "unanswered" }, "TimeoutError"],
  [{ kind: "trickle", interval: 20 }, "TimeoutError"],
  [{ kind: "answer", status: 401, body: "no" }, "HandshakeError"],
  [{
    kind: "answer",
    status: 302,
    headers: { location: "/x" },
  }, "HandshakeError"],
  [{ kind: "answer", status: 503, statusText: "Busy" }, "HandshakeError"],
];

for (const tls of [true, false]) {
  const scheme = tls ? "wss" : "ws";
  for (const [behaviour, name] of CLOSED) {
    Deno.test(`misbehave() with ${JSON.stringify(behaviour)} over ${scheme} has connect() reject with ${name}`, async () => {
      await using server = await misbehave(behaviour, { tls });
      assert(server.url.startsWith(`${scheme}://localhost:`));
      const options = { ...server.client, openTimeout: 500 };
      const error = await assertRejects(() => connect(server.url, options));
      assert(error instanceof Error);
      assertEquals(error.name, name);
      assert(server.accepted > 0);
      await server.idle();
    });
  }

  for (const on of ["connection", "request"] as const) {
    for (const reset of [false, true]) {
      Deno.test(`misbehave() hangs up on the ${on} over ${scheme}, reset: ${reset}`, async () => {
        await using server = await misbehave(
          { kind: "hang-up", on, reset },
          { tls },
        );
        const options = { ...server.client };
        await assertRejects(() => connect(server.url, options));
        await server.idle();
      });
    }
  }

  for (const reset of [false, true]) {
    const ends: Behaviour[] = [
      { kind: "hang-up", on: "open", reset },
      { kind: "break-off", after: 500, reset },
    ];
    for (const behaviour of ends) {
      Deno.test(`misbehave() with ${JSON.stringify(behaviour)} over ${scheme} ends with 1006`, async () => {
        await using server = await misbehave(behaviour, { tls });
        const ws = await connect(server.url, server.client);
        assertEquals(await ws.closed, LOST);
      });
    }
  }

  Deno.test(`misbehave() can be stuck over ${scheme}: it reads nothing`, async () => {
    await using server = await misbehave({ kind: "stuck" }, { tls });
    const options: ConnectOptions = { ...server.client, pongTimeout: 300 };
    await using ws = await connect(server.url, options);
    let sent = 0;
    await assertRejects(async () => {
      for (; sent < 50; sent++) await ws.send(new Uint8Array(1 << 20));
    }, ConnectionClosedError);
    assert(sent < 20, `${sent} MiB were taken`);
  });

  Deno.test(`misbehave() echoes over ${scheme}, and closes as the protocol asks`, async () => {
    await using server = await misbehave({ kind: "echo" }, { tls });
    const ws = await connect(server.url, {
      ...server.client,
      protocols: ["b", "a"],
      headers: { "x-token": "t" },
    });
    assertEquals(ws.protocol, "b");
    const long = "é".repeat(200_000);
    for (const message of ["one", long, ""]) {
      await ws.send(message);
      assertEquals(await ws.receive(), message);
    }
    assertEquals((await ws.close(4000, "enough")).code, 4000);
    const request = await server.requested();
    assertEquals(request.headers.get("x-token"), "t");
    await server.idle();
    assertEquals(server.connections, 0);
  });
}

for (const behaviour of ["mute", "never-closes"] as const) {
  Deno.test(`misbehave() as ${behaviour} answers no close frame`, async () => {
    await using server = await misbehave({ kind: behaviour });
    const ws = await connect(server.url, {
      ...server.client,
      closeTimeout: 100,
    });
    if (behaviour === "never-closes") {
      await ws.send("there?");
      assertEquals(await ws.receive(), "there?");
    }
    assertEquals(await ws.close(), LOST);
  });
}

Deno.test("misbehave() closes with the code that it is told", async () => {
  await using server = await misbehave({
    kind: "close",
    code: 4003,
    reason: "bye",
  });
  const ws = await connect(server.url, server.client);
  assertEquals(await ws.closed, { code: 4003, reason: "bye", wasClean: true });
});

Deno.test("misbehave() floods with messages until the client has had enough", async () => {
  await using server = await misbehave({ kind: "flood", of: "messages" });
  const ws = await connect(server.url, server.client);
  assertEquals((await ws.closed).code, 1013);
});

for (const what of ["fragments", "pings"] as const) {
  Deno.test(`misbehave() floods with ${what}, and closes when the client does`, async () => {
    const behaviour: Behaviour = { kind: "flood", of: what, bytes: 1 << 20 };
    await using server = await misbehave(behaviour);
    const options = { ...server.client, closeTimeout: 1000 };
    const ws = await connect(server.url, options);
    assertEquals((await ws.close()).wasClean, true);
  });
}

Deno.test("misbehave() behaves in another way when it is told to", async () => {
  await using server = await misbehave({ kind: "answer", status: 503 });
  await assertRejects(() => connect(server.url, server.client));
  server.behave({ kind: "echo" });
  await using ws = await connect(server.url, server.client);
  await server.cut({ reset: true });
  assertEquals(await ws.closed, LOST);
});

test("relay() passes on until it is frozen, and loses nothing", async (engine) => {
  const tls = await testCertificates();
  await using server = await serve(
    { engine, port: 0, logger: {}, ...tls.server },
    async (ws) => {
      for await (const message of ws) await ws.send(message);
    },
  );
  await using network = await relay(`${server.url}/`);
  await using ws = await connect(network.url, tls.client);
  await ws.send("before");
  assertEquals(await ws.receive(), "before");
  network.freeze();
  const { sent, received } = network;
  const late = connect(network.url, tls.client);
  await ws.send("meanwhile");
  const early = await ws.receive({ signal: AbortSignal.timeout(100) })
    .catch((error: unknown) => error);
  assert(early instanceof DOMException, String(early));
  assertEquals([network.sent, network.received], [sent, received]);
  network.thaw();
  assertEquals(await ws.receive(), "meanwhile");
  await using second = await late;
  await second.send(new Uint8Array(1 << 20));
  assertEquals(((await second.receive()) as Uint8Array).length, 1 << 20);
  assertEquals([network.accepted, network.connections], [2, 2]);
});

test("relay() cuts connections, and goes away and comes back", async (engine) => {
  const tls = await testCertificates();
  await using server = await serve(
    { engine, port: 0, logger: {}, ...tls.server },
    (ws) => ws.closed,
  );
  await using network = await relay(server.url);
  const { url } = network;
  for (const reset of [false, true]) {
    const ws = await connect(url, tls.client);
    const [peer] = server.connections;
    await network.cut({ reset });
    assertEquals(await ws.closed, LOST);
    assertEquals(await peer?.closed, LOST);
  }
  const ws = await connect(url, tls.client);
  await network.down();
  assertEquals(await ws.closed, LOST);
  await assertRejects(() => connect(url, tls.client), Error, "nothing listens");
  await network.up();
  assertEquals(network.url, url);
  await using again = await connect(url, tls.client);
  assert(again.open);
});

/** A client's behaviour that a server notices. */
const NOTICED: ClientBehaviour[] = [
  { kind: "silent" },
  { kind: "no-request" },
  { kind: "half-request" },
  { kind: "trickle", interval: 50 },
  { kind: "mute" },
  { kind: "flood", of: "messages" },
  { kind: "flood", of: "fragments" },
  { kind: "unmasked" },
  { kind: "break-off", reset: true },
];

for (const tls of [true, false]) {
  const scheme = tls ? "wss" : "ws";
  for (const behaviour of NOTICED) {
    Deno.test(`pester() with ${JSON.stringify(behaviour)} over ${scheme} is ended by the strict engine`, async () => {
      const { server: chain, client } = await testCertificates();
      await using server = await serve({
        engine: "node",
        port: 0,
        logger: {},
        openTimeout: 300,
        pingInterval: 200,
        pongTimeout: 200,
        closeTimeout: 200,
        ...(tls && chain),
      }, (ws) => ws.receive());
      await using pest = await pester(server.url, behaviour, client);
      await pest.ended();
      assertEquals(pest.open, false);
    });
  }

  Deno.test(`pester() can be stuck over ${scheme}: it reads nothing`, async () => {
    const { server: chain, client } = await testCertificates();
    const failed = Promise.withResolvers<unknown>();
    let sent = 0;
    await using server = await serve({
      port: 0,
      logger: {},
      pongTimeout: 300,
      ...(tls && chain),
    }, async (ws) => {
      try {
        for (; sent < 50; sent++) await ws.send(new Uint8Array(1 << 20));
        failed.resolve("all was taken");
      } catch (error) {
        failed.resolve(error);
      }
    });
    await using pest = await pester(server.url, { kind: "stuck" }, client);
    const error = await failed.promise;
    assert(error instanceof ConnectionClosedError, String(error));
    assert(sent < 20, `${sent} MiB were taken`);
    assert(pest.open);
  });
}

Deno.test("pester() says why it cannot", async () => {
  const { server: chain, client } = await testCertificates();
  await using server = await serve(
    { port: 0, logger: {}, ...chain, authorize: () => false },
    () => {},
  );
  const untrusting = await assertRejects(
    () => pester(server.url, { kind: "mute" }),
    Error,
    "Cannot pester wss://localhost",
  );
  assert(untrusting.cause instanceof Error);
  await using pest = await pester(server.url, { kind: "mute" }, client);
  await assertRejects(() => pest.ended(), Error, "the server answered");
  await assertRejects(() => pester("ws://localhost:1", { kind: "silent" }));
});

for (const reset of [false, true]) {
  const how = reset ? "a reset" : "the end";
  Deno.test(`misbehave() and relay() hang up with ${how} of TCP`, async () => {
    const behaviour: Behaviour = { kind: "hang-up", on: "request", reset };
    await using server = await misbehave(behaviour, { tls: false });
    await using silent = await misbehave({ kind: "silent" });
    await using network = await relay(silent.url);
    using first = await RawPeer.dial(server.url);
    using second = await RawPeer.dial(network.url, { tls: false });
    await first.write(`${handshake("localhost").join("\r\n")}\r\n\r\n`);
    await second.write("hello");
    while (network.sent < 5) await new Promise((done) => setTimeout(done, 1));
    await network.cut({ reset });
    for (const peer of [first, second]) {
      const type = reset
        ? Deno.errors.ConnectionReset
        : Deno.errors.UnexpectedEof;
      await assertRejects(() => peer.readFrame(), type);
    }
    await silent.idle();
  });
}

/** The first frames of a flood: of which opcode, and whether they end a message. */
const FLOODS = {
  messages: [[Opcode.Text, true], [Opcode.Text, true]],
  fragments: [[Opcode.Text, false], [Opcode.Continuation, false]],
  pings: [[Opcode.Ping, true], [Opcode.Ping, true]],
} as const;

for (const what of ["messages", "fragments", "pings"] as const) {
  Deno.test(`misbehave() and pester() flood with ${what}`, async () => {
    const flood = { kind: "flood", of: what } as const;
    await using server = await misbehave(flood, { tls: false });
    using client = await RawPeer.open(server.url);
    const arrived = Promise.withResolvers<RawPeer>();
    await using target = new RawServer(async (peer) => {
      await peer.accept();
      arrived.resolve(peer);
    });
    await using _pest = await pester(target.url, flood);
    for (const peer of [client, await arrived.promise]) {
      for (const [opcode, fin] of FLOODS[what]) {
        const frame = await peer.readFrame();
        assertEquals([frame.opcode, frame.fin], [opcode, fin]);
        assertEquals(frame.masked, peer !== client);
      }
    }
  });
}

Deno.test("misbehave() answers wrongly", async () => {
  const ask = async (behaviour: Behaviour) => {
    await using server = await misbehave(behaviour, { tls: false });
    using peer = await RawPeer.dial(server.url);
    return await peer.ask(handshake("localhost"));
  };
  const { headers } = await ask({ kind: "wrong-protocol", protocol: "x" });
  assertEquals(headers.get("sec-websocket-protocol"), "x");
  assertEquals(headers.get("sec-websocket-accept"), RIGHT);
  const wrong = await ask({ kind: "wrong-accept" });
  assertEquals(wrong.status, 101);
  assertNotEquals(wrong.headers.get("sec-websocket-accept"), RIGHT);
  const answer = await ask({
    kind: "answer",
    status: 429,
    statusText: "Too Many",
    headers: { "retry-after": "9" },
    body: "é",
  });
  assertEquals(answer.line, "HTTP/1.1 429 Too Many");
  assertEquals(answer.headers.get("retry-after"), "9");
  assertEquals(answer.body, "é");
});

Deno.test("misbehave() answers byte by byte", async () => {
  const slow: Behaviour = { kind: "trickle", interval: 20 };
  await using server = await misbehave(slow, { tls: false });
  using conn = await Deno.connect({ port: Number(new URL(server.url).port) });
  const head = `${handshake("localhost").join("\r\n")}\r\n\r\n`;
  await conn.write(new TextEncoder().encode(head));
  const bytes = new Uint8Array(100);
  const began = performance.now();
  let text = "";
  while (text.length < 8) {
    const count = await conn.read(bytes) ?? 0;
    text += new TextDecoder().decode(bytes.subarray(0, count));
  }
  const took = performance.now() - began;
  assert("HTTP/1.1 101 Switching Protocols".startsWith(text), text);
  assert(took > 100, `${took} ms`);
});

Deno.test("pester() writes its request byte by byte", async () => {
  const asked = Promise.withResolvers<Answer>();
  await using server = new RawServer(async (peer) => {
    asked.resolve(await peer.readBareHead());
    await peer.ended();
  });
  const behaviour: ClientBehaviour = { kind: "trickle", interval: 2 };
  const began = performance.now();
  await using _pest = await pester(`${server.url}/a?b`, behaviour);
  const { line, headers } = await asked.promise;
  assertEquals(line, "GET /a?b HTTP/1.1");
  assertEquals(headers.get("sec-websocket-version"), "13");
  const took = performance.now() - began;
  assert(took > 150, `${took} ms`);
});

Deno.test("pester() sends a message without a mask", async () => {
  const sent = Promise.withResolvers<boolean>();
  await using server = new RawServer(async (peer) => {
    await peer.accept();
    sent.resolve((await peer.readFrame()).masked);
  });
  await using _pest = await pester(server.url, { kind: "unmasked" });
  assertEquals(await sent.promise, false);
});

/** What a client writes that never finishes its request. */
const WRITTEN: [ClientBehaviour, RegExp][] = [
  [{ kind: "half-request" }, /^GET \/ HTTP\/1\.1\r\nHost: [^]+==\r\n$/],
  [{ kind: "silent" }, /^$/],
  [{ kind: "no-request" }, /^$/],
];

for (const [behaviour, text] of WRITTEN) {
  Deno.test(`pester() as ${behaviour.kind} writes what it says, and no more`, async () => {
    const written = Promise.withResolvers<string>();
    await using server = new RawServer(async (peer) => {
      written.resolve(new TextDecoder().decode(await peer.rest()));
    });
    {
      await using _pest = await pester(server.url, behaviour);
      // That nothing more comes shows in time alone.
      await new Promise((done) => setTimeout(done, 100));
    }
    assertMatch(await written.promise, text);
  });
}

Deno.test("misbehave(), pester() and relay() refuse what is none of theirs", async () => {
  const wrong: [Behaviour, string][] = [
    [
      { kind: "rude" } as unknown as Behaviour,
      'Cannot misbehave as a server: kind "rude" is none; choose one of silent,',
    ],
    [
      { kind: "answer", status: 101 },
      'Cannot misbehave as "answer": status must be an integer from 200 to 599, current value is 101',
    ],
    [{ kind: "trickle", interval: -1 }, "interval must be"],
    [{ kind: "break-off", after: 0.5 }, "after must be"],
    [{ kind: "flood", of: "pings", bytes: NaN }, "bytes must be"],
    [{ kind: "close", reason: "x".repeat(124) }, "current length is 124"],
  ];
  await using server = await misbehave({ kind: "echo" }, { tls: false });
  for (const [behaviour, says] of wrong) {
    await assertRejects(() => misbehave(behaviour), Error, says);
    assertThrows(() => server.behave(behaviour), Error, says);
  }
  const echo = { kind: "echo" } as unknown as ClientBehaviour;
  await assertRejects(() => pester(server.url, echo), TypeError, "a client");
  for (const url of ["https://localhost:1", "nowhere"]) {
    await assertRejects(() => relay(url), TypeError, "Cannot relay to");
    await assertRejects(() => pester(url, { kind: "mute" }), TypeError);
  }
});

Deno.test("misbehave() survives requests that are none", async () => {
  await using server = await misbehave({ kind: "echo" }, { tls: false });
  const { port } = new URL(server.url);
  const heads = [
    "GET // HTTP/1.1",
    "TRACE / HTTP/1.1",
    "\x16\x03",
    "a\r\nb c:d",
  ];
  for (const head of heads) {
    using conn = await Deno.connect({ port: Number(port) });
    await conn.write(new TextEncoder().encode(`${head}\r\n\r\n`));
    await conn.closeWrite();
    while (await conn.read(new Uint8Array(1024)) !== null);
  }
  await server.idle();
  await using ws = await connect(server.url);
  await ws.send("still there?");
  assertEquals(await ws.receive(), "still there?");
});

Deno.test("@wss/wss/testing needs two hosts to listen on and connect to, and no other permission", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--quiet",
      "--no-prompt",
      "--no-check",
      "--trace-leaks",
      "--allow-net=localhost,127.0.0.1",
      fromFileUrl(new URL("programs/kit.ts", import.meta.url)),
    ],
  }).output();
  const decoder = new TextDecoder();
  assertEquals(code, 0, decoder.decode(stdout) + decoder.decode(stderr));
});
