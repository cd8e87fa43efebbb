import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type ConnectOptions } from "../client.ts";
import { ConnectionClosedError } from "../src/errors.ts";
import { type Behaviour, misbehave } from "../src/testing/mod.ts";
import { devCertificates } from "./_certs.ts";
import {
  closePayload,
  encodeFrame,
  type FrameShape,
  Opcode,
  type RawPeer,
  RawServer,
} from "./_raw_peer.ts";
import { Program } from "./programs/_program.ts";
import type { ServerProgram } from "./programs/server.ts";

/** A server that tells which close frame came, and does not answer it. */
function takingNote(
  tell: (close: { code: number; reason: string }) => void,
): (peer: RawPeer) => Promise<void> {
  return async (peer) => {
    await peer.accept();
    tell(await peer.readClose());
    await peer.ended();
  };
}

const LOST = { code: 1006, reason: "", wasClean: false };

for (const act of ["hold", "pour"] as const) {
  const when = act === "hold"
    ? "while it is idle"
    : "in the middle of a message";
  Deno.test(`connect() has its connection end with 1006 when the server is killed ${when}`, async () => {
    const { ca, dir } = await devCertificates();
    const chainFile = `${dir}/localhost.pem`;
    const options: ServerProgram = { engine: "deno", act, chainFile };
    await using server = new Program("server", options);
    const ws = await connect(await server.next<string>(), { caCerts: [ca] });
    if (act === "pour") await ws.receive();
    server.kill();
    const error = await assertRejects(async () => {
      while (true) await ws.receive();
    }, ConnectionClosedError);
    assertEquals(
      error.message,
      "Cannot receive: the connection ended with code 1006, the peer was lost",
    );
    assertEquals(await ws.closed, LOST);
    const later = await assertRejects(
      () => ws.send("?"),
      ConnectionClosedError,
    );
    assertEquals(
      later.message,
      "Cannot send: the connection ended with code 1006, the peer was lost",
    );
  });
}

Deno.test("close() gives up after closeTimeout a server that never answers", async () => {
  const { ca, chain } = await devCertificates();
  const asked = Promise.withResolvers<{ code: number; reason: string }>();
  await using server = new RawServer(takingNote(asked.resolve), chain);
  const ws = await connect(server.url, { caCerts: [ca], closeTimeout: 200 });
  const began = performance.now();
  assertEquals(await ws.close(4000, "enough"), LOST);
  const took = performance.now() - began;
  assert(took > 150 && took < 1000, `${took} ms`);
  assertEquals(await asked.promise, { code: 4000, reason: "enough" });
  const error = await assertRejects(() => ws.receive(), ConnectionClosedError);
  assertEquals(
    error.message,
    "Cannot receive: the connection ended with code 1006, the peer did not answer the close frame for 200 ms",
  );
});

Deno.test("terminate() ends a connection at once, and tells a server that still reads", async () => {
  const { ca, chain } = await devCertificates();
  const asked = Promise.withResolvers<{ code: number; reason: string }>();
  await using server = new RawServer(takingNote(asked.resolve), chain);
  const ws = await connect(server.url, { caCerts: [ca] });
  const receiving = assertRejects(() => ws.receive(), ConnectionClosedError);
  ws.terminate();
  assertEquals(
    (await receiving).message,
    "Cannot receive: the connection ended with code 1006, it was terminated",
  );
  assertEquals(await ws.closed, LOST);
  assertEquals((await asked.promise).code, 4001);
});

Deno.test("send() rejects after pongTimeout when the server stops reading", async () => {
  await using server = await misbehave({ kind: "stuck" });
  const options = { ...server.client, pongTimeout: 400 };
  const ws = await connect(server.url, options);
  const message = new Uint8Array(1 << 20);
  let sent = 0;
  const began = performance.now();
  const error = await assertRejects(async () => {
    for (; sent < 50; sent++) await ws.send(message);
  }, ConnectionClosedError);
  const took = performance.now() - began;
  assertEquals(
    error.message,
    "Cannot send: the connection ended with code 1006, the peer took nothing for 400 ms",
  );
  assertEquals(await ws.closed, LOST);
  assert(took > 300 && took < 3000, `${took} ms`);
  assert(sent < 20, `${sent} messages were taken`);
});

Deno.test("send() that is not awaited gives a server up past maxUnsentBytes", async () => {
  await using server = await misbehave({ kind: "stuck" });
  const options = { ...server.client, maxUnsentBytes: 4 << 20 };
  const ws = await connect(server.url, options);
  const message = new Uint8Array(1 << 20);
  let sent = 0;
  for (; ws.open && sent < 50; sent++) ws.send(message);
  assertEquals(await ws.closed, LOST);
  assert(sent < 10, `${sent} messages were taken`);
});

Deno.test("receive() still gives what came before a server's flood ended the connection with 1013", async () => {
  const { ca, chain } = await devCertificates();
  const asked = Promise.withResolvers<{ code: number; reason: string }>();
  await using server = new RawServer(async (peer) => {
    await peer.accept();
    const frame = encodeFrame({ opcode: Opcode.Text, payload: "more" }, false);
    const thousand = new Uint8Array(1000 * frame.length);
    for (let at = 0; at < thousand.length; at += frame.length) {
      thousand.set(frame, at);
    }
    for (let index = 0; index < 100; index++) await peer.write(thousand);
    asked.resolve(await peer.readClose());
    await peer.send({ opcode: Opcode.Close, payload: closePayload(4013) });
    peer[Symbol.dispose]();
  }, chain);
  const ws = await connect(server.url, { caCerts: [ca] });
  const reason =
    "more than 1024 messages wait to be received (maxQueuedMessages)";
  assertEquals(await asked.promise, { code: 4013, reason });
  const { code, wasClean } = await ws.closed;
  assertEquals({ code, wasClean }, { code: 1013, wasClean: true });
  assertEquals(ws.pending, 1024);
  for (let index = 0; index < 1024; index++) {
    assertEquals(await ws.receive(), "more");
  }
  const error = await assertRejects(() => ws.receive(), ConnectionClosedError);
  assertEquals(error.code, 1013);
});

Deno.test("connect() closes with 1009, which is 4009 on the wire, by a message of 2 MiB", async () => {
  const { ca, chain } = await devCertificates();
  const asked = Promise.withResolvers<{ code: number; reason: string }>();
  await using server = new RawServer(async (peer) => {
    await peer.accept();
    await peer.send({ opcode: Opcode.Text, payload: "small" });
    await peer.send({
      opcode: Opcode.Binary,
      payload: new Uint8Array(2 << 20),
    });
    asked.resolve(await peer.readClose());
    await peer.send({ opcode: Opcode.Close, payload: closePayload(4009) });
    peer[Symbol.dispose]();
  }, chain);
  const ws = await connect(server.url, { caCerts: [ca] });
  const reason = "message over 1048576 bytes (maxMessageSize)";
  assertEquals(await asked.promise, { code: 4009, reason });
  const { code, wasClean } = await ws.closed;
  assertEquals({ code, wasClean }, { code: 1009, wasClean: true });
  assertEquals(await ws.receive(), "small");
  const error = await assertRejects(() => ws.receive(), ConnectionClosedError);
  assertEquals(error.code, 1009);
});

/** What a server may send that is not of the protocol. */
const GARBAGE: [name: string, shape: FrameShape, cause: string][] = [
  ["a reserved opcode", { opcode: Opcode.Reserved }, "Invalid value"],
  [
    "text that is not UTF-8",
    { opcode: Opcode.Text, payload: Uint8Array.of(0xff) },
    "Invalid UTF-8",
  ],
  [
    "a continuation of nothing",
    { opcode: Opcode.Continuation, payload: "x" },
    "Invalid continuation frame",
  ],
  [
    "a frame of 2^62 bytes",
    { opcode: Opcode.Binary, claims: 2 ** 62 },
    "Frame too large",
  ],
];

for (const [name, shape, cause] of GARBAGE) {
  Deno.test(`connect() has its connection end with 1006 by ${name}`, async () => {
    const { ca, chain } = await devCertificates();
    await using server = new RawServer(async (peer) => {
      await peer.accept();
      await peer.send(shape);
      await peer.ended();
    }, chain);
    const ws = await connect(server.url, { caCerts: [ca] });
    const error = await assertRejects(
      () => ws.receive(),
      ConnectionClosedError,
    );
    assertEquals(await ws.closed, LOST);
    assert(error.cause instanceof Error);
    assertEquals(error.cause.message, cause);
  });
}

for (
  const [name, behaviour] of [
    ["hangs up without a close frame", { kind: "hang-up", on: "open" }],
    ["is reset", { kind: "hang-up", on: "open", reset: true }],
    ["hangs up in the middle of a frame", { kind: "break-off" }],
  ] as [string, Behaviour][]
) {
  Deno.test(`connect() has its connection end with 1006 where the server ${name}`, async () => {
    await using server = await misbehave(behaviour);
    await assertLoses(server.url, server.client);
  });
}

Deno.test("connect() has its connection end with 1006 where the server hangs up in the middle of a message", async () => {
  const { ca, chain } = await devCertificates();
  await using server = new RawServer(async (peer) => {
    await peer.accept();
    await peer.send({ opcode: Opcode.Binary, payload: "x", fin: false });
    peer[Symbol.dispose]();
  }, chain);
  await assertLoses(server.url, { caCerts: [ca] });
});

/** Fails unless a client loses the server without a word. */
async function assertLoses(
  url: string,
  options: ConnectOptions,
): Promise<void> {
  const ws = await connect(url, options);
  const error = await assertRejects(() => ws.receive(), ConnectionClosedError);
  assertEquals(
    error.message,
    "Cannot receive: the connection ended with code 1006, the peer was lost",
  );
  assertEquals(await ws.closed, LOST);
}
