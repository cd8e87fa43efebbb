import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { fromFileUrl } from "@std/path";
import { devCertificates, temporaryDirectory } from "./_certs.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

interface Result {
  code: number;
  out: string;
  err: string;
}

interface RunOptions {
  cwd?: string;
  stdin?: string;
}

/** Runs Deno in the manner of a person: in a directory, with flags and a program. */
async function deno(
  args: string[],
  { cwd = root, stdin }: RunOptions = {},
): Promise<Result> {
  const child = new Deno.Command(Deno.execPath(), {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

interface RunningServer extends AsyncDisposable {
  port: number;
  /** Ends the server and tells how it ended. */
  stop(signal?: Deno.Signal): Promise<Result>;
  kill(signal: Deno.Signal): void;
}

/** Starts the greeting server on a free port, with just the flags that it documents. */
async function startServer(dir: string): Promise<RunningServer> {
  const port = freePort();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      `--allow-net=localhost:${port}`,
      `--allow-read=${dir}`,
      "--no-prompt",
      "server.ts",
      `--port=${port}`,
      `--cert=${dir}/localhost.pem`,
    ],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const errors = new Response(child.stderr).text();
  let out = "";
  while (!out.includes("Listening")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`the server did not start: ${await errors}`);
    out += value;
  }
  let stopped: Promise<Result> | undefined;
  const stop = (signal: Deno.Signal = "SIGTERM") =>
    stopped ??= (async () => {
      child.kill(signal);
      for (
        let read = await reader.read();
        !read.done;
        read = await reader.read()
      ) {
        out += read.value;
      }
      const { code } = await child.status;
      return { code, out, err: await errors };
    })();
  const kill = (signal: Deno.Signal) => child.kill(signal);
  return {
    port,
    stop,
    kill,
    [Symbol.asyncDispose]: async () => void await stop(),
  };
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "localhost", port: 0 });
  return listener.addr.port;
}

function clientFlags(dir: string, port: number): string[] {
  return [
    "run",
    "--no-prompt",
    `--allow-net=localhost:${port}`,
    `--allow-read=${dir}`,
    "client.ts",
    `--port=${port}`,
    `--ca=${dir}/ca.pem`,
  ];
}

Deno.test("server.ts and client.ts greet with just the flags that they document", async () => {
  const { dir } = await devCertificates();
  await using server = await startServer(dir);
  const named = await deno([...clientFlags(dir, server.port), "--name", "Ada"]);
  assertEquals(named, { code: 0, out: ">>> Ada\n<<< Hello Ada!\n", err: "" });
  const piped = await deno(clientFlags(dir, server.port), {
    stdin: "Grace\nignored\n",
  });
  assertEquals(piped, {
    code: 0,
    out: ">>> Grace\n<<< Hello Grace!\n",
    err: "",
  });
  const { code, out } = await server.stop("SIGINT");
  assertEquals(code, 0);
  assertStringIncludes(
    out,
    "<<< Ada\n>>> Hello Ada!\n<<< Grace\n>>> Hello Grace!\n",
  );
});

Deno.test("client.ts asks for the name at a terminal", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const { dir } = await devCertificates();
  await using server = await startServer(dir);
  // A pseudo-terminal whose user answers the question.
  const script = `
import os, pty, sys
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[1], sys.argv[1:])
seen = b""
while b"name?" not in seen:
    seen += os.read(fd, 1000)
os.write(fd, b"Ada\\n")
try:
    while chunk := os.read(fd, 1000):
        seen += chunk
except OSError:
    pass
print(seen.decode().replace("\\r", ""), os.waitpid(pid, 0)[1])
`;
  const { stdout } = await new Deno.Command("/usr/bin/python3", {
    args: ["-c", script, Deno.execPath(), ...clientFlags(dir, server.port)],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const screen = new TextDecoder().decode(stdout);
  assertStringIncludes(screen, "What's your name?");
  assertStringIncludes(screen, ">>> Ada\n<<< Hello Ada!\n 0\n");
});

Deno.test("client.ts shows no control characters of its peer, and server.ts none of its", async () => {
  const { dir } = await devCertificates();
  await using server = await startServer(dir);
  const { out } = await deno([
    ...clientFlags(dir, server.port),
    "--name",
    "A\x1b[31m\u202e",
  ]);
  assertEquals(
    out,
    ">>> A\\u001b[31m\\u202e\n<<< Hello A\\u001b[31m\\u202e!\n",
  );
  assertStringIncludes((await server.stop()).out, "<<< A\\u001b[31m\\u202e\n");
});

Deno.test("client.ts fails with a line that says why, and exit code 1", async () => {
  const { dir } = await devCertificates();
  const gone = await deno([...clientFlags(dir, freePort()), "--name", "Ada"]);
  assertEquals([gone.code, gone.out], [1, ""]);
  assertMatch(
    gone.err,
    /^error: Cannot connect to wss:\/\/localhost:\d+: nothing listens there.*\n$/,
  );

  await using server = await startServer(dir);
  await using other = await temporaryDirectory();
  await deno(["run", "-RW", "certs/mod.ts", `--out=${other.path}`]);
  const untrusted = await deno([
    ...clientFlags(dir, server.port).map((flag) =>
      flag.startsWith("--allow-read") ? `--allow-read=${other.path}` : flag
    ),
    `--ca=${other.path}/ca.pem`,
    "--name=Ada",
  ]);
  assertEquals(untrusted.code, 1);
  assertStringIncludes(
    untrusted.err,
    "issued by an authority that is not trusted here",
  );
  assert(untrusted.err.endsWith(" (here: --ca FILE)\n"), untrusted.err);
});

Deno.test("server.ts tells by which flag it takes a private key", async () => {
  const { chain } = await devCertificates();
  await using dir = await temporaryDirectory();
  const file = await dir.write("chain.pem", chain.cert);
  const { code, err } = await deno([
    ...["run", "--no-prompt", `--allow-read=${dir.path}`],
    ...["server.ts", "--port=0", `--cert=${file}`],
  ]);
  assertEquals(code, 1);
  assert(err.endsWith(", keyFile (here: --key FILE)\n"), err);
});

Deno.test("client.ts and server.ts name the flag that is missing", async () => {
  const { dir } = await devCertificates();
  const noRead = await deno([
    "run",
    "--no-prompt",
    "client.ts",
    "--name=Ada",
    `--ca=${dir}/ca.pem`,
  ]);
  assertEquals(noRead.code, 1);
  assertStringIncludes(noRead.err, `run it with --allow-read=${dir}/ca.pem`);
  const read = `--allow-read=${dir}`;
  const noNet = await deno([
    "run",
    "--no-prompt",
    read,
    "client.ts",
    "--name=Ada",
    `--ca=${dir}/ca.pem`,
  ]);
  assertEquals(noNet.code, 1);
  assertEquals(
    noNet.err,
    "error: Cannot connect to wss://localhost:8765: this program may not reach localhost:8765; run it with --allow-net=localhost:8765\n",
  );
  const server = await deno([
    "run",
    "--no-prompt",
    read,
    "server.ts",
    `--cert=${dir}/localhost.pem`,
  ]);
  assertEquals(
    server.err,
    "error: this program may not use localhost:8765; run it with --allow-net=localhost:8765\n",
  );
});

Deno.test("programs print help, and refuse what they do not know with exit code 2", async () => {
  for (
    const program of [
      "server.ts",
      "client.ts",
      "certs/mod.ts",
      "src/cli/main.ts",
    ]
  ) {
    const help = await deno(["run", "--no-prompt", program, "--help"]);
    assertEquals([help.code, help.err], [0, ""]);
    assertStringIncludes(help.out, "Usage:");
    assert(
      help.out.split("\n").every((line) => line.length <= 96),
      "help fits a screen",
    );
    const wrong = await deno(["run", "--no-prompt", program, "--prot"]);
    assertEquals([wrong.code, wrong.out], [2, ""]);
    assertStringIncludes(wrong.err, "Try --help");
  }
  const port = await deno(["run", "--no-prompt", "server.ts", "--port=x"]);
  assertEquals([port.code, port.err.split("\n")[0]], [
    2,
    'error: --port must be a number from 0 to 65535, and is "x"',
  ]);
});

Deno.test("server.ts ends at once on a second Ctrl-C", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const { dir, ca } = await devCertificates();
  const server = await startServer(dir);
  // A peer that does not answer a close frame holds a shutdown up.
  using conn = await Deno.connectTls({
    hostname: "localhost",
    port: server.port,
    caCerts: [ca],
  });
  await conn.write(new TextEncoder().encode(
    "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: upgrade\r\n" +
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n",
  ));
  await conn.read(new Uint8Array(1000));
  const start = performance.now();
  const stopped = server.stop("SIGINT");
  await conn.read(new Uint8Array(1000)); // The close frame: the first was heard.
  server.kill("SIGINT");
  assertEquals((await stopped).code, 130);
  assert(performance.now() - start < 5000);
});

Deno.test("client.ts refuses a server that cannot be one, with exit code 2", async () => {
  for (
    const args of [
      ["--url=nonsense"],
      ["--url=http://localhost"],
      ["--port=0"],
      ["--port=1", "--url=wss://localhost:2"],
    ]
  ) {
    const { code, out } = await deno([
      "run",
      "--no-prompt",
      "client.ts",
      ...args,
    ]);
    assertEquals([code, out], [2, ""], args.join(" "));
  }
});

Deno.test("start --help and compile --help do nothing but tell", async () => {
  await using dir = await temporaryDirectory();
  const start = await deno([
    "run",
    "--no-prompt",
    `${root}src/cli/main.ts`,
    "start",
    "--help",
  ], { cwd: dir.path });
  assertEquals([start.code, start.err], [0, ""]);
  assertStringIncludes(start.out, "deno task start");
  const compile = await deno([
    "run",
    "--no-prompt",
    "scripts/compile.ts",
    "--help",
  ]);
  assertEquals([compile.code, compile.err], [0, ""]);
  assertStringIncludes(compile.out, "DENORT_BIN");
});

Deno.test("the demo makes certificates, greets and ends, with just its own flags", async () => {
  await using dir = await temporaryDirectory();
  const { tasks } = JSON.parse(await Deno.readTextFile(`${root}/deno.json`));
  const words: string[] = tasks.demo.command.split(" ").slice(1);
  // In another directory, so that it makes certificates of its own.
  const args = words.map((word) =>
    word.startsWith("src/") ? `${root}${word}` : word
  );
  for (const done of ["Made", "Using"]) {
    const { code, out, err } = await deno(args, { cwd: dir.path });
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, `${done} certs/localhost.pem`);
    assertStringIncludes(out, "\n>>> Ada\n");
    assert(out.endsWith("\n<<< Hello Ada!\n"), out);
  }
  using _taken = Deno.listen({ hostname: "localhost", port: 8765 });
  const busy = await deno(args, { cwd: dir.path });
  assertEquals(busy.code, 1);
  assertEquals(
    busy.err,
    "error: Cannot listen on localhost:8765: something listens there already; end that, or choose another port\n",
  );
});

Deno.test("the demo and the server that starts renew a certificate that is about to expire", async () => {
  const { createAuthority, issueCertificate } = await import(
    "../src/tls/authority.ts"
  );
  await using dir = await temporaryDirectory();
  await Deno.mkdir(`${dir.path}/certs`);
  const notBefore = new Date(Date.now() - 100 * 86_400_000);
  const authority = await createAuthority({ notBefore });
  const { cert, key } = await issueCertificate(authority, {
    notBefore,
    notAfter: new Date(Date.now() + 86_400_000),
  });
  await dir.write("certs/ca.pem", authority.cert);
  await dir.write("certs/ca.key", authority.key);
  await dir.write("certs/localhost.pem", cert + key);
  const flags = [
    "run",
    "--allow-net=localhost:8765",
    "--allow-read=certs",
    "--allow-write=certs",
  ];
  const demo = await deno([...flags, `${root}src/cli/main.ts`, "demo"], {
    cwd: dir.path,
  });
  assertEquals([demo.code, demo.err], [0, ""]);
  assertStringIncludes(demo.out, "Renewed certs/localhost.pem");
  assertEquals(
    await Deno.readTextFile(`${dir.path}/certs/ca.pem`),
    authority.cert,
  );
  // With the port taken, the server that starts gets as far as its certificate.
  using _taken = Deno.listen({ hostname: "localhost", port: 8765 });
  await dir.write("certs/localhost.pem", cert + key);
  const start = await deno([...flags, `${root}src/cli/main.ts`, "start"], {
    cwd: dir.path,
  });
  assertEquals(start.code, 1);
  assertStringIncludes(start.out, "Renewed certs/localhost.pem");
});
