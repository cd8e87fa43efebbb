import { assertEquals, assertNotEquals } from "@std/assert";
import { frameOf } from "../src/engines/node_frames.ts";

interface Frame {
  first: number;
  masked: boolean;
  payload: Uint8Array;
  key: Uint8Array;
}

/** Reads a frame as RFC 6455, section 5.2, writes it; what is over or missing is an error. */
function read(written: Uint8Array): Frame {
  const frame = new Uint8Array(written); // A Buffer's slices share its bytes.
  const view = new DataView(frame.buffer);
  const masked = (view.getUint8(1) & 0x80) !== 0;
  let size = view.getUint8(1) & 0x7f;
  let at = 2;
  if (size === 126) {
    size = view.getUint16(at);
    at += 2;
  } else if (size === 127) {
    size = Number(view.getBigUint64(at));
    at += 8;
  }
  const key = frame.slice(at, at += masked ? 4 : 0);
  const payload = frame.slice(at);
  assertEquals(payload.length, size);
  if (masked) payload.forEach((byte, n) => payload[n] = byte ^ key[n % 4]!);
  return { first: view.getUint8(0), masked, payload, key };
}

/** Around each length where another way is taken, or another form of the head. */
const SIZES = [
  ...[0, 1, 2, 3, 4, 5, 15, 16, 23, 24, 25, 63, 64, 65],
  ...[125, 126, 127, 65_535, 65_536],
];

for (const masked of [false, true]) {
  const whose = masked ? "a client's" : "a server's";

  Deno.test(`${whose} frame of text has the bytes of the text in UTF-8`, () => {
    for (const size of SIZES) {
      const ascii = "~\0aZ".repeat(size / 4 + 1).slice(0, size);
      // Not ASCII: at its end; throughout; a pair; halves of a pair, which become U+FFFD.
      const texts = [
        ascii,
        ascii + "\x80",
        "é".repeat(size),
        ascii + "😀",
        ascii + "\ud83d",
        "\ude00" + ascii,
      ];
      for (const text of texts) {
        const frame = read(frameOf(text, masked));
        assertEquals(frame.first, 0x81);
        assertEquals(frame.masked, masked);
        assertEquals(frame.payload, new TextEncoder().encode(text));
      }
    }
  });

  Deno.test(`${whose} frame of bytes has them, and leaves them alone`, () => {
    for (const size of SIZES) {
      const whole = Uint8Array.from({ length: size + 5 }, (_, n) => 7 * n + 3);
      const before = whole.slice();
      const part = whole.subarray(3, 3 + size);
      const copy = part.slice();
      const view = new DataView(copy.buffer);
      for (const data of [part, copy.buffer, view]) {
        const frame = read(frameOf(data, masked));
        assertEquals(frame.first, 0x82);
        assertEquals(frame.masked, masked);
        assertEquals(frame.payload, copy);
      }
      assertEquals(whole, before);
    }
  });
}

Deno.test("no two frames of a client are masked alike, also where the keys in store run out", () => {
  const keys = Array.from({ length: 5000 }, (_, n) => {
    const { key } = read(frameOf(n % 2 === 0 ? "x" : "x".repeat(100), true));
    return new DataView(key.buffer).getUint32(0);
  });
  // By chance two of 5,000 are the same in 3 of 1,000 runs, ten of them never.
  const distinct = new Set(keys).size;
  assertEquals(distinct > keys.length - 10, true);
  assertNotEquals(keys.slice(0, 2048), keys.slice(2048, 4096));
});
