import { assert, assertEquals } from "@std/assert";
import { createAuthority } from "../src/tls/authority.ts";
import { ClientAuth } from "../src/tls/client_auth.ts";
import type { CertChain } from "../src/tls/pem.ts";
import { devCertificates, forge, forgeCrl, pretendKey } from "./_certs.ts";
import {
  authority,
  client,
  clients,
  CUT,
  listen,
  missing,
  outcomes,
  until,
  VERSIONS,
} from "./_client_auth.ts";
import { testWith } from "./peers/suite.ts";

for (const version1 of [false, true]) {
  const of = version1 ? " of X.509 version 1" : "";
  testWith(
    missing,
    `ClientAuth cuts who shows another's certificate${of} without its key, also with the session that it got`,
    async () => {
      const ca = await authority();
      const victim = await client(ca, { version1 });
      const { key } = await forge();
      const identity = { ...victim, key: await pretendKey(victim.key, key) };
      const rules = { clientCa: [ca.cert] };
      assertEquals(await outcomes(rules, identity), CUT);
      await using open = await listen(
        await ClientAuth.load({ ...rules, require: false }),
      );
      open.auth = undefined; // It looks at nothing.
      await using server = await listen(
        await ClientAuth.load({ ...rules, require: true }),
      );
      for (const version of VERSIONS) {
        const results = await clients(
          { port: server.port, version, identity: victim },
          { port: open.port, version, identity },
          { port: server.port, version, resume: 1 },
        );
        assertEquals(results.map(({ reply }) => reply), [
          version1 ? null : "CN=ada",
          version1 ? "" : null, // Of version 1, the runtime takes any key.
          null,
        ]);
        assertEquals(results[2]?.reused, version1);
      }
    },
  );
}

for (const version of VERSIONS) {
  testWith(
    missing,
    `ClientAuth takes a resumed session of a certificate that it has seen, ${version}`,
    async () => {
      const ca = await authority();
      const rules = { clientCa: [ca.cert], require: true };
      await using server = await listen(await ClientAuth.load(rules));
      const { port } = server;
      const results = await clients(
        { port, version, identity: await client(ca) },
        { port, version, resume: 0 },
      );
      assertEquals(results, [
        { reply: "CN=ada", reused: false },
        { reply: "CN=ada", reused: true },
      ]);
    },
  );

  testWith(
    missing,
    `ClientAuth cuts resumed sessions that other servers of the process gave, ${version}`,
    async () => {
      const ca = await authority();
      const foreign = await authority({ subject: "CN=Others" });
      const load = (ca: CertChain, require: boolean) =>
        ClientAuth.load({ clientCa: [ca.cert], require });
      await using plain = await listen();
      await using foreigners = await listen(await load(foreign, true));
      await using anybody = await listen(await load(ca, false));
      anybody.auth = undefined; // It looks at nothing.
      await using must = await listen(await load(ca, true));
      await using may = await listen(await load(ca, false));
      const mallory = { version, identity: await forge({ subject: "CN=ada" }) };
      const stranger = { version, identity: await client(foreign) };
      const results = await clients(
        { version, port: plain.port },
        { version, port: must.port, resume: 0 },
        { version, port: may.port, resume: 0 },
        { ...stranger, port: foreigners.port },
        { version, port: must.port, resume: 3 },
        { version, port: may.port, resume: 3 },
        { ...mallory, port: anybody.port },
        { version, port: must.port, resume: 6 },
        { version, port: may.port, resume: 6 },
      );
      assertEquals(results.map(({ reply }) => reply), [
        ...["", null, ""],
        ...["CN=ada", null, null],
        ...["", null, null],
      ]);
      const resumed = results.map(({ reused }) => reused);
      const three = [false, true, true];
      assertEquals(resumed, [...three, ...three, ...three]);
    },
  );

  testWith(
    missing,
    `ClientAuth cuts a resumed session that was begun under other rules, ${version}`,
    async () => {
      const ca = await authority();
      const leaf = await client(ca);
      const other = await authority({ subject: "CN=Others" });
      const load = (clientCa: string[], crl?: string[]) =>
        ClientAuth.load({ clientCa, crl, require: true });
      for (
        const after of [
          await load([other.cert]),
          await load([ca.cert], [
            await forgeCrl({ issuer: ca, revoked: [leaf.cert] }),
          ]),
        ]
      ) {
        const auth = await load([ca.cert]);
        await using before = await listen(auth);
        await using server = await listen(after);
        const results = await clients(
          { port: before.port, version, identity: leaf },
          { port: server.port, version, resume: 0 },
          { port: server.port, version, identity: leaf },
        );
        assertEquals(results.map(({ reply }) => reply), ["CN=ada", null, null]);
        assert(results[1]?.reused);
      }
    },
  );

  testWith(
    missing,
    `ClientAuth cuts a resumed session once the certificate has expired, ${version}`,
    async () => {
      const ca = await authority();
      const notAfter = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2000);
      const identity = await client(ca, { notAfter });
      const rules = { clientCa: [ca.cert], require: false };
      await using server = await listen(await ClientAuth.load(rules));
      const { port } = server;
      const [first] = await clients({ port, version, identity });
      assertEquals(first?.reply, "CN=ada");
      await until(notAfter);
      await using anybody = await listen(await ClientAuth.load(rules));
      anybody.auth = undefined; // Gives a session whatever is shown.
      const results = await clients(
        { port: anybody.port, version, identity },
        { port, version, resume: 0 },
      );
      assertEquals(results, [
        { reply: "", reused: false },
        { reply: null, reused: true },
      ]);
    },
  );
}

testWith(
  missing,
  "ClientAuth cuts a resumed session under name constraints, unless it has seen the certificate",
  async () => {
    const ca = await createAuthority();
    const rules = { clientCa: [ca.cert] };
    const outside = await client(ca, { names: ["outside.example"] });
    assertEquals(await outcomes(rules, outside), CUT);
    const auth = await ClientAuth.load({ ...rules, require: true });
    await using server = await listen(auth);
    await using anybody = await listen(auth);
    anybody.auth = undefined;
    for (const version of VERSIONS) {
      const identity = await client(ca);
      const { port } = server;
      const results = await clients(
        { version, port: anybody.port, identity },
        { version, port, resume: 0 },
        { version, port, identity },
        { version, port, resume: 0 },
      );
      assertEquals(results.map(({ reply }) => reply), [
        "",
        null,
        "CN=ada",
        "CN=ada",
      ]);
      assertEquals(results.map(({ reused }) => reused), [
        false,
        true,
        false,
        true,
      ]);
    }
  },
);

Deno.test("ClientAuth does not cut clients that resume their sessions when the rules are replaced", async () => {
  const ca = await authority();
  const rules = { clientCa: [ca.cert], require: true };
  await using server = await listen(await ClientAuth.load(rules));
  const { ca: caCert } = await devCertificates();
  using client = Deno.createHttpClient({
    caCerts: [caCert],
    ...await forge({ issuer: ca, subject: "CN=ada" }),
  });
  const ask = async () => {
    const url = `https://localhost:${server.port}`;
    return await (await fetch(url, { client })).text();
  };
  assertEquals([await ask(), await ask()], ["CN=ada", "CN=ada"]);
  server.replace(await ClientAuth.load(rules));
  assertEquals([await ask(), await ask()], ["CN=ada", "CN=ada"]);
  assertEquals(server.reused, [false, true, true, true]);
});
