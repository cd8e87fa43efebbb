import {
  assert,
  assertEquals,
  assertFalse,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import {
  describeCertificates,
  ensureDevCertificates,
} from "../../certs/mod.ts";
import { loadCertChain } from "../../mod.ts";
import { linesElsewhere } from "../../src/cli/cert/elsewhere.ts";
import { familyOf } from "../../src/cli/cert/system_store.ts";
import { devCertificates, forge } from "../_certs.ts";
import { chromiumFlags, missingChromium } from "../_chromium.ts";
import { denoDir, Machine, noMachine } from "./_machine.ts";
import { noTerminal, Terminal } from "./_terminal.ts";

/** A machine whose user has certificates for development. */
async function machineWithCerts(): Promise<Machine> {
  const machine = await Machine.make();
  await ensureDevCertificates({ directory: join(machine.home, "certs") });
  return machine;
}

/** Declares a test that changes the stores of a machine. */
function testStores(
  name: string,
  fn: (machine: Machine) => Promise<void>,
  missing: string | undefined = noMachine,
): void {
  const reason = missing === undefined ? "" : ` (ignored: ${missing})`;
  Deno.test(`${name}${reason}`, { ignore: missing !== undefined }, async () => {
    await using machine = await machineWithCerts();
    await fn(machine);
  });
}

/** The states of the stores, by their names. */
function statesOf(json: string): Record<string, string> {
  const { stores } = JSON.parse(json);
  return Object.fromEntries(
    stores.map((
      { store, state }: { store: string; state: string },
    ) => [store, state]),
  );
}

testStores(
  "wss cert --trust says each command line first, and does nothing unasked",
  async (machine) => {
    const { code, out, err } = await machine.run(machine.wss(["--trust"]));
    assertEquals(code, 2);
    assertStringIncludes(err, "there is no terminal to ask at: --yes agrees");
    const dry = await machine.run(machine.wss(["--trust", "--dry-run"]));
    assertEquals([dry.code, dry.err, dry.out], [0, "", out]);
    assertStringIncludes(out, "It can vouch for localhost, 127.0.0.1/32");
    for (
      const line of [
        /^ {2}install -m 644 certs\/ca\.pem \/usr\/local\/share\/ca-certificates\/wss-development-ca-\w{16}\.crt$/m,
        /^ {2}update-ca-certificates$/m,
        /^ {2}certutil -d sql:\S+\/\.pki\/nssdb -N --empty-password$/m,
        /^ {2}certutil -d \S+ -A -t C,, -n 'wss development CA \w{16}' -i certs\/ca\.pem$/m,
      ]
    ) assertMatch(out, line);
    assertEquals(machine.anchors(), []);
    const json = await machine.run(machine.wss(["--trust", "--json"]));
    assertEquals([json.code, json.out], [2, ""]);
    assertEquals(machine.anchors(), []);
    assertEquals([...Deno.readDirSync(machine.home)].length, 1);
  },
);

testStores(
  "wss cert --trust makes the system and Chromium accept the server, --untrust makes them refuse it",
  async (machine) => {
    const certs = join(machine.home, "certs");
    const { cert, key } = await loadCertChain(join(certs, "localhost.pem"));
    const other = join(machine.home, "other.pem");
    await Deno.writeTextFile(other, (await forge({ ca: true })).cert);
    await using server = Deno.serve(
      { port: 0, hostname: "localhost", cert, key, onListen() {} },
      () => new Response("greetings from the server"),
    );
    const { port } = server.addr;
    const byOpenssl = () =>
      machine.run([
        ...["openssl", "s_client", "-connect", `localhost:${port}`],
        ...["-verify_hostname", "localhost", "-verify_return_error", "-brief"],
      ]);
    const withChromium = missingChromium() === undefined ||
      Deno.env.get("CI") === "true";
    const byChromium = async () => {
      const { stdout } = await new Deno.Command("chromium", {
        args: [
          ...chromiumFlags(join(machine.home, "profile")),
          `https://localhost:${port}/`,
        ],
        env: { HOME: machine.home },
        signal: AbortSignal.timeout(60_000),
      }).output();
      return new TextDecoder().decode(stdout);
    };
    assertFalse((await byOpenssl()).code === 0);
    await Deno.copyFile(other, join(machine.path, "anchors", "other.crt"));

    const trusted = await machine.run(
      machine.wss(["--trust", "--yes", "--json"]),
    );
    assertEquals([trusted.code, trusted.err], [0, ""]);
    assertEquals(statesOf(trusted.out), { system: "done", Chromium: "done" });
    assertEquals((await byOpenssl()).code, 0);
    if (withChromium) {
      assertStringIncludes(await byChromium(), "greetings from the server");
    }
    const again = await machine.run(machine.wss(["--trust"]));
    assertEquals([again.code, again.err], [0, ""]);
    assertEquals(again.out.match(/trusts it already/g)?.length, 2);

    // What is not its own, it leaves.
    const database = `sql:${join(machine.home, ".pki", "nssdb")}`;
    await machine.run(
      ["certutil", "-d", database, "-A", "-t", "C,,", "-n", "other"].concat(
        "-i",
        other,
      ),
    );
    const gone = await machine.run(machine.wss(["--untrust", "--yes"]));
    assertEquals([gone.code, gone.err], [0, ""]);
    assertEquals(gone.out.match(/trusts it no longer$/gm)?.length, 2);
    assertEquals(machine.anchors(), ["other.crt"]);
    const left = await machine.run(["certutil", "-d", database, "-L"]);
    assertMatch(left.out, /^other +C,,/m);
    assertFalse(left.out.includes("wss development"));
    const refused = await byOpenssl();
    assertEquals(refused.code, 1);
    assertStringIncludes(refused.err, "certificate verify failed");
    if (withChromium) assertFalse((await byChromium()).includes("greetings"));
    const linksLeft = [...Deno.readDirSync(join(machine.path, "certs"))].filter(
      (
        { name },
      ) => name.startsWith("wss-"),
    );
    assertEquals(linksLeft, []);
  },
);

testStores(
  "wss cert --trust leaves the system to root, and reports each store of the user that failed",
  async (machine) => {
    const profile = join(machine.home, ".mozilla", "firefox", "x.default");
    await Deno.mkdir(profile, { recursive: true });
    const password = join(machine.home, "password");
    await Deno.writeTextFile(password, "secret\n");
    await machine.run(
      ["certutil", "-N", "-d", `sql:${profile}`, "-f", password],
    );
    const { code, out, err } = await machine.run(
      machine.wss(["--trust", "--yes"]),
      { user: "nobody" },
    );
    assertEquals(code, 1);
    assertMatch(out, /^ {2}sudo install -m 644 certs\/ca\.pem \/usr\/local/m);
    assertMatch(out, /^ {2}sudo update-ca-certificates$/m);
    assertMatch(out, /^system \(.*\): left to root, see above$/m);
    assertMatch(out, /^Chromium \(.*\): trusts it now$/m);
    assertMatch(err, /^error: Firefox \(.*\/x\.default\): certutil: .*\n$/);
    assertEquals(machine.anchors(), []);
    await Deno.remove(profile, { recursive: true });
    const next = await machine.run(machine.wss(["--untrust", "--yes"]), {
      user: "nobody",
    });
    assertEquals([next.code, next.err], [0, ""]);
    assertMatch(next.out, /^Chromium \(.*\): trusts it no longer$/m);
  },
);

testStores(
  "wss cert --trust and --untrust leave the store of a system that takes no note of it as it was",
  async (machine) => {
    const broken = join(machine.path, "broken");
    await Deno.mkdir(broken);
    const update = join(broken, "update-ca-certificates");
    await Deno.writeTextFile(update, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    const path = `${broken}:${Deno.env.get("PATH")}`;
    const run = async (word: string, options = {}) => {
      const words = machine.wss([word, "--yes", "--json"]);
      const { code, out } = await machine.run(words, options);
      return [code, statesOf(out).system, machine.anchors().length];
    };
    assertEquals(await run("--trust", { path }), [1, "failed", 0]);
    assertEquals(await run("--trust"), [0, "done", 1]);
    assertEquals(await run("--untrust", { path }), [1, "failed", 1]);
    assertEquals(await run("--untrust"), [0, "done", 0]);
  },
);

testStores(
  "wss cert --trust names the package of certutil, and fails where a browser would need it",
  async (machine) => {
    const options = { user: "nobody", path: "/nonexistent" } as const;
    const run = () =>
      machine.run(machine.wss(["--trust", "--yes", "--json"]), options);
    const skipped = await run();
    assertEquals(skipped.code, 0);
    assertEquals(statesOf(skipped.out), {
      system: "left-to-root",
      "Chromium and Firefox": "skipped",
    });
    assertStringIncludes(skipped.out, "apt-get install libnss3-tools");
    const database = join(machine.home, ".pki", "nssdb");
    await Deno.mkdir(database, { recursive: true });
    await Deno.writeTextFile(join(database, "cert9.db"), "");
    const failed = await run();
    assertEquals(failed.code, 1);
    assertEquals(statesOf(failed.out).Chromium, "failed");
  },
);

testStores(
  "wss cert --trust asks at a terminal, and takes all but yes for a no",
  async (machine) => {
    for (const [answer, code] of [["", 1], ["y", 0]] as const) {
      await using terminal = await Terminal.open(
        machine.inside(machine.wss(["--trust"])),
        {
          cwd: machine.home,
          env: { DENO_DIR: await denoDir() },
          columns: 150,
          rows: 40,
        },
      );
      await terminal.seen("Do this? [y/N]");
      assertEquals(machine.anchors(), []);
      await terminal.type(answer);
      await terminal.press("Enter");
      const screen = await terminal.seen(`[exit ${code}]`);
      assertEquals(screen.includes("Nothing was done"), code === 1);
    }
    assertMatch(machine.anchors().join(), /^wss-development-ca-\w{16}\.crt$/);
  },
  noTerminal ? "there is no tmux" : noMachine,
);

testStores(
  "wss cert --trust says what speaks against an authority, and refuses what is none",
  async (machine) => {
    const certs = join(machine.home, "certs");
    const dry = () => machine.run(machine.wss(["--trust", "--dry-run"]));
    // Bound to DNS names (a.b), so to no addresses.
    const unbound = await forge({
      ca: true,
      extension: {
        id: "2.5.29.30",
        critical: true,
        value: [0x30, 9, 0xa0, 7, 0x30, 5, 0x82, 3, 97, 46, 98],
      },
    });
    await Deno.chmod(join(certs, "ca.key"), 0o640);
    await Deno.writeTextFile(join(certs, "ca.pem"), unbound.cert);
    const { code, err } = await dry();
    assertEquals(code, 0);
    assertMatch(err, /^warning: certs\/ca\.pem can vouch for any host/m);
    assertMatch(
      err,
      /^warning: others can read its private key, certs\/ca\.key, .*: chmod 600 certs\/ca\.key$/m,
    );
    const bad: [text: string, message: string][] = [
      [(await forge()).cert, "it is not an authority's (CA:FALSE)"],
      [unbound.cert + unbound.cert, "it does not hold one certificate"],
      [unbound.cert + unbound.key, "there is a private key in it"],
    ];
    for (const [text, message] of bad) {
      await Deno.writeTextFile(join(certs, "ca.pem"), text);
      const { code, out, err } = await dry();
      assertEquals([code, out], [4, ""]);
      assertStringIncludes(err, `Cannot trust certs/ca.pem: ${message}`);
    }
  },
);

testStores(
  "wss cert --trust names all flags that it lacks at once",
  async (machine) => {
    const [deno = "", ...words] = machine.wss(["--trust", "--dry-run"]);
    const allowed = words.filter((word) => !word.startsWith("--allow-"));
    const { code, err } = await machine.run([
      deno,
      ...allowed.toSpliced(1, 0, "--allow-read=certs"),
    ]);
    assertEquals(code, 9);
    assertEquals(
      err,
      "error: permissions are missing; run or install it with --allow-env=HOME --allow-sys=uid --allow-read=/etc/os-release,$HOME/.pki,$HOME/.mozilla,$HOME/.config/mozilla,$HOME/snap --allow-run=certutil\n",
    );
  },
);

Deno.test("familyOf() knows a system by what it is, or is like", () => {
  const systems: [osRelease: string, family: string | undefined][] = [
    ['PRETTY_NAME="Debian"\nID=debian\n', "debian"],
    ["ID=linuxmint\nID_LIKE='ubuntu debian'\n", "debian"],
    ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', "fedora"],
    ["ID=fedora\n", "fedora"],
    ["ID=manjaro\nID_LIKE=arch\n", "arch"],
    ['ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "suse"],
    ["ID=alpine\n", "alpine"],
    ["ID=nixos\nVERSION_ID=debian\n", undefined],
    ["ID=constructor\n", undefined],
    ["", undefined],
  ];
  for (const [text, family] of systems) assertEquals(familyOf(text), family);
});

Deno.test("linesElsewhere() has the lines for macOS and Windows, fit for a shell", async () => {
  const { ca } = await devCertificates();
  const [about] = await describeCertificates(ca);
  assert(about !== undefined);
  const authority = { file: "my certs/ca.pem", about };
  assertEquals(linesElsewhere("darwin", "trust", authority), [
    "sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain 'my certs/ca.pem'",
  ]);
  assertEquals(linesElsewhere("darwin", "untrust", authority), [
    "sudo security remove-trusted-cert -d 'my certs/ca.pem'",
    `sudo security delete-certificate -Z ${
      about.sha256.replaceAll(":", "")
    } /Library/Keychains/System.keychain`,
  ]);
  assertEquals(linesElsewhere("windows", "trust", authority), [
    'certutil -user -addstore Root "my certs/ca.pem"',
  ]);
  assertEquals(linesElsewhere("windows", "untrust", authority), [
    `certutil -user -delstore Root ${about.serialNumber}`,
  ]);
});
