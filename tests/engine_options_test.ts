import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type BuiltInConnectOptions,
  connect,
  type ConnectOptions,
  keepConnected,
  NetworkError,
  reconnect,
  type StrictConnectOptions,
} from "../client.ts";
import {
  type BuiltInOptions,
  type EngineName,
  serve,
  type ServeOptions,
  type Server,
  type StrictOptions,
  upgrade,
  type UpgradeOptions,
} from "../server.ts";
import { testCertificates } from "../src/testing/mod.ts";
import type { CertChain } from "../src/tls/pem.ts";
import { devCertificates } from "./_certs.ts";
import { test } from "./_engines.ts";
import { connectTls, serveTls } from "./_pair.ts";

/** A value of each option that only the strict engine has. */
async function strictOptions(): Promise<
  Required<Omit<StrictOptions, "engine">>
> {
  const { ca, chain } = await devCertificates();
  return {
    clientCa: [ca],
    clientAuth: "request",
    crl: [],
    certificates: { "chat.test": chain },
    minVersion: "TLSv1.3",
    watch: 5000,
    compression: { threshold: 100 },
  };
}

/** Serves though TypeScript would refuse the options. */
function serveUntyped(options: object): Promise<Server> {
  return serve({ port: 0, logger: {}, ...options } as ServeOptions, () => {});
}

Deno.test("serve() refuses what only the strict engine can, and names that", async () => {
  const { chain } = await devCertificates();
  for (const [name, value] of Object.entries(await strictOptions())) {
    for (const chosen of [{}, { engine: undefined }, { engine: "deno" }]) {
      const error = await assertRejects(
        () => serveUntyped({ ...chain, ...chosen, [name]: value }),
        TypeError,
        `Cannot use ${name}: the built-in engine cannot `,
      );
      assert(
        error.message.endsWith('use serve() with engine: "node"'),
        error.message,
      );
    }
  }
});

test("serve() takes what is undefined or false for not asked for", async (engine) => {
  const names = Object.keys(await strictOptions());
  const unset = Object.fromEntries(names.map((name) => [name, undefined]));
  await using one = await serveUntyped({ engine, ...unset });
  await using other = await serveUntyped({
    engine,
    watch: false,
    compression: false,
  });
  assert(one.url.startsWith("ws:") && other.url.startsWith("ws:"));
});

Deno.test("serve() refuses engines that there are not", async () => {
  for (const engine of ["bun", "", "Node", null, true, 1]) {
    await assertRejects(
      () => serveUntyped({ engine }),
      TypeError,
      'Cannot use engine: it must be "deno", the built-in one, or "node"',
    );
  }
});

Deno.test("serve() on the strict engine refuses what needs a certificate where there is none", async () => {
  const { compression, ...ofTls } = await strictOptions();
  for (const [name, value] of Object.entries(ofTls)) {
    await assertRejects(
      () => serveUntyped({ engine: "node", [name]: value }),
      TypeError,
      `Cannot use ${name} without cert and key`,
    );
  }
  await using plain = await serveUntyped({ engine: "node", compression });
  assert(plain.url.startsWith("ws:"));
});

Deno.test("serve() on the strict engine refuses options that contradict each other or make no sense", async () => {
  const { ca, chain } = await devCertificates();
  const { cert, key, files } = chain;
  const wrong: [object, string][] = [
    [{ clientAuth: "require" }, "Cannot use clientAuth without clientCa"],
    [{ crl: [] }, "Cannot use crl without clientCa"],
    [{ clientCa: [ca], clientAuth: "maybe" }, "Cannot use clientAuth: it must"],
    [{ clientCa: [] }, "clientCa"],
    [{ minVersion: "TLSv1.1" }, 'it must be "TLSv1.2" or "TLSv1.3"'],
    [{ certificates: { "a.test": { cert } } }, "key is missing"],
    [{ files: undefined, watch: true }, "Cannot watch: it is not known from"],
    [{ files, watch: -1 }, "Cannot use watch"],
    [{ files, watch: NaN }, "Cannot use watch"],
    [{ files, watch: Infinity }, "Cannot use watch"],
    [{ files, watch: "yes" }, "Cannot use watch"],
    [{ certificates: { "https://a.test": chain } }, "is no DNS name"],
    [{ certificates: { "a.test:443": chain } }, "is no DNS name"],
    [{ certificates: { "*": chain } }, "is no DNS name"],
    [{ certificates: { "127.0.0.1": chain } }, "is no DNS name"],
    [{ certificates: { "a b": chain } }, "is no DNS name"],
    [{ compression: { threshold: -1 } }, "threshold must be a whole number"],
    [{ compression: { threshold: "9" } }, 'current value is the string "9"'],
  ];
  for (const [options, message] of wrong) {
    await assertRejects(
      () => serveUntyped({ engine: "node", cert, key, ...options }),
      Error,
      message,
    );
  }
});

Deno.test("upgrade() refuses the strict engine and its options, for those who check no types", async () => {
  const options = { engine: "node", ...await strictOptions() };
  for (const [name, value] of Object.entries(options)) {
    const only = { [name]: value } as UpgradeOptions;
    await using http = Deno.serve(
      { port: 0, onListen() {} },
      async (request, info) => {
        const error = await upgrade(request, info, only, () => {})
          .catch((error: unknown) => error);
        return new Response(String(error));
      },
    );
    const response = await fetch(`http://localhost:${http.addr.port}`);
    const said = await response.text();
    assert(said.startsWith(`TypeError: Cannot use ${name}: `), said);
    assert(said.endsWith('use serve() with engine: "node"'), said);
  }
});

test("serve() serves with the engine that it is told", async (engine) => {
  await using server = await serveTls(
    { engine },
    (ws) => ws.ping().then(() => ws.send("node"), () => ws.send("deno")),
  );
  await using ws = await connectTls(server);
  assertEquals(await ws.receive(), engine);
});

Deno.test("ServeOptions refuse in TypeScript what serve() refuses", async () => {
  const { clientCa, crl, certificates } = await strictOptions();
  const handler = () => {};
  const engine = "node" as EngineName;
  const builtIn: BuiltInOptions = {};
  const refused = [
    // @ts-expect-error Of the strict engine only.
    () => serve({ clientCa }, handler),
    // @ts-expect-error Of the strict engine only.
    () => serve({ clientAuth: "request" }, handler),
    // @ts-expect-error Of the strict engine only.
    () => serve({ crl }, handler),
    // @ts-expect-error Of the strict engine only.
    () => serve({ certificates }, handler),
    // @ts-expect-error Of the strict engine only.
    () => serve({ minVersion: "TLSv1.3" }, handler),
    // @ts-expect-error Of the strict engine only.
    () => serve({ watch: true }, handler),
    // @ts-expect-error Of the strict engine only.
    () => serve({ compression: true }, handler),
    // @ts-expect-error It is another engine that can.
    () => serve({ engine: "deno", watch: true }, handler),
    // @ts-expect-error It may be another engine that can.
    () => serve({ engine, watch: true }, handler),
    // @ts-expect-error What is built in cannot.
    () => serve({ ...builtIn, watch: true }, handler),
    // @ts-expect-error There is no such engine.
    () => serve({ engine: "bun" }, handler),
    // @ts-expect-error There is no such version.
    () => serve({ engine: "node", minVersion: "TLSv1.1" }, handler),
  ];
  const taken = [
    () => serve({ engine }, handler),
    () => serve({ engine: "node", watch: true, clientCa, crl }, handler),
    () => serve({ engine: "deno", watch: undefined }, handler),
  ];
  assertEquals([refused.length, taken.length], [12, 3]);
});

/** A value of each option that only the strict engine of clients has. */
const STRICT_CONNECT: Required<Omit<StrictConnectOptions, "engine">> = {
  defaultCaCerts: true,
  pins: [],
  minVersion: "TLSv1.2",
  pingInterval: 0,
  unixSocket: "/run/app.sock",
  resolve: {},
};

/** Connects though TypeScript would refuse the options. */
function connectUntyped(options: object): Promise<unknown> {
  return connect("wss://localhost:1", options as ConnectOptions);
}

Deno.test("connect() refuses what only the strict engine can, and names that", async () => {
  for (const [name, value] of Object.entries(STRICT_CONNECT)) {
    for (const chosen of [{}, { engine: undefined }, { engine: "deno" }]) {
      const error = await assertRejects(
        () => connectUntyped({ ...chosen, [name]: value }),
        TypeError,
        `Cannot use ${name}: the built-in engine cannot `,
      );
      assert(
        error.message.endsWith('use connect() with engine: "node"'),
        error.message,
      );
    }
  }
});

Deno.test("connect() refuses engines that there are not", async () => {
  for (const engine of ["bun", "", "Node", null, true, 1]) {
    await assertRejects(
      () => connectUntyped({ engine }),
      TypeError,
      'Cannot use engine: it must be "deno", the built-in one, or "node"',
    );
  }
});

Deno.test("ConnectOptions refuse in TypeScript what connect() refuses", () => {
  const url = "wss://localhost:1";
  const engine = "node" as EngineName;
  const builtIn: BuiltInConnectOptions = {};
  const refused = [
    // @ts-expect-error Of the strict engine only.
    () => connect(url, { defaultCaCerts: false }),
    // @ts-expect-error Of the strict engine only.
    () => connect(url, { pins: [] }),
    // @ts-expect-error Of the strict engine only.
    () => connect(url, { minVersion: "TLSv1.3" }),
    // @ts-expect-error Of the strict engine only.
    () => connect(url, { pingInterval: 1000 }),
    // @ts-expect-error It may be another engine that can.
    () => connect(url, { engine, pins: [] }),
    // @ts-expect-error What is built in cannot.
    () => connect(url, { ...builtIn, pins: [] }),
    // @ts-expect-error There is no such version.
    () => connect(url, { engine: "node", minVersion: "TLSv1.1" }),
  ];
  const taken = [
    () => connect(url, { engine }),
    () => connect(url, { engine: "node", pins: [], pingInterval: 0 }),
  ];
  assertEquals([refused.length, taken.length], [7, 2]);
});

Deno.test("serve(), upgrade() and connect() know all options that they are given", async () => {
  const { ca, chain } = await devCertificates();
  const url = "wss://localhost:1";
  const request = new Request("http://localhost");
  const remoteAddr = { transport: "tcp", hostname: "::1", port: 1 } as const;
  // As programs without types pass them.
  const none = (options: object) => options as Record<string, never>;
  const mistaken: [() => Promise<unknown>, string][] = [
    [
      () => serve(none({ port: 0, clientCA: [ca] }), () => {}),
      "Cannot use clientCA: serve() has no such option; it has authorize,",
    ],
    [
      () => connect(url, none({ rejectUnauthorized: false })),
      "Cannot use rejectUnauthorized: connect() has no such option; it has caCerts,",
    ],
    [
      async () =>
        await reconnect(url, none({ pin: [], maxDelay: 9 })).return?.(),
      "Cannot use pin: reconnect() has no such option; it has caCerts,",
    ],
    [
      () =>
        upgrade(request, { remoteAddr }, none({ maxMesageSize: 1 }), () => {}),
      "Cannot use maxMesageSize: upgrade() has no such option; it has authorize, closeTimeout,",
    ],
  ];
  for (const [call, message] of mistaken) {
    await assertRejects(async () => await call(), TypeError, message);
  }
  // What loadCertChain() gives has more than the two.
  const files = { cert: "a.pem", key: "b.pem" };
  const loaded: CertChain = { ...chain, files };
  await assertRejects(() => connect(url, { ...loaded }), NetworkError);
});

Deno.test("reconnect() and keepConnected() refuse options that they do not look at, also beside a function", () => {
  const url = "wss://localhost:1";
  const open = () => Promise.reject(new Error("it is not to be called"));
  const none = (options: object) => options as Record<string, never>;
  for (const target of [url, open] as string[]) {
    for (const name of ["onopen", "delivery", "minDelays"]) {
      assertThrows(
        () => reconnect(target, none({ [name]: "at-least-once" })),
        TypeError,
        `Cannot use ${name}: reconnect() has no such option; it has caCerts,`,
      );
    }
    assertThrows(
      () => keepConnected(target, none({ onOpen() {} })),
      TypeError,
      "Cannot use onOpen: keepConnected() has no such option; it has caCerts,",
    );
  }
  assertThrows(
    () => reconnect(open, none({ caCerts: [] })),
    TypeError,
    "Cannot use caCerts with a function that opens connections",
  );
});

test("serve() and connect() take what the testing kit gives them", async (engine) => {
  const tls = await testCertificates();
  await using server = await serve(
    { port: 0, engine, logger: {}, ...tls.server },
    (ws) => ws.closed,
  );
  await using ws = await connect(server.url, tls.client);
  assert(ws.open);
});

Deno.test("serve() refuses options of compression that there are not", async () => {
  const compression = { treshold: 1 };
  await assertRejects(
    () => serveUntyped({ engine: "node", compression }),
    TypeError,
    "Cannot use treshold: compression has no such option; it has threshold",
  );
});
