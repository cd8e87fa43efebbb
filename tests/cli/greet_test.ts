import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { devCertificates, temporaryDirectory } from "../_certs.ts";
import { freePort } from "../_listening.ts";
import { startServe, stop } from "./_serve.ts";
import { noTerminal, Terminal } from "./_terminal.ts";
import { type Ended, root, wss, wssArgs } from "./_wss.ts";

const client = `${root}client.ts`;

/** Runs the greeting client, as `client.ts`, with just the flags that it documents. */
async function greet(
  url: string,
  args: string[],
  { stdin, dir }: { stdin?: string; dir?: string } = {},
): Promise<Ended> {
  const { port } = new URL(url);
  dir ??= (await devCertificates()).dir;
  const permissions = [
    `--allow-net=localhost:${port}`,
    `--allow-read=${dir}`,
  ];
  return await wss([`--port=${port}`, `--ca=${dir}/ca.pem`, ...args], {
    program: client,
    permissions,
    ...stdin !== undefined && { stdin },
  });
}

Deno.test("wss greet, also as client.ts, tells a name and prints the greeting", async () => {
  await using server = await startServe([], {});
  assertEquals(await greet(server.url, ["--name", "Ada"]), {
    code: 0,
    out: ">>> Ada\n<<< Hello Ada!\n",
    err: "",
  });
  assertEquals(await greet(server.url, [], { stdin: "Grace\nignored\n" }), {
    code: 0,
    out: ">>> Grace\n<<< Hello Grace!\n",
    err: "",
  });
  // Whoever chose the name can do nothing to a terminal.
  const name = "A\x1b[31m\u202e";
  const { out } = await greet(server.url, ["--name", name]);
  assertEquals(
    out,
    ">>> A\\u001b[31m\\u202e\n<<< Hello A\\u001b[31m\\u202e!\n",
  );
  const { code, out: log } = await stop(server);
  assertEquals(code, 0);
  assertStringIncludes(log, "<<< A\\u001b[31m\\u202e");
});

Deno.test("wss greet asks for the name at a terminal", {
  ignore: noTerminal,
}, async () => {
  const { dir } = await devCertificates();
  await using server = await startServe([], {});
  const { port } = new URL(server.url);
  const permissions = [`--allow-net=localhost:${port}`, `--allow-read=${dir}`];
  const args = ["greet", `--port=${port}`, `--ca=${dir}/ca.pem`];
  await using terminal = await Terminal.open([
    Deno.execPath(),
    ...wssArgs(args, permissions),
  ]);
  await terminal.seen("What's your name?");
  await terminal.type("Ada");
  await terminal.press("Enter");
  const screen = await terminal.seen("[exit 0]");
  assertStringIncludes(screen, ">>> Ada\n<<< Hello Ada!\n");
});

Deno.test("wss greet fails with a line that says why, and the code for it", async () => {
  const gone = await greet(`wss://localhost:${freePort()}`, ["--name=Ada"]);
  assertEquals([gone.code, gone.out], [3, ""]);
  assertStringIncludes(gone.err, "nothing listens there");

  await using server = await startServe([], {});
  await using other = await temporaryDirectory();
  await wss(["cert", `--out=${other.path}`], {
    permissions: [`--allow-read=${other.path}`, `--allow-write=${other.path}`],
  });
  const untrusted = await greet(server.url, ["--name=Ada"], {
    dir: other.path,
  });
  assertEquals(untrusted.code, 4);
  assert(
    untrusted.err.endsWith("; trust that authority by --ca FILE\n"),
    untrusted.err,
  );

  const missing = await greet(server.url, ["--name=Ada"], {
    dir: `${other.path}/none`,
  });
  assertEquals(missing.code, 4);
  assertStringIncludes(missing.err, "start `wss serve` in this directory");

  const nameless = await greet(server.url, ["--name= "]);
  assertEquals(nameless.code, 2);
  assertEquals(
    nameless.err,
    "error: a name is needed: --name NAME\nTry `wss greet --help`\n",
  );
});

Deno.test("wss greet refuses what cannot be a server, with exit code 2", async () => {
  const refused = [
    ["--url=http://localhost"],
    ["--port=0"],
    ["--port=1", "--url=wss://localhost:2"],
  ];
  await Promise.all(refused.map(async (args) => {
    const { code, out, err } = await wss(["greet", ...args]);
    assertEquals([code, out], [2, ""], args.join(" "));
    assertStringIncludes(err, "Try `wss greet --help`");
  }));
});
