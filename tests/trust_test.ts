import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  connect,
  type ConnectOptions,
  TlsError,
  type TlsErrorReason,
} from "../mod.ts";
import { certificatePin } from "../certs/mod.ts";
import type { CertChain } from "../src/tls/pem.ts";
import { devCertificates, forge, temporaryDirectory } from "./_certs.ts";
import { test } from "./_engines.ts";
import { serveTls } from "./_pair.ts";
import { tlsServer } from "./_tls_server.ts";

/** Fails unless the strict engine refuses a server, and tells it nothing. */
async function assertRefuses(
  chain: { cert: string; key: string },
  caCerts: string[],
  reason: TlsErrorReason,
  options: Partial<ConnectOptions> = {},
): Promise<void> {
  await using server = await tlsServer(chain);
  const error = await assertRejects(
    () =>
      connect(
        server.url,
        // A second look would find the runtime's own opinion.
        {
          engine: "node",
          caCerts,
          diagnose: false,
          openTimeout: 500,
          ...options,
        } as ConnectOptions,
      ),
    TlsError,
  );
  assertEquals(error.reason, reason, error.message);
  assertEquals(server.heard, 0);
}

Deno.test("connect() on the strict engine refuses options of trust that make no sense", async () => {
  const { ca } = await devCertificates();
  const wrong: [object, string][] = [
    [{ defaultCaCerts: false }, "Cannot use defaultCaCerts: without caCerts"],
    [{ defaultCaCerts: 0, caCerts: [ca] }, "it must be true or false"],
    [{ minVersion: "TLSv1.1" }, 'it must be "TLSv1.2" or "TLSv1.3"'],
    [{ caCerts: [7] }, "caCerts[0]: it is no certificate in PEM"],
    [{ caCerts: ca }, "it must be a list of certificates"],
    [{ pingInterval: -1 }, "Cannot use pingInterval: it must be 0, or from 1"],
  ];
  for (const [options, message] of wrong) {
    await assertRejects(
      () => connect("wss://localhost:1", { engine: "node", ...options }),
      Error,
      message,
    );
  }
  for (const option of [{ minVersion: "TLSv1.3" }, { defaultCaCerts: true }]) {
    await assertRejects(
      () =>
        connect(
          "ws://localhost:1",
          { engine: "node", ...option } as ConnectOptions,
        ),
      TypeError,
      "a ws:// URL is without TLS",
    );
  }
});

Deno.test("connect() says which of caCerts is no certificate on the strict engine", async () => {
  const { ca, chain } = await devCertificates();
  await using server = await tlsServer(chain);
  const broken = ca.replace("MII", "QUJ");
  const error = await assertRejects(
    () => connect(server.url, { engine: "node", caCerts: [ca, broken] }),
    TlsError,
    "Cannot use caCerts[1]: ",
  );
  assertEquals(error.reason, "malformed-pem");
});

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  Deno.test(`connect() speaks no TLS older than minVersion to a server of ${version}`, async () => {
    const { ca, chain } = await devCertificates();
    const options = { minVersion: version, maxVersion: version };
    await using server = await tlsServer(chain, options);
    const opening = connect(server.url, {
      engine: "node",
      caCerts: [ca],
      minVersion: "TLSv1.3",
      openTimeout: 300,
    }).catch((error: unknown) => error);
    const error = await opening;
    // One that is new enough gets the request, and does not answer it.
    if (version === "TLSv1.3") return assert(error instanceof DOMException);
    assert(error instanceof TlsError, String(error));
    assertEquals(error.reason, "protocol-version");
  });
}

test("connect() trusts a certificate that signed itself, if it is one of caCerts", async (engine) => {
  const chain = await forge();
  await using server = await serveTls(chain, (ws) => ws.send("in"));
  const caCerts = [(await forge({ ca: true })).cert, chain.cert];
  await using ws = await connect(server.url, { engine, caCerts });
  assertEquals(await ws.receive(), "in");
});

Deno.test("connect() finds the way to an authority over those that the server sends, in any order", async () => {
  const root = await forge({ ca: true, subject: "CN=root" });
  const middle = await forge({ ca: true, subject: "CN=middle", issuer: root });
  const low = await forge({ ca: true, subject: "CN=low", issuer: middle });
  const leaf = await forge({ issuer: low });
  const other = await forge({ ca: true, subject: "CN=other" });
  const cert = leaf.cert + other.cert + middle.cert + low.cert;
  await using server = await serveTls(
    { engine: "node", cert, key: leaf.key },
    (ws) => ws.send("in"),
  );
  for (const defaultCaCerts of [true, false]) {
    const options = { caCerts: [root.cert], defaultCaCerts };
    await using ws = await connect(server.url, { engine: "node", ...options });
    assertEquals(await ws.receive(), "in");
  }
});

Deno.test("connect() on the strict engine believes no certificate by the name of its issuer alone", async () => {
  const root = await forge({ ca: true, subject: "CN=root" });
  const forged = await forge({ ca: true, subject: "CN=root" });
  const name = { subject: "CN=localhost", issuer: forged };
  // The runtime takes these.
  await assertRefuses(
    await forge({ ...name, version1: true }),
    [root.cert],
    "other",
  );
  const leaf = await forge(name);
  const confused = await forge({ ...name, version1: true });
  const cert = leaf.cert + confused.cert;
  await assertRefuses({ cert, key: leaf.key }, [root.cert], "unknown-issuer");
  await assertRefuses(leaf, [root.cert], "unknown-issuer");
});

Deno.test("connect() on the strict engine takes no certificate of X.509 version 1, which the runtime believes without a key", async () => {
  const root = await forge({ ca: true, subject: "CN=root" });
  const old = await forge({ issuer: root, version1: true });
  await assertRefuses(old, [root.cert], "other");
});

Deno.test("connect() on the strict engine survives a server that sends what is no certificate", async () => {
  const root = await forge({ ca: true, subject: "CN=root" });
  const leaf = await forge({ issuer: root });
  const block =
    "-----BEGIN CERTIFICATE-----\nMAMBAf8=\n-----END CERTIFICATE-----\n";
  const chain = { cert: leaf.cert + block, key: leaf.key };
  await assertRefuses(chain, [root.cert], "other");
});

/** A permittedSubtrees of one DNS name (RFC 5280, section 4.2.1.10). */
function only(
  name: string,
): { id: string; critical: boolean; value: number[] } {
  const bytes = [...new TextEncoder().encode(name)];
  const size = bytes.length;
  const value = [0x30, size + 6, 0xa0, size + 4, 0x30, size + 2, 0x82, size];
  return { id: "2.5.29.30", critical: true, value: [...value, ...bytes] };
}

Deno.test("connect() on the strict engine holds authorities to the names that they may issue, whatever comes with them", async () => {
  const root = await forge({ ca: true, subject: "CN=root" });
  const old = await forge({ subject: "CN=dept", version1: true });
  for (const [name, within] of [["dept.test", false], ["localhost", true]]) {
    const low = await forge({
      ca: true,
      subject: "CN=dept",
      issuer: root,
      extension: only(`${name}`),
    });
    const leaf = await forge({ issuer: low });
    const chain = { cert: leaf.cert + old.cert + low.cert, key: leaf.key };
    if (!within) await assertRefuses(chain, [root.cert], "unknown-issuer");
    else {
      await using server = await tlsServer(chain);
      const late = await connect(server.url, {
        engine: "node",
        caCerts: [root.cert],
        openTimeout: 300,
      }).catch((error: unknown) => error);
      assert(late instanceof DOMException, String(late));
    }
  }
});

Deno.test("connect() on the strict engine lets nobody issue certificates who may not", async () => {
  const none = await forge({ subject: "CN=server", names: ["server.test"] });
  await assertRefuses(
    await forge({ issuer: none }),
    [none.cert],
    "unknown-issuer",
  );
  const root = await forge({ ca: true, subject: "CN=root", pathLength: 0 });
  const low = await forge({ ca: true, subject: "CN=low", issuer: root });
  const leaf = await forge({ issuer: low });
  const chain = { cert: leaf.cert + low.cert, key: leaf.key };
  await assertRefuses(chain, [root.cert], "unknown-issuer");
});

Deno.test("connect() on the strict engine takes no common name for the name of a host", async () => {
  const chain = await forge({ subject: "CN=localhost", names: ["other.test"] });
  await assertRefuses(chain, [chain.cert], "name-mismatch");
  const nameless = await forge({ subject: "CN=localhost", names: [] });
  await assertRefuses(nameless, [nameless.cert], "name-mismatch");
});

Deno.test("connect() on the strict engine takes a wildcard for the names of one owner only", async () => {
  const authority = await forge({ ca: true, subject: "CN=authority" });
  for (
    const [name, host, opens] of [
      ["*.example.test", "a.example.test", true],
      ["*.example.test", "a.b.example.test", false],
      ["*.test", "a.test", false],
    ] as const
  ) {
    const chain = await forge({ issuer: authority, names: [name] });
    // serve() would refuse some of these.
    await using server = await tlsServer(chain);
    const { port } = new URL(server.url);
    const error = await assertRejects(() =>
      connect(`wss://${host}:${port}`, {
        engine: "node",
        caCerts: [authority.cert],
        resolve: { [host]: "127.0.0.1" },
        openTimeout: 500,
        diagnose: false,
      })
    );
    assertEquals(server.heard > 0, opens, host);
    if (opens) continue; // The request was sent, which nobody answers.
    assert(error instanceof TlsError, String(error));
    assertEquals(error.reason, "name-mismatch");
  }
});

Deno.test("connect() trusts the runtime's authorities unless defaultCaCerts is false", async () => {
  const { ca, chain, dir } = await devCertificates();
  const other = (await forge({ ca: true, subject: "CN=other" })).cert;
  await using server = await serveTls({ engine: "node" }, (ws) => ws.closed);
  await using directory = await temporaryDirectory();
  const pins = [await certificatePin(chain.cert), await certificatePin(other)];
  const wrong = [await certificatePin(other), `sha256/${"A".repeat(43)}=`];
  const asked: ConnectOptions[] = [
    { engine: "node" },
    { engine: "node", pins },
    { engine: "node", pins: wrong },
    { engine: "node", caCerts: [other] },
    { engine: "node", caCerts: [other], defaultCaCerts: false },
    { engine: "node", caCerts: [ca], defaultCaCerts: false },
    { engine: "node" },
  ];
  const file = await directory.write("asked.json", JSON.stringify(asked));
  const results = await inProcess(server.url, [file], [`--cert=${dir}/ca.pem`]);
  assertEquals(results, [
    "open",
    "open",
    "pin-mismatch",
    "open",
    "unknown-issuer",
    "open",
    "open",
  ]);
});

Deno.test("connect() believes nobody by the name of an authority that the program gave to the runtime", async () => {
  const authority = await forge({ ca: true, subject: "CN=authority" });
  // Of the same name, with a key of the attacker's.
  const forged = await forge({ ca: true, subject: "CN=authority" });
  const between = await forge({
    issuer: forged,
    subject: "CN=between",
    version1: true,
  });
  const leaf = await forge({ issuer: between });
  const good = await forge({ issuer: authority });
  await using directory = await temporaryDirectory();
  const asked = [{ engine: "node", diagnose: false, openTimeout: 1000 }];
  const file = await directory.write("asked.json", JSON.stringify(asked));
  const authorities = await directory.write("ca.pem", authority.cert);
  const heard = async (chain: CertChain): Promise<[unknown, boolean]> => {
    await using server = await tlsServer(chain);
    const result = await inProcess(server.url, [file, authorities]);
    return [result, server.heard > 0];
  };
  const [, heardByGood] = await heard(good);
  assert(heardByGood);
  const chain = { cert: leaf.cert + between.cert, key: leaf.key };
  assertEquals(await heard(chain), [["unknown-issuer"], false]);
});

/** What `programs/trusts.ts` says, in a process of its own. */
async function inProcess(
  url: string,
  files: string[],
  flags: string[] = [],
): Promise<unknown> {
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", ...flags],
      `--allow-net=localhost:${new URL(url).port}`,
      `--allow-read=${files.join(",")}`,
      fromFileUrl(new URL("programs/trusts.ts", import.meta.url)),
      ...[url, ...files],
    ],
  }).output();
  const text = new TextDecoder();
  assertEquals(text.decode(stderr), "");
  return JSON.parse(text.decode(stdout));
}
