import { assert, assertEquals, assertRejects } from "@std/assert";
import { ClientAuth } from "../src/tls/client_auth.ts";
import type { CertChain } from "../src/tls/pem.ts";
import { devCertificates, forge, forgeCrl } from "./_certs.ts";
import {
  ADMITTED,
  ANONYMOUS,
  authority,
  client,
  clients,
  CUT,
  DAY,
  listen,
  missing,
  outcomes,
  PAST,
  until,
  VERSIONS,
} from "./_client_auth.ts";
import { testWith } from "./peers/suite.ts";

const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const DIGITAL_SIGNATURE = 1;
const KEY_CERT_SIGN = 32;
const CRL_SIGN = 64;

testWith(missing, "ClientAuth takes what an authority issued", async () => {
  const ca = await authority();
  const clientCa = [ca.cert];
  const good = { purposes: [CLIENT_AUTH], keyUsage: DIGITAL_SIGNATURE };
  assertEquals(await outcomes({ clientCa }, await client(ca)), ADMITTED);
  assertEquals(await outcomes({ clientCa }, await client(ca, good)), ADMITTED);
});

testWith(
  missing,
  "ClientAuth takes what an intermediate authority issued, if that is sent along",
  async () => {
    const ca = await authority();
    const middle = await forge({ issuer: ca, ca: true, subject: "CN=Middle" });
    const leaf = await client(middle);
    const chain = { ...leaf, cert: leaf.cert + middle.cert };
    assertEquals(await outcomes({ clientCa: [ca.cert] }, chain), ADMITTED);
    const other = await client(middle);
    assertEquals(await outcomes({ clientCa: [ca.cert] }, other), CUT);
    assertEquals(await outcomes({ clientCa: [middle.cert] }, leaf), ADMITTED);
  },
);

testWith(
  missing,
  "ClientAuth lets a client without a certificate in only where none is required",
  async () => {
    const ca = await authority();
    assertEquals(await outcomes({ clientCa: [ca.cert] }), ANONYMOUS);
  },
);

const UNKNOWN = { id: "1.2.3.4", critical: true, value: [5, 0] };

const BAD: Record<string, (ca: CertChain) => Promise<CertChain>> = {
  "has expired": (ca) => client(ca, PAST),
  "is not valid yet": (ca) =>
    client(ca, { notBefore: new Date(Date.now() + DAY) }),
  "is of another authority": async () => {
    return client(await authority({ subject: "CN=Others" }));
  },
  "is of another authority of the same name": async () => {
    return client(await authority());
  },
  "signed itself": () => forge({ subject: "CN=ada" }),
  "is for servers only": (ca) => client(ca, { purposes: [SERVER_AUTH] }),
  "has a key that may not sign": (ca) => client(ca, { keyUsage: CRL_SIGN }),
  "has something critical that is not known": (ca) => {
    return client(ca, { extension: UNKNOWN });
  },
  "is of an intermediate with something critical that is not known": async (
    ca,
  ) => {
    const options = { ca: true, extension: UNKNOWN, subject: "CN=Middle" };
    const middle = await client(ca, options);
    const leaf = await client(middle);
    return { ...leaf, cert: leaf.cert + middle.cert };
  },
  "names another issuer than has signed it": async ({ key }) => {
    const { cert } = await authority({ subject: "CN=Others" });
    return client({ cert, key });
  },
  "is an authority's": (ca) => client(ca, { ca: true }),
  "is the authority's own": (ca) => Promise.resolve(ca),
  "is of X.509 version 1": (ca) => client(ca, { version1: true }),
  "is of an intermediate that is no authority": async (ca) => {
    const middle = await client(ca, { subject: "CN=Middle" });
    const leaf = await client(middle);
    return { ...leaf, cert: leaf.cert + middle.cert };
  },
  "is of an intermediate that may not issue": async (ca) => {
    const subject = "CN=Middle";
    const middle = await client(ca, { ca: true, keyUsage: CRL_SIGN, subject });
    const leaf = await client(middle);
    return { ...leaf, cert: leaf.cert + middle.cert };
  },
  "is of an intermediate that is for servers only": async (ca) => {
    const subject = "CN=Middle";
    const purposes = [SERVER_AUTH];
    const middle = await client(ca, { ca: true, purposes, subject });
    const leaf = await client(middle);
    return { ...leaf, cert: leaf.cert + middle.cert };
  },
  "is farther from the authority than may be": async (ca) => {
    const subject = "CN=Upper";
    const upper = await client(ca, { ca: true, pathLength: 0, subject });
    const middle = await client(upper, { ca: true, subject: "CN=Middle" });
    const leaf = await client(middle);
    return { ...leaf, cert: leaf.cert + middle.cert + upper.cert };
  },
  "is of an intermediate that has expired": async (ca) => {
    const middle = await client(ca, {
      ca: true,
      subject: "CN=Middle",
      ...PAST,
    });
    const leaf = await client(middle);
    return { ...leaf, cert: leaf.cert + middle.cert };
  },
};

for (const [what, make] of Object.entries(BAD)) {
  testWith(
    missing,
    `ClientAuth cuts who shows a certificate that ${what}`,
    async () => {
      const ca = await authority();
      assertEquals(
        await outcomes({ clientCa: [ca.cert] }, await make(ca)),
        CUT,
      );
    },
  );
}

Deno.test("ClientAuth cuts who shows a certificate that can't be read", async () => {
  const ca = await authority();
  const rules = { clientCa: [ca.cert], require: false };
  await using server = await listen(await ClientAuth.load(rules));
  const { ca: caCert } = await devCertificates();
  const extension = { id: "2.5.29.15", critical: false, value: [5, 0] };
  for (const options of [{}, { extension }]) {
    const identity = await forge({ issuer: ca, ...options });
    using client = Deno.createHttpClient({ caCerts: [caCert], ...identity });
    const url = `https://localhost:${server.port}`;
    const answer = fetch(url, { client }).then((response) => response.text());
    if (options.extension) await assertRejects(() => answer, TypeError);
    else assertEquals(await answer, "CN=localhost");
  }
});

testWith(
  missing,
  "ClientAuth cuts who shows a certificate of an authority that may not have others below it",
  async () => {
    const last = await authority({ pathLength: 0 });
    const middle = await forge({
      issuer: last,
      ca: true,
      subject: "CN=Middle",
    });
    const leaf = await client(middle);
    const chain = { ...leaf, cert: leaf.cert + middle.cert };
    const rules = { clientCa: [last.cert] };
    assertEquals(await outcomes(rules, await client(last)), ADMITTED);
    assertEquals(await outcomes(rules, chain), CUT);
  },
);

testWith(
  missing,
  "ClientAuth cuts all certificates of an authority once that has expired",
  async () => {
    const notAfter = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2000);
    const ca = await authority({ notAfter });
    const clientCa = [ca.cert];
    const auth = await ClientAuth.load({ clientCa, require: false });
    await using server = await listen(auth);
    const step = {
      port: server.port,
      version: VERSIONS[1],
      identity: await client(ca),
    };
    const before = await clients(step);
    await until(notAfter);
    const after = await clients(step);
    assertEquals([before[0]?.reply, after[0]?.reply], ["CN=ada", null]);
  },
);

testWith(
  missing,
  "ClientAuth cuts who shows a revoked certificate, and nobody else",
  async () => {
    const ca = await authority({ keyUsage: KEY_CERT_SIGN | CRL_SIGN });
    const other = await authority({ subject: "CN=Others" });
    const serialNumber = "00ff01";
    const revoked = await client(ca, { serialNumber });
    const rules = {
      clientCa: [ca.cert + other.cert],
      crl: [
        await forgeCrl({ issuer: ca }) +
        await forgeCrl({ issuer: ca, revoked: [revoked.cert] }),
      ],
    };
    assertEquals(await outcomes(rules, revoked), CUT);
    assertEquals(await outcomes(rules, await client(ca)), ADMITTED);
    const namesake = await client(other, { serialNumber });
    assertEquals(await outcomes(rules, namesake), ADMITTED);
  },
);

testWith(
  missing,
  "ClientAuth cuts who shows a certificate of a revoked intermediate",
  async () => {
    const ca = await authority();
    const middle = await forge({ issuer: ca, ca: true, subject: "CN=Middle" });
    const leaf = await client(middle);
    const chain = { ...leaf, cert: leaf.cert + middle.cert };
    const crl = [await forgeCrl({ issuer: ca, revoked: [middle.cert] })];
    assertEquals(await outcomes({ clientCa: [ca.cert], crl }, chain), CUT);
  },
);

testWith(
  missing,
  "ClientAuth cuts all certificates of an authority once its list has expired",
  async () => {
    const ca = await authority();
    const other = await authority({ subject: "CN=Others" });
    const nextUpdate = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2000);
    const crl = [await forgeCrl({ issuer: ca, nextUpdate })];
    const clientCa = [ca.cert, other.cert];
    const auth = await ClientAuth.load({ clientCa, crl, require: false });
    await using server = await listen(auth);
    const { port } = server;
    const step = { port, version: VERSIONS[1] };
    const ours = { ...step, identity: await client(ca) };
    const theirs = { ...step, identity: await client(other) };
    const before = await clients(ours, theirs, step);
    assertEquals(before.map(({ reply }) => reply), ["CN=ada", "CN=ada", ""]);
    await until(nextUpdate);
    const after = await clients(ours, theirs, step);
    assertEquals(after.map(({ reply }) => reply), [null, "CN=ada", ""]);
  },
);

testWith(missing, "certificateOf() describes the certificate", async () => {
  const ca = await authority({ subject: "C=DE, O=Example" });
  const leaf = await client(ca, {
    subject: "O=Example, CN=Ada",
    names: ["sensor-7.example", "192.0.2.1", "2001:db8:0:0::1"],
    serialNumber: "00ff01",
  });
  const auth = await ClientAuth.load({ clientCa: [ca.cert], require: true });
  await using server = await listen(auth);
  const step = { port: server.port, version: VERSIONS[1], identity: leaf };
  await clients(step);
  const [certificate] = server.certificates;
  assert(certificate);
  const { X509Certificate } = await import("node:crypto");
  const expected = new X509Certificate(leaf.cert);
  assertEquals(certificate, {
    subject: "CN=Ada,O=Example",
    issuer: "O=Example,C=DE",
    names: ["DNS:sensor-7.example", "IP:192.0.2.1", "IP:2001:db8::1"],
    serialNumber: "ff01",
    fingerprint: expected.fingerprint256.replaceAll(":", "").toLowerCase(),
    validFrom: expected.validFromDate,
    validTo: expected.validToDate,
    pem: certificate.pem,
  });
  assertEquals(certificate.pem.trim(), expected.toString().trim());
});
