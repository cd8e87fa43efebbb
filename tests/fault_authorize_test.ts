import { assert, assertEquals } from "@std/assert";
import { serve } from "../server.ts";
import { devCertificates } from "./_certs.ts";
import { test } from "./_engines.ts";
import { assertGreets, handshake, orGreet, RawPeer } from "./_raw_peer.ts";

test("serve() answers 503 when authorize takes longer than openTimeout", async (engine) => {
  const { chain } = await devCertificates();
  const errors: unknown[] = [];
  const decided = Promise.withResolvers<undefined>();
  await using server = await serve({
    engine,
    port: 0,
    ...chain,
    openTimeout: 100,
    authorize: (request) =>
      new URL(request.url).pathname === "/greet" ? undefined : decided.promise,
    onError: (error) => errors.push(error),
  }, orGreet(() => {}));
  using peer = await RawPeer.dial(server.url);
  const began = performance.now();
  const answer = await peer.ask(handshake(new URL(server.url).host));
  assert(performance.now() - began < 1000);
  assertEquals(answer.status, 503);
  assertEquals(answer.headers.get("retry-after"), "10");
  assertEquals(answer.body, "The server took too long to decide\n");
  const [error] = errors;
  assertEquals(errors.length, 1);
  assert(error instanceof DOMException && error.name === "TimeoutError");
  decided.resolve(undefined);
  await assertGreets(server.url);
});

for (
  const [name, authorize] of [
    ["throws", () => {
      throw new Error("the password of the database is hunter2");
    }],
    [
      "rejects",
      () =>
        Promise.reject(new Error("the password of the database is hunter2")),
    ],
  ] as const
) {
  test(`serve() answers 500 and keeps the text to itself when authorize ${name}`, async (engine) => {
    const { chain } = await devCertificates();
    const errors: unknown[] = [];
    await using server = await serve({
      engine,
      port: 0,
      ...chain,
      authorize: (request) =>
        new URL(request.url).pathname === "/greet" ? undefined : authorize(),
      onError: (error) => errors.push(error),
    }, orGreet(() => {}));
    using peer = await RawPeer.dial(server.url);
    const answer = await peer.ask(handshake(new URL(server.url).host));
    assertEquals(answer.status, 500);
    assertEquals(answer.body, "The server failed to decide\n");
    assertEquals(errors.map(String), [
      "Error: the password of the database is hunter2",
    ]);
    await assertGreets(server.url);
  });
}

test("serve() runs no handler for a client that leaves while authorize decides", async (engine) => {
  const { chain } = await devCertificates();
  const errors: unknown[] = [];
  const asked = Promise.withResolvers<void>();
  const decided = Promise.withResolvers<undefined>();
  let handled = 0;
  const server = await serve({
    engine,
    port: 0,
    ...chain,
    authorize: (request) => {
      if (new URL(request.url).pathname === "/greet") return undefined;
      asked.resolve();
      return decided.promise;
    },
    onError: (error) => errors.push(error),
  }, orGreet(() => void handled++));
  {
    using peer = await RawPeer.dial(server.url);
    const lines = handshake(new URL(server.url).host);
    await peer.write(`${lines.join("\r\n")}\r\n\r\n`);
    await asked.promise;
  }
  // By the time another is served the server knows that the first is gone.
  await assertGreets(server.url);
  decided.resolve(undefined);
  await assertGreets(server.url);
  assertEquals(handled, 0);
  assertEquals(errors, []);
  const began = performance.now();
  await server.shutdown({ timeout: 1000 });
  assert(performance.now() - began < 1500);
  await server.finished;
});
