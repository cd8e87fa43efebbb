import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { ConnectionClosedError } from "../src/errors.ts";
import type { Connection } from "../server.ts";
import { serve } from "../server.ts";
import { devCertificates } from "./_certs.ts";
import { test } from "./_engines.ts";
import {
  assertEmpty,
  assertGreets,
  closePayload,
  encodeFrame,
  type FrameShape,
  handshake,
  Opcode,
  orGreet,
  RawPeer,
} from "./_raw_peer.ts";

const NOISE = new Uint8Array(4096).map((_, index) => (index * 167) & 0xff);

for (
  const [name, data] of [
    ["nothing at all", ""],
    ["half a TLS record", Uint8Array.of(0x16, 0x03, 0x01, 0x02, 0x00, 0x01)],
    ["noise", NOISE],
    [
      "a handshake in plain HTTP",
      `${handshake("localhost").join("\r\n")}\r\n\r\n`,
    ],
  ] as const
) {
  test(`serve() greets others while a client sends ${name} to the TLS port`, async (engine) => {
    const { chain } = await devCertificates();
    const errors: unknown[] = [];
    await using server = await serve({
      engine,
      port: 0,
      ...chain,
      onError: (error) => errors.push(error),
    }, orGreet(() => {}));
    using peer = await RawPeer.dial(server.url, { tls: false });
    await peer.write(data);
    await assertGreets(server.url);
    if (data === NOISE || typeof data === "string" && data !== "") {
      await peer.ended();
    }
    await assertEmpty(server);
    assertEquals(errors, []);
  });
}

/** Bytes after the upgrade, and what each engine makes of them. */
interface Garbage {
  name: string;
  bytes: FrameShape[] | Uint8Array;
  /** What the runtime says; it hangs up without a close frame. */
  deno: string;
  /** The code that the strict engine answers with, and why. */
  node: [code: number, why: string];
}

const GARBAGE: Garbage[] = [
  {
    name: "a reserved opcode",
    bytes: [{ opcode: Opcode.Reserved, payload: "x" }],
    deno: "Invalid value",
    node: [1002, "invalid opcode 3"],
  },
  {
    name: "text that is not UTF-8",
    bytes: [{ opcode: Opcode.Text, payload: Uint8Array.of(0xc3, 0x28) }],
    deno: "Invalid UTF-8",
    node: [1007, "invalid UTF-8 sequence"],
  },
  {
    name: "reserved bits",
    bytes: [{ opcode: 0x70 | Opcode.Text, payload: "x" }],
    deno: "Reserved bits are not zero",
    node: [1002, "RSV2 and RSV3 must be clear"],
  },
  {
    name: "a ping in fragments",
    bytes: [{ opcode: Opcode.Ping, payload: "x", fin: false }],
    deno: "Control frame must not be fragmented",
    node: [1002, "FIN must be set"],
  },
  {
    name: "a ping of 126 bytes",
    bytes: [{ opcode: Opcode.Ping, payload: "x".repeat(126) }],
    deno: "Ping frame too large",
    node: [1002, "invalid payload length 126"],
  },
  {
    name: "a continuation of nothing",
    bytes: [{ opcode: Opcode.Continuation, payload: "x" }],
    deno: "Invalid continuation frame",
    node: [1002, "invalid opcode 0"],
  },
  {
    name: "a frame of 2^62 bytes",
    bytes: [{ opcode: Opcode.Binary, payload: "x", claims: 2 ** 62 }],
    deno: "Frame too large",
    node: [1009, "payload length > 2^53 - 1"],
  },
  {
    name: "noise",
    bytes: NOISE.subarray(3),
    deno: "Reserved bits are not zero",
    node: [1002, "RSV2 and RSV3 must be clear"],
  },
  {
    name: "a close frame of one byte",
    bytes: [{ opcode: Opcode.Close, payload: Uint8Array.of(3) }],
    deno: "Invalid close frame",
    node: [1002, "invalid payload length 1"],
  },
  {
    name: "a close frame with code 999",
    bytes: [{ opcode: Opcode.Close, payload: closePayload(999) }],
    deno: "Invalid close code",
    node: [1002, "invalid status code 999"],
  },
  {
    name: "a close frame with code 1006",
    bytes: [{ opcode: Opcode.Close, payload: closePayload(1006) }],
    deno: "Invalid close code",
    node: [1002, "invalid status code 1006"],
  },
  {
    name: "a close frame whose reason is not UTF-8",
    bytes: [{
      opcode: Opcode.Close,
      payload: Uint8Array.of(...closePayload(1000), 0xc3, 0x28),
    }],
    deno: "Invalid UTF-8",
    node: [1007, "invalid UTF-8 sequence"],
  },
];

for (const { name, bytes, deno, node } of GARBAGE) {
  test(`serve() ends a connection by ${name}, and greets the next`, async (engine) => {
    const [code, cause] = { deno: [1006, deno], node }[engine] as typeof node;
    const { chain } = await devCertificates();
    const errors: unknown[] = [];
    const handled = Promise.withResolvers<Connection>();
    const received = Promise.withResolvers<unknown>();
    await using server = await serve(
      {
        engine,
        port: 0,
        ...chain,
        onError: (error) => errors.push(error),
      },
      orGreet(async (ws) => {
        handled.resolve(ws);
        try {
          received.resolve(await ws.receive());
        } catch (error) {
          received.resolve(error);
          throw error;
        }
      }),
    );
    {
      using peer = await RawPeer.open(server.url);
      if (bytes instanceof Uint8Array) await peer.write(bytes);
      else for (const shape of bytes) await peer.send(shape);
      if (engine === "node") {
        assertEquals(await peer.readClose(), { code, reason: "" });
      }
      await peer.ended();
    }
    const ws = await handled.promise;
    const error = await received.promise;
    assert(error instanceof ConnectionClosedError, String(error));
    assertEquals(await ws.closed, { code, reason: "", wasClean: false });
    assertEquals(error.code, code);
    assertStringIncludes((error.cause as Error).message, cause);
    assertEquals(errors, []);
    await assertGreets(server.url);
    await assertEmpty(server);
  });
}

test("serve() ends a connection with 1005 by a close frame without a code", async (engine) => {
  const { chain } = await devCertificates();
  const handled = Promise.withResolvers<Connection>();
  await using server = await serve(
    { engine, port: 0, ...chain },
    orGreet((ws) => {
      handled.resolve(ws);
      return ws.receive();
    }),
  );
  using peer = await RawPeer.open(server.url);
  await peer.send({ opcode: Opcode.Close });
  assertEquals(await peer.readClose(), { code: 1005, reason: "" });
  const info = await (await handled.promise).closed;
  assertEquals(info, { code: 1005, reason: "", wasClean: true });
});

Deno.test("serve() takes an unmasked frame, as the runtime does", async () => {
  const { chain } = await devCertificates();
  await using server = await serve(
    { port: 0, ...chain },
    orGreet(async (ws) => ws.send(`got ${await ws.receive()}`)),
  );
  using peer = await RawPeer.open(server.url);
  await peer.send({ opcode: Opcode.Text, payload: "bare", masked: false });
  const { payload } = await peer.readFrame();
  assertEquals(new TextDecoder().decode(payload), "got bare");
});

Deno.test("serve() on the strict engine answers an unmasked frame with 1002", async () => {
  const { chain } = await devCertificates();
  const received: unknown[] = [];
  await using server = await serve(
    { engine: "node", port: 0, ...chain },
    orGreet(async (ws) => received.push(await ws.receive())),
  );
  using peer = await RawPeer.open(server.url);
  await peer.send({ opcode: Opcode.Text, payload: "bare", masked: false });
  assertEquals(await peer.readClose(), { code: 1002, reason: "" });
  await peer.ended();
  await assertGreets(server.url);
  assertEquals(received, []);
});

test("serve() takes a message of a thousand fragments with pings between", async (engine) => {
  const { chain } = await devCertificates();
  await using server = await serve(
    { engine, port: 0, ...chain },
    orGreet(async (ws) => ws.send(`${(await ws.receive()).length}`)),
  );
  using peer = await RawPeer.open(server.url);
  const parts: Uint8Array[] = [];
  for (let index = 0; index < 1000; index++) {
    const opcode = index === 0 ? Opcode.Text : Opcode.Continuation;
    parts.push(encodeFrame({ opcode, payload: "é", fin: index === 999 }, true));
    if (index % 100 === 0) {
      parts.push(encodeFrame({ opcode: Opcode.Ping, payload: "p" }, true));
    }
  }
  await peer.write(
    new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()),
  );
  let pongs = 0;
  while (true) {
    const { opcode, payload } = await peer.readFrame();
    if (opcode === Opcode.Pong) pongs++;
    else {
      assertEquals(new TextDecoder().decode(payload), "1000");
      break;
    }
  }
  assertEquals(pongs, 10);
});

for (
  const [name, shapes] of [
    ["in one frame", [{
      opcode: Opcode.Binary,
      payload: new Uint8Array(1025),
    }]],
    ["of text, counted in UTF-8", [{
      opcode: Opcode.Text,
      payload: "é".repeat(513),
    }]],
    ["in fragments", [
      { opcode: Opcode.Binary, payload: new Uint8Array(1000), fin: false },
      { opcode: Opcode.Continuation, payload: new Uint8Array(25) },
    ]],
  ] as [string, FrameShape[]][]
) {
  test(`serve() closes with 1009 by a message that is too big ${name}`, async (engine) => {
    const { chain } = await devCertificates();
    const handled = Promise.withResolvers<Connection>();
    await using server = await serve(
      { engine, port: 0, ...chain, maxMessageSize: 1024, closeTimeout: 300 },
      orGreet(async (ws) => {
        handled.resolve(ws);
        await ws.receive();
        await ws.receive();
      }),
    );
    using peer = await RawPeer.open(server.url);
    const ws = await handled.promise;
    await peer.send({ opcode: Opcode.Binary, payload: new Uint8Array(1024) });
    for (const shape of shapes) await peer.send(shape);
    // The strict engine ends a message while it arrives, and says no reason.
    const reason = {
      deno: "message over 1024 bytes (maxMessageSize)",
      node: "",
    }[engine];
    assertEquals(await peer.readClose(), { code: 1009, reason });
    await peer.send({ opcode: Opcode.Close, payload: closePayload(1009) });
    peer[Symbol.dispose]();
    const { code, wasClean } = await ws.closed;
    const clean = { deno: true, node: false }[engine];
    assertEquals({ code, wasClean }, { code: 1009, wasClean: clean });
    const error = await assertRejects(
      () => ws.receive(),
      ConnectionClosedError,
    );
    assertEquals(error.code, 1009);
    await assertGreets(server.url);
  });
}
