import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fromFileUrl } from "@std/path";
import type { BundleSize } from "../scripts/bundle_size.ts";
import { type Connection, serve } from "../server.ts";
import {
  connect,
  ConnectionClosedError,
  type ConnectOptions,
  NetworkError,
  reconnect,
  type ReconnectOptions,
} from "../src/browser/mod.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** What the bundle may weigh with `gzip -9`, in bytes. */
const BUDGETS = {
  "connect": 6912,
  "all of ./browser": 8192,
  "./browser/reconnecting besides": 9856,
};

Deno.test("the bundle for browsers is small, and needs nothing of Deno, Node.js or npm", async () => {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "size", "--json"],
    cwd: root,
  }).output();
  assert(success);
  const sizes: BundleSize[] = JSON.parse(new TextDecoder().decode(stdout));
  for (const [names, budget] of Object.entries(BUDGETS)) {
    const size = sizes.find((size) => size.names === names);
    assert(size !== undefined);
    const { gzipped, modules, code } = size;
    assert(
      gzipped <= budget,
      `${names}: ${gzipped} bytes, ${budget} at most; minified, of which ${
        JSON.stringify(modules, null, 2)
      }`,
    );
    const foreign = Object.keys(modules).filter((path) =>
      !/^src\/|^<stdin>$/.test(path)
    );
    assertEquals(foreign, []);
    assertEquals(code.match(/\bDeno\b|\bnode:|\bimport\b|\brequire\b/g), null);
  }
});

Deno.test("connect() of the browser's client refuses what a page cannot choose, and says what to do", async () => {
  const options: [name: string, value: unknown, remedy: string][] = [
    ["headers", { authorization: "Bearer secret" }, "as a subprotocol"],
    ["caCerts", ["PEM"], "install the certificate authority in the browser"],
    ["cert", "PEM", "install"],
    ["defaultCaCerts", false, "install"],
    ["pins", [], "install"],
    ["proxy", "http://proxy.example", "the browser decides"],
    ["engine", "node", "the browser decides"],
    ["diagnose", true, "the browser decides"],
  ];
  for (const [name, value, remedy] of options) {
    const error = await assertRejects(
      () => connect("wss://a.example", { [name]: value } as ConnectOptions),
      TypeError,
      `Cannot use ${name} in a browser; `,
    );
    assertStringIncludes(error.message, remedy);
    assert(!error.message.includes("secret"));
    assertThrows(
      () => reconnect("wss://a.example", { [name]: value } as ConnectOptions),
      TypeError,
      `Cannot use ${name}`,
    );
  }
});

Deno.test("connect() of the browser's client refuses bad arguments, and shows no secrets", async () => {
  const bad: [url: string, options?: ConnectOptions][] = [
    ["/relative/to/nothing"],
    ["ftp://a.example/?token=secret"],
    ["wss://a.example/#secret"],
    ["wss://a.example", { protocols: ["a secret"] }],
    ["wss://a.example", { protocols: ["secret", "secret"] }],
  ];
  for (const [url, options] of bad) {
    const error = await assertRejects(() => connect(url, options), TypeError);
    assertStringIncludes(error.message, "Cannot connect");
    assertEquals(error.cause, undefined);
    assert(!error.message.includes("secret"), error.message);
  }
  for (const options of [{ openTimeout: 0 }, { maxMessageSize: -1 }]) {
    await assertRejects(() => connect("wss://a.example", options), RangeError);
  }
});

Deno.test("connect() of the browser's client takes http and https for ws and wss", async () => {
  await using server = await serve({ port: 0, logger: {} }, (ws) => ws.closed);
  const ws = await connect(server.url.replace("ws:", "http:"));
  assertEquals(ws.url, `${server.url}/`);
  assertEquals((await ws.close(3001, "enough")).code, 3001);
});

Deno.test("connect() of the browser's client says that the reason is hidden, and where to look", async () => {
  await using server = await serve({
    port: 0,
    logger: {},
    authorize: () => false,
  }, (ws) => ws.closed);
  const url = `${server.url}/chat?token=secret`;
  const error = await assertRejects(() => connect(url), NetworkError);
  assertEquals(error.reason, "other");
  const { host } = new URL(server.url);
  assertEquals(
    error.message,
    `Cannot connect to ws://${host}/chat: the browser does not tell pages why; ${error.remedy}`,
  );
  assertStringIncludes(error.remedy, "console");
});

Deno.test("connect() of the browser's client gives up after openTimeout, or with its signal", async () => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const url = `ws://127.0.0.1:${silent.addr.port}`;
  const late = await assertRejects(
    () => connect(url, { openTimeout: 20 }),
    DOMException,
    `Cannot connect to ${url}: no answer within 20 ms`,
  );
  assertEquals(late.name, "TimeoutError");
  const controller = new AbortController();
  const { signal } = controller;
  const reason = new Error("not needed any more");
  const connecting = connect(url, { signal });
  controller.abort(reason);
  assertEquals(await connecting.catch((error) => error), reason);
  assertEquals(await connect(url, { signal }).catch((error) => error), reason);
});

Deno.test("reconnect() of the browser's client opens the next connection, and stops with its signal", async () => {
  await using server = await serve({ port: 0, logger: {} }, async (ws) => {
    await ws.send("Welcome");
    await ws.close(1012, "restarting");
  });
  const controller = new AbortController();
  const { signal } = controller;
  const opened: Connection[] = [];
  const error = await assertRejects(async () => {
    for await (const ws of reconnect(server.url, { minDelay: 1, signal })) {
      opened.push(ws);
      assertEquals(await ws.receive(), "Welcome");
      assertInstanceOf(
        await ws.receive().catch((error) => error),
        ConnectionClosedError,
      );
      if (opened.length === 3) controller.abort();
    }
  }, DOMException);
  assertEquals([error.name, opened.length], ["AbortError", 3]);
});

Deno.test("reconnect() of the browser's client refuses options of connect() beside a function", () => {
  const open = () => connect("wss://a.example");
  assertThrows(
    () => reconnect(open, { openTimeout: 1000 } as ReconnectOptions),
    TypeError,
    "Cannot use openTimeout with a function that opens connections",
  );
});
