import { assert, assertEquals } from "@std/assert";
import { within } from "../../src/within.ts";
import { type PerEngine, test } from "../_engines.ts";
import { closePayload, handshake, Opcode, RawPeer } from "../_raw_peer.ts";
import { ignore, Target } from "./_attack.ts";

/** What becomes of a client in the time that it has. */
type Outcome = "held" | "cut" | "408";

/** A client that takes its time, or says what is not spoken there. */
interface Attack {
  name: string;
  port: "plain" | "secure";
  /** Whether TLS is spoken, if not as the port says. */
  tls?: boolean;
  /** What is written at first. */
  bytes?: Uint8Array | string;
  /** What is written byte by byte, one in 50 ms. */
  drip?: string;
  outcome: PerEngine<Outcome>;
}

const OPEN_TIMEOUT = 500;
const HEAD = `${handshake("localhost").join("\r\n")}\r\n`;
const NOISE = Uint8Array.from({ length: 4096 }, (_, at) => at * 167 + 3);
const HALF_HELLO = Uint8Array.of(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3);

/** The runtime has no such deadlines. */
function late(node: Outcome): PerEngine<Outcome> {
  return { deno: "held", node };
}

const CUT: PerEngine<Outcome> = { deno: "cut", node: "cut" };

const ATTACKS: Attack[] = [
  { name: "nothing", port: "plain", outcome: late("408") },
  {
    name: "nothing, not even TLS",
    port: "secure",
    tls: false,
    outcome: late("cut"),
  },
  { name: "nothing after TLS", port: "secure", outcome: late("408") },
  {
    name: "half a hello of TLS",
    port: "secure",
    tls: false,
    bytes: HALF_HELLO,
    outcome: late("cut"),
  },
  {
    name: "half a hello of TLS, byte by byte",
    port: "secure",
    tls: false,
    drip: "\x16\x03\x01\x02".padEnd(500, "\x01"),
    outcome: late("cut"),
  },
  { name: "half a head", port: "plain", bytes: HEAD, outcome: late("408") },
  {
    name: "half a head after TLS",
    port: "secure",
    bytes: HEAD,
    outcome: late("408"),
  },
  {
    name: "a head byte by byte",
    port: "plain",
    drip: HEAD,
    outcome: late("408"),
  },
  {
    name: "a head byte by byte after TLS",
    port: "secure",
    drip: HEAD,
    outcome: late("408"),
  },
  {
    name: "a second head that is half",
    port: "plain",
    bytes: `GET /state HTTP/1.1\r\nHost: localhost\r\n\r\n${HEAD}`,
    outcome: late("cut"),
  },
  {
    name: "plain HTTP to the port with TLS",
    port: "secure",
    tls: false,
    bytes: `${HEAD}\r\n`,
    outcome: CUT,
  },
  {
    name: "noise to the port with TLS",
    port: "secure",
    tls: false,
    bytes: NOISE,
    outcome: CUT,
  },
];

/** Makes an attack, and tells what came of it. */
async function make(
  { port, tls, bytes = "", drip = "" }: Attack,
  target: Target,
): Promise<Outcome> {
  using peer = await RawPeer.dial(
    target[port],
    tls === undefined ? {} : { tls },
  );
  await peer.write(bytes);
  let sent = 0;
  const timer = setInterval(() => {
    if (sent < drip.length) peer.write(drip[sent++]!).catch(() => {});
  }, 50);
  try {
    let rest = "";
    const reading = peer.rest().then((bytes) => {
      rest = new TextDecoder().decode(bytes);
    });
    if (!await within(reading, 3 * OPEN_TIMEOUT)) return "held";
    return rest.startsWith("HTTP/1.1 408") ? "408" : "cut";
  } finally {
    clearInterval(timer);
  }
}

test(`serve() withstands clients that take their time`, async (engine) => {
  const options = { openTimeout: OPEN_TIMEOUT };
  await using target = await Target.start({ engine, options });
  await target.assertServes();
  const before = target.held;
  const outcomes: Record<string, Outcome> = {};
  await Promise.all(ATTACKS.map(async (attack) => {
    outcomes[attack.name] = await make(attack, target);
    await target.assertServes();
  }));
  assertEquals(
    outcomes,
    Object.fromEntries(
      ATTACKS.map(({ name, outcome }) => [name, outcome[engine]]),
    ),
  );
  const { errors } = await target.settled();
  assertEquals(errors, []);
  await target.assertRecovers(before, { growth: 32, slack: 4 });
}, { ignore });

test(
  "serve() lets go of clients that leave while authorize decides",
  async (engine) => {
    await using target = await Target.start({ engine });
    await target.assertServes();
    const before = target.held;
    const lines = handshake("localhost", "/decide").join("\r\n");
    for (const url of [target.plain, target.secure]) {
      const peers = await Promise.all(
        Array.from({ length: 20 }, () => RawPeer.dial(url)),
      );
      await Promise.all(peers.map((peer) => peer.write(`${lines}\r\n\r\n`)));
      await target.assertServes();
      for (const peer of peers) peer[Symbol.dispose]();
    }
    await target.assertRecovers(before, { growth: 32, slack: 4 });
    assertEquals((await target.settled()).left, 40);
  },
  { ignore },
);

test(
  "serve() gives clients up that answer neither pings nor close frames, nor read",
  async (engine) => {
    const options = { pingInterval: 400, pongTimeout: 400, closeTimeout: 400 };
    await using target = await Target.start({ engine, options });
    await target.assertServes();
    const before = target.held;
    const peers: RawPeer[] = [];
    for (const url of [target.plain, target.secure]) {
      for (const act of ["hold", "leave", "pour"]) {
        const peer = await RawPeer.open(`${url}/${act}`);
        peers.push(peer);
        if (act === "leave") await peer.readClose();
      }
    }
    await target.settled();
    // The built-in engine cannot cut a socket: it lets go when the peer does.
    if (engine === "deno") { for (const peer of peers) peer[Symbol.dispose](); }
    await target.assertRecovers(before, { growth: 64, slack: 4 });
    for (const peer of peers) peer[Symbol.dispose]();
  },
  { ignore },
);

test(
  "serve() cuts a client that does not hang up after the closing handshake",
  async (engine) => {
    const options = { closeTimeout: 400 };
    await using target = await Target.start({ engine, options });
    for (const url of [target.plain, target.secure]) {
      for (const act of ["hold", "leave"]) {
        using peer = await RawPeer.open(`${url}/${act}`);
        const payload = closePayload(1000);
        await peer.send({ opcode: Opcode.Close, payload });
        assert(await within(peer.ended(), 2000), `${url}/${act}`);
      }
    }
    await target.settled();
  },
  { ignore },
);
