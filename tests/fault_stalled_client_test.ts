import { assert, assertEquals } from "@std/assert";
import { type CloseInfo, serve } from "../mod.ts";
import { pester } from "../src/testing/mod.ts";
import { devCertificates } from "./_certs.ts";
import { test } from "./_engines.ts";
import {
  assertGreets,
  closePayload,
  encodeFrame,
  joined,
  Opcode,
  RawPeer,
} from "./_raw_peer.ts";
import { Program } from "./programs/_program.ts";
import type { Ending, ServerProgram } from "./programs/server.ts";

async function startServer(
  options: ServerProgram,
): Promise<{ program: Program; url: string }> {
  const { dir } = await devCertificates();
  const chainFile = `${dir}/localhost.pem`;
  const program = new Program("server", { chainFile, ...options });
  return { program, url: await program.next<string>() };
}

/** Connects a client that reads nothing. */
async function pesterTls(url: string): Promise<AsyncDisposable> {
  const { ca } = await devCertificates();
  return await pester(url, { kind: "stuck" }, { caCerts: [ca] });
}

test("send() rejects after pongTimeout when the client stops reading, and little is kept", async (engine) => {
  const { program, url } = await startServer({
    engine,
    act: "send",
    limits: { pongTimeout: 400, pingInterval: 0 },
  });
  await using _program = program;
  await using _client = await pesterTls(url);
  const ending = await program.next<Ending>();
  assertEquals(ending.name, "ConnectionClosedError");
  assertEquals(
    ending.message,
    "Cannot send: the connection ended with code 1006, the peer took nothing for 400 ms",
  );
  assertEquals(ending.code, 1006);
  assert(ending.took > 300 && ending.took < 3000, `${ending.took} ms`);
  // What the two kernels hold is theirs; the rest waits at the caller's.
  assert(ending.count < 20, `${ending.count} messages were taken`);
  assert(ending.peak < 40, `${ending.peak} MiB`);
  await assertGreets(url);
});

test("send() that is not awaited gives a client up past maxUnsentBytes, and does not crash", async (engine) => {
  const { program, url } = await startServer({
    engine,
    act: "blast",
    limits: { maxUnsentBytes: 8 << 20 },
  });
  await using _program = program;
  await using _client = await pesterTls(url);
  const ending = await program.next<Ending>();
  assertEquals(ending.code, 1006);
  assertEquals(
    ending.message,
    "Cannot receive: the connection ended with code 1006, more than 8388608 bytes wait (maxUnsentBytes) for a peer that does not keep up (is each send() awaited?)",
  );
  assert(ending.count <= 12, `${ending.count} messages were taken`);
  assertEquals(ending.count + ending.refused, 200);
  assert(ending.peak < 60, `${ending.peak} MiB`);
  await assertGreets(url);
});

Deno.test("serve() ends a flood of 100,000 messages with 1013, where the engine cannot make it wait", async () => {
  const { program, url } = await startServer({ engine: "deno", act: "sleep" });
  await using _program = program;
  using peer = await RawPeer.open(url);
  const frame = encodeFrame(
    { opcode: Opcode.Binary, payload: new Uint8Array(100) },
    true,
  );
  const thousand = new Uint8Array(1000 * frame.length);
  for (let at = 0; at < thousand.length; at += frame.length) {
    thousand.set(frame, at);
  }
  // The runtime cuts a socket on which messages come after its close frame, so
  // that the flood ends by a reset, and the close frame may be lost in it.
  let cut: unknown;
  for (let index = 0; index < 100 && cut === undefined; index++) {
    await peer.write(thousand).catch((error: unknown) => cut = error);
  }
  const ending = await program.next<Ending>();
  assertEquals(ending.count, 1024);
  assertEquals(ending.code, 1013);
  assertEquals(
    ending.message,
    'Cannot receive: the connection ended with code 1013 "more than 1024 messages wait to be received (maxQueuedMessages)"',
  );
  assert(ending.took < 3000, `${ending.took} ms`);
  assert(ending.peak < 60, `${ending.peak} MiB`);
  await peer.ended();
  await assertGreets(url);
});

for (
  const [name, limits, size, reason] of [
    [
      "maxQueuedMessages",
      { maxQueuedMessages: 16 },
      10,
      "more than 16 messages wait to be received (maxQueuedMessages)",
    ],
    [
      "maxQueuedBytes",
      { maxQueuedBytes: 1 << 20 },
      65_536,
      "more than 1048576 bytes wait to be received (maxQueuedBytes)",
    ],
  ] as const
) {
  Deno.test(`serve() tells a client that sends past ${name} 1013 and why`, async () => {
    const { program, url } = await startServer({
      engine: "deno",
      act: "sleep",
      limits,
    });
    await using _program = program;
    using peer = await RawPeer.open(url);
    for (let index = 0; index < 17; index++) {
      await peer.send({
        opcode: Opcode.Binary,
        payload: new Uint8Array(size),
      });
    }
    assertEquals(await peer.readClose(), { code: 1013, reason });
    await peer.send({ opcode: Opcode.Close, payload: closePayload(1013) });
    const { count, code } = await program.next<Ending>();
    assertEquals({ count, code }, { count: 16, code: 1013 });
    await assertGreets(url);
  });
}

Deno.test("a connection of the strict engine that closes tells a peer of the rule that it breaks", async () => {
  const closed = Promise.withResolvers<CloseInfo>();
  await using server = await serve(
    { port: 0, engine: "node", logger: {} },
    (ws) => {
      closed.resolve(ws.closed);
      // More than the two kernels take, so that the close frame has to wait.
      for (let i = 0; i < 12; i++) ws.send(new Uint8Array(1 << 20));
      return ws.close();
    },
  );
  using peer = await RawPeer.open(server.url);
  const ping = peer.encode({ opcode: Opcode.Ping, payload: "" });
  await peer.write(joined(Array.from({ length: 500 }, () => ping)));
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals((await peer.readClose()).code, 1008);
  assertEquals((await closed.promise).code, 1008);
});
