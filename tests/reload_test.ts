import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type CommonServeOptions,
  connect,
  type Connection,
  type Handler,
  serve,
  type Server,
  type StrictOptions,
  TlsError,
} from "../mod.ts";
import { devCertificates, forge } from "./_certs.ts";
import { connectTls, serveTls } from "./_pair.ts";
import { succeeds, testWith } from "./peers/suite.ts";
import { shownBy } from "./_tls_client.ts";

const DAY = 86_400_000;
const openssl = succeeds("openssl", "version") ? undefined : "openssl";

const echo: Handler = async (ws) => {
  for await (const message of ws) await ws.send(message);
};

/** A server on the strict engine, that echoes. */
function serveStrict(
  options: CommonServeOptions & Omit<StrictOptions, "engine">,
): Promise<Server> {
  return serve({ engine: "node", port: 0, logger: {}, ...options }, echo);
}

/** A certificate for localhost, with its name in it. */
function named(name: string): ReturnType<typeof forge> {
  return forge({ subject: `CN=${name}` });
}

async function assertEchoes(ws: Connection): Promise<void> {
  await ws.send("Hello?");
  assertEquals(await ws.receive(), "Hello?");
}

Deno.test("Server.reload() shows the new certificate to new clients, and keeps the old ones", async () => {
  const [one, two] = [await named("one"), await named("two")];
  await using server = await serveStrict(one);
  await using old = await connect(server.url, { caCerts: [one.cert] });
  await assertEchoes(old);
  assertEquals(await shownBy(server), "one");

  await server.reload(two);
  assertEquals(await shownBy(server), "two");
  assertEquals(await shownBy(server, { maxVersion: "TLSv1.2" }), "two");
  await assertEchoes(old);
  await using young = await connect(server.url, { caCerts: [two.cert] });
  await assertEchoes(young);
  await assertRejects(
    () => connect(server.url, { caCerts: [one.cert] }),
    TlsError,
  );
  await assertRejects(() => server.reload({}), TypeError, "nothing is given");
  assertEquals(await shownBy(server), "two");
});

Deno.test("Server.reload() refuses what is no good, and goes on with what there is", async () => {
  const [one, two] = [await named("one"), await named("two")];
  const expired = await forge({
    notBefore: new Date(Date.now() - 2 * DAY),
    notAfter: new Date(Date.now() - DAY),
  });
  await using server = await serveStrict(one);
  await using old = await connect(server.url, { caCerts: [one.cert] });
  for (
    const [options, reason] of [
      [{ cert: two.cert, key: one.key }, "key-mismatch"],
      [{ cert: "x", key: one.key }, "no-certificate"],
      [{ cert: two.cert, key: "secret" }, "no-private-key"],
      [expired, "expired"],
    ] as const
  ) {
    const error = await assertRejects(() => server.reload(options), TlsError);
    assertEquals(error.reason, reason);
    assert(!error.message.includes("secret"));
    assertEquals(await shownBy(server), "one");
  }
  await assertRejects(() => server.reload({ cert: two.cert }), TypeError);
  await assertEchoes(old);
  await server.reload(two);
  assertEquals(await shownBy(server), "two");
});

Deno.test("Server.reload() refuses what the server was not started with", async () => {
  const one = await named("one");
  await using server = await serveStrict(one);
  for (
    const options of [
      { certificates: { "one.test": one } },
      { clientCa: [one.cert] },
      { crl: [] },
    ]
  ) {
    await assertRejects(() => server.reload(options), TypeError, "started");
  }
  assertEquals(await shownBy(server), "one");
  await using plain = await serveStrict({});
  await assertRejects(() => plain.reload(one), TypeError, "has none");
});

Deno.test("Server.reload() on the built-in engine says which engine can", async () => {
  const { chain } = await devCertificates();
  await using server = await serveTls({}, echo);
  const error = await assertRejects(() => server.reload(chain), TypeError);
  assert(error.message.includes('use engine: "node"'), error.message);
  await using ws = await connectTls(server);
  await assertEchoes(ws);
});

Deno.test("Server.reload() that overlap take effect in their order", async () => {
  const chains = await Promise.all(["a", "b", "c", "d"].map(named));
  await using server = await serveStrict(chains[0]!);
  const wrong = { cert: chains[1]!.cert, key: chains[0]!.key };
  const done = await Promise.allSettled(
    [...chains.slice(1), wrong].map((chain) => server.reload(chain)),
  );
  assertEquals(done.map(({ status }) => status), [
    "fulfilled",
    "fulfilled",
    "fulfilled",
    "rejected",
  ]);
  assertEquals(await shownBy(server), "d");
});

Deno.test("serve() shows the certificate for the name that a client asks for", async () => {
  const [own, exact, wildcard, other] = await Promise.all(
    ["own", "exact", "wildcard", "other"].map(named),
  );
  const certificates = {
    "One.test": exact!,
    "*.two.test": wildcard!,
    "bücher.test": other!,
  };
  await using server = await serveStrict({ ...own!, certificates });
  const asked: [servername: string, shown: string][] = [
    ["one.test", "exact"],
    ["ONE.TEST", "exact"],
    ["xn--bcher-kva.test", "other"],
    ["a.two.test", "wildcard"],
    ["two.test", "own"],
    ["a.b.two.test", "own"],
    ["unknown.test", "own"],
    ["localhost", "own"],
    ["", "own"], // By its address.
  ];
  for (const maxVersion of ["TLSv1.2", "TLSv1.3"] as const) {
    for (const [servername, shown] of asked) {
      const got = await shownBy(server, { servername, maxVersion });
      assertEquals([servername, got], [servername, shown]);
    }
  }
  await server.reload({ certificates: { "two.test": other! } });
  assertEquals(await shownBy(server, { servername: "two.test" }), "other");
  assertEquals(await shownBy(server, { servername: "one.test" }), "own");
  const wrong = { cert: own!.cert, key: other!.key };
  await assertRejects(
    () => server.reload({ certificates: { "two.test": wrong } }),
    TlsError,
  );
  assertEquals(await shownBy(server, { servername: "two.test" }), "other");
  await server.reload(exact!);
  assertEquals(await shownBy(server), "exact");
  assertEquals(await shownBy(server, { servername: "two.test" }), "other");
});

for (const minVersion of ["TLSv1.2", "TLSv1.3"] as const) {
  testWith(
    openssl,
    `serve() with minVersion ${minVersion} speaks that, also after reload() and for every name`,
    async () => {
      const [own, two] = [await named("own"), await named("two")];
      const certificates = { "two.test": two };
      await using server = await serveStrict({
        ...own,
        minVersion,
        certificates,
      });
      const { port } = new URL(server.url);
      const speaks = async (version: string, name: string) => {
        const { success } = await new Deno.Command("openssl", {
          args: ["s_client", "-connect", `127.0.0.1:${port}`, version]
            .concat("-servername", name),
          stdin: "null",
        }).output();
        return success;
      };
      for (let round = 0; round < 2; round++) {
        for (const name of ["localhost", "two.test"]) {
          assertEquals(await speaks("-tls1_3", name), true);
          assertEquals(
            await speaks("-tls1_2", name),
            minVersion === "TLSv1.2",
          );
          assertEquals(await speaks("-tls1_1", name), false);
        }
        await server.reload({ ...two, certificates });
      }
    },
  );
}

/** How many connections carry how many messages each. */
const LOAD = { connections: 5, messages: 2000 };

Deno.test("Server.reload() under load loses no message and fails no handshake", async () => {
  const chains = [await named("one"), await named("two")];
  const caCerts = chains.map(({ cert }) => cert);
  await using server = await serveStrict(chains[0]!);
  const carry = async (name: number) => {
    await using ws = await connect(server.url, { caCerts });
    const sending = (async () => {
      for (let count = 0; count < LOAD.messages; count++) {
        await ws.send(`${name} ${count}`);
        // Both ends share one event loop.
        if (count % 20 === 0) await new Promise((next) => setTimeout(next));
      }
    })();
    for (let count = 0; count < LOAD.messages; count++) {
      assertEquals(await ws.receive(), `${name} ${count}`);
    }
    await sending;
  };
  let loaded = false;
  let handshakes = 0;
  const seen = new Set<string>();
  const shakeHands = async () => {
    while (!loaded) {
      seen.add(await shownBy(server));
      await using ws = await connect(server.url, { caCerts });
      await assertEchoes(ws);
      handshakes++;
    }
  };
  const reload = async () => {
    let reloads = 0;
    for (; !loaded; reloads++) {
      await server.reload(chains[(reloads + 1) % 2]!);
      await new Promise((next) => setTimeout(next, 20));
    }
    return reloads;
  };
  const carrying = Promise.all(
    Array.from({ length: LOAD.connections }, (_, name) => carry(name)),
  ).finally(() => loaded = true);
  const [, reloads] = await Promise.all([carrying, reload(), shakeHands()]);
  assert(reloads > 5, `${reloads} times`);
  assert(handshakes > 5, `${handshakes} handshakes`);
  assertEquals([...seen].sort(), ["one", "two"]);
});
