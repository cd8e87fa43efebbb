import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import {
  type DevCertificatesOptions,
  ensureDevCertificates,
} from "../certs/mod.ts";
import { TlsError } from "../src/errors.ts";
import {
  type Authority,
  createAuthority,
  issueCertificate,
  type ValidityOptions,
} from "../src/tls/authority.ts";
import { loadCaCerts, loadCertChain } from "../src/tls/pem.ts";
import {
  forge,
  type TemporaryDirectory,
  temporaryDirectory,
} from "./_certs.ts";

const DAY = 86_400_000;
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];
const FILES = [".lock", "ca.key", "ca.pem", "localhost.pem"];
const PROGRAM = fromFileUrl(new URL("../certs/mod.ts", import.meta.url));
const CONFIG = fromFileUrl(new URL("../deno.json", import.meta.url));

function days(count: number): Date {
  return new Date(Date.now() + count * DAY);
}

/** What is in the files of a directory, by name. */
function contents(directory: string): Record<string, string> {
  const names = [...Deno.readDirSync(directory)].map((entry) => entry.name);
  const texts = names.sort().map((name) =>
    [name, Deno.readTextFileSync(join(directory, name))] as const
  );
  return Object.fromEntries(texts);
}

/** Puts an authority and a certificate of the given span into a directory. */
async function prepare(
  dir: TemporaryDirectory,
  span: ValidityOptions,
  authoritySpan: ValidityOptions = { notBefore: days(-500) },
): Promise<Authority> {
  const hosts = ["example.test"];
  const authority = await createAuthority({ hosts, ...authoritySpan });
  const { cert, key } = await issueCertificate(authority, { hosts, ...span });
  await dir.write("ca.pem", authority.cert);
  await dir.write("ca.key", authority.key);
  await dir.write("localhost.pem", cert + key);
  return authority;
}

/** Asserts that a directory is refused as it is, and left as it is. */
async function assertRefused(
  directory: string,
  options: DevCertificatesOptions,
  ...includes: string[]
): Promise<void> {
  const { ".lock": _before, ...before } = contents(directory);
  const error = await assertRejects(
    () => ensureDevCertificates({ ...options, directory }),
    Error,
  );
  for (const text of includes) assertStringIncludes(error.message, text);
  const { ".lock": _after, ...after } = contents(directory);
  assertEquals(after, before);
}

interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs the program in a directory, with no permissions but the given. */
async function program(
  cwd: string,
  args: string[],
  permissions = ["--allow-read=certs", "--allow-write=certs"],
): Promise<Run> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", `--config=${CONFIG}`]
      .concat(permissions, PROGRAM, args),
    cwd,
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

Deno.test("ensureDevCertificates() makes an authority, its key, and what a server needs", async () => {
  await using dir = await temporaryDirectory();
  const directory = join(dir.path, "a", "certs");
  const made = await ensureDevCertificates({ directory });

  assertEquals(made.action, "created");
  assertEquals(made.names, LOOPBACK);
  assertEquals(made.caFile, join(directory, "ca.pem"));
  assertEquals(made.chainFile, join(directory, "localhost.pem"));
  assertEquals(Math.round((made.notAfter.getTime() - Date.now()) / DAY), 397);
  assertEquals(Object.keys(contents(directory)), FILES);
  const { cert } = await loadCertChain(made.chainFile);
  const [ca = ""] = await loadCaCerts(made.caFile);
  assert(cert.endsWith(ca));
  assertEquals(await loadCaCerts(made.chainFile), [ca]);
});

Deno.test("ensureDevCertificates() takes a directory by URL, hosts and days", async () => {
  await using dir = await temporaryDirectory();
  const made = await ensureDevCertificates({
    directory: new URL(`file://${dir.path}/certs`),
    hosts: ["*.Example.test", "[2001:db8::5]"],
    days: 3,
  });

  assertEquals(made.names, [...LOOPBACK, "*.example.test", "2001:db8::5"]);
  assertEquals(Math.round((made.notAfter.getTime() - Date.now()) / DAY), 3);
  assertEquals(made.caFile, join(dir.path, "certs", "ca.pem"));
});

Deno.test({
  name:
    "ensureDevCertificates() lets the owner alone read private keys, whatever the umask",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using dir = await temporaryDirectory();
    const umask = Deno.umask(0);
    try {
      await ensureDevCertificates({ directory: dir.path });
    } finally {
      Deno.umask(umask);
    }

    const modes = FILES.map((name) =>
      ((Deno.statSync(join(dir.path, name)).mode ?? 0) & 0o777).toString(8)
    );
    assertEquals(modes, ["600", "600", "644", "600"]);
  },
});

Deno.test("ensureDevCertificates() keeps what is good", async () => {
  await using dir = await temporaryDirectory();
  const hosts = ["*.example.test"];
  const made = await ensureDevCertificates({ directory: dir.path, hosts });
  const before = contents(dir.path);

  for (const hosts of [[], ["*.example.test"], ["a.example.test", "::1"]]) {
    const kept = await ensureDevCertificates({ directory: dir.path, hosts });
    assertEquals(kept, { ...made, action: "kept" });
  }
  assertEquals(contents(dir.path), before);
});

Deno.test("ensureDevCertificates() refuses to add a host to what is there, unless forced", async () => {
  await using dir = await temporaryDirectory();
  await ensureDevCertificates({ directory: dir.path });
  const before = contents(dir.path);
  const hosts = ["example.test"];

  await assertRefused(
    dir.path,
    { hosts },
    "for example.test",
    "localhost.pem",
    "--force",
    "ca.pem",
  );
  const made = await ensureDevCertificates({
    directory: dir.path,
    hosts,
    force: true,
  });
  assertEquals(made.action, "created");
  assertEquals(made.names, [...LOOPBACK, ...hosts]);
  const after = contents(dir.path);
  for (const name of FILES.slice(1)) assertNotEquals(after[name], before[name]);
});

Deno.test("ensureDevCertificates() renews a certificate that expires within 30 days, keeping its names", async () => {
  await using dir = await temporaryDirectory();
  for (const notAfter of [days(29), days(-1)]) {
    const { cert } = await prepare(dir, { notBefore: days(-300), notAfter });
    const renewed = await ensureDevCertificates({ directory: dir.path });

    assertEquals(renewed.action, "renewed");
    assertEquals(renewed.names, [...LOOPBACK, "example.test"]);
    assert(renewed.notAfter > days(396));
    assertEquals(await loadCaCerts(renewed.chainFile), [cert]);
    const again = await ensureDevCertificates({ directory: dir.path });
    assertEquals(again, { ...renewed, action: "kept" });
  }
});

Deno.test("ensureDevCertificates() renews a short-lived certificate in the last third of its life", async () => {
  await using dir = await temporaryDirectory();
  await prepare(dir, { notBefore: days(-1), notAfter: days(5) });
  const early = await ensureDevCertificates({ directory: dir.path });
  assertEquals(early.action, "kept");

  await prepare(dir, { notBefore: days(-5), notAfter: days(1) });
  const late = await ensureDevCertificates({ directory: dir.path });
  assertEquals(late.action, "renewed");
});

Deno.test("ensureDevCertificates() renews for a host that the authority permits, and no other", async () => {
  await using dir = await temporaryDirectory();
  await prepare(dir, { notBefore: days(-300), notAfter: days(-1) });

  await assertRefused(
    dir.path,
    { hosts: ["other.test"] },
    "for other.test",
    "--force",
  );
  const { names } = await ensureDevCertificates({
    directory: dir.path,
    hosts: ["a.example.test"],
  });
  assertEquals(names, [...LOOPBACK, "example.test", "a.example.test"]);
});

Deno.test("ensureDevCertificates() issues a missing certificate from the authority that is there", async () => {
  await using dir = await temporaryDirectory();
  const { cert } = await prepare(dir, {});
  await Deno.remove(join(dir.path, "localhost.pem"));
  const made = await ensureDevCertificates({ directory: dir.path });

  assertEquals(made.action, "created");
  assertEquals(await loadCaCerts(made.caFile, made.chainFile), [cert]);
});

Deno.test("ensureDevCertificates() needs no authority's key for a certificate that is good", async () => {
  await using dir = await temporaryDirectory();
  await prepare(dir, { notBefore: days(-300), notAfter: days(10) });
  await Deno.remove(join(dir.path, "ca.key"));

  const { action } = await ensureDevCertificates({ directory: dir.path });
  assertEquals(action, "kept");
  await prepare(dir, { notBefore: days(-300), notAfter: days(-1) });
  await Deno.remove(join(dir.path, "ca.key"));
  await assertRefused(dir.path, {}, "ca.key", "--force");
});

Deno.test("ensureDevCertificates() refuses an authority that can't issue certificates", async () => {
  await using dir = await temporaryDirectory();
  const other = await createAuthority();
  const leaf = await forge();
  const old = { notBefore: days(-500), notAfter: days(10) };
  const cases: [
    string,
    ValidityOptions,
    (dir: TemporaryDirectory) => unknown,
  ][] = [
    ["ca.key", {}, (dir) => Deno.remove(join(dir.path, "ca.key"))],
    ["ca.pem", {}, (dir) => Deno.remove(join(dir.path, "ca.pem"))],
    ["ca.key: it is not the key", {}, (dir) => dir.write("ca.key", other.key)],
    ["ca.key: it is not the key", {}, (dir) => dir.write("ca.key", "no PEM")],
    ["ca.pem: it is not", {}, (dir) => dir.write("ca.pem", leaf.cert)],
    ["ca.pem: it is not", {}, (dir) => dir.write("ca.pem", "no PEM")],
    [`ca.pem: it is valid until ${days(10).getFullYear()}`, old, () => {}],
  ];

  for (const [message, authoritySpan, spoil] of cases) {
    await prepare(dir, {}, { notBefore: days(-500), ...authoritySpan });
    await Deno.remove(join(dir.path, "localhost.pem"));
    await spoil(dir);
    await assertRefused(dir.path, {}, message, "--force");
  }
});

Deno.test("ensureDevCertificates() keeps a certificate made by other means while a server can use it", async () => {
  await using dir = await temporaryDirectory();
  const foreign = await forge();
  const chainFile = await dir.write(
    "localhost.pem",
    foreign.cert + foreign.key,
  );

  const kept = await ensureDevCertificates({ directory: dir.path });
  assertEquals(kept.action, "kept");
  assertEquals(kept.names, ["localhost"]);
  assertEquals(kept.caFile, chainFile);
  await dir.write("ca.pem", (await createAuthority()).cert);
  assertEquals(await ensureDevCertificates({ directory: dir.path }), kept);
  await assertRefused(dir.path, { hosts: ["::1"] }, "for ::1", "--force");
});

Deno.test("ensureDevCertificates() refuses a certificate that no server can use", async () => {
  await using dir = await temporaryDirectory();
  const [foreign, expired, ca] = await Promise.all([
    forge(),
    forge({ notBefore: days(-3), notAfter: days(-1) }),
    forge({ ca: true }),
  ]);
  const cases = {
    "its certificate has expired": expired.cert + expired.key,
    "CA:TRUE": ca.cert + ca.key,
    "no private key": foreign.cert,
    "no certificate": "",
  };

  for (const [message, text] of Object.entries(cases)) {
    const file = await dir.write("localhost.pem", text);
    await assertRefused(dir.path, {}, `Cannot use ${file}`, message, "--force");
  }
  const { action } = await ensureDevCertificates({
    directory: dir.path,
    force: true,
  });
  assertEquals(action, "created");
});

Deno.test("ensureDevCertificates() refuses bad hosts and days before it touches anything", async () => {
  await using dir = await temporaryDirectory();
  for (const hosts of [["https://example.test"], ["*.test"]]) {
    await assertRefused(dir.path, { hosts }, `Cannot use host "${hosts[0]}"`);
  }
  for (const days of [0, 399, 1.5, NaN]) {
    await assertRefused(dir.path, { days }, "1 to 398", `${days}`);
  }
  assertEquals(contents(dir.path), {});
});

Deno.test("ensureDevCertificates() makes one set when calls overlap in a process", async () => {
  await using dir = await temporaryDirectory();
  const made = await Promise.all(
    Array.from(
      { length: 5 },
      () => ensureDevCertificates({ directory: dir.path }),
    ),
  );

  const actions = made.map(({ action }) => action).sort();
  assertEquals(actions, ["created", "kept", "kept", "kept", "kept"]);
  assertEquals(Object.keys(contents(dir.path)), FILES);
  const [ca] = await loadCaCerts(join(dir.path, "ca.pem"));
  assertEquals(await loadCaCerts(join(dir.path, "localhost.pem")), [ca]);
});

Deno.test("certs/mod.ts loads no package that makes certificates until it makes some", async () => {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", `--config=${CONFIG}`, PROGRAM],
    env: { NO_COLOR: "1" },
  });
  const { stdout } = await command.output();
  const graph: ModuleGraph = JSON.parse(new TextDecoder().decode(stdout));
  const modules = new Map(graph.modules.map((each) => [each.specifier, each]));
  const pending = [...graph.roots];
  const seen = new Set<string>();
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    for (const { code, isDynamic } of modules.get(next)?.dependencies ?? []) {
      if (code?.specifier && !isDynamic) pending.push(code.specifier);
    }
  }

  const paths = [...seen].join("\n");
  assertStringIncludes(paths, "src/tls/pem.ts");
  assertFalse(/authority\.ts|peculiar|reflect-metadata/.test(paths), paths);
});

/** What `deno info --json` prints, as far as it is read here. */
interface ModuleGraph {
  roots: string[];
  modules: {
    specifier: string;
    dependencies?: { code?: { specifier?: string }; isDynamic?: boolean }[];
  }[];
}

Deno.test("program: makes one set when several run at the same time, with permission for the directory alone", async () => {
  await using dir = await temporaryDirectory();
  const runs = await Promise.all(
    Array.from({ length: 3 }, () => program(dir.path, [])),
  );

  for (const { code, stderr } of runs) assertEquals([code, stderr], [0, ""]);
  const actions = runs.map(({ stdout }) => stdout.split(" ")[0]).sort();
  assertEquals(actions, ["Created", "Kept", "Kept"]);
  const certs = join(dir.path, "certs");
  assertEquals(Object.keys(contents(certs)), FILES);
  const [ca] = await loadCaCerts(join(certs, "ca.pem"));
  assertEquals(await loadCaCerts(join(certs, "localhost.pem")), [ca]);
});

Deno.test("program: prints what was done, the files, the names, the time, and how to go on", async () => {
  await using dir = await temporaryDirectory();
  const { code, stdout } = await program(
    dir.path,
    ["--days=5", "--out", "my certs", "a.example.test"],
    ["--allow-read=my certs", "--allow-write=my certs"],
  );

  assertEquals(code, 0);
  const chain = join("my certs", "localhost.pem");
  assertMatch(
    stdout,
    new RegExp(
      `^Created ${chain}, for localhost, 127.0.0.1, ::1, a.example.test\n`,
    ),
  );
  const year = days(5).getUTCFullYear();
  for (
    const text of [
      `Valid until ${year}-`,
      "loadCertChain",
      "ca.pem",
    ]
  ) {
    assertStringIncludes(stdout, text);
  }
});

Deno.test("program: keeps with permission to read alone", async () => {
  await using dir = await temporaryDirectory();
  await ensureDevCertificates({ directory: join(dir.path, "certs") });
  const { code, stdout } = await program(dir.path, [], ["--allow-read=certs"]);

  assertEquals(code, 0);
  assertMatch(stdout, /^Kept /);
});

Deno.test("program: names the flags when it has no permission", async () => {
  await using dir = await temporaryDirectory();
  const [read, write] = ["--allow-read=certs", "--allow-write=certs"];
  const missing: [permissions: string[], flags: string][] = [
    [[], `${read} ${write}`],
    [[read], write],
    [[write], read],
  ];
  for (const [permissions, flags] of missing) {
    const { code, stdout, stderr } = await program(dir.path, [], permissions);
    assertEquals([code, stdout], [9, ""]);
    assert(stderr.endsWith(`run or install it with ${flags}\n`), stderr);
    assertFalse(stderr.includes(" at "), "no stack");
  }
});

Deno.test("program: leaves nothing behind, and everything as it was, when it can't finish", async () => {
  await using dir = await temporaryDirectory();
  const certs = join(dir.path, "certs");
  const permissions = [
    "--allow-read=certs",
    "--allow-write=certs",
    `--deny-write=${join("certs", "localhost.pem")}`,
  ];
  assertEquals((await program(dir.path, [], permissions)).code, 4);
  assertEquals(Object.keys(contents(certs)), [".lock"]);

  await ensureDevCertificates({ directory: certs });
  const before = contents(certs);
  assertEquals((await program(dir.path, ["--force"], permissions)).code, 4);
  assertEquals(contents(certs), before);
});

Deno.test("program: exits with 2 when it is used wrongly, and with 0 for --help", async () => {
  await using dir = await temporaryDirectory();
  const wrong = {
    "--bogus": "--bogus",
    "--days=0": "1 to 398",
    "--days=soon": "1 to 398",
    "--out=": "--out",
    "https://example.test": "it is a URL",
  };
  for (const [arg, message] of Object.entries(wrong)) {
    const { code, stderr } = await program(dir.path, [arg], []);
    assertEquals(code, 2);
    assertStringIncludes(stderr, message);
  }
  const { code, stdout } = await program(dir.path, ["--help"], []);
  assertEquals(code, 0);
  for (const text of ["--force", "--days", "--out"]) {
    assertStringIncludes(stdout, text);
  }
});

Deno.test("program: exits with 4 and a message when what is there can't be used", async () => {
  await using dir = await temporaryDirectory();
  await ensureDevCertificates({ directory: join(dir.path, "certs") });
  const { code, stdout, stderr } = await program(dir.path, ["example.test"]);

  assertEquals([code, stdout], [4, ""]);
  assertMatch(stderr, /^error: Cannot keep .* for example\.test: .*--force/);
});

Deno.test("ensureDevCertificates() throws a TlsError when a directory is in a file's place", async () => {
  await using dir = await temporaryDirectory();
  await Deno.mkdir(join(dir.path, "localhost.pem"));
  for (const force of [false, true]) {
    const error = await assertRejects(
      () => ensureDevCertificates({ directory: dir.path, force }),
      TlsError,
      "localhost.pem",
    );
    assertEquals(error.reason, "unreadable-file");
  }
});

Deno.test("ensureDevCertificates() restores a lost ca.pem from the chain", async () => {
  await using dir = await temporaryDirectory();
  const directory = dir.path;
  const { caFile, chainFile } = await ensureDevCertificates({ directory });
  const before = await Deno.readTextFile(caFile);
  const chain = await Deno.readTextFile(chainFile);
  await Deno.remove(caFile);
  const kept = await ensureDevCertificates({ directory });
  assertEquals([kept.action, kept.caFile], ["kept", caFile]);
  assertEquals(await Deno.readTextFile(caFile), before);
  assertEquals(await Deno.readTextFile(chainFile), chain);
});

Deno.test("ensureDevCertificates() refuses a ca.pem that is not the chain's, and overwrites nothing", async () => {
  await using dir = await temporaryDirectory();
  const directory = dir.path;
  const { caFile } = await ensureDevCertificates({ directory });
  await Deno.writeTextFile(caFile, "garbage");
  await assertRejects(
    () => ensureDevCertificates({ directory }),
    TlsError,
    "--force",
  );
  assertEquals(await Deno.readTextFile(caFile), "garbage");
});

Deno.test("program: says when --days has no effect", async () => {
  await using dir = await temporaryDirectory();
  await program(dir.path, ["--days=90"]);
  const { code, stdout } = await program(dir.path, ["--days=5"]);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "--days is for new certificates");
});
