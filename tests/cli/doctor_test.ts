import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { serve } from "../../mod.ts";
import { fixScript } from "../../src/cli/doctor/fix.ts";
import { wrap } from "../../src/cli/doctor/report.ts";
import { judge } from "../../src/cli/doctor/verdict.ts";
import { UsageError } from "../../src/cli/failure.ts";
import { inFlagWords } from "../../src/cli/flag_words.ts";
import { createProgram } from "../../src/cli/program.ts";
import type { Finding, Layer, Verdict } from "../../src/doctor/mod.ts";
import {
  misbehave,
  testCertificates,
  testClientCertificate,
} from "../../src/testing/mod.ts";
import { devCertificates, forge, temporaryDirectory } from "../_certs.ts";
import { noTerminal, Terminal } from "./_terminal.ts";
import { type Ended, wss, wssArgs } from "./_wss.ts";

function finding(layer: Layer, verdict: Verdict, more = {}): Finding {
  return { layer, check: "x", verdict, summary: `${layer} is so`, ...more };
}

/** No line is longer than the terminal is wide. */
function assertFits(text: string, width = 80): void {
  for (const line of text.split("\n")) {
    assert([...line].length <= width, `${line.length}: ${line}`);
  }
}

Deno.test("judge() tells the exit code of the lowest layer that failed", () => {
  const codes: [Layer, number][] = [
    ["name", 3],
    ["tcp", 3],
    ["tls", 4],
    ["http", 5],
    ["websocket", 6],
    ["close", 7],
    ["idle", 7],
  ];
  for (const [layer, code] of codes) {
    const findings = [
      finding("idle", "failure"),
      finding("name", "ok"),
      finding(layer, "failure"),
    ];
    const outcome = judge(findings, false);
    assertEquals(outcome.exitCode, code, layer);
    assertEquals(outcome.first?.layer, layer);
    assertEquals(outcome.verdict, "failure");
    const skipped = judge([finding(layer, "skipped")], true);
    assertEquals([skipped.exitCode, skipped.verdict], [0, "ok"]);
  }
});

Deno.test("judge() lets warnings fail only if it is strict, and failures go before them", () => {
  const warning = finding("name", "warning");
  assertEquals(judge([warning], false).exitCode, 0);
  assertEquals(judge([warning], false).verdict, "warning");
  assertEquals(judge([warning], true).exitCode, 3);
  const both = judge([warning, finding("http", "failure")], true);
  assertEquals([both.exitCode, both.first?.layer], [5, "http"]);
  assertEquals(both.counts, {
    ok: 0,
    info: 0,
    warning: 1,
    failure: 1,
    skipped: 0,
  });
});

Deno.test("wrap() keeps to the width, breaks what is too long, and shows no control characters", () => {
  const text = `a word or two and ${"x".repeat(60)} more\x1b[2J`;
  const lines = wrap(text, 10, 50);
  assert(lines.every((line) => line.length <= 40), `${lines}`);
  assertEquals(lines.join(""), lines.join("").replace("\x1b", ""));
  assertEquals(
    lines.join("").replaceAll(" ", ""),
    text.replace("\x1b", "\\u001b").replaceAll(" ", ""),
  );
  assertEquals(wrap("", 4, 80), [""]);
  // So narrow that no word fits.
  assert(wrap(text, 10, 12).every((line) => line.length <= 20));
});

Deno.test("inFlagWords() has flags where the library speaks of its options", () => {
  const texts: [text: string, said: string][] = [
    [
      "pass it as `cert` and `key`, or `caCerts`",
      "pass it as --cert and --key, or --cacert",
    ],
    [
      'a server of this module: `engine: "node"`, or a proxy',
      "a server of this module: --engine node, or a proxy",
    ],
    [
      "pass what proves who you are in `headers`: authorization, or a cookie",
      "pass what proves who you are by --token or --auth, or a cookie by --header",
    ],
    ["the key of `other`", "the key of `other`"],
  ];
  for (const [text, said] of texts) assertEquals(inFlagWords(text), said);
});

Deno.test("fixScript() is a script for a shell, whatever a finding says", async () => {
  const findings = [
    finding("tls", "failure", {
      summary: "it is called\nrm -rf /\n$(reboot)",
      fix: ["# so", "chmod 600 'a b'", "echo 1\nreboot"],
      data: { file: "x\ny" },
    }),
    finding("tls", "warning", { fix: ["# so", "chmod 600 'a b'"] }),
    finding("http", "failure", { remedy: "ask `somebody`" }),
    finding("http", "ok", { fix: ["never"] }),
  ];
  const lines = fixScript(findings);
  assertEquals(lines.filter((line) => !line.startsWith("#")), [
    "chmod 600 'a b'",
    "echo 1\\u000areboot",
  ]);
  assertStringIncludes(lines.join("\n"), "# by hand: ask `somebody`");
  assertEquals(lines.filter((line) => line === "# so").length, 1);
  await assertShell(lines.join("\n"));
  assertEquals(fixScript([finding("tls", "ok")]), ["# nothing to mend"]);
});

/** A shell reads it; with `run`, it runs it, too. */
async function assertShell(script: string, run?: { cwd: string }) {
  const { success, stderr } = await new Deno.Command("sh", {
    args: run ? ["-ec", script] : ["-n", "-c", script],
    ...run,
    stdin: "null",
  }).output();
  assert(success, `${new TextDecoder().decode(stderr)}\n${script}`);
}

Deno.test("wss doctor refuses what makes no sense, before it looks at anything", async () => {
  const cases: [args: string[], says: RegExp][] = [
    [[], /there is nothing to examine: give the URL/],
    [["a.test", "--server", "x"], /--server and --name are for files/],
    [["a.test", "--name", "b.test"], /--server and --name are for files/],
    [["--server", "x", "--idle", "1s"], /--idle is about a connection/],
    [["--server", "x", "-H", "a: b"], /--header is about a connection/],
    [["https://a.test"], /begins with wss:\/\//],
    [["wss://me@a.test"], /give them with --auth/],
  ];
  for (const [args, says] of cases) {
    const error = await assertRejects(
      () => createProgram().parseAsync(["doctor", ...args], { from: "user" }),
      UsageError,
    );
    assertMatch(error.message, says);
  }
});

Deno.test("wss doctor --server prints what it finds in files, and needs to read these alone", async () => {
  const { dir } = await devCertificates();
  const permissions = [`--allow-read=${dir}`];
  const { code, out, err } = await wss(["doctor", "--server", dir], {
    permissions,
  });
  assertEquals([code, err], [0, ""]);
  const shown = out.replaceAll(dir, "certs")
    .replace(/CA [0-9a-f]{8}/g, "CA 01234567")
    .replace(/\d+ days more \([\d-]+\)/g, "N days more (DATE)");
  assertEquals(
    shown,
    `certs/localhost.pem
  · it holds 2 certificates (CN=localhost,O=wss development certificate, CN=wss
    development CA 01234567,O=wss) and 1 private key
  ✓ the private key in it is its certificate's
  ✓ the private key is EC P-256
  ✓ its 2 certificates are in their order
  · the root, CN=wss development CA 01234567,O=wss, is in it
      clients have it if they trust it; to send it costs some hundred bytes a
      handshake, and harms nobody
  ✓ the root is valid for N days more (DATE)
  ✓ it is for localhost, 127.0.0.1, ::1
  ✓ it is for servers
  ✓ its certificate is valid for N days more (DATE)
  ✓ only its owner may read the private key in it (mode 0600)

certs/ca.key
  · it holds 1 private key
  ✓ only its owner may read the private key in it (mode 0600)
  · it has the private key of the authority
      whoever has it can issue certificates for the names that its authority is
      bound to
      → do not copy it to where the server runs

certs/ca.pem
  · it holds 1 certificate (CN=wss development CA 01234567,O=wss)

Healthy: 9 ok
`,
  );
  assertFits(shown);
});

Deno.test("wss doctor --server --fix prints a script that mends what is wrong, and the next look finds nothing", async () => {
  await using dir = await temporaryDirectory();
  const root = await forge({ subject: "CN=Root", ca: true, keyUsage: 0x20 });
  const leaf = await forge({ issuer: root });
  // The issuer first, and everybody may read it.
  const path = await dir.write("it's.pem", root.cert + leaf.cert + leaf.key);
  await Deno.chmod(path, 0o644);
  const run = (...args: string[]) =>
    wss(["doctor", "--server", path, ...args], {
      permissions: [`--allow-read=${path}`],
    });
  const [broken, fixed] = await Promise.all([run(), run("--fix")]);
  assertEquals([broken.code, fixed.code], [4, 4]);
  assertStringIncludes(broken.out, "  ✗ the server's own certificate,");
  assertMatch(
    broken.out,
    /\nThe first thing to mend: \S+'s\.pem:\s+the\s+server's\s+own\s+certificate/,
  );
  assertFits(broken.out.replaceAll(path, "server.pem"));
  await assertShell(fixed.out);
  await assertShell(fixed.out, { cwd: dir.path });

  const mended = await run("-q");
  assertEquals(mended, { code: 0, out: "", err: "" });
});

Deno.test("wss doctor --server --json prints one document of the documented shape", async () => {
  await using dir = await temporaryDirectory();
  const { cert } = await forge({ notAfter: new Date(Date.now() + 500e6) });
  const path = await dir.write("server.pem", cert);
  const { code, out, err } = await wss(
    ["doctor", "--server", path, "--json", "--name", "localhost"],
    { permissions: [`--allow-read=${path}`] },
  );
  const document = JSON.parse(out);
  assertEquals([code, err], [4, ""]);
  assertEquals(document.target, [path]);
  assertDocument(document, 4);
  assertEquals(document.first.check, "private-key");
  const validity = document.findings.find((one: Finding) =>
    one.check === "certificate-validity"
  );
  assertMatch(validity.data.notAfter, /^\d{4}-\d\d-\d\dT/);
});

/** The shape that `--help-all` and docs/doctor.md tell of. */
function assertDocument(document: Record<string, unknown>, exitCode: number) {
  assertEquals(Object.keys(document), [
    "target",
    "verdict",
    "exitCode",
    "counts",
    "first",
    "findings",
  ]);
  const { verdict, counts, findings } = document as {
    verdict: string;
    counts: Record<string, number>;
    findings: Record<string, unknown>[];
  };
  assertEquals(document.exitCode, exitCode);
  assert(["ok", "warning", "failure"].includes(verdict));
  assertEquals(Object.keys(counts), [
    "ok",
    "info",
    "warning",
    "failure",
    "skipped",
  ]);
  const sum = Object.values(counts).reduce((a, b) => a + b, 0);
  assertEquals(sum, findings.length);
  const names = [
    ...["layer", "check", "verdict", "summary"],
    ...["reason", "remedy", "fix", "data"],
  ];
  for (const one of findings) {
    for (const name of Object.keys(one)) assert(names.includes(name), name);
    for (const name of names.slice(0, 4)) {
      assertEquals(typeof one[name], "string", name);
    }
  }
}

Deno.test("wss doctor names all permissions that are missing", async () => {
  const { dir } = await devCertificates();
  const [files, server] = await Promise.all([
    wss(["doctor", "--server", `${dir}/localhost.pem`, "--key", "k.pem"]),
    wss(["doctor", "chat.test", "--cacert", "ca.pem"]),
  ]);
  assertEquals([files.code, server.code], [9, 9]);
  assertStringIncludes(
    files.err,
    `run or install it with --allow-read=${dir}/localhost.pem,k.pem`,
  );
  assertMatch(
    server.err,
    /run or install it with --allow-net=chat\.test:443\S* --allow-read=ca\.pem/,
  );
  assertEquals([files.out, server.out], ["", ""]);
});

Deno.test({
  name: "wss doctor fits a narrow terminal, and is coloured there",
  ignore: noTerminal,
  fn: async () => {
    await using dir = await temporaryDirectory();
    const { cert, key } = await forge({ names: [] });
    const path = await dir.write("server.pem", cert + key);
    await Deno.chmod(path, 0o600);
    const args = ["doctor", "--server", path];
    await using terminal = await Terminal.open(
      [Deno.execPath(), ...wssArgs(args, [`--allow-read=${path}`])],
      { columns: 50, rows: 40 },
    );
    const screen = await terminal.seen(/\[exit 4\]/, 20_000);
    assertFits(screen, 50);
    assertMatch(
      screen,
      / {2}· its certificate signed itself: clients must be\n {4}told to trust it\n {6}→ give/,
    );
    const colored = await terminal.screen({ colors: true });
    const ESC = "\x1b";
    assertStringIncludes(colored, `${ESC}[31m✗`);
    assertStringIncludes(colored, `${ESC}[32m✓`);
  },
});

Deno.test({
  name:
    "wss doctor shows at a terminal that it waits, and takes that away again",
  ignore: noTerminal,
  fn: async () => {
    await using server = await misbehave({ kind: "silent" }, { tls: false });
    const { host } = new URL(server.url);
    const args = ["doctor", `wss://${host}`, "--timeout", "1500ms"];
    await using terminal = await Terminal.open(
      [Deno.execPath(), ...wssArgs(args, [`--allow-net=${host}`])],
    );
    await terminal.seen(`examining wss://${host}`, 20_000);
    const screen = await terminal.seen(/\[exit 4\]/, 30_000);
    assert(!screen.includes("examining"), screen);
    assertMatch(screen, /TLS\n {2}✗ /);
  },
});

/** Runs it against a server that is trusted by this file. */
async function examined(
  url: string,
  caCerts: readonly string[] = [],
  ...more: string[]
): Promise<Ended> {
  await using dir = await temporaryDirectory();
  const { host } = new URL(url);
  const ca = await dir.write("ca.pem", caCerts.join(""));
  const trust = caCerts.length > 0 ? ["--cacert", ca] : [];
  return await wss(["doctor", url, ...trust, ...more], {
    permissions: [
      `--allow-net=${host}`,
      `--allow-read=${ca}`,
      "--allow-env=SECRET",
    ],
    env: { SECRET: "hunter2" },
  });
}

Deno.test("wss doctor goes through a healthy server, layer by layer, with the permission to reach it", async () => {
  const { ca, chain } = await devCertificates();
  await using server = await serve(
    { port: 0, hostname: "localhost", engine: "node", ...chain },
    async (ws) => {
      for await (const message of ws) await ws.send(message);
    },
  );
  const url = `wss://localhost:${new URL(server.url).port}`;
  const { code, out, err } = await examined(url, [ca]);
  assertEquals([code, err], [0, ""], out);
  const titles = out.split("\n").filter((line) => /^[A-Z]\w+$/.test(line));
  assertEquals(titles, ["Name", "TCP", "TLS", "HTTP", "WebSocket", "Closing"]);
  assertMatch(out, /\nHealthy[^\n]*: /);
  assert(!out.includes("✗"), out);
  assertFits(out);
});

Deno.test("wss doctor ends with the exit code of the layer that fails, and says what to mend first", async () => {
  const expired = await testCertificates({ fault: "expired" });
  const gone = Deno.listen({ port: 0, hostname: "localhost" });
  const { port } = gone.addr;
  gone.close();
  await using old = await misbehave({ kind: "echo" }, { tls: expired });
  await using refusing = await misbehave({ kind: "answer", status: 404 });
  await using mute = await misbehave({ kind: "mute" });
  await using open = await misbehave({ kind: "never-closes" });
  const cases: [url: string, ca: readonly string[], code: number][] = [
    [`wss://localhost:${port}`, [], 3],
    [old.url, expired.client.caCerts, 4],
    [refusing.url, refusing.client.caCerts ?? [], 5],
    [mute.url, mute.client.caCerts ?? [], 6],
    [open.url, open.client.caCerts ?? [], 7],
  ];
  await Promise.all(cases.map(async ([url, ca, code]) => {
    const ended = await examined(url, ca, "--timeout", "3s", "--pings", "2");
    assertEquals([ended.code, ended.err], [code, ""], ended.out);
    assertStringIncludes(ended.out, "✗");
    assertMatch(ended.out, /\nThe first thing to mend: /);
    // That is said of other addresses than those of this machine.
    assert(!ended.out.includes("127.0.0.1 alone"), ended.out);
    assertFits(ended.out);
  }));
});

Deno.test("wss doctor goes where --resolve says, shows a client certificate, and waits for --idle", async () => {
  await using dir = await temporaryDirectory();
  const tls = await testCertificates({ names: ["chat.test"] });
  const ada = await testClientCertificate({ name: "ada" });
  await using server = await serve(
    {
      ...{ port: 0, hostname: "127.0.0.1", engine: "node" },
      ...{ ...tls.server, ...ada.server, clientAuth: "require" },
    },
    (ws) => ws.closed,
  );
  const { port } = new URL(server.url);
  const { cert, key } = ada.client;
  const files = await Promise.all([
    dir.write("ca.pem", tls.client.caCerts.join("")),
    dir.write("ada.pem", cert),
    dir.write("ada.key", key),
  ]);
  const { code, out, err } = await wss([
    ...[
      "doctor",
      `chat.test:${port}`,
      "--resolve",
      `chat.test:${port}:127.0.0.1`,
    ],
    ...["--cacert", files[0], "--cert", files[1], "--key", files[2]],
    ...["--idle", "300ms", "--json"],
  ], {
    permissions: [
      `--allow-net=127.0.0.1:${port}`,
      `--allow-read=${files.join(",")}`,
    ],
  });
  const { findings } = JSON.parse(out) as { findings: Finding[] };
  assertEquals([code, err], [0, ""], out);
  const idle = findings.filter(({ layer }) => layer === "idle");
  assertEquals(idle.map(({ verdict }) => verdict), ["ok"]);
});

Deno.test("wss doctor says once why layers were not looked at, and speaks of flags", async () => {
  await using server = await misbehave({ kind: "echo" });
  const [{ code, out }, fixed, strict] = await Promise.all([
    examined(server.url),
    examined(server.url, [], "--fix"),
    examined(server.url, server.client.caCerts, "-q", "--strict"),
  ]);
  assertEquals([code, fixed.code, strict.code], [4, 4, 5]);
  assertMatch(strict.out, /\nThe first thing to mend: pages of any origin/);
  assert(!strict.out.includes("Healthy"), strict.out);
  await assertShell(fixed.out);
  assertMatch(
    out,
    /\nHTTP, WebSocket, Closing\n {2}– not looked at: .*\n\nThe first/,
  );
  assertStringIncludes(out, "--cacert");
  assert(!out.includes("caCerts"), out);
});

Deno.test("wss doctor --json tells the same, and no secret", async () => {
  await using server = await misbehave({
    kind: "answer",
    status: 401,
    headers: { "www-authenticate": "Bearer" },
  });
  const { code, out, err } = await examined(
    `${server.url}/room?key=hunter2`,
    server.client.caCerts,
    ...["--json", "--token", "env:SECRET", "--subprotocol", "chat"],
  );
  const document = JSON.parse(out);
  assertEquals([code, err], [5, ""]);
  assertDocument(document, 5);
  assertEquals(document.target, `${server.url}/room`);
  assertEquals(document.first.layer, "http");
  assert(!out.includes("hunter2"), out);
  const request = server.requests[0];
  assertEquals(request?.headers.get("authorization"), "Bearer hunter2");
  assertEquals(request?.headers.get("sec-websocket-protocol"), "chat");
});
