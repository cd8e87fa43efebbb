import {
  assert,
  assertEquals,
  assertMatch,
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
} from "../mod.ts";
import type { EngineName, Server } from "../mod.ts";
import { misbehave } from "../src/testing/mod.ts";
import { devCertificates, forge } from "./_certs.ts";
import { ENGINES } from "./_engines.ts";
import { serveTls } from "./_pair.ts";
import { freePort } from "./_listening.ts";
import {
  httpProxy,
  missingProxies,
  overTls,
  type RunningProxy,
  socksProxy,
} from "./_proxies.ts";
import { type RawPeer, RawServer } from "./_raw_peer.ts";
import { testWith } from "./peers/suite.ts";

const login = { username: "ada", password: "zebra" };

/** Declares a test with real proxies for each engine. */
function test(name: string, fn: (engine: EngineName) => Promise<void>): void {
  for (const engine of ENGINES) {
    testWith(missingProxies, `${name} [${engine}]`, () => fn(engine));
  }
}

/** Options that trust the tests' servers. */
async function via(
  proxy: string | URL,
  engine: EngineName,
  more: ConnectOptions = {},
): Promise<ConnectOptions> {
  const { ca } = await devCertificates();
  return { caCerts: [ca], openTimeout: 5000, proxy, ...more, engine } as
    & ConnectOptions
    & { engine: "node" };
}

async function greeter(): Promise<Server> {
  return await serveTls({}, (ws) => ws.send("Welcome"));
}

async function assertGreeted(
  url: string,
  options: ConnectOptions,
): Promise<void> {
  await using ws = await connect(url, options);
  assertEquals(await ws.receive(), "Welcome");
}

/** Fails unless a proxy is what a connection fails of; no secret is to be seen. */
async function assertRefused(
  url: string,
  options: ConnectOptions,
  state: string,
): Promise<NetworkError> {
  const error = await assertRejects(() => connect(url, options), NetworkError);
  const reason = /user name/.test(state) ? "proxy-login" : "proxy";
  assertEquals(error.reason, reason, error.message);
  assertStringIncludes(error.message, state);
  assert(error.message.startsWith(`Cannot connect to ${url}: the proxy at `));
  assert(!/zebra|emVicmE/.test(Deno.inspect(error)), Deno.inspect(error));
  return error;
}

test("connect() goes through an HTTP proxy, and leaves names to it", async (engine) => {
  await using server = await greeter();
  await using proxy = await httpProxy();
  await assertGreeted(server.url, await via(proxy.url, engine));
  const { host } = new URL(server.url);
  assertStringIncludes(await proxy.log(), `CONNECT ${host} HTTP/1.1`);
});

test("connect() goes through a SOCKS5 proxy, and leaves names to it", async (engine) => {
  await using server = await greeter();
  await using plain = await serve({ port: 0 }, (ws) => ws.send("Welcome"));
  await using proxy = await socksProxy();
  for (const { url } of [server, plain]) {
    for (const scheme of ["socks5", "socks5h"]) {
      const named = new URL(proxy.url.replace("socks5", scheme));
      await assertGreeted(url, await via(named, engine));
    }
    const { host } = new URL(url);
    assertEquals((await proxy.log()).split(`to ${host}`).length, 3);
  }
});

test("connect() speaks TLS to a proxy, and verifies its certificate", async (engine) => {
  await using server = await greeter();
  await using inner = await httpProxy({ login });
  await using proxy = await overTls(inner);
  await assertGreeted(server.url, await via(proxy.url, engine));
  assertStringIncludes(await proxy.log(), "CONNECT localhost:");

  const wrong = await via(proxy.url, engine, { caCerts: [] });
  const untrusted = "shows a certificate that is not trusted";
  await assertRefused(server.url, wrong, untrusted);
  const { ca } = await devCertificates();
  const authority = await forge({ ca: true, subject: "CN=other authority" });
  const other = await forge({ names: ["other.example"], issuer: authority });
  await using named = new RawServer(() => {}, other);
  const caCerts = [ca, authority.cert];
  const foreign = await via(named.url.replace("wss", "https"), engine, {
    caCerts,
  });
  await assertRefused(server.url, foreign, "certificate for another name");
});

test("connect() tells through a proxy what the server is like", async (engine) => {
  await using server = await serveTls({
    authorize: () => new Response("who are you?", { status: 401 }),
  }, () => {});
  await using http = await httpProxy();
  await using https = await overTls(http);
  await using socks = await socksProxy();
  for (const proxy of [http, https, socks]) {
    const options = await via(proxy.url, engine);
    const error = await assertRejects(
      () => connect(server.url, options),
      HandshakeError,
    );
    // The second look has no TLS inside of TLS.
    const hidden = engine === "deno" && proxy === https;
    assertEquals(error.status, hidden ? undefined : 401);
    assertStringIncludes(error.message, hidden ? 'engine: "node"' : "401");
  }
  const { ca } = await devCertificates();
  const other = await forge({ issuer: await forge({ ca: true }) });
  await using untrusted = new RawServer((peer) => peer.ended(), other);
  for (const proxy of [http, https, socks]) {
    const options = await via(proxy.url, engine, { caCerts: [ca] });
    const error = await assertRejects(
      () => connect(untrusted.url, options),
      TlsError,
    );
    assertEquals(error.reason, "unknown-issuer");
  }
});

test("connect() logs in at a proxy, and says what it lacks", async (engine) => {
  await using server = await greeter();
  for (const start of [httpProxy, socksProxy]) {
    await using proxy = await start({ login });
    await assertGreeted(server.url, await via(proxy.url, engine));
    const without = proxy.url.replace(/\/\/.*@/, "//");
    await assertRefused(
      server.url,
      await via(without, engine),
      "wants a user name and a password; pass them in its URL",
    );
    const wrong = proxy.url.replace("ada", "eve");
    await assertRefused(
      server.url,
      await via(wrong, engine),
      "refuses the user name or the password",
    );
  }
});

test("connect() tells why a proxy does not connect", async (engine) => {
  await using server = await greeter();
  const nobody = `wss://localhost:${freePort()}`;
  await using http = await httpProxy({ login });
  await using strict = await httpProxy({ onlyPort: 1 });
  await using socks = await socksProxy({ login });
  const cases: [RunningProxy, string, string][] = [
    [strict, server.url, "refuses to connect to localhost:"],
    [http, nobody, "could not connect to localhost:"],
    [socks, nobody, "was refused a connection to localhost:"],
    [socks, "wss://no-such-host.invalid", "to no-such-host.invalid:443"],
  ];
  for (const [proxy, url, state] of cases) {
    await assertRefused(url, await via(proxy.url, engine), state);
  }
});

test("connect() tells that a proxy is not there, or is none", async (engine) => {
  await using server = await greeter();
  await using socks = await socksProxy();
  const nobody = `127.0.0.1:${freePort()}`;
  const none = "cannot be reached: nothing listens there";
  const cases = [
    [`http://ada:zebra@${nobody}`, none],
    [`https://ada:zebra@${nobody}`, none],
    [`socks5://ada:zebra@${nobody}`, none],
    ["http://ada:zebra@no-such-host.invalid:3128", "its name is not resolved"],
    ["socks5://ada:zebra@no-such-host.invalid", "its name is not resolved"],
    [socks.url.replace("socks5", "http"), "does not speak HTTP"],
    [server.url.replace("wss", "http"), "does not speak HTTP"],
    [server.url.replace("wss", "socks5"), "does not speak SOCKS5"],
  ];
  for (const [proxy = "", state = ""] of cases) {
    await assertRefused(server.url, await via(proxy, engine), state);
  }
});

testWith(
  missingProxies,
  "connect() with `diagnose: false` tells what the runtime says of proxies",
  async () => {
    await using server = await greeter();
    await using http = await httpProxy({ login });
    await using socks = await socksProxy({ login });
    const nobody = `wss://localhost:${freePort()}`;
    const down = `127.0.0.1:${freePort()}`;
    const wrong = socks.url.replace("ada", "eve");
    const cases: [string, string, string][] = [
      [http.url, nobody, "did not connect to localhost:"],
      [socks.url, nobody, "did not connect to localhost:"],
      [wrong, server.url, "refuses the user name or the password"],
      [`socks5://${socks.host}`, server.url, "wants a user name"],
      [`http://${down}`, server.url, "cannot be reached"],
      [`socks5://${down}`, server.url, "cannot be reached"],
      ["http://no-such-host.invalid", server.url, "cannot be found"],
      ["socks5://no-such-host.invalid", server.url, "cannot be found"],
    ];
    for (const [proxy, url, state] of cases) {
      const options = await via(proxy, "deno", { diagnose: false });
      await assertRefused(url, options, state);
    }
  },
);

for (const engine of ENGINES) {
  /** Options for a proxy that follows a script. */
  const scripted = async (server: RawServer, more: ConnectOptions = {}) =>
    await via(server.url.replace(/^ws/, "http"), engine, more);

  Deno.test(`connect() gives up after openTimeout a proxy that says nothing [${engine}]`, async () => {
    await using proxy = new RawServer((peer) => peer.ended());
    const options = await scripted(proxy, { openTimeout: 400 });
    const error = await assertRejects(
      () => connect("wss://chat.example", options),
      DOMException,
      "no answer within 400 ms: the proxy did not answer",
    );
    assertEquals(error.name, "TimeoutError");
  });

  Deno.test(`connect() ends with its signal while a proxy says nothing [${engine}]`, async () => {
    const caller = new AbortController();
    await using proxy = new RawServer(async (peer) => {
      await peer.readHead();
      caller.abort(new Error("enough"));
      await peer.ended();
    });
    const options = await scripted(proxy, { signal: caller.signal });
    const connecting = () => connect("wss://chat.example", options);
    await assertRejects(connecting, Error, "enough");
  });

  Deno.test(`connect() refuses proxies that do not keep to HTTP [${engine}]`, async () => {
    const cases = [
      ["SSH-2.0-OpenSSH_9.2\r\n", "does not speak HTTP"],
      ["HTTP/1.1 200 OK\r\n", "hung up before it answered"],
      [
        `HTTP/1.1 403 \u001b[2J\r\nX: ${"x".repeat(9000)}\r\n\r\n`,
        "(status 403)",
      ],
      [
        `HTTP/1.1 502 X\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
        "answers with a head of more than 16384 bytes",
      ],
    ];
    for (const [answer = "", state = ""] of cases) {
      await using proxy = new RawServer(async (peer: RawPeer) => {
        await peer.readHead();
        await peer.write(answer);
        peer[Symbol.dispose]();
      });
      const options = await scripted(proxy);
      await assertRefused("wss://chat.example", options, state);
    }
  });
}

Deno.test("connect() refuses a proxy that speaks before the server can [node]", async () => {
  await using proxy = new RawServer(async (peer) => {
    await peer.readHead();
    await peer.write("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching\r\n\r\n");
    await peer.ended();
  });
  const options = await via(proxy.url.replace(/^ws/, "http"), "node");
  const state = "sends data before the server can have";
  await assertRefused("ws://chat.example", options, state);
});

testWith(
  missingProxies,
  "connect() goes through an HTTP proxy without TLS on the strict engine, and refuses that on the built-in one",
  async () => {
    await using server = await serve({ port: 0 }, (ws) => ws.send("Welcome"));
    await using proxy = await httpProxy();
    await assertGreeted(server.url, await via(proxy.url, "node"));
    const { host } = new URL(server.url);
    assertStringIncludes(await proxy.log(), `CONNECT ${host} HTTP/1.1`);
    const error = await assertRejects(
      async () => connect(server.url, await via(proxy.url, "deno")),
      TypeError,
    );
    assertMatch(error.message, /^Cannot use proxy: .*engine: "node"$/);
  },
);

Deno.test("connect() refuses proxies that it cannot use, and shows no secret", async () => {
  const long = "x".repeat(256);
  const cases: [unknown, string][] = [
    ["proxy.example:3128", "must have the scheme http, https, socks5 or"],
    ["127.0.0.1:3128", "must be a URL like"],
    ["", "must be a URL like"],
    [42, "must be a URL like"],
    ["ftp://ada:zebra@proxy.example", "must have the scheme"],
    ["constructor://ada:zebra@proxy.example", "must have the scheme"],
    ["http://ada:zebra@proxy.example/path", "must end with the port"],
    ["http://ada:zebra@proxy.example?q", "must end with the port"],
    ["socks5://ada:zebra@proxy.example#f", "must end with the port"],
    ["http://ada:zebra@proxy.example:0", "a port from 1 to 65535"],
    ["socks5://ada:zebra@:1080", "must be a URL like"],
    ["socks5://ada:zebra@*.proxy.example", "a name or an address"],
    ["socks5://ada:zebra@pro%2Fxy", "a name or an address"],
    ["http://ada%3Aeve:zebra@proxy.example", "a colon in its user name"],
    ["http://ada:zebra%FF@proxy.example", "percent-encoded as UTF-8"],
    ["http://ada:zebra%0A@proxy.example", "must not have control characters"],
    ["socks5://ada@proxy.example", "1 to 255 bytes each"],
    [`socks5://ada:zebra${long}@proxy.example`, "1 to 255 bytes each"],
    [`socks5://${long}:zebra@proxy.example`, "1 to 255 bytes each"],
  ];
  for (const [proxy, state] of cases) {
    for (const engine of ENGINES) {
      const options = await via(proxy as string, engine);
      const error = await assertRejects(
        () => connect("wss://chat.example", options),
        TypeError,
        state,
      );
      assert(error.message.startsWith("Cannot use proxy: it must "));
      assert(!/zebra|ada|eve/.test(Deno.inspect(error)), Deno.inspect(error));
    }
  }
});

Deno.test("connect() leaves no socket at a silent proxy to which TLS is spoken", async () => {
  await using proxy = await misbehave({ kind: "silent" }, { tls: false });
  const where = proxy.url.replace("ws:", "https:");
  for (let count = 0; count < 3; count++) {
    const error = await assertRejects(
      () => connect("wss://localhost:9", { proxy: where, openTimeout: 200 }),
      DOMException,
    );
    assertStringIncludes(error.message, "the proxy did not answer");
  }
  await proxy.idle();
});
