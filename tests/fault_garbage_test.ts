import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConnectionClosedError } from "../src/errors.ts";
import type { CloseInfo, Connection } from "../server.ts";
import { serve } from "../server.ts";
import { devCertificates } from "./_certs.ts";
import {
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
  Deno.test(`serve() greets others while a client sends ${name} to the TLS port`, async () => {
    const { chain } = await devCertificates();
    const errors: unknown[] = [];
    await using server = await serve(
      { port: 0, ...chain, onError: (error) => errors.push(error) },
      orGreet(() => {}),
    );
    using peer = await RawPeer.dial(server.url, { tls: false });
    await peer.write(data);
    await assertGreets(server.url);
    if (data === NOISE || typeof data === "string" && data !== "") {
      await peer.ended();
    }
    assertEquals(server.connections.size, 0);
    assertEquals(errors, []);
  });
}

/** Bytes after the upgrade, and how the connection ends by them. */
interface Garbage {
  name: string;
  bytes: FrameShape[] | Uint8Array;
  info: CloseInfo;
  /** What the runtime makes of it, where it does. */
  cause?: string;
}

const LOST: CloseInfo = { code: 1006, reason: "", wasClean: false };
const NO_CODE: CloseInfo = { code: 1005, reason: "", wasClean: true };

const GARBAGE: Garbage[] = [
  {
    name: "a reserved opcode",
    bytes: [{ opcode: Opcode.Reserved, payload: "x" }],
    info: LOST,
    cause: "Invalid value",
  },
  {
    name: "text that is not UTF-8",
    bytes: [{ opcode: Opcode.Text, payload: Uint8Array.of(0xc3, 0x28) }],
    info: LOST,
    cause: "Invalid UTF-8",
  },
  {
    name: "reserved bits",
    bytes: [{ opcode: 0x70 | Opcode.Text, payload: "x" }],
    info: LOST,
    cause: "Reserved bits are not zero",
  },
  {
    name: "a ping in fragments",
    bytes: [{ opcode: Opcode.Ping, payload: "x", fin: false }],
    info: LOST,
    cause: "Control frame must not be fragmented",
  },
  {
    name: "a ping of 126 bytes",
    bytes: [{ opcode: Opcode.Ping, payload: "x".repeat(126) }],
    info: LOST,
    cause: "Ping frame too large",
  },
  {
    name: "a continuation of nothing",
    bytes: [{ opcode: Opcode.Continuation, payload: "x" }],
    info: LOST,
    cause: "Invalid continuation frame",
  },
  {
    name: "a frame of 2^62 bytes",
    bytes: [{ opcode: Opcode.Binary, payload: "x", claims: 2 ** 62 }],
    info: LOST,
    cause: "Frame too large",
  },
  {
    name: "noise",
    bytes: NOISE.subarray(3),
    info: LOST,
    cause: "Reserved bits are not zero",
  },
  {
    name: "a close frame of one byte",
    bytes: [{ opcode: Opcode.Close, payload: Uint8Array.of(3) }],
    info: LOST,
    cause: "Invalid close frame",
  },
  {
    name: "a close frame with code 999",
    bytes: [{ opcode: Opcode.Close, payload: closePayload(999) }],
    info: LOST,
    cause: "Invalid close code",
  },
  {
    name: "a close frame with code 1006",
    bytes: [{ opcode: Opcode.Close, payload: closePayload(1006) }],
    info: LOST,
    cause: "Invalid close code",
  },
  {
    name: "a close frame whose reason is not UTF-8",
    bytes: [{
      opcode: Opcode.Close,
      payload: Uint8Array.of(...closePayload(1000), 0xc3, 0x28),
    }],
    info: LOST,
    cause: "Invalid UTF-8",
  },
  {
    name: "a close frame without a code",
    bytes: [{ opcode: Opcode.Close }],
    info: NO_CODE,
  },
];

for (const { name, bytes, info, cause } of GARBAGE) {
  Deno.test(`serve() ends a connection with ${info.code} by ${name}, and greets the next`, async () => {
    const { chain } = await devCertificates();
    const errors: unknown[] = [];
    const handled = Promise.withResolvers<Connection>();
    const received = Promise.withResolvers<unknown>();
    await using server = await serve(
      {
        port: 0,
        ...chain,
        closeTimeout: 300,
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
    using peer = await RawPeer.open(server.url);
    const ws = await handled.promise;
    if (bytes instanceof Uint8Array) await peer.write(bytes);
    else for (const shape of bytes) await peer.send(shape);
    const error = await received.promise;
    assert(error instanceof ConnectionClosedError, String(error));
    assertEquals(await ws.closed, info);
    assertEquals(error.code, info.code);
    assertEquals((error.cause as Error | undefined)?.message, cause);
    assertEquals(errors, []);
    await peer.ended();
    await assertGreets(server.url);
    assertEquals(server.connections.size, 0);
  });
}

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

Deno.test("serve() takes a message of a thousand fragments with pings between", async () => {
  const { chain } = await devCertificates();
  await using server = await serve(
    { port: 0, ...chain },
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
  Deno.test(`serve() closes with 1009 by a message that is too big ${name}`, async () => {
    const { chain } = await devCertificates();
    const handled = Promise.withResolvers<Connection>();
    await using server = await serve(
      { port: 0, ...chain, maxMessageSize: 1024, closeTimeout: 300 },
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
    const close = await peer.readClose();
    assertEquals(close, {
      code: 1009,
      reason: "message over 1024 bytes (maxMessageSize)",
    });
    await peer.send({ opcode: Opcode.Close, payload: closePayload(1009) });
    const { code, wasClean } = await ws.closed;
    assertEquals({ code, wasClean }, { code: 1009, wasClean: true });
    const error = await assertRejects(
      () => ws.receive(),
      ConnectionClosedError,
    );
    assertEquals(error.code, 1009);
    await assertGreets(server.url);
  });
}
