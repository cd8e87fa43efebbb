/**
 * `wss connect` through pipes: what goes in, what comes out, how it ends.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import {
  type Connection,
  type Handler,
  serve,
  type Server,
} from "../../server.ts";
import { misbehave } from "../../src/testing/mod.ts";
import { devCertificates, temporaryDirectory } from "../_certs.ts";
import { type Opcode, RawServer } from "../_raw_peer.ts";
import { httpProxy, missingProxies } from "../_proxies.ts";
import { testWith } from "../peers/suite.ts";
import {
  type Ended,
  type RunningWss,
  type RunOptions,
  startWss,
  wss,
  wssArgs,
} from "./_wss.ts";

/** A server with a certificate, of the strict engine, as it tells codes exactly. */
async function start(handler: Handler): Promise<Server> {
  const { chain } = await devCertificates();
  const limits = { maxMessageSize: 100 << 20, maxQueuedMessages: 64 };
  return await serve({ port: 0, engine: "node", ...chain, ...limits }, handler);
}

async function echo(ws: Connection): Promise<void> {
  for await (const message of ws) await ws.send(message);
}

/** The arguments and the permissions for a server at `url`, and no more. */
async function to(
  url: string,
  args: readonly string[],
): Promise<{ args: string[]; permissions: string[] }> {
  const { dir } = await devCertificates();
  const { host } = new URL(url);
  const { pathname, search } = new URL(url);
  const server = url.startsWith("wss:") ? `${host}${pathname}${search}` : url;
  return {
    args: ["connect", server, "--cacert", `${dir}/ca.pem`, ...args],
    permissions: [`--allow-net=${host}`, `--allow-read=${dir}/ca.pem`],
  };
}

async function run(
  { url }: { url: string },
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<Ended> {
  const { args: all, permissions } = await to(url, args);
  return await wss(all, {
    ...options,
    permissions: [...permissions, ...options.permissions ?? []],
  });
}

async function startRun(
  { url }: { url: string },
  args: readonly string[] = [],
): Promise<RunningWss> {
  const { args: all, permissions } = await to(url, args);
  return startWss(all, { permissions });
}

Deno.test("wss connect sends each line of its input, and prints each message on a line", async () => {
  await using server = await start(echo);
  const stdin = "one\r\n\ntwo\u00e9\nlast";
  const { code, out, err } = await run(server, ["--count=4"], { stdin });
  assertEquals({ code, out, err }, {
    code: 0,
    out: "one\n\ntwo\u00e9\nlast\n",
    err: "",
  });
});

Deno.test("wss connect --null separates messages with NUL, in both directions", async () => {
  await using server = await start(echo);
  const args = ["--null", "--count=2", "--engine=deno"];
  const { code, out } = await run(server, args, { stdin: "a\nb\0c" });
  assertEquals({ code, out }, { code: 0, out: "a\nb\0c\0" });
});

Deno.test("wss connect --binary sends bytes as they come, and writes bytes as they are", async () => {
  const kinds: string[] = [];
  await using server = await start(async (ws) => {
    for await (const message of ws) {
      kinds.push(typeof message);
      await ws.send(message);
    }
  });
  const running = await to(server.url, ["--binary"]);
  const child = new Deno.Command(Deno.execPath(), {
    args: wssArgs(running.args, running.permissions),
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => at * 7);
  const writer = child.stdin.getWriter();
  await writer.write(bytes);
  await writer.close();
  const { code, stdout } = await child.output();
  assertEquals(code, 0);
  assertEquals(stdout, bytes);
  assertEquals(new Set(kinds), new Set(["object"]));
});

Deno.test("wss connect --one sends all of its input as one message", async () => {
  const lengths: number[] = [];
  await using server = await start(async (ws) => {
    for await (const message of ws) lengths.push(message.length);
  });
  const stdin = "a line\n".repeat(300_000);
  const { code } = await run(server, ["--one", "--wait=0"], { stdin });
  assertEquals([code, lengths], [0, [stdin.length]]);
});

Deno.test("wss connect without --binary leaves bytes out with a note, and fails on input that is no text", async () => {
  await using server = await start(async (ws) => {
    await ws.send(new Uint8Array([1, 2, 3]));
    await ws.send("text");
    await ws.closed;
  });
  const stdin = new Uint8Array([0xff, 10]);
  const [left, failed] = await Promise.all([
    run(server, ["--count=2"]),
    run(server, [], { stdin }),
  ]);
  assertEquals([left.code, left.out], [0, "text\n"]);
  assertMatch(left.err, /binary message of 3 bytes was left out; --binary/);
  assertEquals(failed.code, 1);
  assertMatch(failed.err, /message 1 of the input: it is not UTF-8; --binary/);
});

Deno.test("wss connect --once sends the first line only, prints one message, and closes", async () => {
  const got: unknown[] = [];
  const closed = Promise.withResolvers<number>();
  await using server = await start(async (ws) => {
    got.push(await ws.receive());
    await ws.send("answer");
    await ws.send("more");
    closed.resolve((await ws.closed).code);
    for await (const message of ws) got.push(message);
  });
  const asked = run(server, ["--once"], { stdin: "question\nanother\n" });
  const { code, out } = await asked;
  assertEquals({ code, out }, { code: 0, out: "answer\n" });
  assertEquals([await closed.promise, got], [1000, ["question"]]);
  const { code: none, err } = await run(server, ["--once"]);
  assertEquals(none, 2);
  assertMatch(err, /--once: there is no message on standard input/);
});

Deno.test("wss connect --count ends after so many messages, whatever the input does", async () => {
  await using server = await start(async (ws) => {
    for (let count = 1; ws.open; count++) await ws.send(`${count}`);
  });
  const { code, out } = await run(server, ["--count=3"]);
  assertEquals({ code, out }, { code: 0, out: "1\n2\n3\n" });
});

Deno.test("wss connect --count fails if the server closes before, and with --reconnect goes on", async () => {
  await using server = await start((ws) => ws.send("only one"));
  const [counted, lasting] = await Promise.all([
    run(server, ["--count=2"]),
    run(server, ["--count=2", "--reconnect"]),
  ]);
  assertEquals([counted.code, counted.out], [7, "only one\n"]);
  assertMatch(counted.err, /code 1000, after 1 of 2 messages/);
  assertEquals([lasting.code, lasting.out], [0, "only one\n".repeat(2)]);
});

Deno.test("wss connect --wait=forever receives until the server closes", async () => {
  await using server = await start(async (ws) => {
    await ws.receive();
    for (let count = 0; count < 3; count++) {
      await new Promise((later) => setTimeout(later, 400));
      await ws.send(`${count}`);
    }
  });
  const [all, none] = await Promise.all([
    run(server, ["--wait=forever"], { stdin: "go" }),
    run(server, ["--wait=0"], { stdin: "go" }),
  ]);
  assertEquals([all.code, all.out], [0, "0\n1\n2\n"]);
  assertEquals([none.code, none.out], [0, ""]);
});

Deno.test("wss connect --json prints each message as a line of JSON, with all digits of its numbers", async () => {
  await using server = await start(async (ws) => {
    await ws.send('{"id": 12345678901234567890,\n "list": [1.0, null, "a b"]}');
    await ws.send("no JSON\n");
  });
  const { code, out } = await run(server, ["--json"]);
  assertEquals({ code, out }, {
    code: 0,
    out: '{"id":12345678901234567890,"list":[1.0,null,"a b"]}\n"no JSON\\n"\n',
  });
});

Deno.test("wss connect --ping prints what each answer took, and sums it up", async () => {
  await using server = await start(echo);
  const args = ["--ping", "--count=3", "--interval=10ms"];
  const [text, json] = await Promise.all([
    run(server, args),
    run(server, [...args, "--json"]),
  ]);
  assertEquals(text.code, 0);
  assertMatch(
    text.out,
    /^(answer from wss:\/\/localhost:\d+: [123] in [\d.]+ ms\n){3}3 sent, 3 answered; least [\d.]+ ms, mean .* deviation [\d.]+ ms\n$/,
  );
  const lines = json.out.trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(lines.map(({ seq }) => seq), [1, 2, 3, undefined]);
  const { sent, answered, min, mean, max } = lines[3];
  assertEquals([sent, answered], [3, 3]);
  assert(min > 0 && min <= mean && mean <= max);
});

Deno.test(
  "wss connect --ping ends with its sum on Ctrl-C, and fails when the server is gone",
  {
    ignore: Deno.build.os === "windows",
  },
  async () => {
    let connection: Connection | undefined;
    await using server = await start(async (ws) => {
      connection = ws;
      await ws.closed;
    });
    await using pinging = await startRun(server, ["--ping", "--interval=10ms"]);
    await pinging.seen(/: 3 in/);
    pinging.kill("SIGINT");
    const { code, out } = await pinging.ended;
    assertEquals(code, 130);
    assertMatch(out, /\d+ sent, \d+ answered; .*\n$/);

    await using lost = await startRun(server, ["--ping", "--interval=10ms"]);
    await lost.seen(/: 3 in/);
    connection?.terminate();
    const ended = await lost.ended;
    assertEquals(ended.code, 7);
    assertMatch(ended.out, /\d+ sent, \d+ answered; .*\n$/);
  },
);

Deno.test("wss connect --reconnect connects again, and sends then what it could not send before", async () => {
  const got: string[] = [];
  let visits = 0;
  await using server = await start(async (ws) => {
    visits++;
    for await (const message of ws) {
      got.push(`${visits}: ${message}`);
      await ws.send(`answer ${visits}`);
      if (message === "die") ws.terminate();
    }
  });
  const { args, permissions } = await to(server.url, ["--reconnect"]);
  await using running = startWss(args, { permissions });
  await running.write("one\n");
  await running.seen(/answer 1\n/);
  await running.write("die\n");
  await running.seen(/1006; connecting again in [\d.]+ s/, "err");
  await running.write("two\n");
  await running.seen(/answer 2\n/);
  await running.endInput();
  const { code } = await running.ended;
  assertEquals([code, got], [0, ["1: one", "1: die", "2: two"]]);
});

Deno.test("wss connect -v tells of the handshake and the end, and shows no secret", async () => {
  const { chain } = await devCertificates();
  const protocols = ["chat.v2"];
  await using server = await serve({ port: 0, ...chain, protocols }, echo);
  const target = {
    url: `${
      server.url.replace("localhost", "user:hunter1@localhost")
    }/room?key=hunter2`,
  };
  const { dir } = await devCertificates();
  const { host } = new URL(server.url);
  await using directory = await temporaryDirectory();
  const lines = await directory.write("lines", "cookie: hunter3\n");
  const { code, out, err } = await wss([
    "connect",
    target.url,
    ...["--cacert", `${dir}/ca.pem`, "--once", "-v"],
    ...["--token", "env:TOKEN", "-H", `@${lines}`, "-H", "x-api: hunter4"],
    ...["--subprotocol", "chat.v2", "--origin", "https://localhost"],
  ], {
    stdin: "hi",
    env: { TOKEN: "hunter5" },
    permissions: [
      `--allow-net=${host}`,
      `--allow-read=${dir}/ca.pem,${lines}`,
      "--allow-env=TOKEN",
    ],
  });
  assertEquals([code, out], [5, ""]); // The page is of another origin.
  for (
    const line of [
      "> GET /room?key=(hidden) HTTP/1.1",
      "> authorization: Bearer (hidden)",
      "> cookie: (hidden)",
      "> x-api: (hidden)",
      "> origin: https://localhost",
      "> sec-websocket-protocol: chat.v2",
      "< HTTP/1.1 403 Forbidden",
      "warning: others on this machine can read the password in the URL",
    ]
  ) assertStringIncludes(err, line);
  assert(!err.includes("hunter"), err);

  await using moved = await misbehave({
    kind: "answer",
    status: 302,
    headers: {
      location: "https://a.invalid/b?hunter6",
      "set-cookie": "a=hunter7",
    },
  }, { tls: false });
  const refused = await run(moved, ["-v"]);
  assertEquals(refused.code, 5);
  assertStringIncludes(refused.err, "< location: https://a.invalid/b?(hidden)");
  assertStringIncludes(refused.err, "< set-cookie: (hidden)");
  assert(!refused.err.includes("hunter"), refused.err);

  const opened = await run(server, ["--once", "-v", "--subprotocol=chat.v2"], {
    stdin: "hi",
  });
  assertEquals([opened.code, opened.out], [0, "hi\n"]);
  for (
    const line of [
      /< open after [\d.]+ ms/,
      /< sec-websocket-protocol: chat\.v2/,
      /\* {3}subject CN=localhost/,
      /\* {3}valid {3}\d{4}-\d\d-\d\d to \d{4}-\d\d-\d\d, \d+ more days/,
      /\* closed with 1000/,
      /\* sent 1 message \(2 bytes\), received 1 \(2 bytes\), in [\d.]+ m?s$/m,
    ]
  ) assertMatch(opened.err, line);
});

Deno.test("wss connect -v shows the headers that are sent, and those of the answer", async () => {
  const sent = Promise.withResolvers<Headers>();
  await using server = new RawServer(async (peer) => {
    sent.resolve((await peer.accept(["X-Served-By: a7"])).headers);
    await peer.readClose();
    peer[Symbol.dispose]();
  });
  const { err } = await run(server, ["-v", "--subprotocol=a", "-Hx-b: 1"]);
  const shown = [...err.matchAll(/^> ([\w-]+):/gm)].map(([, name]) => name);
  assertEquals(shown.sort(), [...(await sent.promise).keys()].sort());
  assertMatch(err, /^< HTTP\/1\.1 101$/m);
  assertMatch(err, /^< x-served-by: a7$/m);
});

Deno.test("wss connect names the likely cause where a server cuts off a flood", async () => {
  await using server = await start(async (ws) => {
    for (let count = 0; count < 600; count++) await ws.receive();
    ws.terminate();
  });
  const { code, err } = await run(server, [], { stdin: "y\n".repeat(3000) });
  assertEquals(code, 7);
  assertMatch(err, /code 1006, .*cut off whoever sends faster than it reads;/);
});

testWith(
  missingProxies,
  "wss connect --proxy needs no permission but for the proxy",
  async () => {
    await using server = await start(echo);
    await using proxy = await httpProxy();
    const { args } = await to(server.url, ["--once", "--proxy", proxy.url]);
    const { dir } = await devCertificates();
    const { code, out, err } = await wss(args, {
      stdin: "through",
      permissions: [
        `--allow-net=${proxy.host}`,
        `--allow-read=${dir}/ca.pem`,
      ],
    });
    assertEquals([code, out], [0, "through\n"], err);
  },
);

Deno.test("wss connect ends with 3 if nobody can be reached", async () => {
  const listener = Deno.listen({ hostname: "localhost", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const [refused, unknown] = await Promise.all([
    run({ url: `wss://localhost:${port}` }),
    run({ url: "wss://no-such-host.invalid:443" }, ["--engine=deno"]),
  ]);
  assertEquals([refused.code, unknown.code], [3, 3]);
  assertMatch(refused.err, /nothing listens/);
});

Deno.test("wss connect ends with 4 if the server is not to be trusted, and names the flag", async () => {
  await using server = await start(echo);
  const { host } = new URL(server.url);
  for (const engine of ["deno", "node"]) {
    const args = ["connect", host, `--engine=${engine}`];
    const permissions = [`--allow-net=${host}`];
    const { code, err } = await wss(args, { permissions });
    assertEquals(code, 4);
    assertMatch(err, /; trust that authority by --cacert FILE$/m);
  }
});

Deno.test("wss connect ends with 5 if the server refuses, and names the flags of a login", async () => {
  await using server = await misbehave({ kind: "answer", status: 401 }, {
    tls: false,
  });
  const { code, err } = await run(server);
  assertEquals(code, 5);
  assertMatch(err, /status 401.*; say who you are by --token or --auth$/m);
});

Deno.test("wss connect ends with 6 if a side breaks the protocol or a limit, and with 7 if the server closes otherwise", async () => {
  const { chain } = await devCertificates();
  await using broken = new RawServer(async (peer) => {
    await peer.accept();
    await peer.send({ opcode: 3 as typeof Opcode.Text, payload: "?" });
  }, chain);
  await using closing = await start(async (ws) => {
    await ws.send("a".repeat(2000));
    await ws.close(4001, "no seat\u0007 left");
  });
  await using refusing = await start((ws) => ws.close(1008, "not you"));
  const [broke, limited, closed, refused] = await Promise.all([
    run(broken),
    run(closing, ["--max-message=1000"]),
    run(closing),
    run(refusing),
  ]);
  assertEquals([broke.code, limited.code, closed.code, refused.code], [
    6,
    6,
    7,
    6,
  ]);
  assertMatch(broke.err, /code 1002/);
  assertMatch(limited.err, /code 1009/);
  assertMatch(closed.err, /code 4001 "no seat\\u0007 left"/);
  assertMatch(refused.err, /code 1008 "not you"/);
});

Deno.test("wss connect ends with 7 if the server closes while there is more to send", async () => {
  await using server = await start(async (ws) => {
    await ws.receive();
    await ws.close();
  });
  await using running = await startRun(server);
  let over = false;
  const ended = running.ended.finally(() => over = true);
  const lines = `${"x".repeat(99)}\n`.repeat(100);
  while (!over) {
    await running.write(lines);
    await new Promise((later) => setTimeout(later));
  }
  const { code, err } = await ended;
  assertEquals(code, 7);
  assertMatch(err, /Cannot send: the connection ended with code 1000/);
});

Deno.test("wss connect ends with 8 after --connect-timeout and after --max-time", async () => {
  await using silent = await misbehave({ kind: "silent" }, { tls: false });
  await using server = await start(echo);
  const [opening, open] = await Promise.all([
    // Longer than the silence that ends it once it is connected.
    run(silent, ["--connect-timeout=1500ms"]),
    run(server, ["--wait=forever", "--max-time=2s"], { stdin: "hi" }),
  ]);
  assertEquals([opening.code, open.code, open.out], [8, 8, "hi\n"]);
  assertMatch(opening.err, /no answer within 1\.5s/);
  assertMatch(open.err, /--max-time of 2s is over/);
});

Deno.test("wss connect ends with 9 without its permissions, and names all of them", async () => {
  const { code, err } = await wss([
    ...["connect", "localhost:8765", "--cacert", "ca.pem"],
    ...["--auth", "env:LOGIN"],
  ]);
  assertEquals(code, 9);
  for (
    const flag of [
      "--allow-net=localhost:8765",
      "--allow-read=ca.pem",
      "--allow-env=LOGIN",
    ]
  ) assertStringIncludes(err, flag);
});

Deno.test("wss connect closes with 1000 on Ctrl-C, and ends with 130", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const closed = Promise.withResolvers<number>();
  await using server = await start(async (ws) => {
    await ws.send("here");
    closed.resolve((await ws.closed).code);
  });
  await using running = await startRun(server);
  await running.seen(/here/);
  running.kill("SIGINT");
  assertEquals((await running.ended).code, 130);
  assertEquals(await closed.promise, 1000);
});

/** Starts it with an output that nobody reads yet. */
async function startUnread(
  { url }: { url: string },
  args: readonly string[],
): Promise<Deno.ChildProcess> {
  const { args: all, permissions } = await to(url, args);
  return new Deno.Command(Deno.execPath(), {
    args: wssArgs(all, permissions),
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
}

Deno.test("wss connect ends quietly with 0 when nobody reads its output any more", async () => {
  await using server = await start(async (ws) => {
    while (ws.open) await ws.send("a line");
  });
  const child = await startUnread(server, ["--wait=forever"]);
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  assertMatch(new TextDecoder().decode(value), /^a line\n/);
  assertEquals((await child.status).code, 0);
});

Deno.test("wss connect lets the server wait while nobody reads its output, and loses nothing", async () => {
  const size = 64 * 1024;
  const messages = 1024;
  let sent = 0;
  await using server = await start(async (ws) => {
    for (; sent < messages; sent++) await ws.send(new Uint8Array(size));
  });
  const child = await startUnread(server, ["--binary", "--wait=forever"]);
  let before = -1;
  while (before !== sent || sent === 0) {
    before = sent;
    await new Promise((later) => setTimeout(later, 400));
  }
  assert(sent < messages, "the server did not have to wait");
  let received = 0;
  for await (const chunk of child.stdout) received += chunk.length;
  assertEquals([received, (await child.status).code], [size * messages, 0]);
});

Deno.test("wss connect sends 50 MiB of lines, every one of them", async () => {
  await using server = await start(async (ws) => {
    let [messages, characters] = [0, 0];
    for await (const message of ws) {
      if (message === "how much?") {
        await ws.send(`${messages} ${characters}`);
        continue;
      }
      messages++;
      characters += message.length;
    }
  });
  const line = `${"x".repeat(8191)}\n`;
  const stdin = new TextEncoder().encode(`${line.repeat(6400)}how much?\n`);
  const { code, out } = await run(server, ["--count=1"], { stdin });
  assertEquals([code, out], [0, `6400 ${6400 * 8191}\n`]);
});

Deno.test("wss connect refuses options that do not go together", async () => {
  const cases: [string[], RegExp][] = [
    [["--ping", "--engine=deno"], /--engine deno cannot honour --ping/],
    [["--interval=1s"], /give --ping/],
    [["--history=x"], /--history is for what is typed at a terminal/],
    [["--wait=soon"], /duration such as 250ms/],
    [["--subprotocol=a b"], /Cannot use .*token/],
    [["--once", "--count=2"], /cannot be used with/],
  ];
  const ended = await Promise.all(
    cases.map(([args]) =>
      wss(["connect", "localhost:1", ...args], {
        permissions: ["--allow-net=localhost:1"],
      })
    ),
  );
  for (const [at, { code, err }] of ended.entries()) {
    assertEquals([code, cases[at]?.[0]], [2, cases[at]?.[0]], err);
    assertMatch(err, cases[at]?.[1] ?? /^$/);
  }
});

Deno.test("wss connect -v hides what it was given, though the server closes with it", async () => {
  await using server = await start((ws) => ws.close(4001, "no TICKET7"));
  const { code, err } = await run(server, ["-v", "-H", "x-key: TICKET7"]);
  assertEquals(code, 7);
  assertMatch(err, /^\* closed with 4001 "no \(hidden\)"$/m);
});
