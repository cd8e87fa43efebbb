import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { connect, type Connection } from "../../client.ts";
import { serve, type ServeOptions } from "../../server.ts";
import { UsageError } from "../../src/cli/failure.ts";
import { splitCommand } from "../../src/cli/serve/command_words.ts";
import { execMode, type ExecOptions } from "../../src/cli/serve/exec.ts";
import { Cutter, OutputFault } from "../../src/cli/serve/exec_output.ts";
import { temporaryDirectory } from "../_certs.ts";
import { test } from "../_engines.ts";
import { RawPeer } from "../_raw_peer.ts";
import { flood } from "./_flood.ts";
import { startWss } from "./_wss.ts";

/** A server of `--exec`, and what it tells people. */
async function start(
  command: string,
  options: ExecOptions = {},
  serving: ServeOptions<unknown> = {},
) {
  const told: string[] = [];
  const mode = await execMode(command, {
    tell: (line) => void told.push(line),
    ...options,
  });
  const connections: Connection<unknown>[] = [];
  const server = await serve(
    { port: 0, logger: {}, ...serving },
    (ws) => {
      connections.push(ws);
      return mode.handler(ws);
    },
  );
  return {
    url: server.url,
    mode,
    told,
    connections,
    async [Symbol.asyncDispose]() {
      await Promise.all([mode.ended?.(), server.shutdown()]);
    },
  };
}

/** All messages until the end, and how that was. */
async function all(ws: Connection) {
  const messages: (string | Uint8Array)[] = [];
  try {
    for await (const message of ws) messages.push(message);
  } catch {
    // The code tells.
  }
  return { messages, code: (await ws.closed).code };
}

/** Waits until a process is no more, not even a zombie. */
async function gone(pid: string) {
  for (;;) {
    try {
      Deno.statSync(`/proc/${pid}`);
    } catch {
      return;
    }
    await new Promise((next) => setTimeout(next, 20));
  }
}

test("execMode() makes lines of messages, and messages of lines", async (engine) => {
  await using server = await start("cat", {}, { engine });
  await using ws = await connect(server.url);
  for (const message of ["Hello", "", "Grüße 🙂", "x".repeat(200_000)]) {
    await ws.send(message);
    assertEquals(await ws.receive(), message);
  }
  // Bytes are lines too; an end that is there already is none of its own.
  await ws.send(new Uint8Array([65, 10]));
  assertEquals(await ws.receive(), "A");
  await ws.send("two\r\nlines");
  assertEquals(await ws.receive(), "two");
  assertEquals(await ws.receive(), "lines");
});

test("execMode() closes with 1000 when the process ends, after all that it printed", async (engine) => {
  await using server = await start("printf 'one\\ntwo'", {}, { engine });
  await using ws = await connect(server.url);
  assertEquals(await all(ws), { messages: ["one", "two"], code: 1000 });
  assertEquals(server.told, []);
});

test("execMode() closes with 1011 when the process fails, and tells the peer no more", async (engine) => {
  const command = "sh -c 'echo last; echo why >&2; exit 3'";
  await using server = await start(command, {}, { engine });
  await using ws = await connect(server.url);
  assertEquals(await all(ws), { messages: ["last"], code: 1011 });
  assertEquals((await ws.closed).reason, "");
  const id = server.connections[0]?.id.slice(0, 8);
  assertEquals(server.told, [`${id}: why`, `${id}: ended with exit code 3`]);
});

Deno.test("execMode() tells a process of its connection, and nothing of the server's secrets", async () => {
  Deno.env.set("SECRET_OF_THE_SERVER", "hush");
  await using server = await start("env", { tokenInQuery: true }, {
    protocols: ["chat"],
    origins: ["https://a.example"],
    authorize: () => ({ name: "ada" }),
  });
  const url = `${server.url}/room?seat=7&access%5Ftoken=hush`;
  await using ws = await connect(url, {
    protocols: ["chat"],
    headers: { origin: "https://a.example" },
  });
  const { messages } = await all(ws);
  Deno.env.delete("SECRET_OF_THE_SERVER");
  const lines = messages.map((message) => `${message}`).sort();
  const own = lines.filter((line) => line.startsWith("WSS_"));
  assertEquals(
    own.map((line) => line.replace(/^(WSS_ID|WSS_REMOTE_PORT)=.+/, "$1")),
    [
      "WSS_ID",
      "WSS_ORIGIN=https://a.example",
      "WSS_REMOTE_ADDR=127.0.0.1",
      "WSS_REMOTE_PORT",
      "WSS_SUBPROTOCOL=chat",
      `WSS_URL=${server.url}/room?seat=7`,
      "WSS_USER=ada",
    ],
  );
  assert(lines.includes(`PATH=${Deno.env.get("PATH")}`));
  assert(!lines.join().includes("hush"), "The secret is there");
});

test("execMode() with null separates by NUL, and leaves line ends alone", async (engine) => {
  await using server = await start("cat", { null: true }, { engine });
  await using ws = await connect(server.url);
  for (const message of ["two\r\nlines\r\n", ""]) {
    await ws.send(message);
    assertEquals(await ws.receive(), message);
  }
});

test("execMode() with binary passes bytes on as they come", async (engine) => {
  await using server = await start("cat", { binary: true }, { engine });
  await using ws = await connect(server.url);
  const bytes = new Uint8Array(300_000).map((_, index) => index);
  await ws.send(bytes);
  let came = 0;
  while (came < bytes.length) {
    const part = await ws.receive() as Uint8Array;
    assertEquals(part, bytes.subarray(came, came + part.length));
    came += part.length;
  }
  await ws.send("text");
  assertEquals(await ws.receive(), new TextEncoder().encode("text"));
});

test("execMode() closes with 1011 for what is not UTF-8", async (engine) => {
  await using server = await start("printf 'fine\\n\\377\\n'", {}, { engine });
  await using ws = await connect(server.url);
  assertEquals(await all(ws), { messages: ["fine"], code: 1011 });
  assertMatch(server.told.join(), /not UTF-8 \(see --binary\)/);
});

test("execMode() ends a process whose line does not", async (engine) => {
  const command = "sh -c 'echo $$; exec tr \"\\n\" x < /dev/zero'";
  const limits = { maxMessageSize: 100_000 };
  await using server = await start(command, limits, { engine });
  await using ws = await connect(server.url);
  const pid = `${await ws.receive()}`;
  assertEquals(await all(ws), { messages: [], code: 1011 });
  assertMatch(server.told.join(), /100000 bytes that end nowhere/);
  await gone(pid);
});

Deno.test("execMode() runs no more than maxProcesses, and as many again when one has ended", async () => {
  await using server = await start("cat", { maxProcesses: 1 });
  const first = await connect(server.url);
  await first.send("one");
  await first.receive();
  await using second = await connect(server.url);
  assertEquals((await second.closed).code, 1013);
  await first.close();
  for (let code = 1013; code === 1013;) {
    await using third = await connect(server.url);
    await third.send("three").catch(() => {});
    code = await third.receive().then(() => 0, (error) => error.code);
  }
});

Deno.test("execMode() ends the input when the connection ends, and lets the process finish", async () => {
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/sorted`;
  await using server = await start(
    `sh -c 'echo $$; sort > "$1"' sort ${file}`,
  );
  const ws = await connect(server.url);
  const pid = `${await ws.receive()}`;
  for (const word of ["pear", "apple", "fig"]) await ws.send(word);
  await ws.close();
  await gone(pid);
  assertEquals(await Deno.readTextFile(file), "apple\nfig\npear\n");
});

Deno.test("execMode() ends a process that goes on after the end of its input", async () => {
  await using server = await start("sh -c 'echo $$; exec sleep 60'");
  const ws = await connect(server.url);
  const pid = `${await ws.receive()}`;
  await ws.close();
  await gone(pid);
  // It is not the peer's business, nor that of people.
  assertEquals(server.told, []);
});

Deno.test("execMode() ends a process that neither reads nor heeds SIGTERM", async () => {
  const command =
    "sh -c 'trap \"echo TERM >&2\" TERM; echo $$; while :; do sleep 0.1; done'";
  await using server = await start(command);
  const ws = await connect(server.url);
  const pid = `${await ws.receive()}`;
  // More than a pipe takes: the end of the input never comes.
  await ws.send("x".repeat(900_000));
  await ws.close();
  await gone(pid);
  assertEquals(server.told.length, 1);
  assertMatch(server.told.join(), /: TERM$/);
});

Deno.test("execMode() does not wait for those whom a process leaves behind", async () => {
  await using server = await start("sh -c 'sleep 60 & echo $!'");
  await using ws = await connect(server.url);
  const { messages: [pid], code } = await all(ws);
  assertEquals(code, 1000);
  // It is still there, or this throws.
  Deno.kill(Number(pid), "SIGKILL");
});

Deno.test("execMode() sends what a process prints that has closed its input", async () => {
  const command = "sh -c 'exec <&-; echo closed; sleep 0.5; echo last'";
  await using server = await start(command);
  await using ws = await connect(server.url);
  assertEquals(await ws.receive(), "closed");
  // More than fits a pipe: nobody reads it, and nothing waits for that.
  for (let sent = 0; sent < 20; sent++) await ws.send("x".repeat(50_000));
  assertEquals(await all(ws), { messages: ["last"], code: 1000 });
});

test("execMode() lets a process wait for a peer that does not read", async (engine) => {
  const size = 256 * 2 ** 20;
  const command = `head -c ${size} /dev/zero`;
  const serving = { engine, pingInterval: 0 };
  await using server = await start(command, { binary: true }, serving);
  const before = Deno.memoryUsage().rss;
  using _idle = await RawPeer.open(server.url);
  let last = -1;
  for (let sent = 0; sent === 0 || sent !== last;) {
    last = sent;
    await new Promise((next) => setTimeout(next, 200));
    sent = server.connections[0]?.traffic.bytesSent ?? 0;
  }
  assert(last > 0 && last < size / 2, `${last} bytes were sent`);
  const grown = Deno.memoryUsage().rss - before;
  assert(grown < 100 * 2 ** 20, `${grown} bytes more are in use`);
});

test("execMode() holds no more than the limits for a process that does not read", async (engine) => {
  const serving = { engine, pingInterval: 0 };
  await using server = await start("sleep 60", {}, serving);
  await using ws = await connect(server.url, { sendBuffer: 1 << 20 });
  const flooded = await flood(ws, engine);
  await server.mode.ended?.();
  await flooded();
});

Deno.test("execMode() ends all processes when the server has ended", async () => {
  const server = await start("sh -c 'trap \"\" TERM; echo $$; sleep 60'");
  await using ws = await connect(server.url);
  const pid = `${await ws.receive()}`;
  await server.mode.ended?.();
  await gone(pid);
  await server[Symbol.asyncDispose]();
});

Deno.test("execMode() refuses a program that is not there", async () => {
  for (
    const program of ["no-such-program", "/no/such/program", "./deno.json"]
  ) {
    const error = await execMode(program).catch((error) => error);
    assert(error instanceof UsageError);
    assertEquals(error.message, `--exec: there is no program ${program}`);
  }
});

Deno.test("splitCommand() takes quotes as a shell does", () => {
  const table: [string, string[]][] = [
    ["cat", ["cat"]],
    ["  tr  a\tb ", ["tr", "a", "b"]],
    ["sh -c 'a | b; $c'", ["sh", "-c", "a | b; $c"]],
    [`say "it's" '"'`, ["say", "it's", '"']],
    [`a"b"'c'd ""`, ["abcd", ""]],
    [String.raw`a\ b "\"\$\n" '\' \|`, ["a b", '"$\\n', "\\", "|"]],
    ["a~ x=1", ["a~", "x=1"]],
  ];
  for (const [command, words] of table) {
    assertEquals(splitCommand("--exec", command), words);
  }
});

Deno.test("splitCommand() refuses what is for a shell, or not ended", () => {
  const shell = ["a | b", "a; b", "a & b", "a > b", "$a", '"$a"', "`a`", "~/a"];
  for (const command of [...shell, "a *", "a\nb", "a {b,c}"]) {
    const refused = () => splitCommand("--exec", command);
    assertThrows(refused, UsageError, "--exec: no shell reads the command");
  }
  for (const command of ["'a", '"a', "a\\"]) {
    const refused = () => splitCommand("--exec", command);
    assertThrows(refused, UsageError, "nothing follows the last");
  }
  for (const command of ["", "  ", "''"]) {
    const refused = () => splitCommand("--exec", command);
    assertThrows(refused, UsageError, "the command is empty");
  }
});

Deno.test("Cutter cuts alike, whatever the pieces", () => {
  const bytes = new TextEncoder().encode("one\r\n\ntwo\rthree\r\r\nrest");
  for (let size = 1; size <= bytes.length; size++) {
    const cutter = new Cutter("\n", 100);
    const lines: string[] = [];
    for (let at = 0; at < bytes.length; at += size) {
      for (const line of cutter.push(bytes.subarray(at, at + size))) {
        lines.push(new TextDecoder().decode(line));
      }
    }
    assertEquals(lines, ["one", "", "two\rthree\r"]);
    assertEquals(new TextDecoder().decode(cutter.rest()), "rest");
    assertEquals(cutter.rest(), undefined);
  }
});

Deno.test("Cutter takes a line of the limit, and none that is larger", () => {
  const cutter = new Cutter("\n", 4);
  const push = (
    text: string,
  ) => [...cutter.push(new TextEncoder().encode(text))];
  assertEquals(push("1234\n12").length, 1);
  assertThrows(() => push("345"), OutputFault, "4 bytes");
});

Deno.test("wss serve --exec needs no more than the permission to run the program", async () => {
  await using running = startWss(
    [
      "serve",
      "--plain",
      "--port",
      "0",
      "--exec",
      "sh -c 'printf \"\\033[31m\\n\" >&2; exec cat'",
    ],
    { permissions: ["--allow-net=127.0.0.1:0", "--allow-run=sh"] },
  );
  const [url = ""] = await running.seen(/ws:\/\/localhost:\d+/, "err");
  await using ws = await connect(url);
  await ws.send("Hello");
  assertEquals(await ws.receive(), "Hello");
  // What a process says is shown, and moves no terminal.
  await running.seen(/: \\u001b\[31m/, "err");
  running.kill();
  await ws.closed;
  assertEquals((await running.ended).code, 0);
});

Deno.test("execMode() is done with a program whose leftovers go on talking", async () => {
  const talk = "(while :; do echo x >&2; sleep 0.1; done) & exit 0";
  const options = { maxProcesses: 1 };
  await using server = await start(`sh -c '${talk}'`, options);
  await using first = await connect(server.url);
  assertEquals((await first.closed).code, 1000);
  // Its place is free before long.
  const end = Date.now() + 20_000;
  let code = 1013;
  while (code === 1013 && Date.now() < end) {
    await new Promise((next) => setTimeout(next, 200));
    await using next = await connect(server.url);
    ({ code } = await next.closed);
  }
  assertEquals(code, 1000);
});
