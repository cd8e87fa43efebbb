import { assert, assertEquals } from "@std/assert";
import { CORRUPT } from "../src/engines/node_deflate.ts";
import {
  compressed,
  concat,
  deflate,
  extensionOf,
  inflated,
  noise,
  open,
  RSV1,
  seeded,
  serve,
} from "./_deflate.ts";
import { encodeFrame, Opcode } from "./_raw_peer.ts";

Deno.test("secureDeflate() delivers of 3,000 broken messages only what an independent reader finds in them", async () => {
  await using site = await serve();
  using _ = await open(site.url);
  const extension = extensionOf(site.sockets[0]!);
  const random = seeded(7692);
  const pick = (below: number) => Math.floor(random() * below);
  const counts = { good: 0, corrupt: 0 };
  for (let round = 0; round < 3000; round++) {
    const message = deflate(text(50 + pick(500), random), { level: pick(10) });
    for (let flips = pick(4); flips > 0; flips--) {
      const at = pick(message.length);
      message[at] = message[at]! ^ (1 << pick(8));
    }
    const cut = message.subarray(0, message.length - pick(2) * pick(20));
    const expected = await readIndependently(cut);
    const actual = await new Promise<Uint8Array | string>((resolve) => {
      const half = pick(cut.length);
      extension.decompress(cut.subarray(0, half), false, (error, data) => {
        assertEquals([error, data?.length], [null, 0]);
        extension.decompress(cut.subarray(half), true, (error, data) => {
          resolve(error === null ? new Uint8Array(data!) : error.code!);
        });
      });
    });
    if (typeof actual === "string") {
      assertEquals(actual, CORRUPT);
      counts.corrupt++;
    } else {
      assertEquals(actual, expected, `round ${round}`);
      counts.good++;
    }
  }
  assert(counts.good > 400, `${counts.good} good`);
  assert(counts.corrupt > 1500, `${counts.corrupt} corrupt`);
});

Deno.test("secureDeflate() outlives 300 clients that send noise and go", async () => {
  await using site = await serve();
  const random = seeded(1);
  for (let round = 0; round < 300; round++) {
    using peer = await open(site.url);
    const payload = noise(1 + random() * 2000, round);
    const half = random() * payload.length;
    await peer.write(concat(
      encodeFrame({
        opcode: RSV1 | Opcode.Binary,
        fin: false,
        payload: payload.subarray(0, half),
      }, true),
      encodeFrame({ opcode: 0, payload: payload.subarray(half) }, true),
    ));
    if (random() < 0.7) await peer.readFrame();
  }
  assertEquals(site.messages.length, 0);
  using peer = await open(site.url);
  await peer.write(compressed(deflate("Ada")));
  assertEquals(inflated(await peer.readFrame()).toString(), "Ada");
});

/** Words, some of them again and again. */
function text(length: number, random: () => number): string {
  const words: string[] = [];
  while (words.length * 4 < length) {
    words.push(
      Math.floor(random() ** 3 * 46_656).toString(36).padStart(3, " "),
    );
  }
  return words.join(" ");
}

/** What the decompression of the web says of a message, if it is whole. */
async function readIndependently(
  message: Uint8Array,
): Promise<Uint8Array | undefined> {
  const tail = [0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff];
  // It takes nothing behind a last block, of which a message may have one.
  return await inflateWeb(concat(message, tail)) ??
    await inflateWeb(message) ??
    (message.at(-1)! <= 1 ? await inflateWeb(message.slice(0, -1)) : undefined);
}

async function inflateWeb(data: Uint8Array): Promise<Uint8Array | undefined> {
  const stream = new DecompressionStream("deflate-raw");
  const writer = stream.writable.getWriter();
  const written = writer.write(new Uint8Array(data))
    .then(() => writer.close()).catch(() => {});
  try {
    return await new Response(stream.readable).bytes();
  } catch {
    return undefined;
  } finally {
    await written;
  }
}
