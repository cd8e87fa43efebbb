import { assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ReceiveQueue } from "../src/receive_queue.ts";

const over = () => new Error("over");

Deno.test("ReceiveQueue keeps the order through growth, wrap-around and shrinking", async () => {
  const queue = new ReceiveQueue();
  let pushed = 0;
  let taken = 0;
  for (
    const [push, take] of [[10, 5], [12, 17], [5, 1], [100, 50], [40, 94], [
      20,
      20,
    ]] as const
  ) {
    for (let i = 0; i < push; i++) queue.push(`${pushed++}`);
    for (let i = 0; i < take; i++) {
      assertEquals(await queue.receive(), `${taken++}`);
    }
    assertEquals(queue.length, pushed - taken);
  }
  assertEquals(queue.bytes, 0);
});

Deno.test("ReceiveQueue hands a message straight to whoever waits", async () => {
  const queue = new ReceiveQueue();
  const one = queue.receive();
  assertEquals(queue.waiting, true);
  queue.push("one");
  assertEquals([queue.waiting, queue.length], [false, 0]);
  assertEquals(await one, "one");
  const two = queue.next();
  queue.push("two");
  assertEquals(await two, { done: false, value: "two" });
});

Deno.test("ReceiveQueue counts what waits", () => {
  const queue = new ReceiveQueue();
  queue.push("four");
  queue.push(new Uint8Array(6));
  assertEquals([queue.length, queue.bytes], [2, 10]);
});

Deno.test("ReceiveQueue.end() is met after the last message", async () => {
  for (const normal of [true, false]) {
    const queue = new ReceiveQueue();
    queue.push("last");
    queue.end(over, normal);
    queue.end(() => new Error("a second end"), !normal);
    assertEquals(await queue.next(), { done: false, value: "last" });
    if (normal) assertEquals((await queue.next()).done, true);
    else await assertRejects(() => queue.next(), Error, "over");
    await assertRejects(() => queue.receive(), Error, "over");
  }
});

Deno.test("ReceiveQueue.end() frees whoever waits", async () => {
  for (const normal of [true, false]) {
    const queue = new ReceiveQueue();
    const waiting = queue.next();
    queue.end(over, normal);
    if (normal) assertEquals((await waiting).done, true);
    else await assertRejects(() => waiting, Error, "over");
    const other = new ReceiveQueue();
    const receiving = other.receive();
    other.end(over, normal);
    await assertRejects(() => receiving, Error, "over");
  }
});

Deno.test("ReceiveQueue calls onidle when a receiver begins to wait", async () => {
  const queue = new ReceiveQueue();
  let idle = 0;
  queue.onidle = () => idle++;
  queue.push("one");
  await queue.receive();
  assertEquals(idle, 0);
  const waiting = queue.receive();
  assertStrictEquals(idle, 1);
  queue.push("two");
  await waiting;
});
