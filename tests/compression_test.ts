import { assert, assertEquals } from "@std/assert";
import { deflateRawSync } from "node:zlib";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { type CloseInfo, type Connection, serve } from "../mod.ts";
import { within } from "../src/within.ts";
import { encodeFrame, handshake, Opcode, RawPeer } from "./_raw_peer.ts";

const RSV1 = 0x40;
const MIB = 1 << 20;

/** Opens a WebSocket that compresses, by hand. */
async function openCompressed(url: string): Promise<RawPeer> {
  const peer = await RawPeer.dial(url);
  const { status, headers } = await peer.ask([
    ...handshake(new URL(url).host),
    "Sec-WebSocket-Extensions: permessage-deflate",
  ]);
  assertEquals(status, 101);
  assertEquals(
    headers.get("sec-websocket-extensions")?.split(";")[0],
    "permessage-deflate",
  );
  return peer;
}

/** A frame of compressed data. */
function compressed(payload: Uint8Array): Uint8Array {
  return encodeFrame({ opcode: RSV1 | Opcode.Binary, payload }, true);
}

Deno.test("serve() with compression compresses what is over the threshold, in order with what is not", async () => {
  await using server = await serve(
    { port: 0, engine: "node", compression: { threshold: 100 } },
    async (ws) => {
      for await (const message of ws) {
        ws.send("small");
        ws.send(message);
        ws.send("small again");
      }
    },
  );
  const client = new WebSocket(server.url, { perMessageDeflate: true });
  const { promise, resolve } = Promise.withResolvers<string[]>();
  const got: string[] = [];
  client.on("open", () => client.send("x".repeat(50_000)));
  client.on("message", (data) => {
    got.push(data.toString());
    if (got.length === 3) resolve(got);
  });
  assertEquals(await promise, ["small", "x".repeat(50_000), "small again"]);
  assertEquals(client.extensions, "permessage-deflate");
  const closed = Promise.withResolvers<void>();
  client.on("close", () => closed.resolve());
  client.close();
  await closed.promise;
});

Deno.test("serve() without compression agrees to none", async () => {
  await using server = await serve(
    { port: 0, engine: "node" },
    (ws) => ws.closed,
  );
  using peer = await RawPeer.dial(server.url);
  const { status, headers } = await peer.ask([
    ...handshake(new URL(server.url).host),
    "Sec-WebSocket-Extensions: permessage-deflate",
  ]);
  assertEquals(status, 101);
  assertEquals(headers.get("sec-websocket-extensions"), null);
});

for (
  const [name, payload, code] of [
    ["corrupt data", new Uint8Array(20).fill(0xff), 1007],
    [
      "data that grows too large",
      deflateRawSync(new Uint8Array(1 << 24)),
      1009,
    ],
  ] as const
) {
  Deno.test(`serve() with compression ends ${name} with ${code} on both sides, and delivers nothing`, async () => {
    const opened = Promise.withResolvers<Connection>();
    await using server = await serve(
      { port: 0, engine: "node", compression: true, logger: {} },
      async (ws) => {
        opened.resolve(ws);
        await ws.receive();
        throw new Error("something was delivered");
      },
    );
    using peer = await openCompressed(server.url);
    const ws = await opened.promise;
    await peer.write(compressed(payload));
    assertEquals((await peer.readClose()).code, code);
    assertEquals((await ws.closed).code, code);
  });
}

Deno.test("serve() with compression gives up a peer that takes nothing, however small what is sent", async () => {
  const { promise, resolve } = Promise.withResolvers<CloseInfo>();
  await using server = await serve(
    {
      port: 0,
      engine: "node",
      compression: true,
      logger: {},
      pingInterval: 0,
      pongTimeout: 500,
      sendBuffer: 64 * MIB,
    },
    async (ws) => {
      resolve(ws.closed);
      // More than the two kernels take.
      for (let i = 0; i < 16; i++) {
        const noise = new Uint8Array(MIB);
        for (let at = 0; at < MIB; at += 65_536) {
          crypto.getRandomValues(noise.subarray(at, at + 65_536));
        }
        await ws.send(noise);
      }
      while (ws.open) {
        await ws.send("x".repeat(4096));
        await new Promise((next) => setTimeout(next, 50));
      }
    },
  );
  using _peer = await openCompressed(server.url);
  assert(await within(promise, 4000), "it is not given up");
  assertEquals((await promise).code, 1006);
});
