import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { connect, type EngineName } from "../mod.ts";
import { resolveRoutes, type Route } from "../src/route/route.ts";
import { devCertificates } from "./_certs.ts";
import { PROXY_VARIABLES, run } from "./_connects.ts";
import { ENGINES } from "./_engines.ts";
import { serveTls } from "./_pair.ts";
import { freePort } from "./_listening.ts";
import { httpProxy, missingProxies, overTls, socksProxy } from "./_proxies.ts";
import { RawServer } from "./_raw_peer.ts";
import { testWith } from "./peers/suite.ts";

const ENV_FLAG =
  "--allow-env=HTTPS_PROXY,https_proxy,ALL_PROXY,all_proxy,NO_PROXY,no_proxy";
const PLAIN_ENV_FLAG =
  "--allow-env=HTTP_PROXY,http_proxy,ALL_PROXY,all_proxy,NO_PROXY,no_proxy,REQUEST_METHOD";

/** Sets the variables of proxies until its scope ends, and unsets the others. */
class Environment implements Disposable {
  readonly #before = new Map(
    PROXY_VARIABLES.map((name) => [name, Deno.env.get(name)]),
  );

  constructor(variables: Record<string, string>) {
    for (const name of PROXY_VARIABLES) Deno.env.delete(name);
    for (const [name, value] of Object.entries(variables)) {
      Deno.env.set(name, value);
    }
  }

  [Symbol.dispose](): void {
    for (const [name, value] of this.#before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

/** The way to a URL in an environment. */
function routeIn(
  variables: Record<string, string>,
  url: string,
  strict: boolean = true,
): Route {
  using _environment = new Environment(variables);
  return resolveRoutes({ proxy: "environment" }, strict)(new URL(url));
}

/** The host and port of the proxy on that way; `undefined` if it goes straight. */
function proxyIn(
  variables: Record<string, string>,
  url: string,
): string | undefined {
  const route = routeIn(variables, url);
  if (route.kind !== "http-proxy" && route.kind !== "socks5-proxy") {
    assertEquals(route.kind, "direct");
    return undefined;
  }
  return `${route.hostname}:${route.port}`;
}

Deno.test('connect() with proxy: "environment" takes the proxy for the scheme, else that for all', () => {
  const cases: [Record<string, string>, string | undefined, string?][] = [
    [{}, undefined],
    [{ HTTPS_PROXY: "http://a.example:1" }, "a.example:1"],
    [{ https_proxy: "https://b.example" }, "b.example:443"],
    [{ HTTPS_PROXY: "", https_proxy: "b.example:2" }, "b.example:2"],
    [{ HTTPS_PROXY: "A.example:1", https_proxy: "b.example" }, "a.example:1"],
    [{ HTTPS_PROXY: "a.example", ALL_PROXY: "c.example" }, "a.example:80"],
    [{ ALL_PROXY: "socks5h://c.example" }, "c.example:1080"],
    [{ all_proxy: "[::1]:3128" }, "::1:3128"],
    [{ HTTP_PROXY: "d.example", http_proxy: "d.example" }, undefined],
    [{ HTTP_PROXY: "d.example" }, "d.example:80", "ws://chat.example"],
    [{ HTTPS_PROXY: "a.example" }, undefined, "ws://chat.example"],
  ];
  for (const [variables, proxy, url = "wss://chat.example"] of cases) {
    assertEquals(proxyIn(variables, url), proxy, Deno.inspect(variables));
  }
});

Deno.test('connect() with proxy: "environment" takes no HTTP_PROXY from who asks a CGI program', () => {
  const cgi = { REQUEST_METHOD: "GET", HTTP_PROXY: "evil.example:1" };
  assertEquals(proxyIn(cgi, "ws://chat.example"), undefined);
  const all = { ...cgi, ALL_PROXY: "c.example:2" };
  assertEquals(proxyIn(all, "ws://chat.example"), "c.example:2");
  const secure = { ...cgi, HTTPS_PROXY: "a.example:3" };
  assertEquals(proxyIn(secure, "wss://chat.example"), "a.example:3");
});

Deno.test('connect() with proxy: "environment" reads user name and password', () => {
  const HTTPS_PROXY = "http://ada:z%40bra@proxy.example:3128";
  const route = routeIn({ HTTPS_PROXY }, "wss://chat.example");
  assertEquals(route, {
    kind: "http-proxy",
    secure: false,
    hostname: "proxy.example",
    port: 3128,
    username: "ada",
    password: "z@bra",
    target: { hostname: "chat.example", port: 443 },
  });
});

Deno.test('connect() with proxy: "environment" goes straight to what NO_PROXY exempts', () => {
  const cases: [string, string[], string[]][] = [
    ["*", ["wss://chat.example", "wss://10.0.0.7", "wss://[::1]"], []],
    [
      "chat.example",
      ["wss://chat.example", "wss://CHAT.example.", "wss://a.chat.example:1"],
      ["wss://example", "wss://mychat.example", "wss://chat.example.net"],
    ],
    [
      ".chat.example",
      ["wss://chat.example", "wss://a.b.chat.example"],
      ["wss://mychat.example"],
    ],
    ["*.Chat.Example", ["wss://a.chat.example"], ["wss://other.example"]],
    [
      "a.example, b.example\tc.example",
      ["wss://a.example", "wss://b.example", "wss://c.example"],
      ["wss://d.example"],
    ],
    [
      "chat.example:443,[::1]:8443,10.0.0.7:80",
      ["wss://chat.example", "wss://[::1]:8443"],
      ["wss://chat.example:8443", "wss://[::1]", "wss://10.0.0.7"],
    ],
    [
      "10.0.0.0/8,192.168.1.7,172.16.0.0/12",
      ["wss://10.255.0.1", "wss://192.168.1.7", "wss://172.31.0.1"],
      ["wss://11.0.0.1", "wss://192.168.1.8", "wss://172.32.0.1"],
    ],
    [
      "::1, 2001:db8::/33, [fd00::1]",
      ["wss://[::1]", "wss://[2001:db8:7fff::1]", "wss://[fd00::1]"],
      ["wss://[::2]", "wss://[2001:db8:8000::1]", "wss://1.0.0.0"],
    ],
    ["0.0.0.0/0", ["wss://1.2.3.4"], ["wss://chat.example", "wss://[::1]"]],
    [
      "10.0.0.0/33, 10.0.0.0/x, /8, , :443, .",
      [],
      ["wss://10.0.0.0", "wss://chat.example"],
    ],
    ["", [], ["wss://chat.example", "wss://localhost"]],
  ];
  for (const [list, exempt, others] of cases) {
    for (const NO_PROXY of [list, undefined]) {
      const variables = {
        ALL_PROXY: "proxy.example",
        ...(NO_PROXY === undefined ? { no_proxy: list } : { NO_PROXY }),
      };
      for (const url of exempt) {
        assertEquals(proxyIn(variables, url), undefined, `${list}: ${url}`);
      }
      for (const url of others) {
        assertEquals(proxyIn(variables, url), "proxy.example:80", url);
      }
    }
  }
});

Deno.test('connect() with proxy: "environment" refuses what is no proxy, by the name of its variable', () => {
  const HTTPS_PROXY = "socks4://ada:zebra@proxy.example";
  const error = assertThrows(
    () => routeIn({ HTTPS_PROXY }, "wss://chat.example"),
    TypeError,
    'Cannot use proxy: "environment": HTTPS_PROXY: it must have the scheme http',
  );
  assert(!Deno.inspect(error).includes("zebra"));
  const spared = { HTTPS_PROXY, NO_PROXY: "chat.example" };
  assertEquals(proxyIn(spared, "wss://chat.example"), undefined);
});

Deno.test('connect() with proxy: "environment" refuses on the built-in engine what that understands otherwise', () => {
  const HTTPS_PROXY = "proxy.example";
  const url = "wss://chat.example";
  const otherwise = [
    ...["chat.example:443", "*.example", "Chat.Example"],
    "a.example chat.example",
  ];
  for (const NO_PROXY of otherwise) {
    assertThrows(
      () => routeIn({ HTTPS_PROXY, NO_PROXY }, url, false),
      TypeError,
      "NO_PROXY exempts the host in a way that the built-in engine does not understand",
    );
  }
  for (
    const NO_PROXY of ["chat.example", ".example", "a, chat.example ", "*"]
  ) {
    const { kind } = routeIn({ HTTPS_PROXY, NO_PROXY }, url, false);
    assertEquals(kind, "direct");
  }
});

Deno.test("connect() on the built-in engine refuses a proxy from which NO_PROXY exempts the host", async () => {
  using _environment = new Environment({ NO_PROXY: ".example" });
  const proxy = `http://127.0.0.1:${freePort()}`;
  await assertRejects(
    () => connect("wss://chat.example", { proxy }),
    TypeError,
    "Cannot use proxy: NO_PROXY in the environment exempts the host",
  );
  await assertRejects(
    () => connect("wss://chat.example", { proxy, engine: "node" }),
    Error,
    "the proxy at 127.0.0.1:",
  );
});

/** The permissions that an engine needs for a host through a proxy. */
function netFlag(engine: EngineName, proxy: string, host: string): string {
  return `--allow-net=${engine === "deno" ? `${proxy},${host}` : proxy}`;
}

for (const engine of ENGINES) {
  testWith(
    missingProxies,
    `connect() needs the permissions for a proxy that are told, and no more [${engine}]`,
    async () => {
      await using server = await serveTls({}, (ws) => ws.send("Welcome"));
      const { host } = new URL(server.url);
      await using http = await httpProxy();
      await using https = await overTls(http);
      await using socks = await socksProxy();
      const { url } = server;
      for (const proxy of [http, https, socks]) {
        const flags = [netFlag(engine, proxy.host, host)];
        const options = { engine, proxy: proxy.url };
        assertEquals(
          await run({ url, flags, options }),
          '{"received":"Welcome"}\n',
        );
        const said = await run({
          url,
          flags: [`--allow-net=${host}`],
          options,
        });
        assertStringIncludes(said, "NotCapable");
        assertStringIncludes(said, proxy.host);
      }
    },
  );

  testWith(
    missingProxies,
    `connect() with proxy: "environment" reads the variables that are told, and no more [${engine}]`,
    async () => {
      await using server = await serveTls({}, (ws) => ws.send("Welcome"));
      const { host } = new URL(server.url);
      await using proxy = await httpProxy();
      const net = netFlag(engine, proxy.host, host);
      const env = { HTTPS_PROXY: proxy.url, NO_PROXY: "other.example" };
      const options = { engine, proxy: "environment" };
      const { url } = server;
      assertEquals(
        await run({ url, flags: [net, ENV_FLAG], env, options }),
        '{"received":"Welcome"}\n',
      );
      assertStringIncludes(await proxy.log(), `CONNECT ${host}`);
      for (
        const [scheme, flag] of [["wss", ENV_FLAG], ["ws", PLAIN_ENV_FLAG]]
      ) {
        const said = await run({
          url: `${scheme}://${host}`,
          flags: [net],
          env,
          options,
        });
        assertStringIncludes(said, '"name":"NotCapable"');
        assertStringIncludes(said, `run again with ${flag}"`);
      }
    },
  );

  testWith(
    missingProxies,
    `connect() without \`proxy\` leaves that of the environment ${
      { deno: "to the runtime, which takes it", node: "alone" }[engine]
    } [${engine}]`,
    async () => {
      await using server = await serveTls({}, (ws) => ws.send("Welcome"));
      const { host } = new URL(server.url);
      await using proxy = await httpProxy();
      const { url } = server;
      const flags = [`--allow-net=${host}`];
      const env = { HTTPS_PROXY: proxy.url };
      assertEquals(
        await run({ url, flags, env, options: { engine } }),
        '{"received":"Welcome"}\n',
      );
      const log = await proxy.log();
      assertEquals(log.includes(`CONNECT ${host}`), engine === "deno");

      if (engine === "node") return;
      await using closed = await httpProxy({ onlyPort: 1 });
      const said = await run({
        url,
        flags,
        env: { HTTPS_PROXY: closed.url },
        options: {},
      });
      assertMatch(said, /a proxy that the environment names.*"proxy"/);
    },
  );
}

Deno.test("connect() sends nothing around a proxy of the environment to see why that refused", async () => {
  let heard = 0;
  await using server = Deno.serve(
    { hostname: "localhost", port: 0, onListen() {} },
    () => {
      heard++;
      return new Response(null, { status: 401 });
    },
  );
  let asked = 0;
  await using proxy = Deno.serve(
    { hostname: "localhost", port: 0, onListen() {} },
    () => {
      asked++;
      return new Response(null, { status: 403 });
    },
  );
  const said = await run({
    url: `ws://localhost:${server.addr.port}`,
    flags: ["--allow-net", "--allow-env"],
    env: { HTTP_PROXY: `http://localhost:${proxy.addr.port}` },
    options: { headers: { authorization: "Bearer t" } },
  });
  assertStringIncludes(said, "403");
  assertEquals([asked, heard], [1, 0]);
});

/** The request that a server of the tests must not get, and the count of what it got. */
async function behindNothing(
  secure: boolean,
  attempt: (host: string) => Promise<string>,
): Promise<string> {
  const { chain } = await devCertificates();
  let heard = 0;
  const where = { hostname: "localhost", port: 0, onListen() {} };
  const answer = () => {
    heard++;
    return new Response(null, { status: 401 });
  };
  await using server = secure
    ? Deno.serve({ ...where, ...chain }, answer)
    : Deno.serve(where, answer);
  const scheme = secure ? "wss" : "ws";
  const said = await attempt(`${scheme}://localhost:${server.addr.port}`);
  assertEquals(heard, 0, said);
  return said;
}

const DEAD: [
  variable: string,
  scheme: string,
  secure: boolean,
  says: RegExp,
][] = [
  ["HTTP_PROXY", "http", false, /did not get through.*HTTP_PROXY or ALL/],
  ["HTTPS_PROXY", "http", true, /did not get through.*HTTPS_PROXY or ALL/],
  ["ALL_PROXY", "socks5", false, /a proxy that the environment names/],
  ["ALL_PROXY", "socks5", true, /a proxy that the environment names/],
];

for (const [variable, scheme, secure, says] of DEAD) {
  const by = `${variable}=${scheme}://…, TLS: ${secure}`;
  Deno.test(`connect() sends no request around a proxy of the environment that is down, ${by}`, async () => {
    const proxy = `127.0.0.1:${freePort()}`;
    const env = { [variable]: `${scheme}://${proxy}` };
    const headers = { authorization: "Bearer zebra" };
    for (const flags of [["--allow-net"], ["--allow-net", "--allow-env"]]) {
      for (const more of [{}, { caCerts: [] }]) {
        const said = await behindNothing(
          secure,
          (url) => run({ url, flags, env, options: { headers, ...more } }),
        );
        assertStringIncludes(said, '"reason":"proxy"');
        assertMatch(said, flags.length === 1 ? says : /proxy that the env/);
      }
    }
  });
}

Deno.test("connect() tells at once which permission a proxy of the environment lacks", async () => {
  const proxy = `127.0.0.1:${freePort()}`;
  const env = { ALL_PROXY: `socks5://${proxy}` };
  for (const secure of [true, false]) {
    const said = await behindNothing(
      secure,
      (url) => run({ url, flags: ["--allow-net=localhost"], env, options: {} }),
    );
    assertStringIncludes(said, '"name":"NotCapable"');
    const denied = `may not reach ${proxy}; run it with --allow-net=${proxy}"`;
    assertStringIncludes(said, denied);
  }
});

Deno.test("connect() with `diagnose: false` thinks of proxies of the environment, too", async () => {
  const url = `ws://localhost:${freePort()}`;
  const options = { diagnose: false };
  const said = await run({ url, flags: ["--allow-net"], options });
  assertStringIncludes(
    said,
    "nothing listens there, or at a proxy that the environment names, or the host cannot be reached;",
  );
});

Deno.test("connect() takes TLS and SOCKS that fail without TLS in the URL for a proxy's", async () => {
  await using proxy = new RawServer((peer) => peer[Symbol.dispose]());
  const host = proxy.url.replace("ws://", "");
  for (const scheme of ["https", "socks5"]) {
    const env = { ALL_PROXY: `${scheme}://${host}` };
    const said = await behindNothing(
      false,
      (url) => run({ url, flags: ["--allow-net"], env, options: {} }),
    );
    assertMatch(said, /a proxy that the environment names.*"reason":"proxy"/);
  }
});
