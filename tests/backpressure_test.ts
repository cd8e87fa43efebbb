import { assert, assertEquals } from "@std/assert";
import { type Connection, serve } from "../server.ts";
import { devCertificates } from "./_certs.ts";
import { pair } from "./_pair.ts";
import { encodeFrame, Opcode, RawPeer } from "./_raw_peer.ts";

const SIZE = 8192;
const ROUND = 128;
const ROUNDS = 32;

/** What a slow peer is sent: more than the system and a connection hold. */
const LARGE = 70_000;
const MESSAGES = 300;

/** One round of numbered messages, as frames. */
function roundOf(first: number): Uint8Array {
  const frames = Array.from({ length: ROUND }, (_, index) => {
    const payload = new Uint8Array(SIZE);
    new DataView(payload.buffer).setUint32(0, first + index);
    return encodeFrame({ opcode: Opcode.Binary, payload }, true);
  });
  const round = new Uint8Array(ROUND * frames[0]!.length);
  for (const [at, frame] of frames.entries()) {
    round.set(frame, at * frame.length);
  }
  return round;
}

/** What a peer pours into a connection. */
class Pour {
  #rounds = 0;
  /** Resolves when all was taken. */
  readonly done: Promise<void>;

  constructor(peer: RawPeer) {
    this.done = this.#pour(peer);
  }

  async #pour(peer: RawPeer): Promise<void> {
    while (this.#rounds < ROUNDS) {
      await peer.write(roundOf(this.#rounds * ROUND));
      this.#rounds++;
    }
  }

  /** Waits until nothing more is taken for a while; whether that is not yet all. */
  async isStuck(): Promise<boolean> {
    await halted(() => this.#rounds);
    return this.#rounds < ROUNDS;
  }
}

/** Waits until a count stays as it is for a while. */
async function halted(count: () => number): Promise<void> {
  for (let before = -1; before !== count();) {
    before = count();
    await new Promise((next) => setTimeout(next, 200));
  }
}

const BYTES = { maxQueuedMessages: 999, maxQueuedBytes: 65_536 };

for (
  const [limit, tls, limits, waiting] of [
    ["maxQueuedMessages", false, {}, 16],
    ["maxQueuedMessages", true, {}, 16],
    ["maxQueuedBytes", false, BYTES, 8],
    ["maxQueuedBytes", true, BYTES, 8],
  ] as const
) {
  Deno.test(
    `Connection on the strict engine lets the peer wait at ${limit} ${
      tls ? "over TLS" : "over TCP"
    }, and loses nothing`,
    async () => {
      const { chain } = await devCertificates();
      const open = Promise.withResolvers<Connection>();
      await using server = await serve(
        {
          engine: "node",
          port: 0,
          ...(tls ? chain : {}),
          logger: {},
          pingInterval: 0,
          ...limits,
        },
        (ws) => {
          open.resolve(ws);
          return ws.closed;
        },
      );
      using peer = await RawPeer.open(server.url);
      const ws = await open.promise;
      const pour = new Pour(peer);
      assert(await pour.isStuck(), "the peer never had to wait");
      // What was in hand when the engine stopped reading is taken.
      const { pending } = ws;
      assert(pending >= waiting && pending < waiting + 32, `${pending} wait`);
      assert(ws.open);
      for (let number = 0; number < ROUND * ROUNDS; number++) {
        const message = await ws.receive() as Uint8Array<ArrayBuffer>;
        assertEquals(message.length, SIZE);
        assertEquals(new DataView(message.buffer).getUint32(0), number);
      }
      await pour.done;
      assertEquals([ws.pending, ws.open], [0, true]);
      ws.terminate();
    },
  );
}

Deno.test("Connection.close() on the strict engine finds the peer's close frame behind what waits", async () => {
  await using ends = await pair({ engine: "node", maxQueuedMessages: 2 });
  const { client, peer } = ends;
  for (let number = 0; number < 100; number++) await client.send(`${number}`);
  assertEquals(await peer.receive(), "0");
  const info = await peer.close(4000, "enough");
  assertEquals(info, { code: 4000, reason: "enough", wasClean: true });
  assertEquals(await client.closed, info);
});

Deno.test("Connection on the strict engine notices a peer that is gone while it has to wait", async () => {
  const open = Promise.withResolvers<Connection>();
  await using server = await serve(
    { engine: "node", port: 0, logger: {}, pingInterval: 50, pongTimeout: 400 },
    async (ws) => {
      open.resolve(ws);
      await ws.closed;
    },
  );
  const peer = await RawPeer.open(server.url);
  const ws = await open.promise;
  const pour = new Pour(peer);
  pour.done.catch(() => {}); // It is cut short.
  assert(await pour.isStuck());
  peer[Symbol.dispose]();
  let count = 0;
  const error = await (async () => {
    while (true) {
      await ws.receive();
      count++;
    }
  })().catch((error: unknown) => error);
  assertEquals((error as Error).name, "ConnectionClosedError");
  assert(count >= 16, `${count} messages`);
  assertEquals((await ws.closed).code, 1006);
});

for (const tls of [false, true]) {
  Deno.test(`Connection on the strict engine answers pings behind what a slow peer has yet to read ${tls ? "over TLS" : "over TCP"}, the latest of many`, async () => {
    const { chain } = await devCertificates();
    let sent = 0;
    await using server = await serve(
      { engine: "node", port: 0, logger: {}, ...(tls ? chain : {}) },
      async (ws) => {
        for (; sent < MESSAGES; sent++) await ws.send(new Uint8Array(LARGE));
        await ws.closed;
      },
    );
    using peer = await RawPeer.open(server.url);
    await halted(() => sent);
    assert(sent < MESSAGES, "the server never had to wait");
    const pings = Array.from({ length: 20 }, (_, at) => `ping ${at}`);
    for (const payload of pings) {
      await peer.send({ opcode: Opcode.Ping, payload });
    }
    // They have come before anything is read.
    await new Promise((resolve) => setTimeout(resolve, 100));
    const pongs: string[] = [];
    let bytes = 0;
    while (bytes < MESSAGES * LARGE || pongs.at(-1) !== pings.at(-1)) {
      const { opcode, payload } = await peer.readFrame();
      if (opcode === Opcode.Pong) pongs.push(new TextDecoder().decode(payload));
      else bytes += payload.length;
    }
    assertEquals([bytes, pongs], [
      MESSAGES * LARGE,
      [pings[0]!, pings.at(-1)!],
    ]);
  });
}
