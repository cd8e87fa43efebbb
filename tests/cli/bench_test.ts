import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { type Handler, serve, type ServeOptions } from "../../server.ts";
import { isEcho, makePayload } from "../../src/cli/bench/echo.ts";
import { Histogram } from "../../src/cli/bench/histogram.ts";
import { htmlReport } from "../../src/cli/bench/html.ts";
import { runLoad } from "../../src/cli/bench/load.ts";
import {
  type BenchValues,
  makePlan,
  type Plan,
} from "../../src/cli/bench/plan.ts";
import { makeResult, type Result } from "../../src/cli/bench/result.ts";
import { Tally } from "../../src/cli/bench/tally.ts";
import { UsageError } from "../../src/cli/failure.ts";
import { devCertificates, temporaryDirectory } from "../_certs.ts";
import { chromiumFlags, missingChromium } from "../_chromium.ts";
import { ENGINES } from "../_engines.ts";
import { succeeds, testWith } from "../peers/suite.ts";
import { noTerminal, Terminal } from "./_terminal.ts";
import { type Ended, startWss, wss, wssArgs } from "./_wss.ts";

const VALUES: BenchValues = {
  connections: 1,
  connectTimeout: 5_000,
  warmup: 0,
  defaultCacerts: true,
  engine: "node",
};

const echo: Handler = async (ws) => {
  for await (const message of ws) await ws.send(message);
};

/** A server on plain `ws:`, for what has nothing to do with TLS. */
async function plainServer(handler: Handler, options: ServeOptions = {}) {
  return await serve({ ...options, port: 0 } as ServeOptions, handler);
}

/** Loads a server from within this process. */
async function load(
  url: string,
  values: Partial<BenchValues>,
  signal: AbortSignal = new AbortController().signal,
): Promise<Result> {
  const plan: Plan = makePlan(
    new URL(url),
    { engine: "node" },
    { ...VALUES, ...values },
  );
  using tally = new Tally();
  const end = await runLoad(plan, tally, signal);
  tally[Symbol.dispose]();
  return makeResult(plan, tally, end, signal.aborted);
}

/** The flags for a server, and nothing besides. */
function flagsFor(url: string, ...files: string[]): string[] {
  const read = files.length > 0 ? [`--allow-read=${files.join(",")}`] : [];
  return [`--allow-net=${new URL(url).host}`, ...read];
}

function assertLacks(text: string, what: RegExp): void {
  assert(!what.test(text), `There is ${what} in ${text}`);
}

function assertNear(actual: number, expected: number, tolerance: number): void {
  assert(
    Math.abs(actual - expected) <= tolerance,
    `${actual}, not ${expected}`,
  );
}

function failuresOf({ failures }: Result): [string, string, number][] {
  return failures.map(({ stage, what, count }) => [stage, what, count]);
}

Deno.test("Histogram.quantile() is within 0.4 % of the exact one", () => {
  for (const spread of [0.001, 1, 4, 12]) {
    const histogram = new Histogram();
    const exact = Array.from(
      { length: 5_000 },
      () => 0.01 * Math.exp(spread * Math.random()),
    );
    for (const ms of exact) histogram.add(ms);
    exact.sort((a, b) => a - b);

    for (const share of [0, 0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 1]) {
      const rank = Math.max(1, Math.ceil(share * exact.length));
      const expected = exact[rank - 1] ?? NaN;
      const error = Math.abs(histogram.quantile(share) / expected - 1);
      assert(error < 0.004, `quantile ${share} of a spread of ${spread}`);
    }
    assertEquals(histogram.min, exact[0]);
    assertEquals(histogram.max, exact.at(-1));
    const sum = exact.reduce((sum, ms) => sum + ms, 0);
    assertNear(histogram.mean, sum / exact.length, 1e-6);
  }
});

Deno.test("Histogram.bars() hold all that there is, where it is", () => {
  const histogram = new Histogram();
  assertEquals(histogram.bars(12), []);
  assertEquals(histogram.quantile(0.5), 0);
  for (const ms of [0, 0.000_001, 0.02, 0.02, 3, 3_600_000, 1e12]) {
    histogram.add(ms);
  }
  for (const most of [1, 12, 100]) {
    const bars = histogram.bars(most);
    assert(bars.length <= most && bars.length > most / 2);
    assertEquals(bars.reduce((sum, { count }) => sum + count, 0), 7);
    const around = bars.find(({ from, to }) => from <= 3 && 3 < to);
    assert(around !== undefined && around.count >= 1);
  }
});

Deno.test("makePayload() makes a message of the size, of which isEcho() knows every other", () => {
  for (const binary of [false, true]) {
    for (const size of [0, 1, 2, 64, 70_000]) {
      const payload = makePayload(size, 12, binary);
      assertEquals(payload.length, size);
      assert(isEcho(payload, makePayload(size, 12, binary)));
      assert(!isEcho(payload, makePayload(size + 1, 12, binary)));
      assert(!isEcho(payload, makePayload(size, 12, !binary)));
      const ofAnother = makePayload(size, 13, binary);
      assertEquals(isEcho(payload, ofAnother), size < 2);
    }
  }
});

for (const [index, engine] of ENGINES.entries()) {
  const client = ENGINES[1 - index];
  Deno.test(`wss bench measures an echo server, with no more permissions than it says [${client} client, ${engine} server]`, async () => {
    const { chain, dir } = await devCertificates();
    await using server = await serve(
      { engine, port: 0, ...chain } as ServeOptions,
      echo,
    );
    const ca = `${dir}/ca.pem`;
    const { code, out, err } = await wss([
      ...["bench", `${server.url}?token=secret`, "--cacert", ca, "--json"],
      ...["--engine", `${client}`, "-c", "3", "-w", "4", "-n", "500"],
      ...index === 0 ? [] : ["--binary", "-s", "2KiB", "--rate", "5000"],
    ], { permissions: flagsFor(server.url, ca) });

    assertEquals([code, err], [0, ""]);
    const result: Result = JSON.parse(out);
    assertEquals(result.target, server.url.replace(/\/$/, ""));
    assertLacks(out, /secret/);
    assertEquals([result.mode, result.unit], ["echo", "messages"]);
    assertEquals([result.count, result.unanswered, result.unsent], [500, 0, 0]);
    const { latency, connections, elapsed, perSecond } = result;
    assertEquals(latency?.count, 500);
    assertNear(perSecond, 500_000 / elapsed, 0.01);
    const size = result.parameters.size;
    assertEquals(size, index === 0 ? 64 : 2048);
    assertNear(result.bytesPerSecond, size * perSecond, 0.01);
    const { min = 0, p50 = 0, p99 = 0, max = 0 } = latency ?? {};
    assert(0 < min && min <= p50 && p50 <= p99 && p99 <= max);
    assertEquals([connections.opened, connections.lost], [3, 0]);
    // The first one, which loads the engine, does not count.
    assertEquals(connections.opening?.count, 2);
    assertEquals([result.failures, result.exitCode], [[], 0]);
    assert(result.client.cpuShare > 0);
  });
}

const PYTHON = "/usr/bin/python3";
const noPython = succeeds(PYTHON, "-c", "import websockets.legacy.protocol")
  ? undefined
  : "websockets for Python";
const PYTHON_ECHO = `
import asyncio, websockets
async def echo(ws, path=None):
    async for message in ws:
        await ws.send(message)
async def main():
    async with websockets.serve(echo, "localhost", 0, family=2) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, input)
try:
    asyncio.run(main())
except EOFError:
    pass
`;

testWith(
  noPython,
  "wss bench says in words what a Python server can",
  async () => {
    await using python = new Deno.Command(PYTHON, {
      args: ["-I", "-c", PYTHON_ECHO],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = python.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    const { value: port } = await reader.read();
    const url = `ws://localhost:${port?.trim()}`;

    const { code, out, err } = await wss(
      ["bench", url, "-d", "300ms", "--warmup", "100ms", "-c", "2"],
      { permissions: flagsFor(url) },
    );
    assertEquals([code, err], [0, ""]);
    assert(
      out.startsWith(`${url}\n2 connections · window 1 · 64 bytes of text`),
    );
    assertMatch(out, /^Messages {5}[\d,]+\/s · [\d.,]+ [KM]iB\/s each way · /m);
    assertMatch(out, /^Connections {2}2 opened · each in /m);
    assertMatch(out, /^Latency {6}min .* p50 .* p99/m);
    const bars = out.match(/^ +[\d.]+ .?s [█▏▎▍▌▋▊▉ ]{50,} <?[\d.]+ %$/gm) ??
      [];
    assert(bars.length > 3, out);
    assertStringIncludes(out, "! less than a second was measured");
    assert(out.split("\n").every((line) => line.length <= 80));

    await python.stdin.close();
    await python.status;
    await reader.cancel();
  },
);

Deno.test("wss bench tells a server that sends something else, or nothing, from one that echoes", async () => {
  await using other = await plainServer(async (ws) => {
    for await (const _ of ws) await ws.send("no\x1b[31m echo");
  });
  await using silent = await plainServer((ws) => ws.closed.then(() => {}));
  await using greeting = await plainServer(async (ws) => {
    await ws.send(`Hello ${await ws.receive()}!`);
  });
  await using leaving = await plainServer(() => {});
  const [one, two, three, four] = await Promise.all([
    wss(["bench", other.url], { permissions: flagsFor(other.url) }),
    wss(["bench", silent.url, "--timeout", "300ms"], {
      permissions: flagsFor(silent.url),
    }),
    wss(["bench", greeting.url], { permissions: flagsFor(greeting.url) }),
    wss(["bench", leaving.url], { permissions: flagsFor(leaving.url) }),
  ]) as [Ended, Ended, Ended, Ended];

  assertEquals([three.code, four.code], [6, 6]);
  assertMatch(
    three.err,
    /sent \d+ characters, "Hello .*is it an echo server\?/,
  );
  assertMatch(four.err, /closed with code 1000 and .*is it an echo server\?/);
  assertEquals([one.code, one.out], [6, ""]);
  assertStringIncludes(one.err, '12 characters, "no');
  assertStringIncludes(one.err, "\\u001b[31m echo");
  assertStringIncludes(one.err, "is it an echo server? `wss serve --echo`");
  assertEquals([two.code, two.out], [8, ""]);
  assertMatch(two.err, /sent nothing back within 300ms; is it an echo server/);
});

Deno.test("wss bench --count sends that many, also where more could be under way", async () => {
  let count = 0;
  await using server = await plainServer(async (ws) => {
    for await (const message of ws) {
      count++;
      await ws.send(message);
    }
  });
  const many = { connections: 3, window: 10 };
  assertEquals((await load(server.url, { ...many, count: 7 })).count, 7);
  const paced = await load(server.url, { ...many, count: 7, rate: 100_000 });
  assertEquals([paced.count, paced.unsent, paced.exitCode], [7, 0, 0]);
  // And one from each connection at first, to see that it is echoed.
  assertEquals(count, 2 * (7 + 3));
});

Deno.test("wss bench passes over what a server greets with", async () => {
  await using server = await plainServer(async (ws) => {
    await ws.send("welcome");
    await ws.send(new Uint8Array(3));
    await echo(ws);
  });
  const result = await load(server.url, { count: 20, connections: 2 });
  assertEquals([result.count, result.failures], [20, []]);
});

Deno.test("wss bench reports connections that are refused, and measures the others", async () => {
  await using server = await plainServer(echo, { maxConnections: 2 });
  const { code, out, err } = await wss(
    ["bench", server.url, "-c", "5", "-n", "50"],
    { permissions: flagsFor(server.url) },
  );
  assertEquals([code, err], [7, ""]);
  assertMatch(out, /2 opened · 3 failed to open/);
  assertMatch(out, /^ {2}3 × did not open: HTTP 503/m);
  assertMatch(out, /50 in /);
});

Deno.test("wss bench reports connections that end midway, by how they did", async () => {
  let count = 0;
  const endsMidway: Handler = async (ws) => {
    const number = count++;
    for (let left = 10; left > 0; left--) await ws.send(await ws.receive());
    if (number === 0) await ws.close(1008, "\x07enough");
    if (number === 1) return ws.terminate();
    await echo(ws);
  };
  await using server = await plainServer(endsMidway, { engine: "node" });
  const result = await load(server.url, { connections: 3, duration: 1_000 });

  assertEquals(result.exitCode, 7);
  assertEquals(failuresOf(result).sort(), [
    ["load", 'closed with 1008 "\x07enough"', 1],
    ["load", "lost, without a close frame (1006)", 1],
  ]);
  assertEquals([result.connections.opened, result.connections.lost], [3, 2]);
  assert(result.count > 0);

  count = 0;
  const both = await load(server.url, { connections: 2, duration: 60_000 });
  // There is nobody left: it ends long before its time.
  assertEquals([both.exitCode, both.connections.lost], [7, 2]);
  assert(both.elapsed < 30_000);
});

Deno.test("wss bench --count ends although a connection was lost with a message under way", async () => {
  let count = 0;
  await using server = await plainServer(async (ws) => {
    const number = count++;
    for (let left = 10; left > 0; left--) await ws.send(await ws.receive());
    if (number === 0) {
      await ws.receive();
      ws.terminate();
    }
    await echo(ws);
  }, { engine: "node" });
  const result = await load(server.url, { connections: 2, count: 200 });
  const { exitCode, connections, unanswered, elapsed } = result;
  assertEquals([exitCode, connections.lost, unanswered], [7, 1, 1]);
  assertEquals(result.count, 199);
  assert(elapsed < 30_000);
});

Deno.test("wss bench --json shows what a server says as text", async () => {
  await using server = await plainServer(async (ws) => {
    await ws.send(await ws.receive());
    await ws.close(4000, "\u009b2J");
  }, { engine: "node" });
  const { out } = await wss(
    ["bench", server.url, "-d", "100ms", "--warmup=0", "--json"],
    { permissions: flagsFor(server.url) },
  );
  assertLacks(out, /[\x7f-\x9f]/);
  assertStringIncludes(JSON.parse(out).failures[0].what, "\u009b2J");
});

Deno.test("wss bench does not take the messages of others for an echo", async () => {
  const all = new Set<Parameters<Handler>[0]>();
  await using server = await plainServer(async (ws) => {
    all.add(ws);
    for await (const message of ws) {
      for (const one of all) one.send(message);
    }
    all.delete(ws);
  });
  const result = await load(server.url, { connections: 3, duration: 500 });
  assertEquals(result.exitCode, 6);
  assert(
    result.failures.some(({ what }) => what === "sent back something else"),
  );
});

Deno.test("wss bench gives up a server that falls silent", async () => {
  await using server = await plainServer(async (ws) => {
    for (let left = 5; left > 0; left--) await ws.send(await ws.receive());
    await ws.closed;
  });
  const result = await load(server.url, { timeout: 400, duration: 60_000 });
  assertEquals([result.exitCode, result.unanswered], [8, 1]);
  assertMatch(result.warnings.join(), /the server owed answers for 400 ms/);
});

Deno.test("wss bench --rate counts from when a message was due, so that it sees a stall in all of them", async () => {
  const stallOnce = (): Handler => {
    let count = 0;
    return async (ws) => {
      for await (const message of ws) {
        // Of the first 10 messages one takes 600 ms.
        if (++count === 10) {
          await new Promise((later) => setTimeout(later, 600));
        }
        await ws.send(message);
      }
    };
  };
  await using steady = await plainServer(stallOnce());
  await using closed = await plainServer(stallOnce());
  const [open, full] = await Promise.all([
    load(steady.url, { rate: 100, count: 80 }),
    load(closed.url, { count: 80 }),
  ]);
  // With one connection, all that was due in the stall had to wait for its end.
  const { p50 = 0, p75 = 0, max = 0 } = open.latency ?? {};
  assert(p50 > 100 && p75 > 250 && max > 590, JSON.stringify(open.latency));
  // Without a rate, it is one message that waited.
  assert((full.latency?.p75 ?? 0) < 250 && (full.latency?.max ?? 0) > 590);
  assertEquals([open.count, open.parameters.rate], [80, 100]);
});

Deno.test("wss bench --rate says when the rate is not reached", async () => {
  await using server = await plainServer(async (ws) => {
    for await (const message of ws) {
      await new Promise((later) => setTimeout(later, 20));
      await ws.send(message);
    }
  });
  const result = await load(server.url, { rate: 1_000, duration: 300 });
  assert(result.unsent > 100, `${result.unsent}`);
  assertMatch(result.warnings.join(), /messages that were due were not sent/);
});

Deno.test("wss bench --handshakes opens and closes connections", async () => {
  let opened = 0;
  const codes = new Set<number>();
  await using server = await plainServer(async (ws) => {
    opened++;
    codes.add((await ws.closed).code);
  });
  const { code, out, err } = await wss(
    ["bench", server.url, "--handshakes", "-c", "4", "-n", "30", "--json"],
    { permissions: flagsFor(server.url) },
  );
  assertEquals([code, err], [0, ""]);
  const result: Result = JSON.parse(out);
  assertEquals([result.unit, result.count], ["handshakes", 30]);
  assertEquals(result.latency?.count, 30);
  // And one besides, which is not measured.
  assertEquals([opened, [...codes]], [31, [1000]]);
});

Deno.test("wss bench --receive counts what a server sends by itself", async () => {
  await using server = await plainServer(async (ws) => {
    while (ws.open) {
      await ws.send("x".repeat(100));
      await new Promise((later) => setTimeout(later, 1));
    }
  });
  const { code, out } = await wss(
    ["bench", server.url, "--receive", "-c", "2", "-n", "40"],
    { permissions: flagsFor(server.url) },
  );
  assertEquals(code, 0);
  assertMatch(out, /iB\/s · 40 in |bytes\/s · 40 in /);
  assertLacks(out, /Latency/);

  await using large = await plainServer(async (ws) => {
    while (ws.open) await ws.send("x".repeat(2 << 20));
  });
  const much = await load(large.url, { receive: true, count: 3 });
  assertEquals([much.exitCode, much.count], [0, 3]);

  await using silent = await plainServer((ws) => ws.closed.then(() => {}));
  const nothing = await load(silent.url, { receive: true, duration: 50 });
  assertEquals(nothing.exitCode, 8);
});

Deno.test("wss bench ends as connecting did if nothing opens, and names missing permissions", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  const url = `ws://127.0.0.1:${port}`;
  const [refused, forbidden] = await Promise.all([
    wss(["bench", url], { permissions: flagsFor(url) }),
    wss(["bench", url, "--html", "report.html"]),
  ]) as [Ended, Ended];
  assertEquals([refused.code, refused.out], [3, ""]);
  assertMatch(refused.err, /^error: Cannot connect to /);
  assertEquals(forbidden.code, 9);
  assertStringIncludes(
    forbidden.err,
    `--allow-net=127.0.0.1:${port} --allow-write=report.html`,
  );
});

Deno.test("makePlan() refuses what makes no sense together", () => {
  const url = new URL("ws://localhost");
  const cases: [Partial<BenchValues>, RegExp][] = [
    [{ handshakes: true, size: 5 }, /--handshakes sends nothing: .* --size/],
    [{ receive: true, window: 2 }, /--receive sends nothing: .* --window/],
    [{ count: 5, warmup: 1000 }, /--count counts from the first/],
    [{ size: 2 ** 26, window: 100 }, /more than 1 GiB would be under way/],
  ];
  for (const [values, message] of cases) {
    assertThrows(
      () => makePlan(url, {}, { ...VALUES, ...values }),
      UsageError,
    );
    assertMatch(
      messageOf(() => makePlan(url, {}, { ...VALUES, ...values })),
      message,
    );
  }
});

function messageOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    return String(error);
  }
  return "";
}

Deno.test("wss bench is ended by a signal, with the results so far", async () => {
  await using server = await plainServer(echo);
  const stop = new AbortController();
  const loading = load(
    server.url,
    { duration: 60_000, warmup: 0 },
    stop.signal,
  );
  await new Promise((later) => setTimeout(later, 300));
  stop.abort();
  const result = await loading;
  assertEquals(result.exitCode, 130);
  assert(result.count > 0);
  assertMatch(result.warnings.join(), /ended by Ctrl-C/);

  const never = new AbortController();
  never.abort();
  assertEquals((await load(server.url, {}, never.signal)).exitCode, 130);
});

Deno.test("runLoad() throws what connecting failed with", async () => {
  await using server = await plainServer(echo, {
    authorize: () => new Response(null, { status: 403 }),
  });
  const error = await assertRejects(() => load(server.url, { connections: 3 }));
  assertMatch(String(error), /403/);
});

Deno.test({
  name:
    "wss bench shows its progress at a terminal, ends on Ctrl-C, and fits 50 columns",
  ignore: noTerminal,
  fn: async () => {
    await using server = await plainServer(echo);
    const args = (...more: string[]) => [
      Deno.execPath(),
      ...wssArgs(["bench", server.url, ...more], flagsFor(server.url)),
    ];
    const env = { NO_COLOR: "" };
    const wide = Terminal.open(
      args("-d", "1m", "--warmup", "0", "-c", "3"),
      { env },
    );
    const narrow = Terminal.open(
      args("-d", "900ms", "--warmup", "100ms"),
      { env, columns: 50, rows: 40 },
    );
    {
      await using terminal = await wide;
      await terminal.seen(/measuring [█░]{30} [\d,]+\/s · 3 open · \d+ s left/);
      await terminal.press("C-c");
      const screen = await terminal.seen("[exit 130]");
      assertLacks(screen, /measuring/);
      assertMatch(screen, /^Messages {5}[\d,]+\/s/m);
      assertMatch(screen, /! it was ended by Ctrl-C/);
    }
    await using terminal = await narrow;
    const screen = await terminal.seen("[exit 0]");
    const bars = screen.match(/^ +[\d.]+ .?s [█▏▎▍▌▋▊▉ ]+ <?[\d.]+ %$/gm) ?? [];
    assert(bars.length > 3, screen);
  },
});

Deno.test("wss bench keeps cursor movements out of pipes, and ends at once when asked twice", async () => {
  await using server = await plainServer(echo);
  await using running = startWss(["bench", server.url, "-d", "1m"], {
    permissions: flagsFor(server.url),
    env: { NO_COLOR: "" },
  });
  while (server.connections.size < 10) {
    await new Promise((later) => setTimeout(later, 20));
  }
  running.kill("SIGINT");
  const { code, out, err } = await running.ended;
  assertEquals([code, err], [130, ""]);
  // deno-lint-ignore no-control-regex
  assertLacks(out, /[\x1b\r]/);
});

/** A result with a name that must not become HTML. */
async function hostileResult(): Promise<Result> {
  let count = 0;
  await using server = await plainServer(async (ws) => {
    if (count++ > 0) return await echo(ws);
    for (let left = 3; left > 0; left--) await ws.send(await ws.receive());
    await ws.close(4000, "<img src=x onerror='a&b'>");
    return undefined;
  });
  return await load(server.url, { connections: 3, duration: 800, warmup: 100 });
}

testWith(
  missingChromium(),
  "wss bench --html writes a page that needs nothing else, and that a browser has nothing against",
  async () => {
    await using directory = await temporaryDirectory();
    const result = await hostileResult();
    const html = htmlReport(result);
    assertLacks(
      html,
      /https?:|url\(|@import|<(script|img|link|iframe)| (src|href)="/i,
    );
    const path = await directory.write("report.html", html);
    const { stdout, stderr } = await new Deno.Command("chromium", {
      args: [
        ...chromiumFlags(`${directory.path}/profile`),
        "--enable-logging=stderr",
        `file://${path}`,
      ],
    }).output();
    const decoder = new TextDecoder();
    const dom = decoder.decode(stdout);
    assertEquals(dom.match(/<svg /g)?.length, 4);
    assertMatch(dom, /closed with 4000 "&lt;img src=x onerror='a&amp;b'&gt;"/);
    assertLacks(decoder.decode(stderr), /CONSOLE|Error parsing/);
    assertLacks(html, /NaN|undefined|Infinity/);
  },
);

Deno.test("wss bench --html writes the report, where it may and can", async () => {
  await using server = await plainServer(echo);
  await using directory = await temporaryDirectory();
  const file = `${directory.path}/report.html`;
  const { code } = await wss(
    ["bench", server.url, "-n", "30", "--html", file],
    { permissions: [...flagsFor(server.url), `--allow-write=${file}`] },
  );
  assertEquals(code, 0);
  assertMatch(
    await Deno.readTextFile(file),
    /^<!doctype html>[\s\S]*<\/html>\n$/,
  );

  const nowhere = `${directory.path}/none/report.html`;
  const ended = await wss(
    ["bench", server.url, "--html", nowhere],
    { permissions: [...flagsFor(server.url), `--allow-write=${nowhere}`] },
  );
  assertEquals(ended.code, 2);
  assertMatch(ended.err, /--html: .* cannot be written/);
});
