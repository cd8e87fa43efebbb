import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  connect,
  type Connection,
  ConnectionClosedError,
  HandshakeError,
  NetworkError,
  serve,
  type ServeOptions,
  type Server,
  TlsError,
} from "../mod.ts";
import { devCertificates, forge, temporaryDirectory } from "./_certs.ts";
import { test } from "./_engines.ts";
import { connectTls, serveTls } from "./_pair.ts";

async function echo(ws: Connection<unknown>): Promise<void> {
  for await (const message of ws) await ws.send(message);
}

/** An ordinary HTTPS request to a server of `serveTls`. */
async function get(
  url: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; headers: Headers; text: string }> {
  const { ca } = await devCertificates();
  using client = Deno.createHttpClient({ caCerts: [ca], http2: false });
  const response = await fetch(url.replace(/^ws/, "http"), { client, headers });
  const { status } = response;
  return { status, headers: response.headers, text: await response.text() };
}

test("serve() greets over TLS", async (engine) => {
  await using server = await serveTls({ engine }, async (ws) => {
    await ws.send(`Hello ${await ws.receive()}!`);
  });
  assert(server.url.startsWith("wss://localhost:"));
  await using ws = await connectTls(server);
  await ws.send("Ada");
  assertEquals(await ws.receive(), "Hello Ada!");
  assertEquals(await ws.closed, { code: 1000, reason: "", wasClean: true });
});

test("serve() closes with 1011 when the handler throws, and keeps the reason to itself", async (engine) => {
  const errors: unknown[] = [];
  const onError = (error: unknown, ws?: Connection) =>
    errors.push(error, ws?.id);
  let id = "";
  const secret = new Error("the password is 1234");
  await using server = await serveTls({ engine, onError }, (ws) => {
    id = ws.id;
    throw secret;
  });
  const ws = await connectTls(server);
  assertEquals(await ws.closed, { code: 1011, reason: "", wasClean: true });
  assertEquals(errors, [secret, id]);
});

test("serve() does not report a handler that ends because its peer left", async (engine) => {
  const errors: unknown[] = [];
  const { promise: done, resolve } = Promise.withResolvers<void>();
  await using server = await serveTls({
    engine,
    onError: (e) => errors.push(e),
  }, async (ws) => {
    try {
      await ws.receive();
    } finally {
      resolve();
    }
  });
  const ws = await connectTls(server);
  await ws.close();
  await done;
  await server.shutdown();
  assertEquals(errors, []);
});

test("serve() agrees on its own first choice among the subprotocols offered", async (engine) => {
  await using server = await serveTls({ engine, protocols: ["b", "a"] }, echo);
  for (
    const [offered, agreed] of [[["a", "b"], "b"], [["a"], "a"], [["c"], ""], [
      [],
      "",
    ]] as const
  ) {
    await using ws = await connectTls(server, { protocols: [...offered] });
    assertEquals(ws.protocol, agreed);
  }
});

test("serve() gives what authorize returns to the handler, typed", async (engine) => {
  await using server = await serveTls({
    engine,
    authorize: async (request, { url, remoteAddr, protocols }) => {
      await Promise.resolve();
      const { hostname } = remoteAddr as Deno.NetAddr;
      const name = new URL(request.url).searchParams.get("name");
      if (name === null) return new Response("Who?", { status: 401 });
      return { name, url, hostname, protocols };
    },
  }, async (ws) => {
    const name: string = ws.context.name;
    await ws.send(JSON.stringify({ ...ws.context, name }));
  });
  await using ws = await connectTls(server, { protocols: ["x"] }, "/?name=Ada");
  assertEquals(JSON.parse(await ws.receive() as string), {
    name: "Ada",
    url: `${server.url}/?name=Ada`,
    hostname: "127.0.0.1",
    protocols: ["x"],
  });
  await assertRejects(() => connectTls(server), HandshakeError, "status 401");
});

test("serve() refuses with 403 when authorize returns false", async (engine) => {
  await using server = await serve({
    engine,
    port: 0,
    logger: {},
    authorize: (request) => request.headers.get("authorization") === "Bearer t",
  }, (ws) => ws.send(`${ws.context}`));
  const error = await assertRejects(() => connect(server.url), HandshakeError);
  assertEquals(error.status, 403);
  const headers = { authorization: "Bearer t" };
  await using ws = await connect(server.url, { headers });
  assertEquals(await ws.receive(), "true");
});

Deno.test("serve() warns when a handler is slower than its peer, unless the engine makes that wait", async () => {
  const warnings: string[] = [];
  const logger = { warn: (message: string) => warnings.push(message) };
  await using server = await serveTls(
    { logger, maxQueuedMessages: 2 },
    (ws) => ws.closed,
  );
  const ws = await connectTls(server);
  for (let i = 0; i < 3; i++) await ws.send("x");
  assertEquals((await ws.closed).code, 1013);
  assertEquals(warnings.length, 1);
  assertStringIncludes(
    warnings[0]!,
    "its handler is too slow: more than 2 messages wait",
  );
});

test("Connection.signal aborts when the connection begins to end, or its server to shut down", async (engine) => {
  const open = Promise.withResolvers<Connection>();
  const server = await serveTls({ engine }, async (ws) => {
    open.resolve(ws);
    // A handler that only sends: it would hold up a shutdown otherwise.
    while (!ws.signal.aborted) {
      await ws.send("tick");
      await new Promise((next) =>
        ws.signal.addEventListener("abort", next, { once: true })
      );
    }
  });
  const client = await connectTls(server);
  const peer = await open.promise;
  assertEquals(await client.receive(), "tick");
  assertEquals([client.signal.aborted, peer.signal.aborted], [false, false]);
  const start = performance.now();
  await server.shutdown();
  assert(performance.now() - start < 3000, "half of the time is 5 s");
  assertEquals([client.signal.aborted, peer.signal.aborted], [true, true]);
});

test("serve() gives types that fit together", async (engine) => {
  const authorize = () => ({ name: "Ada" });
  await using server = await serve(
    { engine, port: 0, logger: {}, authorize },
    (ws) => ws.closed,
  );
  const anyServer: Server = server;
  const named: Connection<{ name: string }>[] = [...server.connections];
  const anyConnections: Connection[] = named;
  const options: ServeOptions = {
    cert: undefined,
    protocols: undefined,
    signal: undefined,
  };
  assertEquals([
    anyServer.url,
    anyConnections.length,
    Object.keys(options).length,
  ], [server.url, 0, 3]);
});

test("serve() answers ordinary requests with 426, or by fetch", async (engine) => {
  await using plain = await serveTls({ engine }, echo);
  const { status, headers, text } = await get(`${plain.url}/room`);
  assertEquals([status, headers.get("upgrade")], [426, "websocket"]);
  assertEquals(
    text,
    `This is a WebSocket server: connect to ${plain.url}/room\n`,
  );

  const errors: unknown[] = [];
  const secret = new Error("secret");
  await using both = await serveTls({
    engine,
    onError: (error) => errors.push(error),
    fetch: (request) => {
      if (request.url.endsWith("/fail")) throw secret;
      return new Response("a page");
    },
  }, echo);
  assertEquals((await get(both.url)).text, "a page");
  const failed = await get(`${both.url}/fail`);
  assertEquals([failed.status, failed.text], [
    500,
    "The server failed to answer\n",
  ]);
  assertEquals(errors, [secret]);
});

test("serve() lets pages of its own origin in, and no others", async (engine) => {
  await using server = await serveTls({ engine }, (ws) => ws.send("in"));
  const own = server.url.replace("wss", "https");
  await using ws = await connectTls(server, { headers: { origin: own } });
  assertEquals(await ws.receive(), "in");
  for (
    const origin of [
      "https://evil.example",
      "null",
      own.replace("https", "http"),
      own.replace(/\d+$/, "1"),
      `${own}.evil.example`,
    ]
  ) {
    await assertRejects(
      () => connectTls(server, { headers: { origin } }),
      HandshakeError,
      "status 403",
    );
  }
});

test("serve() lets in the origins that it is given, and no others", async (engine) => {
  const origin = "https://app.example";
  await using listed = await serveTls(
    { engine, origins: [origin] },
    (ws) => ws.send("in"),
  );
  await using ws = await connectTls(listed, { headers: { origin } });
  assertEquals(await ws.receive(), "in");
  const own = listed.url.replace("wss", "https");
  await assertRejects(() => connectTls(listed, { headers: { origin: own } }));

  const origins = (origin: string) =>
    Promise.resolve(origin.endsWith(".example"));
  await using asked = await serveTls(
    { engine, origins },
    (ws) => ws.send("in"),
  );
  await using other = await connectTls(asked, { headers: { origin } });
  assertEquals(await other.receive(), "in");
  await assertRejects(() =>
    connectTls(asked, { headers: { origin: "https://x.test" } })
  );
});

test("serve() lets everybody in with insecureAnyOrigin, and warns of it", async (engine) => {
  const warnings: string[] = [];
  await using server = await serveTls({
    engine,
    insecureAnyOrigin: true,
    logger: { warn: (message) => warnings.push(message) },
  }, (ws) => ws.send("in"));
  await using ws = await connectTls(server, {
    headers: { origin: "https://any.test" },
  });
  assertEquals(await ws.receive(), "in");
  assertEquals(warnings, ["insecureAnyOrigin: pages of any site may connect"]);
});

test("serve() believes proxy headers from trusted proxies only", async (engine) => {
  const headers = {
    "x-forwarded-for": "203.0.113.7, 198.51.100.2",
    "x-forwarded-proto": "https",
    "x-forwarded-host": "chat.example",
    forwarded: 'for="[2001:db8::1]:4711";proto=https;host=rfc.example',
    origin: "https://chat.example",
  };
  const tell = (ws: Connection) => {
    const { hostname, port } = ws.remoteAddr as Deno.NetAddr;
    return ws.send(`${hostname} ${port} ${ws.url}`);
  };
  const trusting = {
    engine,
    port: 0,
    trustProxy: ["127.0.0.0/8", "198.51.100.2"],
    logger: {},
  };
  await using server = await serve(trusting, tell);
  await using ws = await connect(server.url, { headers });
  assertEquals(await ws.receive(), "203.0.113.7 0 wss://chat.example/");

  await using rfc = await serve({
    ...trusting,
    proxyHeader: "forwarded",
    insecureAnyOrigin: true,
  }, tell);
  await using other = await connect(rfc.url, { headers });
  assertEquals(await other.receive(), "2001:db8::1 4711 wss://rfc.example/");

  await using wary = await serve({
    engine,
    port: 0,
    trustProxy: ["198.51.100.2"],
    insecureAnyOrigin: true,
    logger: {},
  }, tell);
  await using third = await connect(wary.url, { headers });
  assertStringIncludes(await third.receive() as string, "127.0.0.1 ");
});

test("serve() listens on a unix socket", async (engine) => {
  await using dir = await temporaryDirectory();
  const path = `${dir.path}/ws.sock`;
  await using server = await serve(
    { engine, path, trustProxy: ["unix"], logger: {} },
    async (ws) => {
      await ws.send(`${ws.url} ${(ws.remoteAddr as Deno.NetAddr).hostname}`);
    },
  );
  assertEquals(server.url, `ws+unix:${path}`);
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  const socket = new WebSocket("ws://chat.example/", {
    client,
    headers: { "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https" },
  });
  const { promise, resolve } = Promise.withResolvers<string>();
  socket.onmessage = ({ data }) => resolve(data);
  assertEquals(await promise, "wss://chat.example/ 203.0.113.7");
  const closed = new Promise((done) => socket.onclose = done);
  socket.close();
  await closed;
}, { ignore: Deno.build.os === "windows" });

test("serve() refuses options that contradict each other or make no sense", async (engine) => {
  const { chain } = await devCertificates();
  const wrong: [Parameters<typeof serve>[0], string][] = [
    [{ cert: chain.cert }, "key is missing"],
    [{ key: chain.key }, "cert is missing"],
    [{ path: "x", port: 1 }, "path goes without"],
    [{ port: 70_000 }, "from 0 to 65535"],
    [
      { maxMessageSize: 0 },
      "maxMessageSize: it must be a positive whole number, current value is 0",
    ],
    [
      { maxMessageSize: 2 ** 32 },
      "maxMessageSize: it must be at most 1073741824 bytes, current value is 4294967296",
    ],
    [{ closeTimeout: -1 }, "closeTimeout"],
    [{ openTimeout: Infinity }, "openTimeout"],
    [{ pingInterval: NaN }, "pingInterval"],
    [{ protocols: ["a b"] }, "protocols[0]: it must be a token"],
    [{ protocols: ["a", "a"] }, "twice"],
    [
      { origins: ["https://app.example/path"] },
      "an origin is scheme, host and port",
    ],
    [{ origins: ["app.example"] }, "an origin is"],
    [
      { origins: [], insecureAnyOrigin: true },
      "together with insecureAnyOrigin",
    ],
    [{ trustProxy: ["proxy"] }, 'trust proxy "proxy"'],
    [{ trustProxy: ["10.0.0.0/33"] }, "10.0.0.0/33"],
  ];
  for (const [options, message] of wrong) {
    await assertRejects(
      () => serve({ engine, port: 0, logger: {}, ...options }, echo),
      Error,
      message,
    );
  }
});

test("serve() refuses arguments of the wrong kind, for those who check no types", async (engine) => {
  const wrong: [object, unknown, string][] = [
    [{}, undefined, "the handler, the second argument, must be a function"],
    [{ fetch: 5 }, echo, "fetch: it must be a function"],
    [{ authorize: "x" }, echo, "authorize: it must be a function"],
    [{ onError: {} }, echo, "onError: it must be a function"],
    [{ trustProxy: true }, echo, "trustProxy: it must be a list"],
    [{ proxyHeader: "x-real-ip" }, echo, "proxyHeader: it must be"],
    [
      { origins: "https://a.b" },
      echo,
      "origins: it must be a list, or a function",
    ],
    [{ origins: ["https://a.b/"] }, echo, "leave out the last /"],
    [{ origins: ["*"] }, echo, "see insecureAnyOrigin"],
    [{ port: "80" }, echo, 'current value is the string "80"'],
    [{ maxMessageSize: "9" }, echo, 'current value is the string "9"'],
    [{ pingInterval: -1 }, echo, "must be 0, or from 1"],
  ];
  for (const [options, handler, message] of wrong) {
    await assertRejects(
      () =>
        serve(
          { engine, port: 0, logger: {}, ...options } as ServeOptions,
          handler as typeof echo,
        ),
      Error,
      message,
    );
  }
});

test("serve() says what is wrong with the place to listen on", async (engine) => {
  const { chain } = await devCertificates();
  for (const tls of [{}, chain]) {
    const options = {
      engine,
      hostname: "no-such-host.invalid",
      port: 0,
      logger: {},
      ...tls,
    };
    const error = await assertRejects(() => serve(options, echo), NetworkError);
    assertStringIncludes(
      error.message,
      "no-such-host.invalid:0: the name cannot be resolved",
    );
  }
  await assertRejects(
    () => serve({ engine, path: "/no/such/dir/ws.sock", logger: {} }, echo),
    Deno.errors.NotFound,
    "Cannot listen on /no/such/dir/ws.sock: there is no such directory",
  );
});

test("serve() refuses a certificate that it cannot use, and leaks none of it", async (engine) => {
  const { chain } = await devCertificates();
  const other = await forge();
  for (
    const [options, reason] of [
      [
        { cert: "x", key: chain.key },
        { deno: "malformed-pem", node: "no-certificate" },
      ],
      [
        { cert: chain.cert, key: "secret" },
        { deno: "malformed-pem", node: "no-private-key" },
      ],
      [
        { cert: chain.cert, key: other.key },
        { deno: "key-mismatch", node: "key-mismatch" },
      ],
    ] as const
  ) {
    const error = await assertRejects(
      () => serve({ engine, port: 0, logger: {}, ...options }, echo),
      TlsError,
    );
    assertEquals(error.reason, reason[engine]);
    assert(!error.message.includes("secret"));
  }
});

test("serve() warns when the certificate is not for the hostname", async (engine) => {
  const warnings: string[] = [];
  const logger = { warn: (message: string) => warnings.push(message) };
  const chain = await forge({ names: ["a.example", "b.example"] });
  await using _wrong = await serve({ engine, port: 0, ...chain, logger }, echo);
  assertEquals(warnings.length, 1);
  assertStringIncludes(
    warnings[0]!,
    "is for a.example, b.example, not for localhost",
  );
  const { chain: right } = await devCertificates();
  await using _right = await serve({ engine, port: 0, ...right, logger }, echo);
  await using _any = await serve({
    engine,
    port: 0,
    hostname: "0.0.0.0",
    ...chain,
    logger,
  }, echo);
  assertEquals(warnings.length, 1);
});

test("serve() says who cannot have the port", async (engine) => {
  await using server = await serve({ engine, port: 0, logger: {} }, echo);
  const { port } = server.addr as Deno.NetAddr;
  await assertRejects(
    () => serve({ engine, port, logger: {} }, echo),
    Deno.errors.AddrInUse,
    `Cannot listen on localhost:${port}: something listens there already; end that, or choose another port`,
  );
});

test("serve() shuts down when its signal aborts", async (engine) => {
  const controller = new AbortController();
  const server = await serveTls({ engine, signal: controller.signal }, echo);
  await using ws = await connectTls(server);
  await ws.send("served");
  assertEquals(await ws.receive(), "served");
  controller.abort();
  assertEquals((await ws.closed).code, 1001);
  await server.finished;
  await assertRejects(
    () => serveTls({ engine, signal: controller.signal }, echo),
    DOMException,
  );
});

test("Server.broadcast() and publish() reach whom they should", async (engine) => {
  const ready = Promise.withResolvers<void>();
  await using server = await serveTls({ engine }, async (ws) => {
    const leave = ws.subscribe("all");
    if (ws.url.endsWith("/news")) ws.subscribe("news");
    if (ws.url.endsWith("/left")) leave();
    if (server.connections.size === 3) ready.resolve();
    await ws.closed;
  });
  const clients = [];
  for (const path of ["/news", "/left", "/"]) {
    clients.push(await connectTls(server, {}, path));
  }
  await ready.promise;
  const [news, left, plain] = clients;
  assertEquals(server.publish("news", "n"), 1);
  assertEquals(server.publish("all", "a"), 2);
  assertEquals(server.publish("nobody", "x"), 0);
  const except = [...server.connections].find((ws) => ws.url.endsWith("/"));
  assertEquals(server.broadcast("b", { except }), 2);
  assertEquals(server.broadcast("c"), 3);
  const take = async (ws: Connection, count: number) => {
    const got = [];
    for (let i = 0; i < count; i++) got.push(await ws.receive());
    return got.join("");
  };
  assertEquals(await take(news!, 4), "nabc");
  assertEquals(await take(left!, 2), "bc");
  assertEquals(await take(plain!, 2), "ac");
  await news!.close();
  await left!.close();
  await plain!.close();
  await server.shutdown();
  assertEquals(server.publish("all", "gone"), 0);
});

test("Server.shutdown() closes idle handlers at once and lets busy ones finish", async (engine) => {
  const begun = Promise.withResolvers<void>();
  const proceed = Promise.withResolvers<void>();
  const server = await serveTls({ engine }, async (ws) => {
    const question = await ws.receive();
    begun.resolve();
    await proceed.promise;
    await ws.send(`answer to ${question}`);
    await ws.receive();
  });
  const idle = await connectTls(server);
  const busy = await connectTls(server);
  await busy.send("question");
  await begun.promise;
  const down = server.shutdown();
  assertEquals(await idle.closed, {
    code: 1001,
    reason: "server is shutting down",
    wasClean: true,
  });
  assert(busy.open);
  await assertRejects(() => connectTls(server), Error);
  proceed.resolve();
  assertEquals(await busy.receive(), "answer to question");
  assertEquals((await busy.closed).code, 1001);
  await down;
  await server.finished;
  assertEquals(server.connections.size, 0);
});

test("Server.shutdown() closes what is left after half of its time", async (engine) => {
  const open = Promise.withResolvers<void>();
  const seen = Promise.withResolvers<number>();
  const server = await serveTls({ engine }, async (ws) => {
    open.resolve();
    seen.resolve((await ws.closed).code);
  });
  const ws = await connectTls(server);
  await open.promise;
  const start = performance.now();
  await server.shutdown({ timeout: 600 });
  const took = performance.now() - start;
  assertEquals([(await ws.closed).code, await seen.promise], [1001, 1001]);
  assert(took >= 290 && took < 1500, `${took} ms`);
});

test("Server.shutdown() ends within its deadline though a handler never returns", async (engine) => {
  const open = Promise.withResolvers<void>();
  const server = await serveTls({ engine }, async () => {
    open.resolve();
    await new Promise(() => {});
  });
  const ws = await connectTls(server);
  await open.promise;
  const start = performance.now();
  await server.shutdown({ timeout: 200 });
  assert(performance.now() - start < 2000);
  await ws.closed;
});

Deno.test("ConnectionClosedError tells what this side noticed", () => {
  const info = { code: 1006, reason: "", wasClean: false };
  const error = new ConnectionClosedError("receive", info, {
    detail: "the peer was lost",
  });
  assertEquals(
    error.message,
    "Cannot receive: the connection ended with code 1006, the peer was lost",
  );
});
