import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import {
  closeIdle,
  type EchoTask,
  measureEcho,
  openIdle,
} from "../scripts/bench/load.ts";
import { type Plan, SUBJECTS } from "../scripts/bench/plan.ts";
import { type Circumstances, report } from "../scripts/bench/report.ts";
import {
  BrokenSubjectError,
  type Target,
} from "../scripts/bench/raw_client.ts";
import { runBenchmark } from "../scripts/bench/run.ts";
import { devCertificates } from "./_certs.ts";

const LINUX = Deno.build.os === "linux";
const SMALL: EchoTask = {
  shape: { size: 16, text: true, window: 2 },
  connections: 2,
  pid: Deno.pid,
  warmUp: 20,
  duration: 20,
};

/** A server whose sockets answer a message as the test wants. */
interface Subject extends AsyncDisposable {
  target: Target;
}

async function serveWith(
  answer: (socket: WebSocket, data: string | ArrayBuffer) => void,
): Promise<Subject> {
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
    const plan: Plan = {
      echo: { rounds: 1, warmUp: 20, duration: 30 },
      idle: { rounds: 1, warmUp: 5, connections: 20 },
      startUp: { rounds: 1 },
    };
    const results = await runBenchmark(plan, {
      directory: dir,
      chainFile: `${dir}/localhost.pem`,
      ca,
      subjects: SUBJECTS,
    });

    for (const { subjects } of results.echo) {
      assertEquals(subjects.map((rounds) => rounds.length), [1, 1, 1]);
      for (const { messages, time } of subjects.flat()) {
        assert(messages > 0 && time > 0);
      }
    }
    assertEquals(results.idle.map((rounds) => rounds.length), [1, 1, 1]);
    assertEquals(results.startUp.map((rounds) => rounds.length), [1, 1, 1]);
    const about: Circumstances = {
      plan,
      subjects: SUBJECTS,
      processor: "",
      kernel: "",
      deno: "",
      date: "",
    };
    assertMatch(report(results, about), /^\| 64 KiB binary, 16 × 4/m);
  },
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
