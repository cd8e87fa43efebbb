import { assert, assertEquals } from "@std/assert";
import { misbehave } from "../src/testing/mod.ts";
import { devCertificates } from "./_certs.ts";
import { test } from "./_engines.ts";
import { assertGreets, handshake, RawPeer } from "./_raw_peer.ts";
import { Program } from "./programs/_program.ts";
import type { CutProgram } from "./programs/cut.ts";
import type { ExitsProgram } from "./programs/exits.ts";
import type { GivesUpProgram } from "./programs/gives_up.ts";
import type { Ending, ServerProgram, ServerState } from "./programs/server.ts";

/** What it resolves to, or "still there" after so many milliseconds. */
async function within<T>(
  promise: Promise<T>,
  timeout: number,
): Promise<T | "still there"> {
  const late = Promise.withResolvers<"still there">();
  const timer = setTimeout(() => late.resolve("still there"), timeout);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

for (
  const [closer, code] of [
    ["client", 1000],
    ["server", 1000],
    ["shutdown", 1001],
  ] as const
) {
  const who = closer === "shutdown" ? "its shutdown" : `the ${closer}`;
  test(`a program exits by itself after server and connection are closed by ${who}`, async (engine) => {
    const { dir } = await devCertificates();
    const options: ExitsProgram = {
      engine,
      chainFile: `${dir}/localhost.pem`,
      caFile: `${dir}/ca.pem`,
      closer,
    };
    await using program = new Program("exits", options);
    assertEquals(await program.next(), "Hello Ada!");
    assertEquals(await program.next(), code);
    assertEquals(await within(program.ended(), 3000), { code: 0, said: "" });
  });
}

test("a program exits by itself after a client was cut, within half of pingInterval and pongTimeout", async (engine) => {
  const { dir } = await devCertificates();
  const options: CutProgram = {
    engine,
    chainFile: `${dir}/localhost.pem`,
    pingInterval: 1000,
    pongTimeout: 1000,
  };
  await using program = new Program("cut", options);
  const url = await program.next<string>();
  {
    using _peer = await RawPeer.open(url);
  }
  assertEquals(await program.next(), 1006);
  // The runtime does not stop its timer for pings, and waits for it.
  assertEquals(await within(program.ended(), 3000), { code: 0, said: "" });
});

Deno.test("a program is kept by a peer that neither reads nor hangs up, though its connection has ended", async () => {
  await using server = await misbehave({ kind: "stuck" }, { tls: false });
  const options: GivesUpProgram = { url: server.url };
  await using program = new Program("gives_up", options);
  await server.requested();
  assertEquals(await program.next(), {
    code: 1006,
    reason: "",
    wasClean: false,
  });
  assertEquals(await within(program.ended(), 700), "still there");
  await server.cut();
  assertEquals(await within(program.ended(), 3000), { code: 0, said: "" });
});

/** What a server program holds: memory in MiB, connections, and open files. */
async function held(
  url: string,
): Promise<{ rss: number; connections: number; files: number }> {
  using peer = await RawPeer.dial(url);
  const { body } = await peer.ask(["GET / HTTP/1.1", "Host: localhost"]);
  const { pid, rss, connections }: ServerState = JSON.parse(body);
  const { stdout } = await new Deno.Command("ls", {
    args: [`/proc/${pid}/fd`],
  }).output();
  const files = new TextDecoder().decode(stdout).trim().split("\n").length;
  return { rss: rss / 2 ** 20, connections, files };
}

/** Two hundred clients that vanish before, in and after the opening handshake. */
async function comeAndGo(url: string): Promise<void> {
  const lines = handshake(new URL(url).host);
  for (let round = 0; round < 20; round++) {
    await Promise.all(Array.from({ length: 10 }, async (_, index) => {
      using peer = await RawPeer.dial(url, { tls: index > 2 });
      if (index > 4) await peer.write(`${lines.join("\r\n")}\r\n\r\n`);
      if (index > 6) await peer.readHead();
    }));
  }
}

/** Ten clients that take nothing of 50 MiB until they are given up. */
async function stall(url: string, program: Program): Promise<void> {
  const peers = await Promise.all(
    Array.from({ length: 10 }, () => RawPeer.open(url)),
  );
  for (const _peer of peers) {
    assertEquals((await program.next<Ending>()).code, 1006);
  }
  for (const peer of peers) peer[Symbol.dispose]();
}

test(
  "a server has its memory and its sockets back after clients that vanish or stall",
  async (engine) => {
    const { dir } = await devCertificates();
    const options: ServerProgram = {
      engine,
      act: "send",
      chainFile: `${dir}/localhost.pem`,
      limits: { pongTimeout: 300, pingInterval: 0 },
    };
    await using program = new Program("server", options);
    const url = await program.next<string>();
    // Until the garbage of the strict engine is collected for the first time.
    const rounds = { deno: 1, node: 3 }[engine];
    for (let round = 0; round < rounds; round++) await stall(url, program);
    const before = await held(url);
    await stall(url, program);
    await stall(url, program);
    await comeAndGo(url);
    let after = await held(url);
    const deadline = performance.now() + 3000;
    while (
      (after.files > before.files || after.connections > 0) &&
      performance.now() < deadline
    ) {
      await assertGreets(url);
      after = await held(url);
    }
    assertEquals(after.connections, 0);
    assert(after.files <= before.files, `${after.files} open files`);
    // V8 lets up to 64 MiB of what is outside of its heap become garbage.
    assert(after.rss - before.rss < 80, `${after.rss - before.rss} MiB`);
    // The open files of another process are in /proc.
  },
  { ignore: Deno.build.os !== "linux" },
);
