import { assertEquals } from "@std/assert";
import http from "node:http";
import { mask, unmask, withdraw } from "../src/engines/node_masking.ts";

/** Bytes that differ from their neighbours. */
function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => 7 * index + 3);
}

const MASK = Uint8Array.of(0x12, 0x34, 0xab, 0xff);

/** What RFC 6455, section 5.3, says, byte by byte. */
function expected(data: Uint8Array): Uint8Array {
  return data.map((byte, index) => byte ^ MASK[index % 4]!);
}

Deno.test("unmask() works on its part of a buffer, wherever that begins and ends", () => {
  for (let offset = 0; offset < 9; offset++) {
    for (const length of [0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 126, 1000]) {
      const whole = bytes(offset + length + 5);
      const part = whole.subarray(offset, offset + length);
      const before = whole.slice();
      unmask(part, MASK);
      assertEquals(part, expected(before.slice(offset, offset + length)));
      assertEquals(whole.slice(0, offset), before.slice(0, offset));
      assertEquals(whole.slice(offset + length), before.slice(offset + length));
    }
  }
});

Deno.test("mask() writes what was masked, and leaves its source and the rest alone", () => {
  for (let offset = 0; offset < 5; offset++) {
    for (const length of [0, 1, 5, 24, 100]) {
      const source = bytes(length + 3);
      const output = new Uint8Array(offset + length + 4);
      mask(source, MASK, output, offset, length);
      const part = output.subarray(offset, offset + length);
      assertEquals(part, expected(bytes(length)));
      assertEquals(source, bytes(length + 3));
      assertEquals(output.slice(0, offset), new Uint8Array(offset));
      assertEquals(output.slice(offset + length), new Uint8Array(4));
    }
  }
});

Deno.test("withdraw() leaves node:http as it was", async () => {
  await import("../src/engines/node_ws.ts");
  withdraw();
  const { websocketMask, websocketUnmask } = http as {
    websocketMask?: unknown;
    websocketUnmask?: unknown;
  };
  assertEquals([websocketMask, websocketUnmask], [undefined, undefined]);
});
