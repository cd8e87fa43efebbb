import { assert, assertEquals, assertRejects } from "@std/assert";
import { describeCertificates } from "../../certs/mod.ts";
import { NetworkError, TlsError } from "../../mod.ts";
import { inspectTls } from "../../src/doctor/mod.ts";
import {
  type CertificateFault,
  misbehave,
  testCertificates,
} from "../../src/testing/mod.ts";
import { devCertificates, forge } from "../_certs.ts";
import { MISSING, openssl } from "../_failing.ts";
import { testWith } from "../peers/suite.ts";

Deno.test("inspectTls() tells what is spoken and presented, and sends no request", async () => {
  await using server = await misbehave({ kind: "echo" });
  const seen = await inspectTls(server.url, server.client);
  assertEquals(seen.protocol, "TLSv1.3");
  assertEquals(seen.alpn, "http/1.1");
  assert(seen.cipher.startsWith("TLS_"), seen.cipher);
  assertEquals([seen.trusted, seen.refusal], [true, undefined]);
  const [leaf] = await describeCertificates(seen.certificates.join(""));
  assert(leaf?.names.includes("localhost"));
  await server.idle();
  assertEquals(server.requests.length, 0);
});

const FAULTS: Record<CertificateFault, RegExp> = {
  "expired": /expired/,
  "not-yet-valid": /not valid yet/,
  "name-mismatch": /elsewhere\.test/,
  "unknown-issuer": /not trusted/,
  "ca-used-as-leaf": /CA:TRUE/,
};

for (const [fault, says] of Object.entries(FAULTS)) {
  Deno.test(`inspectTls() shows a certificate that is refused: ${fault}`, async () => {
    const tls = await testCertificates({ fault: fault as CertificateFault });
    await using server = await misbehave({ kind: "echo" }, { tls });
    const { trusted, refusal = "", certificates } = await inspectTls(
      server.url,
      server.client,
    );
    assertEquals(trusted, false);
    assert(says.test(refusal), refusal);
    assertEquals(certificates.length, 1);
    assertEquals(
      certificates.join("").replace(/\s/g, ""),
      tls.server.cert.replace(/\s/g, ""),
    );
  });
}

Deno.test("inspectTls() tells the certificates in the order in which they are presented", async () => {
  const root = await forge({ ca: true, subject: "CN=root" });
  const upper = await forge({ issuer: root, ca: true, subject: "CN=upper" });
  const lower = await forge({ issuer: upper, ca: true, subject: "CN=lower" });
  const leaf = await forge({ issuer: lower, subject: "CN=leaf" });
  const cert = leaf.cert + upper.cert + lower.cert + root.cert;
  const tls = {
    server: { cert, key: leaf.key },
    client: { caCerts: [root.cert] },
  };
  await using server = await misbehave({ kind: "echo" }, { tls });
  const { certificates, trusted } = await inspectTls(server.url, server.client);
  const described = await describeCertificates(certificates.join(""));
  assertEquals(
    described.map(({ subject }) => subject),
    ["CN=leaf", "CN=upper", "CN=lower", "CN=root"],
  );
  assertEquals(trusted, true);
});

testWith(
  MISSING.openssl,
  "inspectTls() takes https, and knows TLS 1.2",
  async () => {
    const { ca } = await devCertificates();
    await using server = await openssl("-tls1_2");
    const { protocol, trusted } = await inspectTls(
      `https://localhost:${server.port}`,
      { caCerts: [ca] },
    );
    assertEquals([protocol, trusted], ["TLSv1.2", true]);
  },
);

Deno.test("inspectTls() throws typed errors where there is no handshake", async () => {
  await using silent = await misbehave({ kind: "silent" });
  const late = await assertRejects(
    () => inspectTls(silent.url, { timeout: 200 }),
    DOMException,
    "no TLS handshake within 200 ms",
  );
  assertEquals(late.name, "TimeoutError");
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const plain = (async () => {
    using conn = await listener.accept();
    await conn.write(new TextEncoder().encode("HTTP/1.1 400 Bad\r\n\r\n"));
  })();
  const error = await assertRejects(
    () => inspectTls(`wss://127.0.0.1:${port}`),
    TlsError,
  );
  assertEquals(error.reason, "not-tls");
  await plain;
  listener.close();
  await assertRejects(
    () => inspectTls(`wss://127.0.0.1:${port}`),
    NetworkError,
    "nothing listens",
  );
});

Deno.test("inspectTls() ends with its signal, and refuses bad arguments", async () => {
  await using silent = await misbehave({ kind: "silent" });
  const signal = AbortSignal.abort(new Error("enough"));
  await assertRejects(
    () => inspectTls(silent.url, { signal }),
    Error,
    "enough",
  );
  await assertRejects(() => inspectTls("ws://localhost"), TypeError, "wss");
  await assertRejects(
    () => inspectTls("wss://localhost", { timeout: -1 }),
    RangeError,
    "timeout",
  );
});
