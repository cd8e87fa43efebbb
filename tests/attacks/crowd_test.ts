import { assert, assertEquals } from "@std/assert";
import { within } from "../../src/within.ts";
import { test } from "../_engines.ts";
import { exhaust } from "../_exhaust.ts";
import {
  assertGreets,
  closePayload,
  encodeFrame,
  handshake,
  Opcode,
  RawPeer,
} from "../_raw_peer.ts";
import { ignore, inParallel, Target } from "./_attack.ts";

/** How many connections come and go. */
const CROWD = 5000;

/** Where a client drops its connection. */
const STAGES: ((url: string) => Promise<void>)[] = [
  async (url) => {
    using _peer = await RawPeer.dial(url, { tls: false });
  },
  async (url) => {
    using peer = await RawPeer.dial(url);
    await peer.write(handshake("localhost").slice(0, 3).join("\r\n"));
  },
  async (url) => {
    using peer = await RawPeer.dial(url);
    await peer.ask([...handshake("localhost"), "Origin: https://evil.example"]);
  },
  async (url) => {
    using _peer = await RawPeer.open(url);
  },
  async (url) => {
    using peer = await RawPeer.open(url);
    const half = { opcode: Opcode.Text, payload: "x", claims: 100 };
    await peer.write(encodeFrame(half, true));
  },
  async (url) => {
    using peer = await RawPeer.open(url);
    const payload = closePayload(1000);
    await peer.send({ opcode: Opcode.Close, payload });
    await peer.readClose();
  },
];

test(
  `serve() has all back after ${CROWD} connections that were dropped`,
  async (engine) => {
    await using target = await Target.start({ engine });
    const visit = async (count: number) => {
      const visits = Array.from({ length: count }, (_, at) => at);
      await inParallel(visits, 16, async (at) => {
        // Every tenth is over TLS, which takes both sides longer.
        const url = at % 10 === 0 ? target.secure : target.plain;
        await STAGES[at % STAGES.length]!(url);
      });
    };
    await visit(CROWD / 5);
    await target.settled();
    const before = target.held;
    await visit(CROWD * 4 / 5);
    const { errors } = await target.settled();
    assertEquals(errors, []);
    await target.assertRecovers(before, { growth: 96, slack: 4 });
  },
  { ignore },
);

/** What a server answers to a handshake, and the connection if it lets it in. */
async function knock(
  url: string,
  ...lines: string[]
): Promise<{ status: number; after: string | null; peer: RawPeer }> {
  const peer = await RawPeer.dial(url);
  const answer = await peer.ask([...handshake("localhost", "/hold"), ...lines]);
  const after = answer.headers.get("retry-after");
  return { status: answer.status, after, peer };
}

test(
  "serve() lets maxConnections in, and tells the next when to come again",
  async (engine) => {
    const options = { maxConnections: 3 };
    await using target = await Target.start({ engine, options });
    for (const url of [target.plain, target.secure]) {
      const guests = [await knock(url), await knock(url), await knock(url)];
      assertEquals(guests.map(({ status }) => status), [101, 101, 101]);
      for (let turn = 0; turn < 20; turn++) {
        const { status, after, peer } = await knock(url);
        using _peer = peer;
        assertEquals([status, after], [503, "10"]);
      }
      guests[0]!.peer[Symbol.dispose]();
      await serves(url);
      for (const { peer } of guests) peer[Symbol.dispose]();
      await target.settled();
    }
  },
  { ignore },
);

/** Waits until a server that was full has room for a new client. */
async function serves(url: string): Promise<void> {
  const deadline = performance.now() + 3000;
  while (true) {
    const { status, peer } = await knock(url);
    peer[Symbol.dispose]();
    if (status === 101) return;
    assert(performance.now() < deadline, `${status}`);
  }
}

test(
  "serve() lets maxConnectionsPerIp in of each address, as trusted proxies tell it",
  async (engine) => {
    const options = {
      maxConnectionsPerIp: 2,
      trustProxy: ["127.0.0.1", "::1"],
    };
    await using target = await Target.start({ engine, options });
    const guests: Record<string, number[]> = {};
    const peers: RawPeer[] = [];
    for (
      const address of [
        ...["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2"],
        // One network of 64 bits is one customer.
        ...["2001:db8:1:2::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2:ffff::"],
        "2001:db8:1:3::1",
        // The same as the first, written for IPv6.
        "::ffff:192.0.2.1",
      ]
    ) {
      const line = `X-Forwarded-For: ${address}`;
      const { status, peer } = await knock(target.plain, line);
      (guests[address] ??= []).push(status);
      peers.push(peer);
    }
    assertEquals(guests, {
      "192.0.2.1": [101, 101, 429],
      "192.0.2.2": [101],
      "2001:db8:1:2::1": [101],
      "2001:db8:1:2:3:4:5:6": [101],
      "2001:db8:1:2:ffff::": [429],
      "2001:db8:1:3::1": [101],
      "::ffff:192.0.2.1": [429],
    });
    for (const peer of peers) peer[Symbol.dispose]();
    await target.settled();
    await target.assertServes();
  },
  { ignore },
);

test(
  "serve() believes no client about its address, and counts those of one",
  async (engine) => {
    const options = { maxConnectionsPerIp: 2 };
    await using target = await Target.start({ engine, options });
    const statuses: number[] = [];
    const peers: RawPeer[] = [];
    for (const address of ["192.0.2.1", "192.0.2.2", "192.0.2.3"]) {
      const line = `X-Forwarded-For: ${address}`;
      const { status, peer } = await knock(target.secure, line);
      statuses.push(status);
      peers.push(peer);
    }
    assertEquals(statuses, [101, 101, 429]);
    for (const peer of peers) peer[Symbol.dispose]();
    await target.settled();
    await target.assertServes();
  },
  { ignore },
);

test(
  "serve() closes with 1008 past maxMessagesPerSecond, and lets the others be",
  async (engine) => {
    const options = {
      maxMessagesPerSecond: 1,
      maxMessageBurst: 20,
      closeTimeout: 500,
    };
    await using target = await Target.start({ engine, options });
    for (const url of [target.plain, target.secure]) {
      using peer = await RawPeer.open(`${url}/record/${new URL(url).protocol}`);
      // No more: the built-in engine may cut who sends behind its close frame.
      for (let at = 0; at < 21; at++) {
        await peer.send({ opcode: Opcode.Text, payload: "x" });
      }
      assertEquals((await peer.readClose()).code, 1008);
      await assertGreets(url);
    }
    const { records } = await target.settled();
    for (const { messages } of Object.values(records)) {
      assertEquals(messages.length, 20);
    }
  },
  { ignore },
);

test(
  "serve() serves again after every file descriptor was taken",
  async (engine) => {
    await using target = await Target.start({ engine, files: 100 });
    await target.assertServes();
    const before = target.held;
    await exhaust(target.secure);
    const began = performance.now();
    while (!await greets(target)) {
      assert(performance.now() - began < 15_000, "it does not serve again");
    }
    console.log(`${engine}: ${Math.round(performance.now() - began)} ms deaf`);
    await target.assertRecovers(before, { growth: 64, slack: 6 });
  },
  { ignore },
);

async function greets(target: Target): Promise<boolean> {
  try {
    return await within(target.assertServes(), 6000);
  } catch {
    return false;
  }
}
