import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import {
  describeCertificates,
  ensureClientCertificate,
  ensureDevCertificates,
} from "../certs/mod.ts";
import {
  connect,
  loadCaCerts,
  loadCertChain,
  serve,
  TlsError,
} from "../mod.ts";
import { issueClientCertificate } from "../src/tls/authority.ts";
import { forge, temporaryDirectory } from "./_certs.ts";

const DAY = 86_400_000;

Deno.test("ensureClientCertificate() makes what a server with clientCa takes, and knows the client by", async () => {
  await using dir = await temporaryDirectory();
  const directory = dir.path;
  const { chainFile, caFile } = await ensureDevCertificates({ directory });
  const made = await ensureClientCertificate({ name: "robot-7", directory });
  assertEquals(made, {
    action: "created",
    certFile: join(directory, "robot-7.pem"),
    caFile,
    subject: "CN=robot-7",
    notAfter: made.notAfter,
  });
  const caCerts = await loadCaCerts(caFile);
  await using server = await serve({
    port: 0,
    ...await loadCertChain(chainFile),
    engine: "node",
    clientCa: caCerts,
  }, (ws) => ws.send(ws.peerCertificate?.subject ?? "nobody"));
  const { cert, key } = await loadCertChain(made.certFile);
  for (const engine of ["deno", "node"] as const) {
    await using ws = await connect(server.url, { engine, caCerts, cert, key });
    assertEquals(await ws.receive(), "CN=robot-7");
  }
  // The certificate of the server is of the same authority, and no client's.
  const own = await loadCertChain(chainFile);
  await assertRejects(
    () => connect(server.url, { caCerts, cert: own.cert, key: own.key }),
    TlsError,
  );
});

Deno.test("ensureClientCertificate() makes what no client takes for a server's", async () => {
  await using dir = await temporaryDirectory();
  const { certFile, caFile } = await ensureClientCertificate({
    name: "localhost-1",
    directory: dir.path,
  });
  const { cert, key } = await loadCertChain(certFile);
  await using server = await serve({ port: 0, cert, key }, (ws) => ws.closed);
  const caCerts = await loadCaCerts(caFile);
  for (const engine of ["deno", "node"] as const) {
    await assertRejects(
      () => connect(server.url, { engine, caCerts }),
      TlsError,
    );
  }
});

Deno.test("ensureClientCertificate() lets the owner alone read the key, and makes the authority if there is none", async () => {
  await using dir = await temporaryDirectory();
  const directory = join(dir.path, "certs");
  const name = "ada@example.test";
  const { certFile, subject } = await ensureClientCertificate({
    name,
    directory,
    days: 7,
  });
  assertEquals(subject, `CN=${name}`);
  if (Deno.build.os !== "windows") {
    assertEquals(((await Deno.stat(certFile)).mode ?? 0) & 0o777, 0o600);
  }
  const files = [...Deno.readDirSync(directory)].map(({ name }) => name);
  assertEquals(
    files.sort(),
    [".lock", `${name}.pem`, "ca.key", "ca.pem", "localhost.pem"],
  );
  const [leaf] = await describeCertificates(await Deno.readTextFile(certFile));
  assertEquals([leaf?.extendedKeyUsage, leaf?.names], [["clientAuth"], []]);
  const days = ((leaf?.notAfter.getTime() ?? 0) - Date.now()) / DAY;
  assert(days > 6 && days < 7, `${days}`);
});

Deno.test("ensureClientCertificate() keeps what is good, overwrites by force, and keeps the authority", async () => {
  await using dir = await temporaryDirectory();
  const options = { name: "ada", directory: dir.path };
  const runs = await Promise.all(
    Array.from({ length: 3 }, () => ensureClientCertificate(options)),
  );
  assertEquals(runs.map(({ action }) => action).sort(), [
    "created",
    "kept",
    "kept",
  ]);
  const [first] = runs;
  assert(first !== undefined);
  const before = await Deno.readTextFile(first.certFile);
  const ca = await Deno.readTextFile(first.caFile);
  const forced = await ensureClientCertificate({ ...options, force: true });
  assertEquals(forced.action, "renewed");
  assert(await Deno.readTextFile(first.certFile) !== before);
  assertEquals(await Deno.readTextFile(first.caFile), ca);
});

Deno.test("ensureClientCertificate() renews what is about to expire, or has, from the same authority", async () => {
  await using dir = await temporaryDirectory();
  const directory = dir.path;
  const { caFile } = await ensureDevCertificates({ directory });
  const authority = await forge({
    ca: true,
    subject: "CN=authority",
    notBefore: new Date(Date.now() - 300 * DAY),
    notAfter: new Date(Date.now() + 300 * DAY),
  });
  await Deno.writeTextFile(caFile, authority.cert);
  await Deno.writeTextFile(join(directory, "ca.key"), authority.key);
  for (const left of [20, -1]) {
    const { cert, key } = await issueClientCertificate(authority, "ada", {
      notBefore: new Date(Date.now() - 100 * DAY),
      notAfter: new Date(Date.now() + left * DAY),
    });
    const file = await dir.write("ada.pem", cert + key);
    const { action } = await ensureClientCertificate({
      name: "ada",
      directory,
    });
    assertEquals(action, "renewed");
    assert((await loadCertChain(file)).cert.endsWith(authority.cert));
    assert(await Deno.readTextFile(file) !== cert + key);
  }
  await Deno.remove(join(directory, "ca.key"));
  const kept = await ensureClientCertificate({ name: "ada", directory });
  assertEquals(kept.action, "kept");
});

Deno.test("ensureClientCertificate() overwrites nothing that it did not make, and says what would", async () => {
  await using dir = await temporaryDirectory();
  const directory = dir.path;
  await ensureDevCertificates({ directory });
  const other = await forge({ purposes: ["1.3.6.1.5.5.7.3.2"] });
  const server = await Deno.readTextFile(join(directory, "localhost.pem"));
  const there: [text: string, message: string][] = [
    [other.cert + other.key, "not of the authority in"],
    [server, "it is not a client's certificate"],
    ["garbage", "there is no certificate in PEM in it"],
    [other.cert, "there is no private key in it"],
  ];
  for (const [text, message] of there) {
    const file = await dir.write("ada.pem", text);
    const error = await assertRejects(
      () => ensureClientCertificate({ name: "ada", directory }),
      TlsError,
      message,
    );
    assertMatch(
      error.message,
      /^Cannot use .*ada\.pem: .*; pass --force \(force: true\) to overwrite it, or choose another name$/,
    );
    assertEquals(await Deno.readTextFile(file), text);
  }
});

Deno.test("ensureClientCertificate() says how to mend an authority that cannot issue", async () => {
  await using dir = await temporaryDirectory();
  const directory = dir.path;
  const { caFile } = await ensureDevCertificates({ directory });
  await Deno.remove(join(directory, "ca.key"));
  const error = await assertRejects(
    () => ensureClientCertificate({ name: "ada", directory }),
    TlsError,
    "ca.key",
  );
  assertStringIncludes(
    error.message,
    "`wss cert --force` makes a new authority",
  );
  assertEquals(error.reason, "missing-file");
  await Deno.writeTextFile(caFile, "garbage");
  await assertRejects(
    () => ensureClientCertificate({ name: "ada", directory, force: true }),
    TlsError,
  );
});

Deno.test("ensureClientCertificate() refuses names that are no client's, and days out of range, before it touches anything", async () => {
  const directory = join(await Deno.makeTempDir(), "none");
  const names = [
    "",
    "..",
    "../ada",
    "a/b",
    "robot.example.test",
    "ca",
    "Localhost",
    "NUL",
    "a b",
    "x".repeat(65),
    "ada\n",
    "-x",
  ];
  for (const name of names) {
    await assertRejects(
      () => ensureClientCertificate({ name, directory }),
      TypeError,
      "Cannot make client certificate: name must",
    );
  }
  for (const days of [0, 399, 1.5]) {
    await assertRejects(
      () => ensureClientCertificate({ name: "ada", directory, days }),
      RangeError,
      "days",
    );
  }
  await assertRejects(() => Deno.stat(directory), Deno.errors.NotFound);
  await Deno.remove(join(directory, ".."));
});
