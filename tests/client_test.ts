import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { connect, type ConnectOptions, TlsError, WssError } from "../mod.ts";
import { devCertificates, forge } from "./_certs.ts";
import { ENGINES, test as testClient, testEnds as test } from "./_engines.ts";
import { connectTls, serveTls } from "./_pair.ts";

test("connect() sends headers, and offers subprotocols in order", async (engine) => {
  await using server = await serveTls({
    engine,
    authorize: (request, { protocols }) => ({
      token: request.headers.get("authorization"),
      protocols,
    }),
  }, (ws) => ws.send(JSON.stringify(ws.context)));
  await using ws = await connectTls(server, {
    headers: { authorization: "Bearer t" },
    protocols: ["b", "a"],
  });
  assertEquals(JSON.parse(await ws.receive() as string), {
    token: "Bearer t",
    protocols: ["b", "a"],
  });
});

Deno.test("connect() refuses what is not a WebSocket URL", async () => {
  const wrong: [string, string][] = [
    [
      "localhost:8765",
      "the scheme of the URL must be wss or ws, current value is localhost",
    ],
    ["https://localhost", "current value is https"],
    ["wss://", "the URL is malformed"],
    ["", "the URL is malformed"],
    ["wss://localhost/#part", "must not have a #fragment"],
  ];
  for (const [url, message] of wrong) {
    await assertRejects(() => connect(url), TypeError, message);
  }
});

Deno.test("connect() shows no header and no subprotocol that it refuses", async () => {
  const wrong: ConnectOptions[] = [
    { headers: { authorization: "Bearer zebra\n" + "x" } },
    { headers: { "x zebra": "1" } },
    { protocols: ["chat", "bearer zebra"] },
  ];
  for (const options of wrong) {
    const error = await assertRejects(
      () => connect("wss://localhost:1", options),
      TypeError,
    );
    assert(!Deno.inspect(error).includes("zebra"), Deno.inspect(error));
  }
});

Deno.test("connect() refuses options that make no sense", async () => {
  const { chain } = await devCertificates();
  const wrong: [ConnectOptions, string][] = [
    [{ cert: chain.cert }, "key is missing"],
    [{ key: chain.key }, "cert is missing"],
    [
      { caCerts: ["certs/ca.pem"] },
      "caCerts[0]: it is no certificate in PEM; loadCaCerts()",
    ],
    [{ protocols: ["a b"] }, "must be a token"],
    [
      { openTimeout: 0 },
      "openTimeout: it must be from 1 to 2147483647 ms, current value is 0",
    ],
    [{ maxMessageSize: 1.5 }, "maxMessageSize"],
  ];
  for (const [options, message] of wrong) {
    await assertRejects(
      () => connect("wss://localhost:1", options),
      Error,
      message,
    );
  }
});

Deno.test("connect() logs in with the user name and password of the URL", async () => {
  await using server = await serveTls({
    authorize: (request) => ({
      sent: request.headers.get("authorization"),
      url: request.url,
    }),
  }, (ws) => ws.send(ws.context.sent ?? ""));
  const cases: [string, string, HeadersInit?][] = [
    ["ada:s%40%C3%A9:cret", "ada:s@\u00c3\u00a9:cret"],
    ["ada", "ada:"],
    [":secret", ":secret"],
    ["ada:secret", "", { authorization: "Bearer t" }],
  ];
  for (const engine of ENGINES) {
    for (const [userinfo, credentials, headers] of cases) {
      const url = server.url.replace("://", `://${userinfo}@`);
      const options = { engine, headers } as ConnectOptions;
      await using ws = await connectTls({ url }, options);
      const sent = headers === undefined
        ? `Basic ${btoa(credentials)}`
        : "Bearer t";
      assertEquals(await ws.receive(), sent);
      assertEquals(ws.url, `${server.url}/`);
    }
  }
  for (const userinfo of ["ada:%ff", "a%3Ada:x", "ada:%0d%0a"]) {
    const error = await assertRejects(
      () => connect(`ws://${userinfo}@localhost:1`),
      TypeError,
      "in the URL has a",
    );
    assert(!error.message.includes("ada"));
  }
});

Deno.test("connect() shows no user name, password or query in a message", async () => {
  const error = await assertRejects(
    () => connect("ws://user:hunter2@localhost:1/path?token=hunter3"),
    WssError,
  );
  assertStringIncludes(error.message, "ws://localhost:1/path");
  assert(!error.message.includes("hunter") && !error.message.includes("user"));
});

testClient(
  "connect() gives up after openTimeout, and when its signal aborts",
  async (engine) => {
    using listener = Deno.listen({ hostname: "localhost", port: 0 });
    const silent: Deno.Conn[] = [];
    const accepting = (async () => {
      for await (const conn of listener) silent.push(conn);
    })();
    const url = `wss://localhost:${listener.addr.port}`;
    const late = await assertRejects(
      () => connect(url, { engine, openTimeout: 50 }),
      DOMException,
      "no answer within 50 ms",
    );
    assertEquals(late.name, "TimeoutError");
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = connect(url, { engine, signal });
    const reason = new Error("never mind");
    controller.abort(reason);
    assertEquals(await waiting.catch((error: unknown) => error), reason);
    const again = await connect(url, { engine, signal }).catch((e: unknown) =>
      e
    );
    assertEquals(again, reason);
    listener.close();
    await accepting;
    for (const conn of silent) conn.close();
  },
);

test("connect() leaves an open connection alone when the signal aborts later", async (engine) => {
  await using server = await serveTls({ engine }, async (ws) => {
    for await (const message of ws) await ws.send(message);
  });
  const controller = new AbortController();
  await using ws = await connectTls(server, { signal: controller.signal });
  controller.abort();
  await ws.send("still here");
  assertEquals(await ws.receive(), "still here");
});

test("connect() presents a client certificate, and refuses a pair that does not match", async (engine) => {
  const { chain } = await devCertificates();
  await using server = await serveTls({ engine }, (ws) => ws.send("in"));
  await using ws = await connectTls(server, { ...chain });
  assertEquals(await ws.receive(), "in");
  const other = await forge();
  const error = await assertRejects(
    () => connectTls(server, { cert: chain.cert, key: other.key }),
    TlsError,
  );
  assertEquals(error.reason, "key-mismatch");
});
