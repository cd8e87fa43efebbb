import { assertEquals } from "@std/assert";
import { connect } from "../client.ts";
import { serve } from "../server.ts";
import { test } from "./_engines.ts";

test("traffic counts the messages of both directions, at both ends, also after the end", async (engine) => {
  const counted = Promise.withResolvers<unknown>();
  await using server = await serve({ port: 0, engine }, async (ws) => {
    await ws.receive();
    await ws.send(new Uint8Array(1000));
    await ws.receive();
    await ws.close();
    counted.resolve(ws.traffic);
  });
  const ws = await connect(server.url);
  assertEquals(ws.traffic, {
    messagesReceived: 0,
    bytesReceived: 0,
    messagesSent: 0,
    bytesSent: 0,
  });
  await ws.send("Hello");
  await ws.receive();
  await ws.send(new Uint8Array(7));
  await ws.closed;
  assertEquals(ws.traffic, {
    messagesReceived: 1,
    bytesReceived: 1000,
    messagesSent: 2,
    bytesSent: 12,
  });
  assertEquals(await counted.promise, {
    messagesReceived: 2,
    bytesReceived: 12,
    messagesSent: 1,
    bytesSent: 1000,
  });
});

test("traffic counts what was not received, and neither heartbeats nor what could not be sent", async (engine) => {
  const first = Promise.withResolvers<unknown>();
  const options = { port: 0, engine, heartbeat: true } as const;
  await using server = await serve(options, async (ws) => {
    await ws.receive();
    while (ws.pending < 2) await new Promise((next) => setTimeout(next));
    first.resolve(ws.traffic);
    await ws.close();
    await ws.send("too late").catch(() => {});
    assertEquals(ws.traffic.messagesSent, 0);
  });
  const ws = await connect(server.url);
  for (const message of ["one", "ping", "two", "three"]) await ws.send(message);
  assertEquals(await first.promise, {
    messagesReceived: 3,
    bytesReceived: 11,
    messagesSent: 0,
    bytesSent: 0,
  });
  await ws.closed;
});
