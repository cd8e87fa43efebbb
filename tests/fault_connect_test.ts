import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type ConnectOptions } from "../client.ts";
import { devCertificates } from "./_certs.ts";
import { closePayload, Opcode, type RawPeer, RawServer } from "./_raw_peer.ts";

/** Reads and answers nothing. */
async function silent(peer: RawPeer): Promise<void> {
  await peer.ended();
}

/** A script that answers each request with `answer`, and hangs up. */
function answering(answer: string): (peer: RawPeer) => Promise<void> {
  return async (peer) => {
    await peer.readHead();
    await peer.write(answer);
    peer[Symbol.dispose]();
  };
}

async function trusting(
  options: ConnectOptions = {},
): Promise<ConnectOptions> {
  const { ca } = await devCertificates();
  return { caCerts: [ca], openTimeout: 3000, ...options };
}

Deno.test("connect() does not notice the key of another request, as the runtime does not look", async () => {
  await using server = new RawServer(answering(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
      "Connection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
  ));
  const ws = await connect(server.url);
  assertEquals((await ws.closed).code, 1006);
});

Deno.test("connect() does nothing where its signal has aborted before", async () => {
  await using server = new RawServer(silent);
  const reason = new Error("changed my mind");
  const signal = AbortSignal.abort(reason);
  const error = await assertRejects(() => connect(server.url, { signal }));
  assertEquals(error, reason);
  assertEquals(server.accepted, 0);
});

Deno.test("connect() gives up and hangs up when its signal aborts meanwhile", async () => {
  const asked = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const { chain } = await devCertificates();
  await using server = new RawServer(async (peer) => {
    await peer.readHead();
    asked.resolve();
    await peer.ended();
    left.resolve();
  }, chain);
  const controller = new AbortController();
  const options = await trusting({ signal: controller.signal });
  const connecting = connect(server.url, options).catch((error) => error);
  await asked.promise;
  controller.abort();
  const error = await connecting;
  assert(error instanceof DOMException);
  assertEquals(error.name, "AbortError");
  await left.promise;
});

Deno.test("connect() leaves an open connection alone when its signal aborts later", async () => {
  await using server = new RawServer(async (peer) => {
    await peer.accept();
    await peer.readFrame();
    await peer.send({ opcode: Opcode.Text, payload: "still here" });
    await peer.readClose();
    await peer.send({ opcode: Opcode.Close, payload: closePayload(1000) });
    peer[Symbol.dispose]();
  });
  const controller = new AbortController();
  const ws = await connect(server.url, { signal: controller.signal });
  controller.abort();
  await ws.send("Hello?");
  assertEquals(await ws.receive(), "still here");
  assertEquals(await ws.close(), { code: 1000, reason: "", wasClean: true });
});
