import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  connect,
  type ConnectOptions,
  HandshakeError,
  NetworkError,
  serve,
  TlsError,
  type TlsErrorReason,
  WssError,
} from "../mod.ts";
import { devCertificates, forge } from "./_certs.ts";
import { connectTls, serveTls } from "./_pair.ts";

const DAY = 86_400_000;

Deno.test("connect() sends headers, and offers subprotocols in order", async () => {
  await using server = await serveTls({
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

Deno.test("connect() trusts no server without a reason, and says which is missing", async () => {
  const { ca, chain } = await devCertificates();
  const past = new Date(Date.now() - DAY);
  const future = new Date(Date.now() + DAY);
  const expired = await forge({
    notBefore: new Date(Date.now() - 9 * DAY),
    notAfter: past,
  });
  const early = await forge({
    notBefore: future,
    notAfter: new Date(Date.now() + 9 * DAY),
  });
  const elsewhere = await forge({ names: ["a.example"] });
  const authority = await forge({ ca: true });
  const cases: [TlsErrorReason, { cert: string; key: string }, string[]][] = [
    ["unknown-issuer", chain, []],
    ["expired", expired, [expired.cert]],
    ["not-yet-valid", early, [early.cert]],
    ["name-mismatch", elsewhere, [elsewhere.cert]],
    ["ca-used-as-leaf", authority, [authority.cert]],
  ];
  for (const [reason, pair, caCerts] of cases) {
    await using server = await serve(
      { port: 0, logger: {}, ...pair },
      () => {},
    );
    const error = await assertRejects(
      () => connect(server.url, { caCerts }),
      TlsError,
    );
    assertEquals(error.reason, reason);
    assert(error.remedy.length > 0 && error.message.endsWith(error.remedy));
    assert(error.cause instanceof Error);
    if (reason === "name-mismatch") {
      assertStringIncludes(error.message, "is for a.example;");
    }
    if (reason === "expired") {
      assertStringIncludes(
        error.message,
        `expired (${past.toISOString().slice(0, 10)})`,
      );
    }
  }
  await using server = await serve({ port: 0, logger: {} }, () => {});
  const plain = server.url.replace("ws:", "wss:");
  const error = await assertRejects(
    () => connect(plain, { caCerts: [ca] }),
    TlsError,
  );
  assertEquals(error.reason, "not-tls");
});

Deno.test("connect() tells a refusal from a lost network", async () => {
  await using http = Deno.serve(
    { port: 0, onListen() {} },
    () => new Response("no", { status: 403 }),
  );
  const refusal = await assertRejects(
    () => connect(`ws://localhost:${http.addr.port}/`),
    HandshakeError,
    "status 403",
  );
  assertEquals(refusal.status, 403);
  const { port } = http.addr;
  await http.shutdown();
  await assertRejects(
    () => connect(`ws://localhost:${port}`),
    NetworkError,
    "nothing listens",
  );
  await assertRejects(
    () => connect("wss://no-such-host.invalid"),
    NetworkError,
    "resolved",
  );
});

Deno.test("connect() to the TLS port without TLS says so", async () => {
  await using server = await serveTls({}, () => {});
  await assertRejects(
    () => connect(server.url.replace("wss", "ws")),
    HandshakeError,
    "connect with wss://",
  );
});

Deno.test("connect() shows no user name, password or query in a message", async () => {
  const error = await assertRejects(
    () => connect("ws://user:hunter2@localhost:1/path?token=hunter3"),
    WssError,
  );
  assertStringIncludes(error.message, "ws://localhost:1/path");
  assert(!error.message.includes("hunter") && !error.message.includes("user"));
});

Deno.test("connect() gives up after openTimeout, and when its signal aborts", async () => {
  using listener = Deno.listen({ hostname: "localhost", port: 0 });
  const silent: Deno.Conn[] = [];
  const accepting = (async () => {
    for await (const conn of listener) silent.push(conn);
  })();
  const url = `wss://localhost:${listener.addr.port}`;
  const late = await assertRejects(
    () => connect(url, { openTimeout: 50 }),
    DOMException,
    "no answer within 50 ms",
  );
  assertEquals(late.name, "TimeoutError");
  const controller = new AbortController();
  const waiting = connect(url, { signal: controller.signal });
  const reason = new Error("never mind");
  controller.abort(reason);
  assertEquals(await waiting.catch((error: unknown) => error), reason);
  const again = await connect(url, { signal: controller.signal }).catch((
    e: unknown,
  ) => e);
  assertEquals(again, reason);
  listener.close();
  await accepting;
  for (const conn of silent) conn.close();
});

Deno.test("connect() leaves an open connection alone when the signal aborts later", async () => {
  await using server = await serveTls({}, async (ws) => {
    for await (const message of ws) await ws.send(message);
  });
  const controller = new AbortController();
  await using ws = await connectTls(server, { signal: controller.signal });
  controller.abort();
  await ws.send("still here");
  assertEquals(await ws.receive(), "still here");
});

Deno.test("connect() presents a client certificate, and refuses a pair that does not match", async () => {
  const { chain } = await devCertificates();
  await using server = await serveTls({}, (ws) => ws.send("in"));
  await using ws = await connectTls(server, { ...chain });
  assertEquals(await ws.receive(), "in");
  const other = await forge();
  const error = await assertRejects(
    () => connectTls(server, { cert: chain.cert, key: other.key }),
    TlsError,
  );
  assertEquals(error.reason, "key-mismatch");
});
