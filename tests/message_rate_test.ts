import { assertEquals, assertRejects } from "@std/assert";
import { serve, type ServeOptions } from "../server.ts";
import { MessageRate } from "../src/message_rate.ts";
import { test } from "./_engines.ts";
import { pair } from "./_pair.ts";

Deno.test("MessageRate.take() lets a burst through, and no more", () => {
  const rate = new MessageRate({ perSecond: 0.001, burst: 3 });
  const taken = Array.from({ length: 5 }, () => rate.take());
  assertEquals(taken, [true, true, true, false, false]);
});

Deno.test("MessageRate.take() gains with time, up to a burst", async () => {
  const rate = new MessageRate({ perSecond: 100, burst: 2 });
  assertEquals([rate.take(), rate.take()], [true, true]);
  await new Promise((next) => setTimeout(next, 12));
  assertEquals(rate.take(), true);
  await new Promise((next) => setTimeout(next, 100));
  const slow = new MessageRate({ perSecond: 0.001, burst: 2 });
  assertEquals([slow.take(), slow.take(), slow.take()], [true, true, false]);
  // Ten were gained, of which two are kept.
  assertEquals([rate.take(), rate.take()], [true, true]);
});

test("serve() closes with 1008 past maxMessagesPerSecond, and keeps what it took", async (engine) => {
  await using ends = await pair({
    engine,
    maxMessagesPerSecond: 0.001,
    maxMessageBurst: 5,
  });
  const { client, peer } = ends;
  for (let number = 0; number < 6; number++) client.send(`${number}`);
  const info = {
    code: 1008,
    reason: "more than 0.001 messages a second (maxMessagesPerSecond)",
    wasClean: true,
  };
  assertEquals(await client.closed, info);
  assertEquals(await peer.closed, info);
  for (let number = 0; number < 5; number++) {
    assertEquals(await peer.receive(), `${number}`);
  }
  await assertRejects(() => peer.receive(), Error, "1008");
});

test("serve() takes ten seconds' worth of messages at once by default", async (engine) => {
  await using ends = await pair({ engine, maxMessagesPerSecond: 0.3 });
  const { client, peer } = ends;
  for (let number = 0; number < 3; number++) {
    await client.send("x");
    assertEquals(await peer.receive(), "x");
  }
  client.send("one too many");
  assertEquals((await client.closed).code, 1008);
});

test("serve() measures each connection by itself, and not what it sends", async (engine) => {
  const limits = { maxMessagesPerSecond: 0.001, maxMessageBurst: 2 };
  await using one = await pair({ engine, ...limits });
  for (let number = 0; number < 20; number++) {
    await one.peer.send(`${number}`);
    assertEquals(await one.client.receive(), `${number}`);
  }
  for (let number = 0; number < 2; number++) {
    await one.client.send("x");
    assertEquals(await one.peer.receive(), "x");
  }
  assertEquals([one.client.open, one.peer.open], [true, true]);
});

Deno.test("serve() refuses rates that make no sense", async () => {
  const wrong: [object, string][] = [
    [{ maxMessagesPerSecond: 0 }, "it must be over 0, current value is 0"],
    [{ maxMessagesPerSecond: -1 }, "current value is -1"],
    [{ maxMessagesPerSecond: NaN }, "current value is NaN"],
    [{ maxMessagesPerSecond: "9" }, 'current value is the string "9"'],
    [{ maxMessageBurst: 9 }, "maxMessageBurst without maxMessagesPerSecond"],
    [{ maxMessagesPerSecond: 9, maxMessageBurst: 0 }, "maxMessageBurst"],
    [{ maxMessagesPerSecond: 9, maxMessageBurst: 1.5 }, "maxMessageBurst"],
  ];
  for (const [options, message] of wrong) {
    const all = { port: 0, logger: {}, ...options } as ServeOptions;
    await assertRejects(() => serve(all, () => {}), Error, message);
  }
});
