import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { measureBurst } from "../scripts/bench/burst.ts";
import { closeIdle, openIdle } from "../scripts/bench/clients.ts";
import { type EchoTask, measureEcho } from "../scripts/bench/echo.ts";
import {
  type HandshakeTask,
  measureHandshakes,
} from "../scripts/bench/handshake.ts";
import { measureBroadcast } from "../scripts/bench/broadcast.ts";
import { CASES } from "../scripts/bench/cases/mod.ts";
import type { Plan } from "../scripts/bench/plan.ts";
import {
  BrokenSubjectError,
  type Target,
} from "../scripts/bench/raw_client.ts";
import { ClientProcess } from "../scripts/bench/process.ts";
import { runBenchmark } from "../scripts/bench/run.ts";
import { CLIENTS, SERVERS } from "../scripts/bench/subjects.ts";
import { devCertificates } from "./_certs.ts";

const LINUX = Deno.build.os === "linux";
const SMALL: EchoTask = {
  shape: { size: 16, text: true, window: 2 },
  connections: 2,
  pid: Deno.pid,
  warmUp: 20,
  duration: 20,
};

const HANDSHAKES: HandshakeTask = {
  pid: Deno.pid,
  warmUp: 20,
  duration: 50,
  atATime: 2,
};
const PLAN: Plan = {
  name: "test",
  rounds: { most: 1, few: 1, many: 1 },
  echo: { warmUp: 20, duration: 30 },
  latency: { warmUp: 5, duration: 20 },
  burst: { count: 1, duration: 20 },
  handshake: { warmUp: 100, duration: 200, atATime: 4 },
  broadcast: { connections: 5, warmUp: 1, count: 3 },
  idle: { warmUp: 5 },
};

/** A server whose sockets answer a message as the test wants. */
interface TestServer extends AsyncDisposable {
  target: Target;
}

async function serveWith(
  answer: (socket: WebSocket, data: string | ArrayBuffer) => void,
  greet: (socket: WebSocket) => void = () => {},
): Promise<TestServer> {
  const { chain, ca } = await devCertificates();
  const controller = new AbortController();
  const server = Deno.serve(
    {
      hostname: "127.0.0.1",
      port: 0,
      ...chain,
      signal: controller.signal,
      onListen() {},
    },
    (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.binaryType = "arraybuffer";
      socket.onmessage = ({ data }) => answer(socket, data);
      socket.onopen = () => greet(socket);
      return response;
    },
  );
  return {
    target: { port: server.addr.port, ca },
    async [Symbol.asyncDispose]() {
      controller.abort();
      await server.finished;
    },
  };
}

/** What asks the most of a subject; that the other cases work, the guard's test tells. */
const KINDS = ["latency", "burst", "broadcast", "client-echo-16"];

Deno.test({
  name:
    "runBenchmark() measures every subject that is there, and says who is not",
  ignore: !LINUX,
  async fn() {
    const { dir, ca } = await devCertificates();
    const { subjects, cases } = await runBenchmark({
      plan: PLAN,
      cases: CASES.filter(({ id }) => KINDS.includes(id)),
      subjects: [...SERVERS, ...CLIENTS],
      directory: dir,
      chainFile: `${dir}/localhost.pem`,
      ca,
    });

    const absent = subjects.filter(({ skipped }) => skipped !== undefined);
    // CI has Node and Python; Bun is for those who have it.
    const installable = Deno.env.get("CI") === "true" ? ["bun"] : ABSENT;
    for (const { id, skipped } of absent) {
      assert(installable.includes(id), `${id}: ${skipped}`);
      assertMatch(skipped ?? "", /is not .+: (?:apt-get|npm|deno) /);
    }
    for (const { id, side, metrics, subjects: results } of cases) {
      const expected = subjects.filter((one) =>
        one.side === side && one.skipped === undefined
      );
      assertEquals(
        results.map(({ subject }) => subject).toSorted(),
        expected.map(({ id }) => id).toSorted(),
      );
      for (const { subject, samples, skipped } of results) {
        if (skipped !== undefined) continue;
        assertEquals(samples.length, 1, `${id}, ${subject}`);
        for (const metric of metrics) {
          const figure = samples[0]?.[metric.id] ?? -1;
          assert(figure >= 0, `${id}, ${subject}: ${metric.id} ${figure}`);
        }
      }
    }
  },
});

/** What need not be installed. */
const ABSENT = ["node-ws", "bun", "python"];

Deno.test({
  name: "runBenchmark() names the subject that is broken, and the case",
  ignore: !LINUX,
  async fn() {
    const { dir, ca } = await devCertificates();
    const setting = {
      plan: PLAN,
      directory: dir,
      chainFile: `${dir}/localhost.pem`,
      ca,
    };
    const [echo] = CASES;
    const [ours] = SERVERS;
    assert(echo !== undefined && ours !== undefined);
    const lies = () => Promise.reject(new Error("it lies"));
    const broken = await assertRejects(() =>
      runBenchmark({
        ...setting,
        cases: [{ ...echo, measure: lies }],
        subjects: [ours],
      }), Error);
    assertEquals(
      broken.message,
      'Cannot go on: serve(), for await is broken in "16 B text, 64 × 1"',
    );
    const dead = await assertRejects(() =>
      runBenchmark({
        ...setting,
        cases: [echo],
        subjects: [{ ...ours, script: "_handlers.ts" }],
      }), Error);
    assertEquals(dead.message, "Cannot start serve(), for await");
    assertMatch(`${dead.cause}`, /_handlers\.ts ended before its time/);
  },
});

Deno.test({
  name: "the benchmark takes no case, subject or round that there is not",
  ignore: !LINUX,
  async fn() {
    const cases = [
      [["--only=echo-17"], '"echo-17" is none of echo-16, '],
      [["--subjects=bare,nobody"], '"nobody" is none of wss-iterate, '],
      [["--rounds=0"], "It must be a number from 1 to 99"],
      [["--fast"], "unknown option '--fast'"],
    ] as const;
    for (const [args, said] of cases) {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-prompt", "scripts/bench.ts", ...args],
      }).output();
      assertEquals(code, 2);
      assertStringIncludes(new TextDecoder().decode(stderr), said);
    }
  },
});

Deno.test({
  name: "a client whose echo is wrong is found",
  ignore: !LINUX,
  async fn() {
    await using subject = await serveWith((socket) => socket.send("wrong"));
    const [client] = CLIENTS;
    assert(client !== undefined);
    await using process = new ClientProcess(client, undefined);
    const { port, ca } = subject.target;
    const shape = { size: 16, text: true, window: 1 };
    await process.start({
      url: `wss://127.0.0.1:${port}`,
      ca,
      shape,
      connections: 1,
    });
    await assertRejects(() => process.stop(), Error, "an echo has 5 bytes");
  },
});

const MISDELIVERIES: [string, (all: WebSocket[], data: string) => void][] = [
  ["is sent twice", (all, data) => [...all, ...all].forEach(send(data))],
  ["differs", (all, data) => all.forEach(send(data.toUpperCase()))],
];

function send(data: string): (socket: WebSocket) => void {
  return (socket) => socket.send(data);
}

for (const [how, deliver] of MISDELIVERIES) {
  Deno.test({
    name: `measureBroadcast() rejects when a message ${how}`,
    ignore: !LINUX,
    async fn() {
      const all: WebSocket[] = [];
      await using subject = await serveWith(
        (_, data) => deliver(all, data as string),
        (socket) => void all.push(socket),
      );
      const task = { connections: 3, warmUp: 1, count: 2, pid: Deno.pid };
      await assertRejects(
        () => measureBroadcast(subject.target, task),
        BrokenSubjectError,
      );
    },
  });
}

for (
  const shape of [
    { size: 125, text: true, window: 1 },
    { size: 126, text: true, window: 3 },
    { size: 65_536, text: false, window: 2 },
  ]
) {
  Deno.test({
    name: `measureEcho() takes echoes of ${shape.size} bytes`,
    ignore: !LINUX,
    async fn() {
      await using subject = await serveWith((socket, data) =>
        socket.send(data)
      );

      const task = { ...SMALL, shape };
      const { messages } = await measureEcho(subject.target, task);

      assert(messages > 0);
    },
  });
}

const BROKEN: [string, (socket: WebSocket, data: string) => void][] = [
  ["differs", (socket, data) => socket.send(data.replace("c", "C"))],
  [
    "is of another type",
    (socket, data) => socket.send(new TextEncoder().encode(data)),
  ],
  ["comes three times", (socket, data) => {
    for (let i = 0; i < 3; i++) socket.send(data);
  }],
  ["is cut short", (socket, data) => socket.send(data.slice(1))],
  ["is a close frame", (socket) => socket.close()],
];

for (const [how, answer] of BROKEN) {
  Deno.test({
    name: `measureEcho() rejects when an echo ${how}`,
    ignore: !LINUX,
    async fn() {
      await using subject = await serveWith((socket, data) =>
        answer(socket, data as string)
      );

      await assertRejects(
        () => measureEcho(subject.target, SMALL),
        BrokenSubjectError,
      );
    },
  });
}

Deno.test("measureBurst() measures each burst of three", async () => {
  await using subject = await serveWith((socket, data) => {
    for (let i = 0; i < 3; i++) socket.send(data);
  });

  const task = { count: 2, duration: 10_000 };
  const { times } = await measureBurst(subject.target, task);

  assertEquals(times.length, 2);
});

Deno.test("measureBurst() asks for no more when its time is over", async () => {
  await using subject = await serveWith((socket, data) => {
    for (let i = 0; i < 3; i++) socket.send(data);
  });

  const { times } = await measureBurst(subject.target, {
    count: Infinity,
    duration: 100,
  });

  assert(times.length > 0);
});

const WRONG_BURSTS: [string, number, (data: string) => string][] = [
  ["has one message too many", 4, (data) => data],
  ["differs", 3, (data) => data.replace("c", "C")],
  ["is cut short", 3, (data) => data.slice(1)],
];

for (const [how, count, change] of WRONG_BURSTS) {
  Deno.test(`measureBurst() rejects when a burst ${how}`, async () => {
    await using subject = await serveWith((socket, data) => {
      for (let i = 0; i < count; i++) socket.send(change(data as string));
    });

    await assertRejects(
      () => measureBurst(subject.target, { count: 5, duration: 10_000 }),
      BrokenSubjectError,
    );
  });
}

Deno.test({
  name: "measureHandshakes() counts the handshakes of clients that leave",
  ignore: !LINUX,
  async fn() {
    let opened = 0;
    await using subject = await serveWith(() => {}, () => opened++);

    const task = { ...HANDSHAKES, duration: 200 };
    const { handshakes, time } = await measureHandshakes(subject.target, task);

    assert(handshakes > 0 && handshakes <= opened);
    assert(time >= 200_000);
  },
});

Deno.test({
  name: "measureHandshakes() rejects when a server does not close",
  ignore: !LINUX,
  async fn() {
    await using subject = await serveWith(
      () => {},
      (socket) => socket.send("unasked for"),
    );

    await assertRejects(
      () => measureHandshakes(subject.target, { ...HANDSHAKES, atATime: 1 }),
      BrokenSubjectError,
    );
  },
});

Deno.test({
  name: "measureHandshakes() rejects when the server is no WebSocket server",
  ignore: !LINUX,
  async fn() {
    const { chain, ca } = await devCertificates();
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, ...chain, onListen() {} },
      () => new Response("Hello"),
    );

    await assertRejects(
      () =>
        measureHandshakes({ port: server.addr.port, ca }, {
          ...HANDSHAKES,
          atATime: 1,
        }),
      BrokenSubjectError,
      "HTTP/1.1 200 OK",
    );
  },
});

Deno.test("openIdle() rejects when the server is no WebSocket server", async () => {
  const { chain, ca } = await devCertificates();
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, ...chain, onListen() {} },
    () => new Response("Hello"),
  );

  await assertRejects(
    () => openIdle({ port: server.addr.port, ca }, 1),
    BrokenSubjectError,
    "HTTP/1.1 200 OK",
  );
});

Deno.test("closeIdle() closes what openIdle() opened", async () => {
  let closed = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  await using subject = await serveWith((socket, data) => {
    socket.onclose = ({ code }) => {
      assertEquals(code, 1000);
      if (++closed === 3) resolve();
    };
    socket.send(data);
  });

  const clients = await openIdle(subject.target, 3);
  await closeIdle(clients);
  await promise;

  assertEquals(clients.length, 3);
});
