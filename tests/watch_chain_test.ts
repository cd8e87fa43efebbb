import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  type CertChain,
  loadCertChain,
  serve,
  type Server,
  type StrictOptions,
  TlsError,
} from "../server.ts";
import { forge, temporaryDirectory } from "./_certs.ts";
import { shownBy } from "./_tls_client.ts";

/** How often the files are looked at in these tests, in milliseconds. */
const WATCH = 20;

/** A certificate for localhost, with its name in it. */
function named(name: string): Promise<CertChain> {
  return forge({ subject: `CN=${name}` });
}

/** A server that looks after its files. */
async function serveWatching(
  certFile: string,
  keyFile: string | undefined,
  options: Partial<StrictOptions> = {},
): Promise<{ server: Server; errors: unknown[] }> {
  const errors: unknown[] = [];
  const chain = await loadCertChain(certFile, keyFile);
  const server = await serve(
    {
      port: 0,
      logger: {},
      onError: (error) => errors.push(error),
      ...chain,
      ...options,
      engine: "node",
      watch: WATCH,
    },
    () => {},
  );
  return { server, errors };
}

/** Waits until something is so; it fails after three seconds. */
async function until(
  isSo: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const deadline = performance.now() + 3000;
  while (!await isSo()) {
    assert(performance.now() < deadline, `not within 3 s: ${what}`);
    await new Promise((next) => setTimeout(next, 5));
  }
}

async function shows(
  server: Server,
  name: string,
  servername = "localhost",
): Promise<void> {
  const isShown = async () => await shownBy(server, { servername }) === name;
  await until(isShown, `${name} is shown`);
}

/** Time in which the files are looked at several times. */
async function severalLooks(): Promise<void> {
  await new Promise((next) => setTimeout(next, 8 * WATCH));
}

/** Replaces a file at once, as careful programs do. */
async function replaceFile(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}

Deno.test("watch takes a file with both that is replaced at once, time and again", async () => {
  await using dir = await temporaryDirectory();
  const both = ({ cert, key }: CertChain) => cert + key;
  const file = await dir.write("both.pem", both(await named("one")));
  const { server, errors } = await serveWatching(file, undefined);
  await using _server = server;
  await shows(server, "one");
  for (const name of ["two", "three"]) {
    await replaceFile(file, both(await named(name)));
    await shows(server, name);
  }
  assertEquals(errors, []);
});

Deno.test("watch takes two files that are replaced one after the other", async () => {
  await using dir = await temporaryDirectory();
  const [one, two] = [await named("one"), await named("two")];
  const certFile = await dir.write("cert.pem", one.cert);
  const keyFile = await dir.write("key.pem", one.key);
  const { server, errors } = await serveWatching(certFile, keyFile);
  await using _server = server;
  await shows(server, "one");
  await Deno.writeTextFile(`${certFile}.new`, two.cert);
  await Deno.writeTextFile(`${keyFile}.new`, two.key);
  Deno.renameSync(`${certFile}.new`, certFile);
  Deno.renameSync(`${keyFile}.new`, keyFile);
  await shows(server, "two");
  assertEquals(errors, []);

  // Where the second takes its time, the first alone is reported, once.
  await replaceFile(keyFile, one.key);
  await until(() => errors.length > 0, "it is reported");
  await severalLooks();
  assertEquals(await shownBy(server), "two");
  await replaceFile(certFile, one.cert);
  await shows(server, "one");
  assertEquals(errors.length, 1);
  assertInstanceOf(errors[0], TlsError);
  assertEquals(errors[0].reason, "key-mismatch");
});

Deno.test("watch takes a link that is turned, as Kubernetes and certbot do", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using dir = await temporaryDirectory();
  for (const name of ["one", "two"]) {
    const { cert, key } = await named(name);
    await Deno.mkdir(`${dir.path}/..${name}`);
    await dir.write(`..${name}/tls.crt`, cert);
    await dir.write(`..${name}/tls.key`, key);
  }
  await Deno.symlink("..one", `${dir.path}/..data`);
  await Deno.symlink("..data/tls.crt", `${dir.path}/tls.crt`);
  await Deno.symlink("..data/tls.key", `${dir.path}/tls.key`);
  const { server, errors } = await serveWatching(
    `${dir.path}/tls.crt`,
    `${dir.path}/tls.key`,
  );
  await using _server = server;
  await shows(server, "one");
  await Deno.symlink("..two", `${dir.path}/..data_tmp`);
  await Deno.rename(`${dir.path}/..data_tmp`, `${dir.path}/..data`);
  await shows(server, "two");
  assertEquals(errors, []);
});

Deno.test("watch reports garbage once, goes on with what there is, and takes what is good again", async () => {
  await using dir = await temporaryDirectory();
  const [one, two] = [await named("one"), await named("two")];
  const certFile = await dir.write("cert.pem", one.cert);
  const keyFile = await dir.write("key.pem", one.key);
  const { server, errors } = await serveWatching(certFile, keyFile);
  await using _server = server;
  const faults: [name: string, fault: () => Promise<void>][] = [
    ["garbage", () => Deno.writeTextFile(certFile, "garbage")],
    ["nothing", () => Deno.writeTextFile(certFile, "")],
    ["half of it", () => Deno.writeTextFile(certFile, one.cert.slice(0, 200))],
    ["no file", () => Deno.remove(certFile)],
  ];
  for (const [index, [name, fault]] of faults.entries()) {
    await fault();
    await until(() => errors.length > index, `${name} is reported`);
    await severalLooks();
    assertEquals(errors.length, index + 1, `${name} is reported once`);
    assertInstanceOf(errors[index], Error);
    assertEquals(await shownBy(server), "one");
  }
  await replaceFile(keyFile, two.key);
  await replaceFile(certFile, two.cert);
  await shows(server, "two");
});

Deno.test("watch takes the same again after garbage without a report", async () => {
  await using dir = await temporaryDirectory();
  const one = await named("one");
  const file = await dir.write("both.pem", one.cert + one.key);
  const { server, errors } = await serveWatching(file, undefined);
  await using _server = server;
  await replaceFile(file, "garbage");
  await until(() => errors.length > 0, "it is reported");
  await replaceFile(file, one.cert + one.key);
  await severalLooks();
  assertEquals(errors.length, 1);
  assertEquals(await shownBy(server), "one");
});

Deno.test("watch looks after the certificates for other names too", async () => {
  await using dir = await temporaryDirectory();
  const text = async (name: string) => {
    const { cert, key } = await named(name);
    return cert + key;
  };
  const file = await dir.write("own.pem", await text("own"));
  const other = await dir.write("other.pem", await text("other"));
  const certificates = { "other.test": await loadCertChain(other) };
  const { server, errors } = await serveWatching(file, undefined, {
    certificates,
  });
  await using _server = server;
  await shows(server, "other", "other.test");
  await replaceFile(other, await text("renewed"));
  await shows(server, "renewed", "other.test");
  assertEquals(await shownBy(server), "own");
  await replaceFile(file, await text("own renewed"));
  await shows(server, "own renewed");
  assertEquals(await shownBy(server, { servername: "other.test" }), "renewed");
  assertEquals(errors, []);
  // What one file is reported for, a change of the other does not repeat.
  await replaceFile(other, "garbage");
  await until(() => errors.length > 0, "it is reported");
  await replaceFile(file, await text("own again"));
  await shows(server, "own again");
  await severalLooks();
  assertEquals(errors.length, 1);
});

Deno.test("watch goes where Server.reload() says that the files are, and ends where it does not", async () => {
  await using dir = await temporaryDirectory();
  const texts = await Promise.all(
    ["one", "two", "three", "four"].map(async (name) => {
      const { cert, key } = await named(name);
      return cert + key;
    }),
  );
  const [one, two, three, four] = texts as [string, string, string, string];
  const before = await dir.write("before.pem", one);
  const { server, errors } = await serveWatching(before, undefined);
  await using _server = server;
  const after = await dir.write("after.pem", two);
  await server.reload(await loadCertChain(after));
  assertEquals(await shownBy(server), "two");
  await replaceFile(before, "garbage");
  await severalLooks();
  await replaceFile(after, three);
  await shows(server, "three");
  await server.reload({ cert: four, key: four });
  await replaceFile(after, one);
  await severalLooks();
  assertEquals(await shownBy(server), "four");
  assertEquals(errors, []);
});

Deno.test("watch ends with the server, also in the middle of a look", async () => {
  await using dir = await temporaryDirectory();
  const one = await named("one");
  const file = await dir.write("both.pem", one.cert + one.key);
  for (let round = 0; round < 5; round++) {
    const { server, errors } = await serveWatching(file, undefined);
    await replaceFile(file, one.cert + one.key);
    await server.shutdown();
    assertEquals(errors, []);
  }
});
