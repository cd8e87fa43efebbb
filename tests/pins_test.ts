import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { certificatePin } from "../certs/mod.ts";
import { connect, TlsError } from "../mod.ts";
import { devCertificates, forge, temporaryDirectory } from "./_certs.ts";
import { serveTls } from "./_pair.ts";
import { tlsServer } from "./_tls_server.ts";
import { succeeds, testWith } from "./peers/suite.ts";

const missing = succeeds("openssl", "version") ? undefined : "openssl";

/** A pin that nobody has the key of. */
const NOBODY = `sha256/${"A".repeat(43)}=`;

async function pipe(input: string, ...words: string[]): Promise<Uint8Array> {
  const [command = "", ...args] = words;
  await using directory = await temporaryDirectory();
  const file = await directory.write("in.pem", input);
  const { stdout } = await new Deno.Command(command, {
    args: [...args, "-in", file],
  }).output();
  return stdout;
}

testWith(missing, "certificatePin() computes what OpenSSL does", async () => {
  const { ca, chain } = await devCertificates();
  for (const pem of [ca, chain.cert, (await forge()).cert]) {
    const key = new TextDecoder().decode(
      await pipe(pem, "openssl", "x509", "-pubkey", "-noout"),
    );
    const spki = await pipe(
      ...[key, "openssl", "pkey", "-pubin", "-outform", "der"] as const,
    );
    const digest = await crypto.subtle.digest("SHA-256", spki.slice());
    const base64 = btoa(String.fromCharCode(...new Uint8Array(digest)));
    assertEquals(await certificatePin(pem), `sha256/${base64}`);
  }
});

Deno.test("certificatePin() refuses what is no certificate", async () => {
  const { chain } = await devCertificates();
  const broken = chain.cert.replace("MII", "QUJ");
  for (const text of ["", "certs/ca.pem", chain.key, broken]) {
    await assertRejects(
      () => certificatePin(text),
      TypeError,
      "Cannot compute the pin: there is no certificate in the text",
    );
  }
});

Deno.test("connect() refuses pins that are none, and one without a backup", async () => {
  const wrong: [unknown, string][] = [
    [[], "there must be two that differ"],
    [[NOBODY], "there must be two that differ"],
    [[NOBODY, NOBODY], "there must be two that differ"],
    [NOBODY, "it must be a list"],
    [[NOBODY, NOBODY.replace("256", "1")], "Cannot use pins[1]: a pin is"],
    [[NOBODY.slice(0, -1), NOBODY], "Cannot use pins[0]"],
    // The last digit has bits that would not count.
    [[NOBODY.replace("A=", "B="), NOBODY], "Cannot use pins[0]"],
    [[7, NOBODY], "Cannot use pins[0]"],
  ];
  for (const [pins, message] of wrong) {
    await assertRejects(
      () =>
        connect("wss://localhost:1", {
          engine: "node",
          pins: pins as string[],
        }),
      TypeError,
      message,
    );
  }
  const pins = [NOBODY, `sha256/${"E".repeat(43)}=`];
  await assertRejects(
    () => connect("ws://localhost:1", { engine: "node", pins }),
    TypeError,
    "Cannot use pins: a ws:// URL is without TLS",
  );
});

Deno.test("connect() takes a server that has a pinned key, or an authority above that has", async () => {
  const { ca, chain } = await devCertificates();
  await using server = await serveTls({}, (ws) => ws.send("in"));
  for (const pem of [ca, chain.cert]) {
    const pins = [NOBODY, await certificatePin(pem)];
    const options = { caCerts: [ca], pins };
    await using ws = await connect(server.url, { engine: "node", ...options });
    assertEquals(await ws.receive(), "in");
  }
});

Deno.test("connect() tells a server without a pinned key nothing, and the caller its keys", async () => {
  const { ca, chain } = await devCertificates();
  const other = await certificatePin((await forge()).cert);
  await using server = await tlsServer(chain);
  const error = await assertRejects(
    () =>
      connect(server.url, {
        engine: "node",
        caCerts: [ca],
        pins: [NOBODY, other],
      }),
    TlsError,
  );
  assertEquals(error.reason, "pin-mismatch");
  for (const pem of [ca, chain.cert]) {
    assertStringIncludes(error.message, await certificatePin(pem));
  }
  assert(!error.message.includes(NOBODY));
  assertEquals(server.heard, 0);
});

Deno.test("connect() counts no pinned certificate that only lies beside the server's path", async () => {
  const { ca, chain } = await devCertificates();
  const root = await forge({ ca: true, subject: "CN=root" });
  const leaf = await forge({ issuer: root });
  // Of the same name as the issuer, and with another key.
  const twin = await forge({ ca: true, subject: "CN=root" });
  for (const beside of [ca, chain.cert, twin.cert]) {
    const cert = leaf.cert + beside;
    await using server = await tlsServer({ cert, key: leaf.key });
    const pins = [NOBODY, await certificatePin(beside)];
    const caCerts = [root.cert, beside];
    const error = await assertRejects(
      () => connect(server.url, { engine: "node", caCerts, pins }),
      TlsError,
    );
    assertEquals(error.reason, "pin-mismatch", error.message);
    assertEquals(server.heard, 0);
  }
});

Deno.test("connect() verifies a server that has a pinned key like any other", async () => {
  const chain = await forge();
  await using server = await tlsServer(chain);
  const pins = [NOBODY, await certificatePin(chain.cert)];
  const error = await assertRejects(
    () => connect(server.url, { engine: "node", pins }),
    TlsError,
  );
  assertEquals(error.reason, "unknown-issuer");
});
