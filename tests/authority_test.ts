import {
  assert,
  assertEquals,
  assertExists,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { AsnConvert } from "@peculiar/asn1-schema";
import { NameConstraints } from "@peculiar/asn1-x509";
import { createAuthority, issueCertificate } from "../src/tls/authority.ts";
import { forge } from "./_certs.ts";

const DAY = 86_400_000;
const NAME_CONSTRAINTS = "2.5.29.30";
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];

function parse(pem: string): x509.X509Certificate {
  const [first] = x509.PemConverter.decode(pem);
  assertExists(first);
  return new x509.X509Certificate(first);
}

function permitted(certificate: x509.X509Certificate): string[] {
  const extension = certificate.getExtension(NAME_CONSTRAINTS);
  assert(extension?.critical);
  const constraints = AsnConvert.parse(extension.value, NameConstraints);
  assertEquals(constraints.excludedSubtrees, undefined);
  return [...constraints.permittedSubtrees ?? []].map(({ base }) =>
    base.dNSName ?? base.iPAddress ?? "?"
  );
}

Deno.test("createAuthority() makes a certificate that can sign certificates, and no other authority", async () => {
  const ca = parse((await createAuthority()).cert);

  const constraints = ca.getExtension(x509.BasicConstraintsExtension);
  assertEquals([constraints?.ca, constraints?.pathLength], [true, 0]);
  assert(constraints?.critical);
  const usages = ca.getExtension(x509.KeyUsagesExtension);
  assertEquals(
    usages?.usages,
    x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
  );
  assert(usages?.critical);
  assert(ca.getExtension(x509.SubjectKeyIdentifierExtension));
  assertMatch(ca.subject, /^O=wss, CN=wss development CA [0-9a-f]{8}$/);
  assert(await ca.isSelfSigned());
  assertEquals<unknown>(ca.publicKey.algorithm, {
    name: "ECDSA",
    namedCurve: "P-256",
  });
});

Deno.test("createAuthority() permits the names it was made for, and no others", async () => {
  const hosts = [
    "*.example.test",
    "192.0.2.7",
    "[2001:DB8::0:5]",
    "bücher.test",
  ];
  const ca = parse((await createAuthority({ hosts })).cert);

  assertEquals(permitted(ca), [
    "localhost",
    "127.0.0.1/32",
    "::1/128",
    "example.test",
    "192.0.2.7/32",
    "2001:db8::5/128",
    "xn--bcher-kva.test",
  ]);
});

Deno.test("createAuthority() keeps to the given time of validity", async () => {
  const notBefore = new Date("2030-01-01T00:00:00.900Z");
  const notAfter = new Date("2060-01-01T00:00:00Z");
  const ca = parse((await createAuthority({ notBefore, notAfter })).cert);

  assertEquals(ca.notBefore, new Date("2030-01-01T00:00:00Z"));
  assertEquals(ca.notAfter, notAfter);
  await assertRejects(
    () => createAuthority({ notBefore: notAfter, notAfter: notBefore }),
    RangeError,
    "before it starts",
  );
});

Deno.test("issueCertificate() makes a certificate for servers alone", async () => {
  const authority = await createAuthority();
  const issued = await issueCertificate(authority);
  const leaf = parse(issued.cert);

  const constraints = leaf.getExtension(x509.BasicConstraintsExtension);
  assertEquals([constraints?.ca, constraints?.critical], [false, true]);
  const usages = leaf.getExtension(x509.KeyUsagesExtension);
  assertEquals(usages?.usages, x509.KeyUsageFlags.digitalSignature);
  assert(usages?.critical);
  const purposes = leaf.getExtension(x509.ExtendedKeyUsageExtension)?.usages;
  assertEquals([...purposes ?? []], [x509.ExtendedKeyUsage.serverAuth]);
  const ca = parse(authority.cert);
  assertEquals(
    leaf.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId,
    ca.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId,
  );
  assert(leaf.getExtension(x509.SubjectKeyIdentifierExtension));
  assert(await leaf.verify({ publicKey: ca.publicKey }));
  assertStringIncludes(issued.cert, authority.cert);
});

Deno.test("issueCertificate() names loopback first, then each host once", async () => {
  const hosts = ["a.example.test", "A.Example.TEST.", "*.example.test", "::1"];
  const authority = await createAuthority({ hosts: ["example.test"] });
  const issued = await issueCertificate(authority, { hosts });

  const names = [...LOOPBACK, "a.example.test", "*.example.test"];
  assertEquals(issued.names, names);
  const extension = parse(issued.cert)
    .getExtension(x509.SubjectAlternativeNameExtension);
  assertEquals(extension?.names.items.map((name) => name.value), names);
});

Deno.test("issueCertificate() makes a new key and a new positive serial number each time", async () => {
  const authority = await createAuthority();
  const first = await issueCertificate(authority);
  const second = await issueCertificate(authority);

  assertNotEquals(first.key, second.key);
  const serials = [first, second].map(({ cert }) => parse(cert).serialNumber);
  assertNotEquals(serials[0], serials[1]);
  for (const serial of serials) assertMatch(serial, /^[4-7][0-9a-f]{31}$/);
});

Deno.test("issueCertificate() refuses a host that the authority was not made for", async () => {
  const authority = await createAuthority({ hosts: ["*.example.test"] });

  for (
    const host of ["other.test", "test", "badexample.test", "192.0.2.1", "::2"]
  ) {
    const error = await assertRejects(
      () => issueCertificate(authority, { hosts: [host] }),
      RangeError,
      `Cannot issue certificate for ${host}: `,
    );
    assertStringIncludes(error.message, "--force");
  }
});

Deno.test("issueCertificate() issues anything for an authority that is not bound to names", async () => {
  const authority = await forge({ ca: true });
  const issued = await issueCertificate(authority, { hosts: ["other.test"] });

  assertEquals(issued.names, [...LOOPBACK, "other.test"]);
});

Deno.test("issueCertificate() starts in the past, lasts 397 days, and stays within 398", async () => {
  const authority = await createAuthority({
    notBefore: new Date(Date.now() - 2 * DAY),
  });
  const leaf = parse((await issueCertificate(authority)).cert);
  const lifetime = leaf.notAfter.getTime() + 1000 - leaf.notBefore.getTime();
  assert(leaf.notBefore < new Date());
  assertEquals(lifetime, 397 * DAY);

  const notBefore = new Date();
  const longest = new Date(notBefore.getTime() + 398 * DAY - 1000);
  await issueCertificate(authority, { notBefore, notAfter: longest });
  await assertRejects(
    () =>
      issueCertificate(authority, {
        notBefore,
        notAfter: new Date(longest.getTime() + 1000),
      }),
    RangeError,
    "398 days",
  );
});

Deno.test("issueCertificate() stays inside the authority's time of validity", async () => {
  const notBefore = new Date(Math.floor(Date.now() / 1000) * 1000);
  const notAfter = new Date(notBefore.getTime() + 5 * DAY);
  const authority = await createAuthority({ notBefore, notAfter });
  const issued = await issueCertificate(authority);

  assertEquals(parse(issued.cert).notBefore, notBefore);
  assertEquals(issued.notAfter, notAfter);
  await assertRejects(
    () =>
      issueCertificate(authority, {
        notBefore: new Date(notAfter.getTime() + DAY),
      }),
    RangeError,
    "before it starts",
  );
});

Deno.test("issueCertificate() refuses what is no authority", async () => {
  const [authority, other, leaf] = await Promise.all([
    createAuthority(),
    createAuthority(),
    forge(),
  ]);
  const refused = [
    { authority: { ...authority, cert: "no PEM" }, why: "not a certificate" },
    { authority: leaf, why: "not a CA certificate" },
    { authority: { ...authority, key: "no PEM" }, why: "not a P-256 key" },
    { authority: { ...authority, key: other.key }, why: "does not match" },
  ];

  for (const { authority, why } of refused) {
    await assertRejects(() => issueCertificate(authority), TypeError, why);
  }
});
