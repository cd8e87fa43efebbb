import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { measureBurst } from "../scripts/bench/burst.ts";
import { closeIdle, openIdle } from "../scripts/bench/clients.ts";
import { type EchoTask, measureEcho } from "../scripts/bench/echo.ts";
import {
  type HandshakeTask,
  measureHandshakes,
} from "../scripts/bench/handshake.ts";
import {
  type ClientResults,
  runClientBenchmark,
} from "../scripts/bench/client_run.ts";
import {
  CLIENTS,
  CLIENTS_SERVER,
  type Plan,
  type Subject,
  SUBJECTS,
} from "../scripts/bench/plan.ts";
import {
  type Circumstances,
  report,
  reportClients,
} from "../scripts/bench/report.ts";
import {
  BrokenSubjectError,
  type Target,
} from "../scripts/bench/raw_client.ts";
import { ClientProcess } from "../scripts/bench/process.ts";
import { type Results, runBenchmark } from "../scripts/bench/run.ts";
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
  rounds: 1,
  echo: { warmUp: 20, duration: 30 },
  burst: { count: 3, duration: 200 },
  handshake: { warmUp: 100, duration: 200, atATime: 4 },
  idle: { rounds: 1, warmUp: 5, connections: 20 },
  startUp: { rounds: 1 },
};
const ABOUT: Circumstances = {
  plan: PLAN,
  subjects: SUBJECTS,
  processor: "",
  kernel: "",
  deno: "",
  date: "",
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

Deno.test({
  name: "runBenchmark() measures every subject, case and round",
  ignore: !LINUX,
  async fn() {
    const { dir, ca } = await devCertificates();
    const results = await runBenchmark(PLAN, {
      directory: dir,
      chainFile: `${dir}/localhost.pem`,
      ca,
      subjects: SUBJECTS,
    });

    const once = SUBJECTS.map(() => 1);
    const rounds = (all: unknown[][]) => all.map(({ length }) => length);
    for (const { subjects } of results.echo) {
      assertEquals(rounds(subjects), once);
      for (const { messages, time } of subjects.flat()) {
        assert(messages > 0 && time > 0);
      }
    }
    assertEquals(rounds(results.burst), once);
    for (const { times } of results.burst.flat()) {
      assert(times.length > 0 && times.every((time) => time > 0));
    }
    assertEquals(rounds(results.handshake), once);
    for (const { handshakes, serverCpu } of results.handshake.flat()) {
      assert(handshakes > 0 && serverCpu > 0);
    }
    assertEquals(rounds(results.idle), once);
    assertEquals(rounds(results.startUp), once);
  },
});

Deno.test({
  name: "runClientBenchmark() measures every client, case and round",
  ignore: !LINUX,
  async fn() {
    const { dir, ca } = await devCertificates();
    const results = await runClientBenchmark(PLAN, {
      directory: dir,
      chainFile: `${dir}/localhost.pem`,
      ca,
      clients: CLIENTS,
      server: CLIENTS_SERVER,
      cores: undefined,
    });
    for (const { clients } of results) {
      assertEquals(clients.map(({ length }) => length), CLIENTS.map(() => 1));
      for (const { messages, time, clientCpu } of clients.flat()) {
        assert(messages > 0 && time > 0 && clientCpu > 0);
      }
    }
  },
});

Deno.test({
  name: "runClientBenchmark() rejects when an echo is wrong",
  ignore: !LINUX,
  async fn() {
    await using subject = await serveWith((socket) => socket.send("wrong"));
    await using client = new ClientProcess(CLIENTS[0]!, undefined);
    const { port, ca } = subject.target;
    const shape = { size: 16, text: true, window: 1 };
    await client.start({
      url: `wss://127.0.0.1:${port}`,
      ca,
      shape,
      connections: 1,
    });
    await assertRejects(() => client.stop(), Error, "an echo has 5 bytes");
  },
});

Deno.test("reportClients() compares each client with its base", () => {
  const costs = { time: 1e6, serverCpu: 5e5, messages: 1000 };
  const results: ClientResults = [{
    name: "16 B",
    clients: [10, 11].map((cost) => [{ ...costs, clientCpu: cost * 1000 }]),
  }];
  const clients: Subject[] = [
    { name: "bare", script: "" },
    { name: "ours", script: "", base: "bare" },
  ];
  const row = reportClients(results, clients).replaceAll(/ +/g, " ")
    .split("\n").find((line) => line.includes("| ours |"));
  assertMatch(
    row ?? "",
    /\| 11\.00 \(.+\) \| 1\.10 \(.+\) \| 1\.10 \| 1000 \| 1 % \| 50 % \|/,
  );
});

Deno.test("report() compares each subject with its base", () => {
  const costs = { time: 1e6, loadCpu: 1e6, steal: 0 };
  const perSubject = <T>(make: (cost: number) => T): T[][] =>
    [10, 11, 40, 42].map((cost) => [make(cost)]);
  const results: Results = {
    cores: undefined,
    echo: [{
      name: "16 B",
      subjects: perSubject((cost) => ({
        ...costs,
        serverCpu: cost * 1000,
        messages: 1000,
      })),
    }],
    burst: perSubject((cost) => ({ times: [cost, cost * 1000, cost * 2000] })),
    handshake: perSubject((cost) => ({
      ...costs,
      serverCpu: cost * 1000,
      handshakes: 100,
    })),
    idle: perSubject((cost) => ({ rss: cost * 1024, heap: 0, loose: 0 })),
    startUp: perSubject((cost) => cost),
  };
  const subjects: Subject[] = [
    { name: "bare", script: "" },
    { name: "ours", script: "", base: "bare" },
    { name: "bare ws", script: "", base: "bare" },
    { name: "strict", script: "", base: "bare ws" },
  ];

  const lines = report(results, { ...ABOUT, subjects }).replaceAll(/ +/g, " ")
    .split("\n");

  assertMatch(lines[0]!, /for "strict", "bare ws"/);
  const rowsOf = (name: string) =>
    lines.filter((line) => line.includes(`| ${name} |`));
  const [message, burst, handshake, idle, startUp] = rowsOf("strict");
  assertMatch(message!, /\| 42\.00 \(.+\) \| 1\.05 \(.+\) \| 1\.05 \| 1000 \|/);
  assertMatch(
    burst!,
    /\| 42\.000 \(.+\) \| 1\.050 \(.+\) \| 1\.050 \| 84\.000 \| 3 \|/,
  );
  assertMatch(handshake!, /\| 420 \(.+\) \| 1\.05 \(.+\) \| 1\.05 \| 100 \|/);
  assertMatch(idle!, /\| 42\.0 \(.+\) \| \+2\.0 /);
  assertMatch(startUp!, /\| 42 \(.+\) \| \+2\.0 /);
  assertMatch(rowsOf("bare ws")[0]!, /\| 4\.00 \(.+\) \| 4\.00 \|/);
  assertMatch(rowsOf("bare")[0]!, /\| 1 \| 1 \|/);
});

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
