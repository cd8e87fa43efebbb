import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import { constants, createDeflateRaw, deflateRawSync } from "node:zlib";
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import {
  CORRUPT,
  deflateOptions,
  maxCompressedSize,
  secureDeflate,
} from "../src/engines/node_deflate.ts";
import {
  ask,
  closeCode,
  compressed,
  concat,
  deflate,
  extensionOf,
  hex,
  inflated,
  MIB,
  noise,
  open,
  RSV1,
  serve,
  SYNC_FLUSH,
  whenClosed,
} from "./_deflate.ts";
import { encodeFrame, Opcode, RawPeer } from "./_raw_peer.ts";

const PYTHON = "/usr/bin/python3";

Deno.test("deflateOptions() lets no message refer to one before it", () => {
  assertEquals(deflateOptions(1024), {
    clientNoContextTakeover: true,
    serverNoContextTakeover: true,
    threshold: 1024,
  });
});

Deno.test("secureDeflate() finds in this version of npm:ws what it replaces, and that is all that is used", async () => {
  await using site = await serve();
  using peer = await open(site.url);
  await peer.write(compressed(deflate("Ada")));
  assertEquals(inflated(await peer.readFrame()).toString(), "Ada");
  const extension = extensionOf(site.sockets[0]!);
  assert(Object.hasOwn(extension, "decompress"));
  assert(Object.hasOwn(extension, "compress"));
  // The streams of ws itself.
  assertEquals([extension._inflate, extension._deflate], [null, null]);
});

const PARAMS = {
  client_no_context_takeover: true,
  server_no_context_takeover: true,
};
const METHODS = { decompress() {}, compress() {} };
for (
  const [name, _extensions, _socket] of [
    ["no extensions", undefined, { once() {} }],
    ["no extension", {}, { once() {} }],
    ["no methods", { "permessage-deflate": { params: PARAMS } }, { once() {} }],
    ["no parameters", { "permessage-deflate": METHODS }, { once() {} }],
    [
      "context takeover",
      { "permessage-deflate": { ...METHODS, params: {} } },
      { once() {} },
    ],
    [
      "no socket",
      { "permessage-deflate": { ...METHODS, params: PARAMS } },
      undefined,
    ],
  ] as const
) {
  Deno.test(`secureDeflate() ends a WebSocket in which it finds ${name}`, () => {
    let ended = 0;
    const ws = {
      extensions: "permessage-deflate",
      terminate: () => ended++,
      _extensions,
      _socket,
    };
    assertThrows(
      () => secureDeflate(ws as unknown as WebSocket, MIB),
      Error,
      "Cannot secure compression: this version of npm:ws is not built as expected",
    );
    assertEquals(ended, 1);
  });
}

Deno.test("secureDeflate() leaves a WebSocket alone that does not compress", async () => {
  await using site = await serve();
  using peer = await RawPeer.open(site.url);
  await peer.send({ opcode: Opcode.Text, payload: "x".repeat(2000) });
  const { payload } = await peer.readFrame();
  assertEquals(payload.length, 2000);
  await peer.write(compressed(deflate("Ada")));
  assertEquals((await peer.readClose()).code, 1002);
});

for (
  const [offer, accepted] of [
    ["permessage-deflate", ""],
    ["permessage-deflate; client_no_context_takeover", ""],
    ["permessage-deflate; server_no_context_takeover", ""],
    ["permessage-deflate; client_max_window_bits", ""],
    [
      "permessage-deflate; client_max_window_bits=10",
      "; client_max_window_bits=10",
    ],
    [
      "permessage-deflate; server_max_window_bits=9",
      "; server_max_window_bits=9",
    ],
    ["x-unknown, permessage-deflate", ""],
    ["permessage-deflate; server_max_window_bits=7", undefined],
    ["permessage-deflate; server_max_window_bits=16", undefined],
    ["permessage-deflate; server_max_window_bits", undefined],
    ["permessage-deflate; client_max_window_bits=x", undefined],
    ["permessage-deflate; client_no_context_takeover=1", undefined],
    ["permessage-deflate; unknown", undefined],
    ["permessage-deflate;", undefined],
  ] as const
) {
  Deno.test(`deflateOptions() answers the offer "${offer}" with ${accepted === undefined ? 400 : "no context takeover"}`, async () => {
    await using site = await serve();
    const { peer, answer } = await ask(site.url, offer);
    using _ = peer;
    if (accepted === undefined) return assertEquals(answer.status, 400);
    const parameters = (answer.headers.get("sec-websocket-extensions") ?? "")
      .split("; ").sort();
    assertEquals(
      parameters,
      [
        "client_no_context_takeover",
        "permessage-deflate",
        "server_no_context_takeover",
        ...accepted.split("; ").slice(1),
      ].sort(),
    );
  });
}

for (
  const [name, payload] of [
    ["7.2.3.1, one block", "f2 48 cd c9 c9 07 00"],
    ["7.2.3.3, no compression", "00 05 00 fa ff 48 65 6c 6c 6f 00"],
    ["7.2.3.4, a last block", "f3 48 cd c9 c9 07 00 00"],
    ["7.2.3.5, two blocks", "f2 48 05 00 00 00 ff ff ca c9 c9 07 00"],
    ["a last block without an empty one", "f3 48 cd c9 c9 07 00"],
    ["an empty last block at the end", "00 05 00 fa ff 48 65 6c 6c 6f 01"],
  ] as const
) {
  Deno.test(`secureDeflate() takes "Hello" as in RFC 7692, section ${name}`, async () => {
    await using site = await serve();
    using peer = await open(site.url);
    await peer.write(compressed(hex(payload)));
    assertEquals(inflated(await peer.readFrame()).toString(), "Hello");
  });
}

for (const payload of ["00", "01", "02 00", "03 00", "03 00 00"]) {
  Deno.test(`secureDeflate() takes an empty message that is compressed to ${payload}`, async () => {
    await using site = await serve();
    using peer = await open(site.url);
    await peer.write(compressed(hex(payload)));
    // Section 7.2.3.6.
    assertEquals((await peer.readFrame()).payload, Uint8Array.of(0));
    assertEquals(site.messages, [Buffer.alloc(0)]);
  });
}

const HELLO = deflate("hello world, hello world, hello world");
const PLAIN = deflate(noise(1000), { level: 0 });
for (
  const [name, ...payload] of [
    ["nothing", []],
    ["garbage", new Uint8Array(20).fill(0xff)],
    ["60 KiB that are good and bytes that are not", [
      ...deflateRawSync(noise(60_000), { finishFlush: SYNC_FLUSH }),
      ...[0x07, 0xff, 0xff],
    ]],
    ["a last block and more than an empty one", HELLO.slice(), [0, 0]],
    ["a last block and junk", deflateRawSync("hello"), [0x6a]],
    ["two streams", deflateRawSync("hello"), deflateRawSync("hello"), [0]],
    ["a reference before the beginning", hex("02 13 00 00")],
    ["plain bytes less the last 5", PLAIN.subarray(0, -5)],
    ["plain bytes less the last 12", PLAIN.subarray(0, -12)],
    ["plain bytes less the last 13", PLAIN.subarray(0, -13)],
    ["plain bytes less the last 14", PLAIN.subarray(0, -14)],
  ] as [string, ...(Uint8Array | number[])[]][]
) {
  Deno.test(`secureDeflate() closes with 1007 for ${name}`, async () => {
    await using site = await serve();
    const whole = concat(...payload);
    const frame = compressed(whole, Opcode.Binary);
    const next = encodeFrame({ opcode: Opcode.Text, payload: "next" }, true);
    assertEquals(await closeCode(site.url, frame, next), 1007);
    const [half, rest] = [whole.slice(0, 9), whole.slice(9)];
    const first = encodeFrame(
      { opcode: RSV1 | Opcode.Binary, payload: half, fin: false },
      true,
    );
    const last = encodeFrame({ opcode: 0, payload: rest }, true);
    assertEquals(await closeCode(site.url, first, last, next), 1007);
    assertEquals(site.messages, []);
    assertEquals(site.errors, [CORRUPT, CORRUPT]);
  });
}

Deno.test("secureDeflate() closes with 1007 for a message that is cut off, wherever", async () => {
  await using site = await serve();
  const message = deflate(
    JSON.stringify([...noise(60)].map((value) => ({ value, ok: value > 99 }))),
  );
  for (let length = 0; length < message.length; length++) {
    const cut = compressed(message.subarray(0, length), Opcode.Binary);
    assertEquals(await closeCode(site.url, cut), 1007, `${length} bytes`);
  }
  assertEquals(site.messages, []);
});

Deno.test("secureDeflate() closes with 1007 for a last block that is cut off", async () => {
  await using site = await serve();
  // The second ends as what is added for a check does.
  for (const end of [[], hex("07 c9 5b 37 e1 8d 2a 74")]) {
    for (let count = 0; count < 16; count++) {
      // Nine bits for each of these, so that blocks end in any bit of a byte.
      const odd = Array.from({ length: count }, (_, index) => 0x90 + index);
      const data = concat(new Uint8Array(100), odd, end);
      const last = deflateRawSync(data, { strategy: constants.Z_FIXED });
      const cut = Uint8Array.from(last.subarray(0, -1));
      const code = await closeCode(site.url, compressed(cut, Opcode.Binary));
      assertEquals(code, 1007, `${count} odd bytes`);
    }
  }
  assertEquals(site.messages, []);
});

Deno.test("secureDeflate() takes plain bytes that look like the ends it adds", async () => {
  await using site = await serve({ onMessage: (ws) => ws.send("") });
  using peer = await open(site.url);
  const ends = [
    hex("00 00 ff ff"),
    hex("07 c9 5b 37 e1 8d 2a 74"),
    hex("08 00 f7 ff 07 c9 5b 37 e1 8d 2a 74"),
    hex("07 00 f8 ff 07 9e 52 b6 13 d8 6f"),
  ];
  for (const end of ends) {
    for (const level of [0, 6]) {
      const data = concat(noise(100), end);
      await peer.write(compressed(deflate(data, { level }), Opcode.Binary));
      await peer.readFrame();
      assertEquals(new Uint8Array(site.messages.pop()!), data);
      const last = concat(deflateRawSync(data, { level }), [0]);
      await peer.write(compressed(last, Opcode.Binary));
      await peer.readFrame();
      assertEquals(new Uint8Array(site.messages.pop()!), data);
    }
  }
});

Deno.test("secureDeflate() closes with 1007 for a client that refers to an earlier message all the same", async () => {
  await using site = await serve();
  using peer = await open(site.url);
  const stream = createDeflateRaw();
  const next = async (data: string) => {
    stream.write(data);
    await new Promise<void>((resolve) => stream.flush(SYNC_FLUSH, resolve));
    return new Uint8Array((stream.read() as Buffer).subarray(0, -4));
  };
  const text = "a sentence that comes twice, word for word";
  await peer.write(compressed(await next(text)));
  assertEquals(inflated(await peer.readFrame()).toString(), text);
  await peer.write(compressed(await next(text)));
  stream.close();
  assertEquals((await peer.readFrame()).payload, Uint8Array.of(0x03, 0xef));
  assertEquals(site.messages.length, 1);
});

Deno.test("secureDeflate() closes with 1007 for text that is not UTF-8", async () => {
  await using site = await serve();
  const text = compressed(deflate(Uint8Array.of(0xc3, 0x28)));
  assertEquals(await closeCode(site.url, text), 1007);
  assertEquals(site.errors, ["WS_ERR_INVALID_UTF8"]);
});

Deno.test("secureDeflate() takes fragments, and answers pings between them", async () => {
  await using site = await serve();
  using peer = await open(site.url);
  const message = deflate(noise(500));
  const opcode = RSV1 | Opcode.Binary;
  await peer.send({ opcode, fin: false, payload: message.subarray(0, 100) });
  await peer.send({ opcode: Opcode.Ping, payload: "?" });
  await peer.send({ opcode: 0, fin: false });
  for (const byte of message.subarray(100)) {
    await peer.send({ opcode: 0, fin: false, payload: Uint8Array.of(byte) });
  }
  assertEquals((await peer.readFrame()).opcode, Opcode.Pong);
  await peer.send({ opcode: 0 });
  assertEquals(
    new Uint8Array(inflated(await peer.readFrame())),
    noise(500),
  );
  await peer.send({ opcode: Opcode.Text, payload: "not compressed" });
  const { payload } = await peer.readFrame();
  assert(payload.length > 0);
  await peer.send({ opcode: Opcode.Close });
  assertEquals((await peer.readClose()).code, 1005);
});

Deno.test("secureDeflate() takes a message of the size that is allowed, and answers 1009 to one byte more", async () => {
  const maxMessageSize = 100_000;
  await using site = await serve({ maxMessageSize });
  using peer = await open(site.url);
  const forms: ((data: Uint8Array) => Uint8Array)[] = [
    (data) => deflate(data),
    (data) => deflate(data, { level: 0 }),
    (data) => concat(deflateRawSync(data), [0]),
  ];
  for (const data of [new Uint8Array(maxMessageSize), noise(maxMessageSize)]) {
    for (const form of forms) {
      await peer.write(compressed(form(data), Opcode.Binary));
      assertEquals(new Uint8Array(inflated(await peer.readFrame())), data);
      const more = compressed(form(concat(data, [0])), Opcode.Binary);
      assertEquals(await closeCode(site.url, more), 1009);
    }
  }
  assertEquals(site.messages.length, 6);
  assertEquals(site.errors, Array(6).fill("WS_ERR_UNSUPPORTED_MESSAGE_LENGTH"));
});

Deno.test("maxCompressedSize() bounds noise that is compressed at any level", () => {
  for (const length of [0, 1, 1000, 100_000, MIB]) {
    for (let level = 0; level <= 9; level++) {
      for (const memLevel of [1, 8]) {
        const { length: size } = deflate(noise(length), { level, memLevel });
        assert(size <= maxCompressedSize(length), `${size} for ${length}`);
      }
    }
  }
});

Deno.test("secureDeflate() stops a message of 256 MiB while it decompresses it", async () => {
  await using site = await serve();
  // The flush ends each part at a byte, so that it can be repeated.
  const part = deflateRawSync(new Uint8Array(16 * MIB), { finishFlush: 3 });
  const bomb = compressed(concat(...Array(16).fill(part), [0]), Opcode.Binary);
  assertLess(bomb.length, MIB);
  await closeCode(site.url, bomb);
  const before = Deno.memoryUsage().rss;
  for (let count = 0; count < 10; count++) {
    assertEquals(await closeCode(site.url, bomb), 1009);
  }
  assertLess(Deno.memoryUsage().rss - before, 48 * MIB);
  assertEquals(site.messages, []);
});

Deno.test("secureDeflate() decompresses nothing while the WebSocket is paused, and all in order after", async () => {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  const { promise: paused, resolve: hasPaused } = Promise.withResolvers<void>();
  await using site = await serve({
    onMessage: (ws, data) => {
      if (data[0] === 1) {
        ws.pause();
        hasPaused();
      } else if (data[0] === 40) resolve();
    },
  });
  using peer = await open(site.url);
  const messages = Array.from({ length: 40 }, (_, index) => {
    const data = new Uint8Array(MIB).fill(index + 1);
    return compressed(deflate(data), Opcode.Binary);
  });
  // All of them in one read from the network.
  await peer.write(concat(...messages));
  await paused;
  // That another is served says that this one had its turns.
  using other = await open(site.url);
  for (let count = 0; count < 5; count++) {
    await other.send({ opcode: Opcode.Ping });
    await other.readFrame();
  }
  assertEquals(site.messages.length, 1);
  site.sockets[0]!.resume();
  await done;
  assertEquals(
    site.messages.map(([first]) => first),
    messages.map((_, index) => index + 1),
  );
});

Deno.test("secureDeflate() lets others have their turn between large messages", async () => {
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let before: number | undefined;
  await using site = await serve({
    onMessage: () => {
      const count = site.messages.length;
      if (count === 1) setImmediate(() => before = site.messages.length);
      if (count === 40) resolve();
    },
  });
  using peer = await open(site.url);
  const message = compressed(deflate(new Uint8Array(MIB)), Opcode.Binary);
  await peer.write(concat(...Array(40).fill(message)));
  await done;
  assert(before !== undefined && before < 5, `${before} came first`);
});

for (const who of ["this side", "the peer"]) {
  Deno.test(`secureDeflate() lets a paused WebSocket close that ${who} drops`, async () => {
    const { promise, resolve } = Promise.withResolvers<WebSocket>();
    await using site = await serve({
      onMessage: (ws) => {
        ws.pause();
        ws.ping();
        resolve(ws);
      },
    });
    using peer = await open(site.url);
    const message = compressed(deflate("Ada"));
    await peer.write(concat(message, message, message));
    const ws = await promise;
    await peer.readFrame();
    const closed = whenClosed(ws);
    if (who === "this side") {
      ws.terminate();
    } else {
      peer[Symbol.dispose]();
      // That nobody is there shows when something is sent.
      const pings = setInterval(() => ws.ping(), 10);
      ws.once("close", () => clearInterval(pings));
    }
    assertEquals(await closed, 1006);
    assertEquals(site.messages.length, 1);
  });
}

Deno.test("secureDeflate() does not keep what comes when a paused WebSocket is gone", async () => {
  await using site = await serve();
  using _ = await open(site.url);
  const [ws] = site.sockets;
  const closed = whenClosed(ws!);
  ws!.pause();
  ws!.terminate();
  await closed;
  const error = await new Promise<unknown>((resolve) =>
    extensionOf(ws!).decompress(deflate("Ada"), true, resolve)
  );
  assert(error instanceof Error);
  assertEquals(
    error.message,
    "Cannot decompress a message: the connection was lost",
  );
});

Deno.test("secureDeflate() echoes what npm:ws sends, compressed from the threshold on", async () => {
  await using site = await serve({ threshold: 1024 });
  const client = new WebSocket(site.url, {
    perMessageDeflate: { threshold: 0 },
  });
  const closed = once(client, "close");
  await once(client, "open");
  const { _socket: socket } = client as unknown as { _socket: Duplex };
  for (const length of [0, 1, 1023, 1024, 65_536, MIB]) {
    for (const data of ["x".repeat(length), Buffer.from(noise(length))]) {
      if (length === MIB && typeof data !== "string") continue;
      const chunk = once(socket, "data");
      const message = once(client, "message");
      client.send(data);
      const [[head], [reply, isBinary]] = await Promise.all([chunk, message]);
      assertEquals((head[0] & RSV1) !== 0, length >= 1024);
      assertEquals(isBinary, typeof data !== "string");
      assert(Buffer.from(data).equals(reply));
    }
  }
  const message = once(client, "message");
  for (const part of ["in ", "", "three parts"]) {
    client.send(part, { fin: false });
  }
  client.send("");
  assertEquals(String((await message)[0]), "in three parts");
  client.close(1000);
  assertEquals((await closed)[0], 1000);
  assertEquals(site.errors, []);
});

Deno.test("secureDeflate() sends many messages at once whole and in order", async () => {
  await using site = await serve({
    onMessage: (ws) => {
      for (let index = 0; index < 500; index++) {
        ws.send(`${index} `.repeat(index));
      }
      ws.close(1000);
    },
  });
  const client = new WebSocket(site.url);
  let count = 0;
  client.on("message", (data) => {
    assertEquals(String(data), `${count} `.repeat(count));
    count++;
  });
  client.on("open", () => client.send("go"));
  await once(client, "close");
  assertEquals(count, 500);
});

for (const windowBits of [8, 9, 10, 11, 12, 13, 14, 15]) {
  Deno.test(`secureDeflate() keeps to a window of 2^${windowBits} bytes`, async () => {
    await using site = await serve();
    using peer = await open(
      site.url,
      `permessage-deflate; server_max_window_bits=${windowBits}`,
    );
    // What repeats is out of reach at first, and then within it.
    const far = noise(2 ** windowBits + 100);
    const data = concat(far, far, far.subarray(0, 100), far.subarray(0, 100));
    await peer.write(compressed(deflate(data), Opcode.Binary));
    // By small chunks the reader knows no more than its window.
    const narrow = { windowBits, chunkSize: 64 };
    const frame = await peer.readFrame();
    assertEquals(new Uint8Array(inflated(frame, narrow)), data);
    if (windowBits === 15) return;
    const payload = Uint8Array.from(deflate(data));
    assertThrows(() => inflated({ ...frame, payload }, narrow));
  });
}

const PYTHON_CLIENT = `
import asyncio, os, sys, websockets

async def main():
    async with websockets.connect(sys.argv[1], max_size=None) as ws:
        assert [e.name for e in ws.extensions] == ["permessage-deflate"]
        for size in (0, 1, 125, 1024, 65536, 1000000):
            for data in ("x" * size, b"x" * size, os.urandom(size)):
                await ws.send(data)
                assert await ws.recv() == data, size
        for parts in (["a", "", "b"], ["", ""], [b"1" * 70000, os.urandom(99), b""]):
            await ws.send(parts)
            assert await ws.recv() == type(parts[0])().join(parts), parts
    print("same")

asyncio.run(main())
`;
const hasPython = await exists(PYTHON);
Deno.test({
  name: `secureDeflate() echoes what Python's websockets sends${
    hasPython ? "" : ` (${PYTHON} is not installed)`
  }`,
  ignore: !hasPython && Deno.env.get("CI") !== "true",
  async fn() {
    await using site = await serve();
    const { stdout, stderr } = await new Deno.Command(PYTHON, {
      args: ["-I", "-c", PYTHON_CLIENT, site.url],
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
    assertEquals(text(stdout), "same", text(stderr));
    assertEquals(site.errors, []);
  },
});

Deno.test("secureDeflate() takes little memory for a connection", async () => {
  const used: number[] = [];
  for (const compression of [false, false, true]) {
    await using site = await serve({ compression });
    await using stack = new AsyncDisposableStack();
    const data = noise(4096);
    const message = compression
      ? compressed(deflate(data), Opcode.Binary)
      : encodeFrame({ opcode: Opcode.Binary, payload: data }, true);
    const before = Deno.memoryUsage().rss;
    for (let count = 0; count < 500; count++) {
      const peer = stack.use(await open(site.url));
      await peer.write(message);
      assertEquals((await peer.readFrame()).opcode, Opcode.Binary);
    }
    used.push((Deno.memoryUsage().rss - before) / 500);
    site.messages.splice(0);
  }
  // The first round warms up. What ws itself does takes 300 KiB.
  assertLess(used[2]!, 150 * 1024);
});

function assertLess(actual: number, bound: number): void {
  assert(actual < bound, `${actual} is not less than ${bound}`);
}

async function exists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch {
    return false;
  }
}
