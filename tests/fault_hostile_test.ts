import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  type CommonServeOptions,
  connect,
  HandshakeError,
  serve,
  TlsError,
  Topics,
} from "../mod.ts";
import { misbehave } from "../src/testing/mod.ts";
import { devCertificates } from "./_certs.ts";
import { test } from "./_engines.ts";
import { exhaust } from "./_exhaust.ts";
import { connectTls, pair, serveTls } from "./_pair.ts";
import { assertGreets, handshake, orGreet, RawPeer } from "./_raw_peer.ts";
import { Program } from "./programs/_program.ts";

const silent: CommonServeOptions = { port: 0, logger: {} };

/** What a server answers to a handshake whose lines were changed. */
async function ask(
  url: string,
  change: (lines: string[]) => string[],
): Promise<number> {
  using peer = await RawPeer.dial(url);
  const lines = handshake(new URL(url).host, "/public");
  return (await peer.ask(change(lines))).status;
}

function withHeader(
  name: string,
  value: string,
): (lines: string[]) => string[] {
  return (lines) => [
    ...lines.filter((line) =>
      !line.toLowerCase().startsWith(`${name.toLowerCase()}:`)
    ),
    `${name}: ${value}`,
  ];
}

test("serve() takes no Host that would move the path", async (engine) => {
  const urls: string[] = [];
  await using server = await serve(
    { engine, ...silent },
    (ws) => void urls.push(ws.url),
  );
  for (const host of ["", "x/admin?", "x#", "user@x", "a b", "x\\y"]) {
    assertEquals(
      await ask(server.url, withHeader("Host", host)),
      400,
      JSON.stringify(host),
    );
  }
  assertEquals(urls, []);
});

test("serve() that is plain and local lets no page in by a name that points at this machine", async (engine) => {
  await using server = await serve({ engine, ...silent }, () => {});
  const { port } = new URL(server.url);
  const page = (host: string) => (lines: string[]) =>
    withHeader("Origin", `http://${host}:${port}`)(
      withHeader("Host", `${host}:${port}`)(lines),
    );
  assertEquals(await ask(server.url, page("evil.example")), 403);
  for (const host of ["localhost", "127.0.0.1", "[::1]"]) {
    assertEquals(await ask(server.url, page(host)), 101, host);
  }
});

test("serve() answers a token with a foreign space in it, and writes nothing to standard error", async (engine) => {
  const errors: unknown[] = [];
  await using server = await serve({
    engine,
    ...silent,
    onError: (error) => errors.push(error),
  }, () => {});
  for (
    const [name, value] of [["Upgrade", "websocket\xa0"], [
      "Connection",
      "upgrade\xa0",
    ]] as const
  ) {
    const status = await ask(server.url, withHeader(name, value));
    assert(status === 400 || status === 426, `${status}`);
  }
  assertEquals(errors, []);
});

test("serve() lives on when its logger, its onError and its handler all throw", async (engine) => {
  const fail = () => {
    throw new Error("no log");
  };
  const logger = { debug: fail, info: fail, warn: fail, error: fail };
  const onErrors = [
    undefined,
    fail,
    (async () => {
      await Promise.resolve();
      fail();
    }) as () => void,
  ];
  for (const onError of onErrors) {
    await using server = await serveTls(
      { engine, logger, onError },
      orGreet((ws) => {
        if (ws.url.endsWith("/null")) throw null;
        throw new Error("the handler's own");
      }),
    );
    for (const path of ["", "/null"]) {
      const ws = await connectTls(server, {}, path);
      assertEquals((await ws.closed).code, 1011);
    }
    await assertGreets(server.url);
  }
});

Deno.test("Topics.publish() reaches the others though one subscriber fails", () => {
  const topics = new Topics();
  let heard = 0;
  topics.add("news", {
    send() {
      throw new Error("broken");
    },
  });
  topics.add("news", { send: () => Promise.reject(new Error("gone")) });
  topics.add("news", { send: () => Promise.resolve(void heard++) });
  assertEquals(topics.publish("news", "x"), 2);
  assertEquals(heard, 1);
});

// What the strict engine does then, tests/attacks has.
Deno.test("serve() listens anew after the file descriptors ran out", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const { dir, ca } = await devCertificates();
  const options = { engine: "deno", chainFile: `${dir}/localhost.pem` };
  await using program = new Program("stops", options, { files: 100 });
  const url = await program.next<string>();
  const early = await connect(url, { caCerts: [ca] });
  await exhaust(url);
  // It pauses before it listens anew; until then nobody answers.
  const deadline = performance.now() + 10_000;
  while (true) {
    try {
      await using ws = await connect(`${url}/greet`, {
        caCerts: [ca],
        openTimeout: 2000,
      });
      await ws.send("Ada");
      assertEquals(await ws.receive(), "Hello Ada!");
      break;
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
  // Who was there before was not disturbed, and it stops as it should.
  await early.send("Grace");
  assertEquals(await early.receive(), "Hello Grace!");
  program.stop();
  assert(await program.next<number>() > 0, "the failure was reported");
  const { code, said } = await program.ended();
  assertEquals([code, said], [0, ""]);
});

Deno.test("connect() refuses a subprotocol that it did not offer", async () => {
  for (
    const [offered, chosen] of [[[], "evil"], [["a"], "b"], [
      ["a", "b"],
      "a, b",
    ]] as const
  ) {
    await using liar = await misbehave(
      { kind: "wrong-protocol", protocol: chosen },
      { tls: false },
    );
    await assertRejects(
      () => connect(liar.url, { protocols: offered }),
      HandshakeError,
      "subprotocol",
    );
  }
});

test("connect() and serve() show nothing of a broken key or certificate", async (engine) => {
  const { chain } = await devCertificates();
  const broken = `${chain.cert}${chain.key}`.replaceAll("\n", "\\n");
  const body = chain.key.split("\n")[1]!;
  for (
    const attempt of [
      () => connect("wss://localhost:1", { caCerts: [broken] }),
      () => connect("wss://localhost:1", { cert: broken, key: broken }),
      () => serve({ engine, ...silent, cert: broken, key: broken }, () => {}),
    ]
  ) {
    const error = await assertRejects(attempt, TlsError);
    assert(["malformed-pem", "no-certificate"].includes(error.reason));
    assert(!Deno.inspect(error).includes(body.slice(0, 16)));
  }
});

test("Connection.writable tells a pipe that the connection ended before it was done", async (engine) => {
  await using ends = await pair({ engine });
  const { client, peer } = ends;
  // Both ends share one event loop, which the source has to leave room in.
  const endless = new ReadableStream<string>({
    async pull(controller) {
      await new Promise((next) => setTimeout(next));
      controller.enqueue("x".repeat(1000));
    },
  });
  const piping = endless.pipeTo(client.writable);
  await peer.receive();
  peer.close(4000, "enough");
  const error = await assertRejects(() => piping, Error);
  // 4000, or 1006 where the runtime drops a peer that goes on sending.
  assertStringIncludes(error.message, "the connection ended with code");
  await using others = await pair({ engine });
  const writer = others.client.writable.getWriter();
  others.peer.terminate();
  await assertRejects(() => writer.closed, Error, "ended with code");
});

test("Connection.send() rejects, and does not throw, for bytes that are shared", async (engine) => {
  await using ends = await pair({ engine });
  const shared = new Uint8Array(new SharedArrayBuffer(4));
  await assertRejects(() => ends.client.send(shared), TypeError);
  await ends.client.send("still open");
  assertEquals(await ends.peer.receive(), "still open");
});
