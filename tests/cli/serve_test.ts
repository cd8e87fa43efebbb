import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { X509Certificate } from "node:crypto";
import { ensureDevCertificates } from "../../certs/mod.ts";
import { connect, loadCaCerts } from "../../client.ts";
import { testClientCertificate } from "../../src/testing/mod.ts";
import { devCertificates, temporaryDirectory } from "../_certs.ts";
import { test } from "../_engines.ts";
import { succeeds, testWith } from "../peers/suite.ts";
import { RawPeer } from "../_raw_peer.ts";
import { startServe, stop } from "./_serve.ts";
import { noTerminal, Terminal } from "./_terminal.ts";
import { root, startWss, wss, wssArgs } from "./_wss.ts";

const UNIX = { ignore: Deno.build.os === "windows" };

Deno.test("wss serve makes certificates on first run, says how to connect, and greets", async () => {
  await using dir = await temporaryDirectory();
  const permissions = ["--allow-net=localhost:0", "--allow-read=certs"];
  const first = startWss(["serve", "--port=0"], {
    permissions: [...permissions, "--allow-write=certs"],
    cwd: dir.path,
  });
  {
    await using running = first;
    const [, line, url] = await running.seen(
      / connect +(wss connect (\S+) --cacert certs\/ca\.pem)\n/,
      "err",
    );
    assert(line !== undefined && url !== undefined);
    const caCerts = await loadCaCerts(`${dir.path}/certs/ca.pem`);
    await using ws = await connect(url, { caCerts });
    await ws.send("Ada");
    assertEquals(await ws.receive(), "Hello Ada!");
    running.kill("SIGINT");
    const { code, out, err } = await running.ended;
    assertEquals(code, 0);
    assertMatch(err, /^Made certs\/localhost\.pem, for localhost, /);
    assertStringIncludes(out, "<<< Ada\n>>> Hello Ada!\n");
    const pem = await Deno.readTextFile(`${dir.path}/certs/localhost.pem`);
    const { fingerprint256 } = new X509Certificate(pem);
    assertStringIncludes(err, fingerprint256);
    assertMatch(
      err,
      /certs\/localhost\.pem, until \d{4}-\d\d-\d\d \(39\d days\)/,
    );
    assertStringIncludes(err, "deno (built-in)");
  }
  // Now that they are there, reading is enough.
  await using again = startWss(["serve", "--port=0", "--log=none"], {
    permissions,
    cwd: dir.path,
  });
  await again.seen(/Listening/, "err");
  again.kill();
  const { code, out, err } = await again.ended;
  assertEquals([code, out], [0, ""]);
  assert(!err.includes("Made"), err);
});

Deno.test("wss serve names the flags that are missing, all at once", async () => {
  await using dir = await temporaryDirectory();
  const run = (permissions: string[], ...args: string[]) =>
    wss(["serve", ...args], { permissions, cwd: dir.path });
  assertEquals(await run([]), {
    code: 9,
    out: "",
    err:
      "error: permissions are missing; run or install it with --allow-net=localhost:8765 --allow-read=certs\n",
  });
  const strict = await run([], "--engine=node", "--cert=a.pem", "--port=1");
  assertEquals([strict.code, strict.err], [
    9,
    "error: permissions are missing; run or install it with --allow-net=127.0.0.1:1 --allow-read=a.pem\n",
  ]);
  const write = await run(["--allow-net=localhost:8765", "--allow-read=certs"]);
  assertEquals([write.code, write.err], [
    9,
    "error: permissions are missing; run or install it with --allow-write=certs\n",
  ]);
});

Deno.test("server.ts --help is that of wss serve, and takes no permission", async () => {
  const program = `${root}server.ts`;
  const { code, out, err } = await wss(["--help"], { program });
  assertEquals([code, err], [0, ""]);
  assertEquals(out, (await wss(["serve", "--help"])).out);
});

Deno.test("server.ts greets with just the flags that it documents", async () => {
  await using server = await startServe([], { program: `${root}server.ts` });
  const { url, caCerts } = server;
  for (const name of ["Ada", "A\x1b[31m\u202e"]) {
    await using ws = await connect(url, { caCerts });
    await ws.send(name);
    assertEquals(await ws.receive(), `Hello ${name}!`);
    assertEquals((await ws.closed).code, 1000);
  }
  {
    await using ws = await connect(url, { caCerts });
    await ws.send(new Uint8Array(3));
    assertEquals((await ws.closed).code, 1003);
  }
  const { code, out } = await stop(server);
  assertEquals(code, 0);
  assertStringIncludes(out, "<<< Ada\n>>> Hello Ada!\n");
  assertStringIncludes(out, "<<< A\\u001b[31m\\u202e\n");
});

const PYTHON = "/usr/bin/python3";
const installed = succeeds(PYTHON, "-c", "import websockets.legacy.protocol");

testWith(
  installed ? undefined : "websockets for Python",
  "wss serve --echo answers a Python client on both engines",
  async () => {
    for (
      const [engine, host] of [["deno", "localhost"], ["node", "127.0.0.1"]]
    ) {
      const args = ["--echo", `--engine=${engine}`];
      await using server = await startServe(args, { host: host ?? "" });
      const script = new URL("../peers/greeting_client.py", import.meta.url);
      const { stdout, stderr } = await new Deno.Command(PYTHON, {
        args: ["-I", script.pathname, server.url, `${server.dir}/ca.pem`],
      }).output();
      const decoder = new TextDecoder();
      assertEquals(decoder.decode(stderr), "");
      assertEquals(decoder.decode(stdout), "Ada\n");
      const { code, out } = await stop(server);
      assertEquals(code, 0);
      const close =
        /\S+Z close +[\da-f]{8} 127\.0\.0\.1:\d+ \/ [\d.]+s code=1000 received=1\/3B sent=1\/3B\n/;
      assertMatch(out, close);
    }
  },
);

Deno.test("wss serve --handler runs what a module exports, and says where it throws", async () => {
  await using dir = await temporaryDirectory();
  const file = await dir.write(
    "chat.ts",
    `export default async function (ws: { receive(): Promise<unknown>; send(data: string): Promise<void> }) {
  const name: unknown = await ws.receive();
  if (name === "boom") throw new Error("broken\\nin two");
  await ws.send(\`\${name}!\`);
}
export function fetch(request: Request): Response {
  return new Response(new URL(request.url).pathname);
}
`,
  );
  await using server = await startServe(["--handler=chat.ts", "--plain"], {
    permissions: [`--allow-read=${file}`],
    cwd: dir.path,
  });
  const page = await fetch(`${server.url.replace("ws:", "http:")}/page`);
  assertEquals(await page.text(), "/page");
  const ws = await connect(server.url);
  await ws.send("Ada");
  assertEquals(await ws.receive(), "Ada!");
  await using failing = await connect(server.url);
  await failing.send("boom");
  assertEquals((await failing.closed).code, 1011);
  const { code, err } = await stop(server);
  assertEquals(code, 0);
  assertMatch(
    err,
    /\nerror: connection [\da-f]{8}: Error: broken\nin two\n {4}at .*chat\.ts:3:/,
  );
});

Deno.test("wss serve says what is wrong with the module of --handler", async () => {
  await using dir = await temporaryDirectory();
  await dir.write("empty.ts", "export const handler = 1;\n");
  await dir.write("broken.ts", 'import "./nowhere.ts";\n');
  const results: [number, string][] = [];
  for (const name of ["none.ts", "empty.ts", "broken.ts"]) {
    const { code, out, err } = await wss(
      ["serve", "--port=0", "--plain", `--handler=${name}`],
      {
        permissions: ["--allow-net=localhost:0", "--allow-read=."],
        cwd: dir.path,
      },
    );
    assertEquals(out, "");
    results.push([code, err.split("\n")[0] ?? ""]);
  }
  const [none, empty, broken] = results;
  assertEquals(none, [2, "error: --handler: there is no file none.ts"]);
  assertEquals(empty, [
    2,
    'error: --handler: empty.ts has no function as its default export; begin it with "export default async function (ws) {"',
  ]);
  assertEquals(broken?.[0], 1);
  assertMatch(
    broken?.[1] ?? "",
    /^error: Cannot load broken\.ts: Module not found "file:[^\\]+nowhere\.ts".*broken\.ts:1:8$/,
  );
});

Deno.test("wss serve ends with the code that fits what kept it from serving", async () => {
  const { dir, chain } = await devCertificates();
  await using other = await temporaryDirectory();
  const bare = await other.write("chain.pem", chain.cert);
  using taken = Deno.listen({ hostname: "localhost", port: 0 });
  const cert = `--cert=${dir}/localhost.pem`;
  const cases: [string[], number, string][] = [
    [
      [`--port=${taken.addr.port}`, cert],
      3,
      "something listens there already; end that, or choose another port",
    ],
    [
      ["--port=0", `--cert=${bare}`],
      4,
      "; name the file that holds it by --key FILE",
    ],
    [["--port=0", "--cert=nowhere.pem"], 4, "; make one with `wss cert`, or"],
    [
      ["--echo", "--greet"],
      2,
      "option '--greet' cannot be used with option '--echo'",
    ],
    [["--engine=deno", "--watch"], 2, "--engine deno cannot honour --watch"],
    [["--crl=x"], 2, "--crl does nothing without --client-ca"],
    [["--max-message=0"], 2, "It must be 1 at least"],
    [["--token=hush", cert], 2, "--token takes env:NAME or file:PATH"],
    [["--trust-proxy=x", cert], 2, 'Cannot trust proxy "x"'],
    [["--port=x"], 2, "It must be a number from 0 to 65535"],
  ];
  for (const [args, code, said] of cases) {
    const ended = await wss(["serve", ...args], { permissions: ["-A"] });
    assertEquals([ended.code, ended.out], [code, ""], ended.err);
    assertStringIncludes(ended.err, said);
    assert(!ended.err.includes("hush"));
  }
});

/** Whether this user can run a program that may not listen on low ports. */
async function canDrop(): Promise<boolean> {
  try {
    const path = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    const first = Number(await Deno.readTextFile(path));
    return first > 1 && Deno.uid() === 0 && succeeds("setpriv", "--version");
  } catch {
    return false;
  }
}

Deno.test("wss serve says what a port below 1024 takes", {
  ignore: !await canDrop(),
}, async () => {
  const { dir } = await devCertificates();
  const args = wssArgs(
    ["serve", "--port=1", `--cert=${dir}/localhost.pem`],
    ["--allow-net=localhost:1", `--allow-read=${dir}`],
  );
  const drop = "-net_bind_service";
  const { code, stderr } = await new Deno.Command("setpriv", {
    args: [`--bounding-set=${drop}`, Deno.execPath(), ...args],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [
    1,
    "error: Cannot listen on localhost:1: the system does not let this user; choose a port from 1024, or grant the capability cap_net_bind_service\n",
  ]);
});

Deno.test("wss serve --client-ca lets in whom the authority knows, and logs the name", async () => {
  const ada = await testClientCertificate({ name: "ada" });
  await using files = await temporaryDirectory();
  const ca = await files.write("ca.pem", ada.server.clientCa.join(""));
  await using server = await startServe(
    ["--echo", "--log=json", `--client-ca=${ca}`, "--tls-min=1.3"],
    { host: "127.0.0.1", permissions: [`--allow-read=${files.path}`] },
  );
  assertStringIncludes(server.wss.err, "node (strict)");
  assertStringIncludes(server.wss.err, "/ca.pem --cert client.pem\n");
  const { url, caCerts } = server;
  const stranger = await connect(url, { caCerts, engine: "node" }).catch((
    error,
  ) => error);
  assert(stranger instanceof Error);
  {
    await using ws = await connect(url, { caCerts, ...ada.client });
    await ws.send("hello");
    assertEquals(await ws.receive(), "hello");
  }
  const [, user] = await server.wss.seen(/"open".*"user":"([^"]*)"/);
  assertEquals(user, "CN=ada");
  assertEquals((await stop(server)).code, 0);
});

Deno.test(
  "wss serve takes the certificate anew on SIGHUP, and keeps what was if that is no good",
  UNIX,
  async () => {
    await using dir = await temporaryDirectory();
    const make = () =>
      ensureDevCertificates({ directory: dir.path, force: true });
    const { chainFile, caFile } = await make();
    const names = [
      "serve",
      "--echo",
      "--engine=node",
      "--port=0",
      `--cert=${chainFile}`,
    ];
    await using running = startWss(names, {
      permissions: ["--allow-net=127.0.0.1:0", `--allow-read=${dir.path}`],
    });
    const [, url] = await running.seen(/Listening on (\S+);/, "err");
    const shown = async () => {
      const caCerts = await loadCaCerts(caFile);
      await using ws = await connect(url ?? "", { caCerts, engine: "node" });
      return ws.peerCertificate?.fingerprint;
    };
    const before = await shown();
    await make();
    running.kill("SIGHUP");
    await running.seen(/Took \S+localhost\.pem anew\n/, "err");
    const after = await shown();
    assert(before !== after);
    await Deno.writeTextFile(chainFile, "nonsense");
    running.kill("SIGHUP");
    await running.seen(/error: Cannot load .*; what was goes on\n/, "err");
    assertEquals(await shown(), after);
    running.kill();
    assertEquals((await running.ended).code, 0);
  },
);

test("wss serve lets connections finish on a first signal", async (engine) => {
  const host = { deno: "localhost", node: "127.0.0.1" }[engine];
  await using server = await startServe(["--echo", `--engine=${engine}`], {
    host,
  });
  const { url, caCerts } = server;
  const ws = await connect(url, { caCerts });
  await ws.send("hello");
  await ws.receive();
  server.wss.kill("SIGINT");
  assertEquals((await ws.closed).code, 1001);
  const { code, out, err } = await server.wss.ended;
  assertEquals(code, 0);
  assertMatch(out, / close .* code=1001 /);
  assertStringIncludes(err, "Shutting down, in 10 s at most");
}, UNIX);

Deno.test("wss serve ends at once on a second Ctrl-C", UNIX, async () => {
  await using server = await startServe(["--echo"]);
  // A peer that does not answer a close frame holds a shutdown up.
  using peer = await RawPeer.open(server.url);
  await server.wss.seen(/ open /);
  server.wss.kill("SIGINT");
  await server.wss.seen(/Shutting down/, "err");
  await peer.readClose();
  server.wss.kill("SIGINT");
  assertEquals((await server.wss.ended).code, 130);
});

Deno.test(
  "wss serve listens on a unix socket, and says what to do about one that is there",
  UNIX,
  async () => {
    await using dir = await temporaryDirectory();
    const path = `${dir.path}/wss.sock`;
    const args = ["serve", "--echo", "--unix=wss.sock"];
    const options = {
      cwd: dir.path,
      permissions: [
        `--allow-net=unix:${path}`,
        `--allow-read=${path}`,
        `--allow-write=${path}`,
      ],
    };
    await using running = startWss(args, options);
    await running.seen(
      / connect +wss connect ws:\/\/localhost --unix-socket wss\.sock\n/,
      "err",
    );
    await using ws = await connect("ws://localhost", {
      engine: "node",
      unixSocket: path,
    });
    await ws.send("hello");
    assertEquals(await ws.receive(), "hello");
    await running.seen(/ open +[\da-f]{8} unix \/\n/);
    const second = await wss(args, options);
    assertEquals(second.code, 3);
    assertStringIncludes(second.err, "end it, or remove the file");
  },
);

Deno.test("wss serve warns when everybody who reaches the machine may connect", async () => {
  const warning = "warning: whoever reaches this machine may connect";
  for (
    const [args, warned] of [[[], true], [["--token=env:T"], false]] as const
  ) {
    await using running = await startServe(
      ["--hostname=0.0.0.0", "--plain", ...args],
      { host: "0.0.0.0", permissions: ["--allow-env=T"], env: { T: "hush" } },
    );
    assertMatch(running.wss.err, /, on all interfaces; Ctrl-C to stop/);
    assertEquals(running.wss.err.includes(warning), warned);
    assertEquals(running.wss.err.includes("--token env:TOKEN"), !warned);
    assertStringIncludes(running.wss.err, "warning: without TLS, ");
  }
});

Deno.test({
  name: "wss serve fits a terminal, and ends there with Ctrl-C",
  ignore: noTerminal,
  async fn() {
    const { dir } = await devCertificates();
    const args = wssArgs(
      ["serve", "--port=0", `--cert=${dir}/localhost.pem`],
      ["--allow-net=localhost:0", `--allow-read=${dir}`],
    );
    await using terminal = await Terminal.open([Deno.execPath(), ...args], {
      columns: 120,
    });
    const screen = await terminal.seen(
      /connect +wss connect wss:\/\/localhost:\d+ /,
    );
    assertMatch(
      screen,
      /^Listening on wss:\/\/localhost:\d+; Ctrl-C to stop$/m,
    );
    assertMatch(screen, /^ {2}it +is told a name and answers "Hello NAME!"$/m);
    await terminal.press("C-c");
    await terminal.seen("[exit 0]");
  },
});

Deno.test({
  name: "wss serve ends when its terminal is closed, also where SIGHUP reloads",
  ignore: noTerminal,
  async fn() {
    const { dir } = await devCertificates();
    const args = wssArgs(
      ["serve", "--port=0", "--engine=node", `--cert=${dir}/localhost.pem`],
      ["--allow-net=127.0.0.1:0", `--allow-read=${dir}`],
    );
    await using errors = await temporaryDirectory();
    const file = await errors.write("stderr", "");
    const line = `exec "$0" "$@" 2>${file}`;
    const command = ["sh", "-c", line, Deno.execPath(), ...args];
    const seen = async (what: RegExp) => {
      const deadline = performance.now() + 10_000;
      while (!what.test(await Deno.readTextFile(file))) {
        assert(performance.now() < deadline, await Deno.readTextFile(file));
        await new Promise((later) => setTimeout(later, 20));
      }
    };
    {
      await using _terminal = await Terminal.open(command);
      await seen(/connect +wss connect wss:.*\n/);
    }
    await seen(/Shutting down/);
  },
});

Deno.test(
  "wss serve --tcp-no-delay names the permission that it needs, and listens with it",
  {
    ignore: Deno.build.os !== "linux",
  },
  async () => {
    const { dir } = await devCertificates();
    const cert = `--cert=${dir}/localhost.pem`;
    const { code, err } = await wss(
      ["serve", "--tcp-no-delay", "--port=0", cert],
      { permissions: ["--allow-net=localhost:0", `--allow-read=${dir}`] },
    );
    assertEquals(code, 9, err);
    assertStringIncludes(err, "run it with --allow-ffi");
    await using server = await startServe(["--tcp-no-delay"], {
      permissions: ["--allow-ffi"],
    });
    assertEquals((await stop(server)).code, 0);
  },
);
