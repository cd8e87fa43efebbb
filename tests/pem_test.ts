import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { TlsError, type TlsErrorReason } from "../src/errors.ts";
import { createAuthority, issueCertificate } from "../src/tls/authority.ts";
import {
  certificateNames,
  coversHost,
  loadCaCerts,
  loadCertChain,
} from "../src/tls/pem.ts";
import { parseHost } from "../src/tls/host.ts";
import { devCertificates, forge, temporaryDirectory } from "./_certs.ts";

const DAY = 86_400_000;
const PAST = {
  notBefore: new Date(Date.now() - 3 * DAY),
  notAfter: new Date(Date.now() - DAY),
};
const FUTURE = {
  notBefore: new Date(Date.now() + DAY),
  notAfter: new Date(Date.now() + 3 * DAY),
};

/** Asserts that loading is refused for a reason, naming the file, and returns the error. */
async function assertRefused(
  load: () => Promise<unknown>,
  reason: TlsErrorReason,
  ...includes: string[]
): Promise<TlsError> {
  const error = await assertRejects(load, TlsError, "Cannot load ");
  assertEquals(error.reason, reason);
  for (const text of includes) assertStringIncludes(error.message, text);
  assertStringIncludes(error.message, error.remedy);
  assertFalse(error.message.endsWith("."));
  return error;
}

/** A block of PEM. */
function block(label: string, text: string): string {
  return `-----BEGIN ${label}-----\n${text}\n-----END ${label}-----\n`;
}

/** Serves with the chain, and asks it once by a client that trusts the certificate. */
async function handshake(
  chain: { cert: string; key: string },
  caCerts: string[],
): Promise<string> {
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", ...chain, onListen() {} },
    () => new Response("hello"),
  );
  using client = Deno.createHttpClient({ caCerts });
  const url = `https://localhost:${server.addr.port}`;
  return await (await fetch(url, { client })).text();
}

Deno.test("loadCertChain() takes one file with certificates and key, and tells them apart", async () => {
  const { dir } = await devCertificates();
  const { cert, key } = await loadCertChain(`${dir}/localhost.pem`);

  assertEquals(cert.match(/-----BEGIN [A-Z ]+-----/g), [
    "-----BEGIN CERTIFICATE-----",
    "-----BEGIN CERTIFICATE-----",
  ]);
  assertEquals(key.match(/-----BEGIN [A-Z ]+-----/g), [
    "-----BEGIN PRIVATE KEY-----",
  ]);
  assertEquals(await handshake({ cert, key }, [cert]), "hello");
});

Deno.test("loadCertChain() takes a file each, by path or by URL", async () => {
  await using dir = await temporaryDirectory();
  const made = await forge();
  const cert = await dir.write("c.pem", made.cert);
  const key = await dir.write("k.pem", made.key);

  const files = { cert, key };
  assertEquals(await loadCertChain(cert, key), { ...made, files });
  const urls = [cert, key].map((path) => new URL(`file://${path}`)) as [
    URL,
    URL,
  ];
  assertEquals(await loadCertChain(...urls), { ...made, files });
  await assertRejects(
    () => loadCertChain(new URL("https://example.test/c.pem")),
    TypeError,
  );
});

Deno.test("loadCertChain() takes CRLF, a byte order mark, text between blocks, indented ends and EC parameters", async () => {
  await using dir = await temporaryDirectory();
  const { cert, key } = await forge();
  const text = `\uFEFFsubject=CN = localhost
${cert}  
issuer=itself
${block("EC PARAMETERS", "BggqhkjOPQMBBw==")}${key}`;
  const windows = await dir.write("w.pem", text.replaceAll("\n", " \r\n"));
  const oneLine = await dir.write(
    "o.pem",
    text.replace(/([\w+/=])\n(?=[\w+/=])/g, "$1"),
  );

  for (const file of [windows, oneLine]) {
    const files = { cert: file, key: file };
    assertEquals(await loadCertChain(file), { cert, key, files });
  }
});

Deno.test("loadCertChain() takes SEC 1, PKCS #1 and PKCS #8 keys, and Deno.serve() takes them on", async () => {
  await using dir = await temporaryDirectory();
  const { cert, key } = await forge();
  const sec1 = createPrivateKey(key).export({ format: "pem", type: "sec1" });
  const file = await dir.write("ec.pem", cert + sec1);

  const chain = await loadCertChain(file);
  assertStringIncludes(chain.key, "-----BEGIN EC PRIVATE KEY-----");
  assertEquals(await handshake(chain, [cert]), "hello");

  for (const type of ["pkcs1", "pkcs8"] as const) {
    const { cert, key } = await forgeRsa(2048, type);
    const chain = await loadCertChain(await dir.write("rsa.pem", cert + key));
    assertEquals(chain.key.trim(), key.trim());
    assertEquals(await handshake(chain, [cert]), "hello");
  }
});

Deno.test("loadCertChain() takes a client's certificate, that is for nothing else", async () => {
  await using dir = await temporaryDirectory();
  const issuer = await forge({ subject: "CN=clients", ca: true });
  const purposes = ["1.3.6.1.5.5.7.3.2"]; // id-kp-clientAuth
  const made = await forge({ issuer, subject: "CN=robot-7", purposes });
  const file = await dir.write("robot-7.pem", made.cert + made.key);
  const { cert, key } = await loadCertChain(file);
  assertEquals(cert.trim(), made.cert.trim());
  assertEquals(key.trim(), made.key.trim());
});

Deno.test("loadCertChain() names a missing file, and how to make one", async () => {
  await assertRefused(
    () => loadCertChain("no/such.pem"),
    "missing-file",
    "no/such.pem",
    "jsr:@wss/wss/certs",
  );
  const { dir } = await devCertificates();
  await assertRefused(
    () => loadCertChain(`${dir}/localhost.pem`, "no/such.key"),
    "missing-file",
    "no/such.key",
  );
});

Deno.test({
  name: "loadCertChain() and loadCaCerts() refuse a file without end",
  ignore: Deno.build.os !== "linux",
  async fn() {
    for (const load of [loadCertChain, loadCaCerts]) {
      const error = await assertRejects(() => load("/dev/zero"), TlsError);
      assertEquals(error.reason, "unreadable-file");
      assertStringIncludes(error.message, "it has more than 1 MiB");
    }
  },
});

Deno.test("loadCertChain() refuses a directory", async () => {
  const { dir } = await devCertificates();
  await assertRefused(() => loadCertChain(dir), "unreadable-file", dir);
});

Deno.test({
  name: "loadCertChain() names the flag when it may not read a file",
  permissions: { read: false },
  fn: async () => {
    await assertRefused(
      () => loadCertChain("certs/localhost.pem"),
      "unreadable-file",
      "--allow-read=certs/localhost.pem",
    );
  },
});

Deno.test("loadCertChain() refuses a file without a certificate or without a key", async () => {
  await using dir = await temporaryDirectory();
  const { cert, key } = await forge();
  const certFile = await dir.write("c.pem", cert);
  const keyFile = await dir.write("k.pem", key);
  const empty = await dir.write("e.pem", "");
  const der = await dir.write("c.der", "\x30\x82\x01\x02");

  await assertRefused(() => loadCertChain(keyFile), "no-certificate", keyFile);
  await assertRefused(() => loadCertChain(empty), "no-certificate", empty);
  await assertRefused(
    () => loadCertChain(der),
    "no-certificate",
    "-inform der",
  );
  await assertRefused(
    () => loadCertChain(certFile),
    "no-private-key",
    certFile,
    "give the private key's file as the second argument, keyFile",
  ).then(({ message }) => assertFalse(message.includes("--key")));
  await assertRefused(
    () => loadCertChain(certFile, certFile),
    "no-private-key",
    "keyFile",
  );
});

Deno.test("loadCertChain() refuses another certificate's key", async () => {
  await using dir = await temporaryDirectory();
  const [one, other] = [await forge(), await forge()];
  const both = await dir.write("both.pem", one.cert + other.key);
  const cert = await dir.write("c.pem", one.cert);
  const key = await dir.write("k.pem", other.key);

  await assertRefused(() => loadCertChain(both), "key-mismatch", both);
  await assertRefused(
    () => loadCertChain(cert, key),
    "key-mismatch",
    key,
    cert,
  );
});

Deno.test("loadCertChain() finds the right key among several", async () => {
  await using dir = await temporaryDirectory();
  const [one, other] = [await forge(), await forge()];
  const file = await dir.write("c.pem", other.key + one.key + one.cert);

  assertEquals((await loadCertChain(file)).key, one.key);
});

Deno.test("loadCertChain() refuses an encrypted key, and says how to decrypt it", async () => {
  await using dir = await temporaryDirectory();
  const { cert } = await forge();
  const pkcs8 = block("ENCRYPTED PRIVATE KEY", "MIHsMFcGCSqGSIb3DQEFDTBK");
  const legacy = block(
    "RSA PRIVATE KEY",
    "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,3104\n\nMIHsMFcGCSqGSIb3DQEF",
  );

  for (const key of [pkcs8, legacy]) {
    const file = await dir.write("it's.pem", cert + key);
    await assertRefused(
      () => loadCertChain(file),
      "encrypted-private-key",
      file,
      `openssl pkey -in '${dir.path}/it'\\''s.pem' -out`,
    );
  }
});

Deno.test("loadCertChain() refuses keys that TLS in Deno can't use", async () => {
  await using dir = await temporaryDirectory();
  const small = await forgeRsa(1024, "pkcs8");
  const rsa = await dir.write("rsa.pem", small.cert + small.key);
  await assertRefused(() => loadCertChain(rsa), "other", "1024-bit RSA");

  const { cert } = await forge();
  const ssh = block("OPENSSH PRIVATE KEY", "b3BlbnNzaC1rZXktdjEAAAA");
  const file = await dir.write("ssh.pem", cert + ssh);
  await assertRefused(() => loadCertChain(file), "no-private-key", "OPENSSH");
});

Deno.test("loadCertChain() refuses what is malformed, without a byte of the key", async () => {
  await using dir = await temporaryDirectory();
  const { cert, key } = await forge();
  const secret = key.split("\n")[1] ?? "";
  const malformed = {
    "no end": cert + key.replace("-----END PRIVATE KEY-----\n", ""),
    "no end before the next": key.replace(/-----END.*\n/, "") + cert,
    "no beginning": cert.replace(/-----BEGIN.*\n/, "") + key,
    "another end": cert + key.replace("END PRIVATE", "END EC PRIVATE"),
    "no base64": cert + key.replace(secret, `${secret}!`),
    "a certificate that is none": block("CERTIFICATE", "AAAA") + key,
    "an empty block": block("CERTIFICATE", "") + key,
    "a cut key": cert + block("PRIVATE KEY", secret.slice(0, 40)),
  };

  for (const [what, text] of Object.entries(malformed)) {
    const file = await dir.write("x.pem", text);
    const error = await assertRefused(
      () => loadCertChain(file),
      "malformed-pem",
      file,
    );
    assertFalse(Deno.inspect(error).includes(secret.slice(0, 12)), what);
  }
});

Deno.test("loadCertChain() refuses a certificate outside of its time, with the dates", async () => {
  await using dir = await temporaryDirectory();
  const cases = [["expired", PAST], ["not-yet-valid", FUTURE]] as const;

  for (const [reason, span] of cases) {
    const { cert, key } = await forge(span);
    const file = await dir.write("c.pem", cert + key);
    await assertRefused(
      () => loadCertChain(file),
      reason,
      file,
      span.notBefore.toISOString().slice(0, 19),
      span.notAfter.toISOString().slice(0, 19),
    );
  }
});

Deno.test("loadCertChain() refuses an authority's certificate as a server's own", async () => {
  await using dir = await temporaryDirectory();
  const { cert, key } = await forge({ ca: true });
  const file = await dir.write("c.pem", cert + key);

  await assertRefused(
    () => loadCertChain(file),
    "ca-used-as-leaf",
    file,
    "CA:FALSE",
  );
});

Deno.test("loadCertChain() refuses a chain whose first certificate isn't the server's own", async () => {
  await using dir = await temporaryDirectory();
  const authority = await createAuthority();
  const leaf = await forge({ issuer: authority, subject: "CN=my server" });
  const file = await dir.write("c.pem", authority.cert + leaf.cert + leaf.key);

  await assertRefused(
    () => loadCertChain(file),
    "key-mismatch",
    file,
    "not the first",
    "CN=my server",
  );
});

Deno.test("loadCaCerts() keeps authorities and self-signed certificates, and no private key", async () => {
  await using dir = await temporaryDirectory();
  const { ca, dir: dev } = await devCertificates();
  const selfSigned = await forge();
  const file = await dir.write("s.pem", selfSigned.key + selfSigned.cert);

  assertEquals(await loadCaCerts(`${dev}/ca.pem`), [ca]);
  assertEquals(await loadCaCerts(`${dev}/localhost.pem`), [ca]);
  assertEquals(
    await loadCaCerts(`${dev}/ca.pem`, file, `${dev}/localhost.pem`),
    [ca, selfSigned.cert],
  );
});

Deno.test("loadCaCerts() lets a client trust a server's self-signed certificate", async () => {
  await using dir = await temporaryDirectory();
  const { cert, key } = await forge();
  const file = await dir.write("localhost.pem", cert + key);

  const chain = await loadCertChain(file);
  assertEquals(await handshake(chain, await loadCaCerts(file)), "hello");
});

Deno.test("loadCaCerts() leaves out the expired, and refuses a file with nothing else", async () => {
  await using dir = await temporaryDirectory();
  const [old, good] = [await forge({ ...PAST, ca: true }), await forge()];
  const future = await forge({ ...FUTURE, ca: true });
  const both = await dir.write("both.pem", old.cert + good.cert);
  const expired = await dir.write("old.pem", old.cert);
  const early = await dir.write("early.pem", future.cert);

  assertEquals(await loadCaCerts(both), [good.cert]);
  await assertRefused(() => loadCaCerts(expired), "expired", expired);
  await assertRefused(() => loadCaCerts(early), "not-yet-valid", early);
});

Deno.test("loadCaCerts() refuses what trusting has no effect on", async () => {
  await using dir = await temporaryDirectory();
  const authority = await createAuthority();
  const leaf = await issueCertificate(authority);
  const alone = leaf.cert.replace(authority.cert, "");
  const file = await dir.write("leaf.pem", alone);

  await assertRefused(() => loadCaCerts(file), "not-a-ca", file, "ca.pem");
});

Deno.test("loadCaCerts() refuses garbage, nothing, and files that it can't read", async () => {
  await using dir = await temporaryDirectory();
  const { ca } = await devCertificates();
  const garbage = await dir.write("garbage.pem", "no PEM at all");
  const cut = await dir.write("cut.pem", ca.slice(0, -20));

  await assertRefused(() => loadCaCerts(garbage), "no-certificate", garbage);
  await assertRefused(() => loadCaCerts(cut), "malformed-pem", cut);
  await assertRefused(() => loadCaCerts("no/such"), "missing-file", "no/such");
  await assertRefused(() => loadCaCerts(dir.path), "unreadable-file", dir.path);
  await assertRejects(() => loadCaCerts(), TypeError, "no file is given");
});

Deno.test("certificateNames() tells the names of the first certificate, without its common name", async () => {
  const hosts = ["*.example.test", "2001:db8::5"];
  const authority = await createAuthority({ hosts });
  const { cert, names } = await issueCertificate(authority, { hosts });

  assertEquals(await certificateNames(cert), names);
  const { cert: nameless } = await forge({ names: [] });
  assertEquals(await certificateNames(nameless), []);
  await assertRejects(() => certificateNames("no PEM"), TypeError);
});

Deno.test("coversHost() tells whether a client finds the host in the certificate", async () => {
  const hosts = ["*.example.test", "2001:db8::5"];
  const authority = await createAuthority({ hosts });
  const { cert } = await issueCertificate(authority, { hosts });

  const covered = [
    "localhost",
    "LOCALHOST.",
    "127.0.0.1",
    "[::1]",
    "2001:DB8:0::5",
    "a.example.test",
    "*.example.test",
  ];
  const others = [
    "example.test",
    "a.b.example.test",
    "a.localhost",
    "127.0.0.2",
    "::2",
  ];
  for (const host of covered) assert(await coversHost(cert, host), host);
  for (const host of others) assertFalse(await coversHost(cert, host), host);
});

Deno.test("parseHost() brings names and addresses into one form", () => {
  const forms = {
    "LocalHost": ["dns", "localhost"],
    "example.test.": ["dns", "example.test"],
    "*.Example.test": ["dns", "*.example.test"],
    "bücher.test": ["dns", "xn--bcher-kva.test"],
    "*.bücher.test": ["dns", "*.xn--bcher-kva.test"],
    "a-b.0c.test": ["dns", "a-b.0c.test"],
    "192.0.2.1": ["ip", "192.0.2.1"],
    "::1": ["ip", "::1"],
    "[2001:DB8:0:0::5]": ["ip", "2001:db8::5"],
    "::ffff:192.0.2.1": ["ip", "::ffff:c000:201"],
  };
  for (const [host, [type, name]] of Object.entries(forms)) {
    assertEquals<unknown>(parseHost(host), { type, name });
  }
});

Deno.test("parseHost() refuses all else, saying what is wrong with it", () => {
  const refused = {
    "https://example.test": "it is a URL",
    "example.test:443": "it has a port",
    "[::1]:443": "it has a port",
    "user@example.test": "no DNS name",
    "example.test/path": "no DNS name",
    "exa mple.test": "no DNS name",
    "a,b": "letters, digits and hyphens",
    "a_b.test": "letters, digits and hyphens",
    "-a.test": "letters, digits and hyphens",
    "a..test": "letters, digits and hyphens",
    [`${"a".repeat(64)}.test`]: "letters, digits and hyphens",
    [`${"a.".repeat(130)}test`]: "letters, digits and hyphens",
    "": "no DNS name",
    "*": "no DNS name",
    "a.*.test": "no DNS name",
    "*.test": "wildcard",
    "*.192.0.2.1": "IPv4",
    "127.1": "IPv4",
    "0x7f.0.0.1": "IPv4",
    "1.2.3.4.5": "no DNS name",
    "1::2::3": "no DNS name",
    "fe80::1%eth0": "no DNS name",
    "[localhost]": "no DNS name",
    "xn--a": "no DNS name",
  };
  for (const [host, why] of Object.entries(refused)) {
    const error = assertThrows(() => parseHost(host), TypeError, why);
    assertInstanceOf(error, TypeError);
    assertStringIncludes(
      error.message,
      `Cannot use host ${JSON.stringify(host)}`,
    );
  }
});

/** A self-signed certificate with an RSA key. */
async function forgeRsa(
  modulusLength: number,
  type: "pkcs1" | "pkcs8",
): Promise<{ cert: string; key: string }> {
  const x509 = await import("@peculiar/x509");
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength });
  const der = new Uint8Array(
    privateKey.export({ format: "der", type: "pkcs8" }),
  );
  const algorithm = { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" };
  const signingKey = await crypto.subtle.importKey(
    "pkcs8",
    der,
    algorithm,
    true,
    [
      "sign",
    ],
  );
  const { n, e } = await crypto.subtle.exportKey("jwk", signingKey);
  const jwk = { kty: "RSA", n, e } as JsonWebKey;
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=localhost",
    issuer: "CN=localhost",
    publicKey: await crypto.subtle.importKey("jwk", jwk, algorithm, true, [
      "verify",
    ]),
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "localhost" },
      ]),
    ],
  });
  return {
    cert: `${certificate.toString("pem")}\n`,
    key: String(privateKey.export({ format: "pem", type })),
  };
}
