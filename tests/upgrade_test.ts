import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Topics, upgrade } from "../mod.ts";
import { devCertificates } from "./_certs.ts";
import { connectTls } from "./_pair.ts";

Deno.test("upgrade() serves inside of Deno.serve, with the checks of serve()", async () => {
  const { chain, ca } = await devCertificates();
  const topics = new Topics();
  const options = { topics, protocols: ["echo"], logger: {} };
  await using http = Deno.serve(
    { port: 0, hostname: "localhost", onListen() {}, ...chain },
    (request, info) =>
      upgrade(request, info, options, async (ws) => {
        ws.subscribe("all");
        for await (const message of ws) topics.publish("all", message);
      }),
  );
  const server = { url: `wss://localhost:${http.addr.port}` };
  await using ws = await connectTls(server, { protocols: ["echo"] });
  assertEquals(ws.protocol, "echo");
  await ws.send("Hi");
  assertEquals(await ws.receive(), "Hi");
  await assertRejects(() =>
    connectTls(server, { headers: { origin: "https://evil.example" } })
  );
  using client = Deno.createHttpClient({ caCerts: [ca] });
  const response = await fetch(server.url.replace("wss", "https"), { client });
  assertEquals(response.status, 426);
  await response.body?.cancel();
});

Deno.test("upgrade() refuses options as serve() does", async () => {
  await using http = Deno.serve(
    { port: 0, onListen() {} },
    async (request, info) => {
      const error = await upgrade(
        request,
        info,
        { maxMessageSize: -1 },
        () => {},
      )
        .catch((error: unknown) => error);
      assertInstanceOf(error, RangeError);
      return new Response(error.message);
    },
  );
  const response = await fetch(`http://localhost:${http.addr.port}`);
  assertStringIncludes(await response.text(), "maxMessageSize");
});

Deno.test("upgrade() closes a WebSocket that opens when nobody waits for it any more", async () => {
  class LateSocket extends EventTarget {
    closed = false;
    close(): void {
      this.closed = true;
    }
  }
  const socket = new LateSocket();
  const { upgradeWebSocket } = Deno;
  const headers = {
    connection: "Upgrade",
    upgrade: "websocket",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
  };
  const remoteAddr = {
    transport: "tcp",
    hostname: "127.0.0.1",
    port: 1,
  } as const;
  try {
    Object.assign(Deno, {
      upgradeWebSocket: () => ({ socket, response: new Response() }),
    });
    await upgrade(
      new Request("http://localhost/", { headers }),
      { remoteAddr },
      { openTimeout: 10, logger: {} },
      () => assert(false, "it is handled"),
    );
  } finally {
    Object.assign(Deno, { upgradeWebSocket });
  }
  // Who waits is looked at from time to time.
  await new Promise((resolve) => setTimeout(resolve, 100));
  socket.dispatchEvent(new Event("open"));
  assert(socket.closed);
});
