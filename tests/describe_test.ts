import { assert, assertEquals, assertRejects } from "@std/assert";
import { certificatePin, describeCertificates } from "../certs/mod.ts";
import { createAuthority, issueCertificate } from "../src/tls/authority.ts";
import { CLIENT_AUTH, SERVER_AUTH } from "../src/tls/certified.ts";
import { forge, temporaryDirectory } from "./_certs.ts";
import { crowded } from "./doctor/_setups.ts";

Deno.test("describeCertificates() tells what each certificate in a text says, and passes over keys", async () => {
  const authority = await createAuthority({ hosts: ["*.example.test"] });
  const { cert, key, notAfter } = await issueCertificate(authority, {
    hosts: ["*.example.test"],
  });
  const [leaf, ca, ...more] = await describeCertificates(key + cert);
  assert(leaf !== undefined && ca !== undefined);
  assertEquals(more, []);
  assertEquals(leaf, {
    subject: "CN=localhost,O=wss development certificate",
    issuer: ca.subject,
    names: ["localhost", "127.0.0.1", "::1", "*.example.test"],
    notBefore: leaf.notBefore,
    notAfter,
    serialNumber: leaf.serialNumber,
    signatureAlgorithm: "ECDSA with SHA-256",
    keyType: "EC P-256",
    sha256: leaf.sha256,
    pin: await certificatePin(cert),
    isAuthority: false,
    selfSigned: false,
    extendedKeyUsage: ["serverAuth"],
    boundTo: [],
  });
  assertEquals([ca.isAuthority, ca.selfSigned, ca.issuer], [
    true,
    true,
    ca.subject,
  ]);
  assertEquals(ca.extendedKeyUsage, []);
  assertEquals(ca.boundTo, [
    "localhost",
    "example.test",
    "127.0.0.1/32",
    "::1/128",
  ]);
});

Deno.test("describeCertificates() tells that an authority is bound to one kind of names only, or to none", async () => {
  const constrain = (value: number[]) => ({
    id: "2.5.29.30",
    critical: true,
    value,
  });
  const [anyAddress, anyName] = [["0.0.0.0/0", "::/0"], ["*"]];
  const authorities: [value: number[], boundTo: string[]][] = [
    // permittedSubtrees: dNSName a.b
    [[0x30, 9, 0xa0, 7, 0x30, 5, 0x82, 3, 97, 46, 98], ["a.b", ...anyAddress]],
    // dNSName that is empty
    [[0x30, 6, 0xa0, 4, 0x30, 2, 0x82, 0], [...anyName, ...anyAddress]],
    // iPAddress 10.0.0.0/8
    [
      [0x30, 14, 0xa0, 12, 0x30, 10, 0x87, 8, 10, 0, 0, 0, 255, 0, 0, 0],
      [...anyName, "10.0.0.0/8"],
    ],
    // rfc822Name a.b
    [[0x30, 9, 0xa0, 7, 0x30, 5, 0x81, 3, 97, 46, 98], []],
  ];
  for (const [value, boundTo] of authorities) {
    const { cert } = await forge({ ca: true, extension: constrain(value) });
    assertEquals((await describeCertificates(cert))[0]?.boundTo, boundTo);
    const leaf = await forge({ extension: constrain(value) });
    assertEquals((await describeCertificates(leaf.cert))[0]?.boundTo, []);
  }
});

Deno.test("describeCertificates() tells the same fingerprint and serial number as openssl", async () => {
  await using dir = await temporaryDirectory();
  const { cert } = await forge({ serialNumber: "0badc0de" });
  const file = await dir.write("cert.pem", cert);
  const [about] = await describeCertificates(cert);
  const told = await openssl(
    ...["x509", "-in", file, "-noout", "-serial", "-fingerprint", "-sha256"],
  );
  assertEquals(
    told.toLowerCase(),
    `serial=${about?.serialNumber}\nsha256 fingerprint=${about?.sha256.toLowerCase()}\n`,
  );
});

Deno.test("describeCertificates() knows a self-signed certificate from one that only says so", async () => {
  const own = await forge({ subject: "CN=one" });
  const issuer = await forge({ subject: "CN=two", ca: true });
  const pretended = await forge({ subject: "CN=two", issuer });
  const about = await describeCertificates(own.cert + pretended.cert);
  assertEquals(about.map(({ issuer }) => issuer), ["CN=one", "CN=two"]);
  assertEquals(about.map(({ selfSigned }) => selfSigned), [true, false]);
});

Deno.test("describeCertificates() names purposes and kinds of keys, also such as TLS does not take", async () => {
  await using dir = await temporaryDirectory();
  const { cert } = await forge({
    purposes: [SERVER_AUTH, CLIENT_AUTH, "1.2.3.4"],
  });
  assertEquals((await describeCertificates(cert))[0]?.extendedKeyUsage, [
    "serverAuth",
    "clientAuth",
    "1.2.3.4",
  ]);
  const kinds: [keyType: string, signature: string, ...args: string[]][] = [
    ["RSA 2048", "RSA with SHA-256", "rsa:2048"],
    ["EC P-384", "ECDSA with SHA-256", ...curve("P-384")],
    ["EC brainpoolP256r1", "ECDSA with SHA-256", ...curve("brainpoolP256r1")],
    ["Ed25519", "Ed25519", "ed25519"],
    ["Ed448", "Ed448", "ed448"],
  ];
  for (const [keyType, signatureAlgorithm, ...args] of kinds) {
    const [key, file] = [`${dir.path}/key`, `${dir.path}/cert`];
    await openssl(
      ...["req", "-x509", "-newkey", ...args, "-nodes", "-subj", "/CN=x"],
      ...["-keyout", key, "-out", file],
    );
    const [about] = await describeCertificates(await Deno.readTextFile(file));
    assertEquals(
      [about?.keyType, about?.signatureAlgorithm, about?.selfSigned],
      [keyType, signatureAlgorithm, true],
    );
  }
});

Deno.test("describeCertificates() refuses a text without a certificate, and a broken one, and shows nothing of it", async () => {
  const { cert, key } = await forge();
  const broken = cert.replace(/\n.{20}/, "\n");
  const texts: [text: string, message: string][] = [
    ["certs/ca.pem", "there is none in the text; pass that of a PEM file"],
    [key, "there is none in the text"],
    [cert + broken, "CERTIFICATE block 2 holds none"],
    [
      (await crowded()).cert,
      "CERTIFICATE block 1 is too large to be read here",
    ],
  ];
  for (const [text, message] of texts) {
    const error = await assertRejects(
      () => describeCertificates(text),
      TypeError,
      message,
    );
    assert(error.message.length < 150, error.message);
  }
});

function curve(name: string): string[] {
  return ["ec", "-pkeyopt", `ec_paramgen_curve:${name}`];
}

/** Runs openssl, and tells what it prints. */
async function openssl(...args: string[]): Promise<string> {
  const command = new Deno.Command("openssl", { args });
  const { success, stdout, stderr } = await command.output();
  assert(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}
