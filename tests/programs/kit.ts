/**
 * A test of a program with WebSockets, as its author writes it, for the test of
 * the permissions that it needs.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { connect, serve } from "@wss/wss";
import {
  misbehave,
  pester,
  relay,
  testCertificates,
  testClientCertificate,
} from "@wss/wss/testing";

Deno.test("the greeting survives the network", async () => {
  const tls = await testCertificates({ names: ["chat.test"] });
  await using server = await serve(
    { port: 0, ...tls.server },
    async (ws) => {
      await ws.send(`Hello ${await ws.receive()}!`);
    },
  );
  await using network = await relay(server.url);
  await using ws = await connect(network.url, tls.client);
  await ws.send("Ada");
  assertEquals(await ws.receive(), "Hello Ada!");
  await using pest = await pester(server.url, { kind: "silent" }, tls.client);
  assertEquals(pest.open, true);
});

Deno.test("the client gives up a server that does not answer", async () => {
  await using server = await misbehave({ kind: "unanswered" });
  const options = { ...server.client, openTimeout: 200 };
  await assertRejects(() => connect(server.url, options), DOMException);
});

Deno.test("the strict engine knows its clients", async () => {
  const tls = await testCertificates();
  const ada = await testClientCertificate({ name: "ada" });
  await using server = await serve(
    { engine: "node", port: 0, ...tls.server, ...ada.server },
    (ws) => ws.send(`Hello ${ws.peerCertificate?.subject}!`),
  );
  await using ws = await connect(server.url, { ...tls.client, ...ada.client });
  assertEquals(await ws.receive(), "Hello CN=ada!");
});
