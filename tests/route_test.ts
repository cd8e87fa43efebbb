import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  connect,
  type ConnectOptions,
  NetworkError,
  serve,
  TlsError,
} from "../mod.ts";
import { dial } from "../src/route/dial.ts";
import { resolveRoutes } from "../src/route/route.ts";
import { devCertificates, temporaryDirectory } from "./_certs.ts";
import { run } from "./_connects.ts";
import { serveTls } from "./_pair.ts";
import { freePort } from "./_listening.ts";
import { Relay } from "./_proxies.ts";
import { RawPeer, RawServer } from "./_raw_peer.ts";

const CHAT = new URL("wss://chat.example");

/** Options of the strict engine that trust the tests' servers. */
async function strict(
  more: { unixSocket?: string; resolve?: Record<string, string> },
): Promise<ConnectOptions> {
  const { ca } = await devCertificates();
  return { engine: "node", caCerts: [ca], openTimeout: 5000, ...more };
}

/** Tells a client which host it asked for. */
function hostOf(request: Request): { host: string | null } {
  return { host: request.headers.get("host") };
}

Deno.test("connect() goes through a unix socket, with TLS and the request for the host of the URL", async () => {
  await using dir = await temporaryDirectory();
  const path = `${dir.path}/app.sock`;
  await using tls = await serveTls(
    { authorize: hostOf },
    (ws) => ws.send(`${ws.context.host}`),
  );
  await using relay = new Relay(
    Deno.listen({ transport: "unix", path }),
    () =>
      Deno.connect({
        hostname: "localhost",
        port: Number(new URL(tls.url).port),
      }),
  );
  const options = await strict({ unixSocket: path });
  await using ws = await connect("wss://localhost", options);
  assertEquals(await ws.receive(), "localhost");
  assertEquals(relay.count, 1);
  await assertRejects(
    () => connect("wss://chat.example", options),
    TlsError,
    "its certificate is for",
  );

  await using plain = await serve(
    { path: `${dir.path}/plain` },
    (ws) => ws.send(new URL(ws.url).pathname),
  );
  const { path: unixSocket } = plain.addr as Deno.UnixAddr;
  const open = await strict({ unixSocket });
  await using other = await connect("ws://chat.example/room", open);
  assertEquals(await other.receive(), "/room");
});

Deno.test("connect() tells that nothing listens on a unix socket", async () => {
  await using dir = await temporaryDirectory();
  const cases = { nobody: "there is no socket at", file: "nobody listens on" };
  await dir.write("file", "");
  for (const [name, state] of Object.entries(cases)) {
    const path = `${dir.path}/${name}`;
    const options = await strict({ unixSocket: path });
    const error = await assertRejects(
      () => connect("ws://chat.example", options),
      NetworkError,
      `Cannot connect to ws://chat.example: ${state} ${path}; start the server, or check \`unixSocket\``,
    );
    assertEquals(error.reason, "refused");
  }
});

Deno.test("connect() names the address of `resolve` to which it did not get", async () => {
  const closed = `127.0.0.1:${freePort()}`;
  const cases = [
    ["refused", closed, `nothing listens at ${closed}`],
    ["unreachable", "255.255.255.255", "no way leads to 255.255.255.255:443"],
    ["unknown-host", "no.invalid", "there is no address for no.invalid:443"],
  ] as const;
  for (const [reason, address, state] of cases) {
    const options = await strict({ resolve: { "chat.example": address } });
    const error = await assertRejects(
      () => connect(CHAT, options),
      NetworkError,
      `: ${state}, to which \`resolve\` sends chat.example; `,
    );
    assertEquals(error.reason, reason);
  }
});

Deno.test("connect() goes to the address of `resolve`, with TLS and the request for the host of the URL", async () => {
  await using server = await serveTls(
    { authorize: hostOf },
    (ws) => ws.send(`${ws.context.host}`),
  );
  const { port } = new URL(server.url);
  const options = await strict({
    resolve: {
      "localhost:443": `127.0.0.1:${port}`,
      "*": `[::1]:${freePort()}`,
    },
  });
  await using ws = await connect("wss://localhost", options);
  assertEquals(await ws.receive(), "localhost");

  const other = await strict({ resolve: { "*": `127.0.0.1:${port}` } });
  await assertRejects(
    () => connect("wss://chat.example", other),
    TlsError,
    "its certificate is for",
  );
});

Deno.test("connect() asks a proxy for the address of `resolve`", async () => {
  await using proxy = new RawServer(async (peer) => {
    const { line } = await peer.readHead();
    await peer.write(`HTTP/1.1 403 ${line.split(" ")[1]}\r\n\r\n`);
  });
  const options = await strict({
    resolve: { "chat.example": "10.0.0.7:8443" },
  });
  const error = await assertRejects(
    () =>
      connect(CHAT, {
        ...options,
        proxy: proxy.url.replace(/^ws/, "http"),
      }),
    NetworkError,
    "refuses to connect to 10.0.0.7:8443",
  );
  assertEquals(error.reason, "proxy");
});

Deno.test("resolveRoutes() prefers the entry of `resolve` that is closest", () => {
  const route = resolveRoutes({
    resolve: {
      "Chat.Example:443": "10.0.0.1",
      "chat.example": "[::1]:8443",
      "[2001:DB8::1]": "other.example:1",
      "bücher.example.": "10.0.0.4",
      "*:8443": "10.0.0.2",
      "*": "10.0.0.3:9",
    },
  }, true);
  const cases: [string, string, number][] = [
    ["wss://chat.example", "10.0.0.1", 443],
    ["wss://CHAT.example./", "10.0.0.1", 443],
    ["ws://chat.example", "::1", 8443],
    ["wss://chat.example:8443", "::1", 8443],
    ["wss://[2001:db8:0::1]:5", "other.example", 1],
    ["wss://xn--bcher-kva.example", "10.0.0.4", 443],
    ["wss://other.example:8443", "10.0.0.2", 8443],
    ["wss://10.0.0.9", "10.0.0.3", 9],
  ];
  for (const [url, hostname, port] of cases) {
    assertEquals(route(new URL(url)), { kind: "direct", hostname, port }, url);
  }
});

Deno.test("resolveRoutes() goes straight where nothing is said", () => {
  const direct = (hostname: string, port: number) => ({
    kind: "direct" as const,
    hostname,
    port,
  });
  for (const options of [{}, { resolve: { "other.example": "10.0.0.7" } }]) {
    const route = resolveRoutes(options, true);
    assertEquals(route(CHAT), direct("chat.example", 443));
    assertEquals(route(new URL("ws://[::1]")), direct("::1", 80));
    assertEquals(route(new URL("ws://a.example:1")), direct("a.example", 1));
  }
});

Deno.test("connect() refuses entries of `resolve` that are malformed, and quotes them", async () => {
  const left = "what is on the left must be like";
  const right = "what is on the right must be like";
  const cases: [Record<string, unknown>, string][] = [
    [{ "": "10.0.0.7" }, `entry "": "10.0.0.7": ${left}`],
    [{ "https://chat.example": "10.0.0.7" }, left],
    [{ "chat.example:0": "10.0.0.7" }, left],
    [{ "chat.example:65536": "10.0.0.7" }, left],
    [{ "::1": "10.0.0.7" }, left],
    [{ "*.example": "10.0.0.7" }, left],
    [{ "*.chat.example": "10.0.0.7" }, left],
    [{ "chat.example": "" }, `entry "chat.example": "": ${right}`],
    [{ "chat.example": "10.0.0.7:" }, right],
    [{ "chat.example": "10.0.0.7:99999" }, right],
    [{ "chat.example": "10.0.0.700" }, right],
    [{ "chat.example": "::1" }, right],
    [{ "chat.example": "[::1" }, right],
    [{ "chat.example": "*" }, right],
    [{ "chat.example": "a b" }, right],
    [{ "chat.example": 7 }, `entry "chat.example": 7: ${right}`],
    [
      { "chat.example": "10.0.0.7", "CHAT.example": "10.0.0.8" },
      'entry "CHAT.example": "10.0.0.8": the same host is in another entry',
    ],
  ];
  for (const [resolve, message] of cases) {
    const options = await strict({
      resolve: resolve as Record<string, string>,
    });
    const connecting = () => connect(CHAT, options);
    await assertRejects(connecting, TypeError, "Cannot use resolve: entry ");
    await assertRejects(connecting, TypeError, message);
  }
});

Deno.test("connect() refuses ways that exclude each other, or are none", async () => {
  const path = "/run/app.sock";
  const wrong: [Record<string, unknown>, string][] = [
    [{ unixSocket: path, proxy: "environment" }, "unixSocket with proxy"],
    [{ unixSocket: path, resolve: {} }, "unixSocket with resolve"],
    [{ unixSocket: "" }, "unixSocket: it must be the path of a socket"],
    [{ unixSocket: "a\0b" }, "unixSocket: it must be the path of a socket"],
    [{ unixSocket: 7 }, "unixSocket: it must be the path of a socket"],
    [{ resolve: null }, "resolve: it must be like"],
    [{ resolve: "10.0.0.7" }, "resolve: it must be like"],
  ];
  for (const [options, message] of wrong) {
    await assertRejects(
      async () => connect(CHAT, await strict(options)),
      TypeError,
      `Cannot use ${message}`,
    );
  }
});

Deno.test("connect() on the built-in engine refuses ways on which it would not speak TLS", async () => {
  const ways = [
    { unixSocket: "/run/app.sock" },
    { resolve: { "*": "10.0.0.7" } },
  ];
  for (const way of ways) {
    const error = await assertRejects(
      () => connect(CHAT, way as unknown as ConnectOptions),
      TypeError,
    );
    const [name] = Object.keys(way);
    assert(error.message.startsWith(`Cannot use ${name}: the built-in engine`));
    assert(error.message.endsWith('use connect() with engine: "node"'));
    assert(!error.message.includes("TLS"));
  }
});

Deno.test("the runtime speaks no TLS to what its HttpClient calls a proxy of TCP", async () => {
  // Why the built-in engine refuses `resolve` and `unixSocket`.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { hostname, port } = listener.addr;
  const proxy = { transport: "tcp", hostname, port } as const;
  using client = Deno.createHttpClient({ proxy });
  const socket = new WebSocket("wss://chat.example/path", { client });
  const failed = new Promise((resolve) => socket.onerror = resolve);
  using peer = new RawPeer(await listener.accept(), "server");
  const { line } = await peer.readBareHead();
  listener.close();
  peer[Symbol.dispose]();
  assertEquals(line, "GET https://chat.example/path HTTP/1.1");
  await failed;
});

Deno.test("dial() connects to a unix socket, and ends with its signal", async () => {
  await using dir = await temporaryDirectory();
  const path = `${dir.path}/app.sock`;
  using listener = Deno.listen({ transport: "unix", path });
  const route = { kind: "unix", path } as const;
  using conn = await dial(route, AbortSignal.timeout(5000));
  using accepted = await listener.accept();
  await accepted.write(Uint8Array.of(7));
  const byte = new Uint8Array(1);
  assertEquals([await conn.read(byte), byte[0]], [1, 7]);
  await assertRejects(
    () => dial(route, AbortSignal.abort(new Error("enough"))),
    Error,
    "enough",
  );
});

Deno.test("connect() needs the permissions for a unix socket that are told, and no more", async () => {
  await using dir = await temporaryDirectory();
  const path = `${dir.path}/app.sock`;
  await using _server = await serve({ path }, (ws) => ws.send("Welcome"));
  const flags = ["--allow-read", "--allow-write", "--allow-net=unix"];
  const url = "ws://chat.example";
  const options = { engine: "node", unixSocket: path };
  const all = [`=${path}`, `=${path}`, `:${path}`]
    .map((scope, at) => `${flags[at]}${scope}`);
  assertEquals(
    await run({ url, flags: all, options }),
    '{"received":"Welcome"}\n',
  );
  for (const flag of all) {
    const others = all.filter((other) => other !== flag);
    const said = await run({ url, flags: others, options });
    assertStringIncludes(said, '"name":"NotCapable"');
    assertStringIncludes(
      said,
      `may not reach ${path}; run it with ${all.join(" ")}`,
    );
  }
});

Deno.test("connect() with `resolve` needs permission for that address alone", async () => {
  await using server = await serveTls({}, (ws) => ws.send("Welcome"));
  const address = `127.0.0.1:${new URL(server.url).port}`;
  const options = { engine: "node", resolve: { localhost: address } };
  const url = "wss://localhost";
  assertEquals(
    await run({ url, flags: [`--allow-net=${address}`], options }),
    '{"received":"Welcome"}\n',
  );
  const said = await run({ url, flags: ["--allow-net=localhost"], options });
  assertStringIncludes(said, '"name":"NotCapable"');
  assertStringIncludes(said, address);
});
