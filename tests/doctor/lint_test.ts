import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import * as tls from "node:tls";
import {
  describeCertificates,
  ensureDevCertificates,
} from "../../certs/mod.ts";
import type { Finding } from "../../src/doctor/finding.ts";
import { lintCertificates } from "../../src/doctor/lint.ts";
import { forge, temporaryDirectory } from "../_certs.ts";
import { MISSING } from "../_failing.ts";
import { testWith } from "../peers/suite.ts";
import { FAULTY_CHAINS } from "./_faulty_chains.ts";
import { FAULTY_FILES } from "./_faulty_files.ts";
import { HEALTHY, one, Place, threeLevels, WINDOWS } from "./_setups.ts";

const FAULTY = [...FAULTY_FILES, ...FAULTY_CHAINS];

for (const { name, openssl, make, blames, says, fixes } of FAULTY) {
  const title = `lintCertificates() blames ${name} and nothing else`;
  testWith(openssl && MISSING.openssl, title, async () => {
    await using dir = await temporaryDirectory();
    const { paths, options } = await make(new Place(dir.path));
    const findings = await lintCertificates(paths, options);
    const bad = findings.filter(isBad);
    assertEquals(
      bad.map(({ check, verdict }) => [check, verdict]),
      [blames],
      JSON.stringify(bad, undefined, 1),
    );
    const [found] = bad;
    assert(found !== undefined);
    assertStringIncludes(found.summary, says);
    assert(found.remedy !== undefined);
    const fix = found.fix?.join("\n") ?? "";
    assert(fixes?.test(fix) ?? true, fix);
    assertWellFormed(findings);
  });
}

function isBad({ verdict }: Finding): boolean {
  return verdict === "failure" || verdict === "warning";
}

/** What holds for all findings. */
function assertWellFormed(findings: readonly Finding[]): void {
  for (const { layer, summary, reason, remedy, data } of findings) {
    assertEquals(layer, "tls");
    assertEquals(typeof data?.file, "string");
    for (const text of [summary, reason, remedy]) {
      assert(!text?.endsWith("."), text);
      assert(!text?.includes("PRIVATE KEY-----\n"), text);
    }
  }
}

for (const { name, openssl, make } of HEALTHY) {
  const title = `lintCertificates() finds no fault in ${name}`;
  testWith(openssl && MISSING.openssl, title, async () => {
    await using dir = await temporaryDirectory();
    const { paths, options } = await make(new Place(dir.path));
    const findings = await lintCertificates(paths, options);
    assertEquals(findings.filter(isBad), []);
    assert(findings.some(({ check }) => check === "key-match"));
    assertWellFormed(findings);
  });
}

Deno.test("lintCertificates() knows the roots that the runtime trusts", async () => {
  await using dir = await temporaryDirectory();
  const { root, middle, leaf } = await threeLevels();
  const text = leaf.cert + middle.cert + leaf.key;
  const { paths } = await one(new Place(dir.path), text);
  const end = async () => {
    const findings = await lintCertificates(paths);
    return findings.find(({ check }) => check === "chain-complete");
  };
  assertEquals((await end())?.verdict, "info");
  const { getCACertificates, setDefaultCACertificates } = tls as
    & typeof tls
    // The runtime has it, its types do not.
    & { setDefaultCACertificates(certs: readonly string[]): void };
  const roots = getCACertificates("default");
  setDefaultCACertificates([...roots, root.cert]);
  try {
    const found = await end();
    assertEquals(found?.verdict, "ok");
    assertEquals(found?.summary, "it leads to CN=Root, whom clients trust");
  } finally {
    setDefaultCACertificates(roots);
  }
});

Deno.test("lintCertificates() refuses bad arguments at once", async () => {
  await assertRejects(
    () => lintCertificates([]),
    TypeError,
    "Cannot lint certificates: no file is given",
  );
  await assertRejects(
    () => lintCertificates("certs" as never),
    TypeError,
    "paths must be a list",
  );
  await assertRejects(
    () => lintCertificates(["certs"], { name: "a.test" } as never),
    TypeError,
    "lintCertificates()",
  );
  await assertRejects(
    () => lintCertificates(["certs"], { keyFile: "" }),
    TypeError,
    "keyFile must be a path",
  );
  await assertRejects(
    () => lintCertificates(["certs"], { names: ["https://a.test"] }),
    TypeError,
    "it is a URL",
  );
});

testWith(
  MISSING.openssl,
  "lintCertificates() gives command lines that mend what it blames",
  async () => {
    for (const name of REPAIRED) {
      const faulty = FAULTY.find((one) => one.name === name);
      assert(faulty !== undefined, name);
      await using dir = await temporaryDirectory();
      const { paths, options } = await faulty.make(new Place(dir.path));
      const findings = await lintCertificates(paths, options);
      const fix = findings.filter(isBad).flatMap(({ fix = [] }) => fix);
      const { success, stderr } = await new Deno.Command("sh", {
        args: ["-ec", fix.join("\n")],
        stdin: "null",
      }).output();
      assert(success, new TextDecoder().decode(stderr));
      const again = (await lintCertificates(paths, options)).filter(isBad);
      assertEquals(again, [], name);
      assertEquals(
        (await Array.fromAsync(Deno.readDir(dir.path)))
          .filter(({ name }) => name.endsWith(".mended")),
        [],
      );
    }
  },
);

/** The faults that command lines mend without a person or an authority. */
const REPAIRED: readonly string[] = [
  "two files put together without a line end between",
  "a byte order mark",
  "the issuer first",
  "those above in the wrong order",
  "the issuer in a file of its own, which servers do not send",
  "a certificate twice",
  "an authority's certificate as the server's own",
  "a common name, and no other",
  "a certificate for years",
  "an RSA key of 1024 bits",
  ...WINDOWS ? [] : ["a key that everybody may read"],
];

/** Runs command lines as a script; with `broken`, openssl fails. */
async function runFix(lines: readonly string[], broken?: string) {
  const env = broken === undefined
    ? {}
    : { PATH: `${broken}:${Deno.env.get("PATH")}` };
  const { success } = await new Deno.Command("sh", {
    args: ["-ec", lines.join("\n")],
    stdin: "null",
    stderr: "null",
    env,
  }).output();
  return success;
}

testWith(
  WINDOWS ? "a POSIX shell" : MISSING.openssl,
  "lintCertificates() gives command lines that lose nothing: neither when openssl fails nor of the names",
  async () => {
    await using dir = await temporaryDirectory();
    const place = new Place(dir.path);
    const [long, kept] = ["a".repeat(60), "URI:https://x.test/a?b=c"];
    const names = `DNS:${long}.test,DNS:a_b.test,${kept},email:me@x.test`;
    await place.selfSigned(
      ...["-addext", `subjectAltName=${names},RID:1.2.3`, "-days", "1"],
    );
    const key = await Deno.readTextFile(`${dir.path}/key.pem`);
    const old = await Deno.readTextFile(`${dir.path}/cert.pem`) + key;
    await Deno.remove(`${dir.path}/key.pem`);
    await Deno.remove(`${dir.path}/cert.pem`);
    const { paths } = await one(place, old);
    const [path = ""] = paths;
    const lint = async () => (await lintCertificates(paths)).filter(isBad);
    const fix = (await lint()).flatMap(({ fix = [] }) => fix);
    const said = fix.filter((line) => line.startsWith("#")).join("\n");
    assertStringIncludes(said, "will lack: names of other kinds");
    assertStringIncludes(said, `the old file stays as ${path}.bak`);

    await Deno.mkdir(`${dir.path}/bin`);
    await place.write(
      "bin/openssl",
      '#!/bin/sh\ncase $1 in pkey) cat "$3";; *) exit 1;; esac\n',
      0o755,
    );
    assertEquals(await runFix(fix, `${dir.path}/bin`), false);
    assertEquals(await Deno.readTextFile(path), old);

    assert(await runFix(fix));
    assertEquals(await Deno.readTextFile(`${path}.bak`), old);
    assertEquals(await lint(), []);
    const text = await Deno.readTextFile(path);
    const [about] = await describeCertificates(text);
    assertEquals(about?.names, [
      `${long}.test`,
      "a_b.test",
      kept,
      "email:me@x.test",
    ]);
    assertStringIncludes(text, key);
  },
);

testWith(
  WINDOWS ? "a POSIX shell" : MISSING.openssl,
  "lintCertificates() gives command lines that mend several faults of one file",
  async () => {
    await using dir = await temporaryDirectory();
    const place = new Place(dir.path);
    await place.selfSigned(
      ...["-newkey", "rsa:1024", "-days", "500"],
      ...["-addext", "subjectAltName=DNS:localhost"],
    );
    const [cert, key] = await Promise.all(
      ["cert.pem", "key.pem"].map((name) =>
        Deno.readTextFile(`${dir.path}/${name}`)
      ),
    );
    const options = { names: ["a.test"] };
    const { paths } = await one(place, `${cert}${cert}${key}`, options);
    const bad = (await lintCertificates(paths, options)).filter(isBad);
    assertEquals(bad.length, 4, JSON.stringify(bad));
    const lines = new Set(bad.flatMap(({ fix = [] }) => fix));
    assert(await runFix([...lines]), [...lines].join("\n"));
    assertEquals((await lintCertificates(paths, options)).filter(isBad), []);
  },
);

Deno.test("lintCertificates() says nothing of what is in a private key", async () => {
  await using dir = await temporaryDirectory();
  const { cert, key } = await forge();
  const broken = key.replace(/\n(.{12})/, "\n*$1");
  const path = await dir.write("server.pem", cert + broken);
  const text = JSON.stringify(await lintCertificates([path]));
  assertStringIncludes(text, "a PRIVATE KEY block that is not base64");
  for (const line of key.split("\n").slice(1, -2)) {
    assert(!text.includes(line.slice(0, 16)));
  }
});

Deno.test("lintCertificates() finds our own authority's key and does not warn of it", async () => {
  await using dir = await temporaryDirectory();
  await ensureDevCertificates({ directory: dir.path });
  const findings = await lintCertificates([dir.path]);
  const found = findings.find(({ check }) => check === "authority-key");
  assertEquals(found?.verdict, "info");
});
