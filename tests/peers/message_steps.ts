/**
 * What must hold of messages between this module and any peer.
 *
 * @module
 */

import { assert, assertEquals, assertRejects } from "@std/assert";
import type { Message } from "../../src/channel.ts";
import { type Connection, ConnectionClosedError } from "../../server.ts";
import { connectPeer, type Meeting, open, type Pair } from "./pair.ts";
import type { Step } from "./suite.ts";

const MIB = 1 << 20;
const encoder = new TextEncoder();

const MESSAGES: [name: string, message: Message][] = [
  ["text", "Hello"],
  ["binary", Uint8Array.from({ length: 256 }, (_, index) => index)],
  ["empty text", ""],
  ["empty binary", new Uint8Array()],
  ["non-ASCII text", "\uFEFFGrüße, 你好, नमस्ते, 🔐\0\u2028\u{10FFFF}"],
];

/** Bytes in which a shift or a swap would show. */
function bytes(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    { length },
    (_, index) => (index * 31 + (index >> 8)) & 255,
  );
}

/** Text of so many bytes in UTF-8, half of its characters of two bytes. */
function text(length: number): string {
  return "xé".repeat(length / 3).padEnd(length - Math.floor(length / 3), "x");
}

/** Quicker than a deep comparison, and it does not print a megabyte. */
function assertSame(actual: Message, expected: Message): void {
  assertEquals(typeof actual, typeof expected);
  assertEquals(actual.length, expected.length);
  const same = typeof expected === "string"
    ? actual === expected
    : expected.every((byte, index) => actual[index] === byte);
  assert(same, "The message has changed on its way");
}

async function assertPasses(pair: Pair, message: Message): Promise<void> {
  const { ours, theirs } = pair;
  await ours.send(message);
  assertSame(await theirs.receive(), message);
  await theirs.send(message);
  assertSame(await ours.receive(), message);
}

async function assertLargePasses(
  { side }: Meeting,
  { ours, theirs }: Pair,
  message: Message,
): Promise<void> {
  await ours.send(message);
  // The runtime's client at times keeps the end of a large message in its TLS
  // buffer until something else is written.
  let behind = 0;
  const nudge = side === "serve()" ? undefined : setInterval(() => {
    behind++;
    ours.send("behind");
  }, 250);
  try {
    assertSame(await theirs.receive(), message);
  } finally {
    clearInterval(nudge);
  }
  for (; behind > 0; behind--) assertEquals(await theirs.receive(), "behind");
  await theirs.send(message);
  assertSame(await ours.receive(), message);
}

async function assertTooBig(meeting: Meeting, message: Message): Promise<void> {
  await using pair = await open(meeting);
  const { ours, theirs } = pair;
  const receiving = assertRejects(() => ours.receive(), ConnectionClosedError);
  await theirs.send(message);

  // The strict engine ends a message while it arrives, and says no reason.
  const strict = meeting.engine === "node";
  const reason = strict ? "" : `message over ${MIB} bytes (maxMessageSize)`;
  const end = await theirs.ended();
  const { code } = await receiving;
  assertEquals(code, 1009);
  const wasClean = !strict;
  assertEquals(await ours.closed, { code: 1009, reason, wasClean });
  // The client of the runtime can only send codes of its own range.
  const onWire = meeting.side === "serve()" || strict ? 1009 : 4009;
  assertEquals(end, { code: onWire, reason, clean: true });
}

async function sendInPieces(
  { theirs }: Pair,
  kind: "text" | "binary",
  pieces: Uint8Array[],
): Promise<void> {
  for (const [index, piece] of pieces.entries()) {
    await theirs.fragment(kind, piece, index === pieces.length - 1);
  }
}

async function assertNothingElse(
  ours: Connection,
  { theirs }: Pair,
): Promise<void> {
  await theirs.send("next");
  assertEquals(await ours.receive(), "next");
  assertEquals(ours.pending, 0);
}

/** The steps about messages. */
export const messageSteps: Step[] = [
  ...MESSAGES.map(([name, message]): Step => ({
    name: `${name} passes both ways`,
    async run(meeting) {
      await using pair = await open(meeting);
      await assertPasses(pair, message);
    },
  })),
  {
    name: "messages keep their order and their kind",
    async run(meeting) {
      await using pair = await open(meeting);
      const { ours, theirs } = pair;
      const sent = Array.from(
        { length: 40 },
        (_, index): Message =>
          index % 2 === 0 ? `${index}` : new Uint8Array(index),
      );

      for (const message of sent) ours.send(message);
      for (const message of sent) assertSame(await theirs.receive(), message);
      for (const message of sent) await theirs.send(message);
      for (const message of sent) assertSame(await ours.receive(), message);
    },
  },
  {
    name: "1 MiB passes both ways by default",
    async run(meeting) {
      assertEquals(encoder.encode(text(MIB)).length, MIB);
      await using pair = await open(meeting);
      await assertLargePasses(meeting, pair, text(MIB));
      await assertLargePasses(meeting, pair, bytes(MIB));
    },
  },
  {
    name: "binary of 1 MiB and a byte ends the connection with 1009",
    run: (meeting) => assertTooBig(meeting, bytes(MIB + 1)),
  },
  {
    name: "text of 1 MiB and a byte ends the connection with 1009",
    run: (meeting) => assertTooBig(meeting, text(MIB + 1)),
  },
  {
    name: "4 MiB passes both ways with a larger maxMessageSize",
    async run(meeting) {
      const limits = { maxMessageSize: 4 * MIB };
      await using pair = await open(meeting, { limits });
      await assertLargePasses(meeting, pair, text(4 * MIB));
      await assertLargePasses(meeting, pair, bytes(4 * MIB));
    },
  },
  {
    name: "text in fragments is one message, even with a character cut in two",
    async run(meeting) {
      await using pair = await open(meeting);
      const whole = encoder.encode("Grüße, 🔐");
      const cuts = [0, 3, 8, 10, whole.length, whole.length];
      const pieces = cuts.map((cut, index) =>
        whole.subarray(cuts[index - 1] ?? 0, cut)
      );

      await sendInPieces(pair, "text", pieces);
      assertEquals(await pair.ours.receive(), "Grüße, 🔐");
      await assertNothingElse(pair.ours, pair);
    },
  },
  {
    name: "binary in fragments is one message",
    async run(meeting) {
      await using pair = await open(meeting);
      const whole = bytes(100_000);
      const pieces = [
        whole.subarray(0, 1),
        whole.subarray(1, 70_000),
        whole.subarray(70_000),
      ];

      await sendInPieces(pair, "binary", pieces);
      assertSame(await pair.ours.receive(), whole);
      await assertNothingElse(pair.ours, pair);
    },
  },
  {
    name: "a ping is answered with its payload, and is no message",
    async run(meeting) {
      await using pair = await open(meeting);
      for (const payload of ["", "Are you there?", "x".repeat(125)]) {
        await pair.theirs.ping(encoder.encode(payload));
      }
      await assertNothingElse(pair.ours, pair);
    },
  },
  {
    name: "a ping between fragments is answered before the message is whole",
    async run(meeting) {
      await using pair = await open(meeting);
      await pair.theirs.fragment("text", encoder.encode("Hel"), false);
      await pair.theirs.ping(encoder.encode("between"));
      await pair.theirs.fragment("text", encoder.encode("lo"), true);
      assertEquals(await pair.ours.receive(), "Hello");
      await assertNothingElse(pair.ours, pair);
    },
  },
  {
    name: "it answers the pings of serve(), which then goes on",
    side: "serve()",
    async run(meeting) {
      await using stack = new AsyncDisposableStack();
      const patience = { pingInterval: 400, pongTimeout: 400 };
      const theirs = await connectPeer(
        stack,
        meeting,
        patience,
        (ws) => ws.closed,
      );
      await theirs.pinged();
      await theirs.pinged();
    },
  },
];
