import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Channel, MessageLike } from "../src/channel.ts";
import { resolveLimits } from "../src/limits.ts";
import { SendBuffer } from "../src/send_buffer.ts";

/** A channel whose peer takes what it is told to. */
class SlowChannel implements Channel {
  readonly open = true;
  bufferedAmount = 0;
  readonly sent: MessageLike[] = [];
  send(data: MessageLike): void {
    this.sent.push(data);
    this.bufferedAmount += typeof data === "string"
      ? data.length
      : data.byteLength;
  }
  close(): void {}
}

function make(
  limits: Parameters<typeof resolveLimits>[0] = {},
): [SlowChannel, SendBuffer] {
  const channel = new SlowChannel();
  return [
    channel,
    new SendBuffer(channel, resolveLimits({ sendBuffer: 10_000, ...limits })),
  ];
}

/** Whether a promise is settled after all that is due now. */
async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const marker = {};
  return await Promise.race([promise, Promise.resolve(marker)]) === marker;
}

Deno.test("SendBuffer.send() resolves at once below the mark, and waits above it", async () => {
  const [channel, buffer] = make();
  assert(!await isPending(buffer.send("x".repeat(9000))!));
  const above = buffer.send("y".repeat(2000))!;
  assert(await isPending(above));
  assertEquals(channel.sent.length, 2);
  channel.bufferedAmount = 0;
  await above;
});

Deno.test("SendBuffer hands the channel no more than the mark and one message", async () => {
  const [channel, buffer] = make();
  const sends = Array.from(
    { length: 10 },
    () => buffer.send(new Uint8Array(6000))!,
  );
  assertEquals([channel.sent.length, channel.bufferedAmount], [2, 12_000]);
  const drain = setInterval(() => {
    assert(channel.bufferedAmount <= 16_000);
    channel.bufferedAmount = 0;
  }, 1);
  await Promise.all(sends);
  clearInterval(drain);
  assertEquals(channel.sent.length, 10);
});

Deno.test("SendBuffer copies what it keeps", async () => {
  const [channel, buffer] = make();
  buffer.send(new Uint8Array(20_000));
  const bytes = new Uint8Array([1, 2, 3]);
  const kept = buffer.send(bytes.subarray(1));
  bytes.fill(9);
  channel.bufferedAmount = 0;
  await kept;
  assertEquals(
    new Uint8Array(channel.sent[1] as ArrayBuffer),
    new Uint8Array([2, 3]),
  );
});

Deno.test("SendBuffer.send() takes no more than maxUnsentBytes", () => {
  const [, buffer] = make({ maxUnsentBytes: 1000 });
  buffer.send(new Uint8Array(20_000));
  assert(buffer.send(new Uint8Array(800)) !== undefined);
  assertEquals(buffer.send(new Uint8Array(100)), undefined);
  buffer.end(() => new Error("over"));
});

Deno.test("SendBuffer.end() rejects those who wait, and drops what waits", async () => {
  const [channel, buffer] = make();
  const waiting = buffer.send(new Uint8Array(20_000))!;
  buffer.send("kept");
  buffer.end(() => new Error("over"));
  await assertRejects(() => waiting, Error, "over");
  assertEquals(channel.sent.length, 1);
  await buffer.flush();
});

Deno.test("SendBuffer.stalled() tells a peer that takes nothing from one that is slow or idle", () => {
  const [channel, buffer] = make({ pongTimeout: 100, sendBuffer: 100_000 });
  assert(!buffer.stalled(0));
  assert(!buffer.stalled(1000), "an idle connection is not stalled");
  buffer.send("x".repeat(500));
  assert(!buffer.stalled(1001));
  assert(!buffer.stalled(1100));
  channel.bufferedAmount -= 1;
  assert(!buffer.stalled(1150), "a byte was taken");
  buffer.send("x".repeat(10));
  assert(
    !buffer.stalled(1200),
    "sending more is no progress, and time is not up",
  );
  assert(buffer.stalled(1250));
  channel.bufferedAmount = 0;
  assert(!buffer.stalled(1300));
  assert(!buffer.stalled(9999));
});

Deno.test("SendBuffer weighs messages, however small, so that their number is bounded too", () => {
  const [channel, buffer] = make({ maxUnsentBytes: 10_000 });
  let taken = 0;
  while (buffer.send("x") !== undefined) taken++;
  assert(taken < 300, `${taken} messages of one byte`);
  assert(channel.sent.length < 200);
  buffer.end(() => new Error("over"));
});

Deno.test("SendBuffer does not take a peer that keeps up for one that does not", () => {
  const [channel, buffer] = make();
  for (let i = 0; i < 10_000; i++) {
    buffer.send("x");
    channel.bufferedAmount = i % 3; // Never more than a few, and hardly ever none.
  }
  assertEquals(channel.sent.length, 10_000);
});
