import { assertEquals } from "@std/assert";
import type { EngineName } from "../../server.ts";
import { within } from "../../src/within.ts";
import { type PerEngine, test } from "../_engines.ts";
import {
  assertGreets,
  closePayload,
  encodeFrame,
  type FrameShape,
  joined,
  Opcode,
  RawPeer,
} from "../_raw_peer.ts";
import { ignore, inParallel, Target, type TargetRecord } from "./_attack.ts";

/**
 * How an attack ends: with the code of a close frame, or without one. The code
 * 1000 is the answer to the peer's own close frame, when nothing was wrong.
 */
type Outcome = number | "cut";

/** What a peer sends behind a text that says "before". */
interface Attack {
  name: string;
  frames: (FrameShape | Uint8Array)[];
  outcome: PerEngine<Outcome>;
  /** What is delivered after "before", as the engine that takes it does. */
  delivers?: Partial<PerEngine<string[]>>;
}

/** The strict engine names the fault, the built-in one hangs up. */
function named(code: number): PerEngine<Outcome> {
  return { deno: "cut", node: code };
}

/** Nothing is wrong with it. */
const FINE: PerEngine<Outcome> = { deno: 1000, node: 1000 };

const { Continuation, Text, Binary, Close, Ping, Pong } = Opcode;

const BITS: Attack[] = [1, 2, 3].flatMap((bit) =>
  [["text", Text], ["a ping", Ping], ["a close frame", Close]].map((
    [name, opcode],
  ): Attack => ({
    name: `bit RSV${bit} of ${name}`,
    frames: [{ opcode: 0x80 >> bit | opcode as number, payload: "" }],
    outcome: named(1002),
  }))
);

const OPCODES: Attack[] = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15].map((opcode) => ({
  name: `the reserved opcode ${opcode}`,
  frames: [{ opcode, payload: "x" }],
  outcome: named(1002),
}));

const CLOSE_CODES: Attack[] = [
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535],
].map((code) => ({
  name: `the close code ${code}`,
  frames: [{ opcode: Close, payload: closePayload(code) }],
  // The one fault that the runtime names.
  outcome: { deno: 1002, node: 1002 },
}));

/** Over fragments the runtime leaves it off, and delivers the rest. */
const CUT_OFF = [0xe2, 0x82];

const NO_UTF8: [name: string, bytes: number[]][] = [
  ["a byte that goes on with nothing", [0x80]],
  ["two bytes of which the second does not go on", [0xc3, 0x28]],
  ["three bytes that are cut off", CUT_OFF],
  ["a high surrogate", [0xed, 0xa0, 0x80]],
  ["a pair of surrogates", [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80]],
  ["two bytes for a slash", [0xc0, 0xaf]],
  ["three bytes for a slash", [0xe0, 0x80, 0xaf]],
  ["four bytes past U+10FFFF", [0xf4, 0x90, 0x80, 0x80]],
  ["the byte FF", [0xff]],
];

const TEXTS: Attack[] = NO_UTF8.flatMap(([name, bytes]): Attack[] => {
  const payload = Uint8Array.from(bytes);
  return [
    {
      name: `text of ${name}`,
      frames: [{ opcode: Text, payload }],
      outcome: named(1007),
    },
    {
      name: `text over fragments of ${name}`,
      frames: [
        { opcode: Text, payload: "good, and ", fin: false },
        { opcode: Continuation, payload: payload.subarray(0, 1), fin: false },
        { opcode: Continuation, payload: payload.subarray(1) },
      ],
      ...bytes === CUT_OFF
        ? {
          outcome: { deno: 1000, node: 1007 },
          delivers: { deno: ["good, and "] },
        }
        : { outcome: named(1007) },
    },
    {
      name: `a reason of ${name}`,
      frames: [{
        opcode: Close,
        payload: Uint8Array.of(...closePayload(1000), ...bytes),
      }],
      outcome: named(1007),
    },
  ];
});

const CONTROL: Attack[] = [
  {
    name: "a ping of 126 bytes",
    frames: [{ opcode: Ping, payload: "x".repeat(126) }],
    outcome: named(1002),
  },
  {
    name: "a pong of 65,536 bytes",
    frames: [{ opcode: Pong, payload: "x".repeat(65_536) }],
    // The runtime takes it.
    outcome: { deno: 1000, node: 1002 },
  },
  ...[["ping", Ping], ["pong", Pong], ["close frame", Close]].map((
    [name, opcode],
  ): Attack => ({
    name: `a ${name} in fragments`,
    frames: [{ opcode: opcode as number, fin: false }],
    outcome: named(1002),
  })),
  {
    name: "a close frame of one byte",
    frames: [{ opcode: Close, payload: Uint8Array.of(3) }],
    outcome: named(1002),
  },
  {
    name: "a reason of 124 bytes",
    frames: [{ opcode: Close, payload: closePayload(1000, "x".repeat(124)) }],
    // The runtime takes it.
    outcome: { deno: 1000, node: 1002 },
  },
  {
    name: "a reason of 123 bytes",
    frames: [{ opcode: Close, payload: closePayload(1000, "x".repeat(123)) }],
    outcome: FINE,
  },
];

const FRAGMENTS: Attack[] = [
  {
    name: "a continuation of nothing",
    frames: [{ opcode: Continuation, payload: "x" }],
    outcome: named(1002),
  },
  {
    name: "a continuation of a message that is complete",
    frames: [
      { opcode: Text, payload: "o", fin: false },
      { opcode: Continuation, payload: "ne" },
      { opcode: Continuation, payload: "more" },
    ],
    outcome: named(1002),
    delivers: { deno: ["one"], node: ["one"] },
  },
  ...[["text", Text], ["binary", Binary]].map(([name, opcode]): Attack => ({
    name: `a new ${name} message in a fragmented one`,
    frames: [
      { opcode: Text, payload: "o", fin: false },
      { opcode: opcode as number, payload: "new" },
    ],
    outcome: named(1002),
  })),
  {
    name: "text whose characters are split by fragments and pings",
    frames: [
      { opcode: Text, payload: Uint8Array.of(0xe2), fin: false },
      { opcode: Ping, payload: "now" },
      { opcode: Continuation, fin: false },
      { opcode: Continuation, payload: Uint8Array.of(0x82, 0xac) },
    ],
    outcome: FINE,
    delivers: { deno: ["€"], node: ["€"] },
  },
];

/** A header with a length field of the peer's choice, and a mask of zeroes. */
function longHead(first: number, ...length: number[]): Uint8Array {
  const field = length.length === 2 ? 126 : 127;
  return Uint8Array.of(first, 0x80 | field, ...length, 0, 0, 0, 0);
}

const LENGTHS: Attack[] = [
  {
    name: "a frame of 65 MiB",
    frames: [{ opcode: Binary, claims: 65 * 2 ** 20 }],
    outcome: named(1009),
  },
  {
    name: "a frame of 2^53 bytes",
    frames: [{ opcode: Binary, claims: 2 ** 53 }],
    outcome: named(1009),
  },
  {
    name: "a length whose top bit is set",
    frames: [longHead(0x82, 0x80, 0, 0, 0, 0, 0, 0, 1)],
    outcome: named(1009),
  },
  {
    name: "a length with all bits set",
    frames: [longHead(0x82, ...Array(8).fill(0xff))],
    outcome: named(1009),
  },
  {
    name: "five bytes with a length field of 16 bits",
    // Against RFC 6455, section 5.2; both take it, and no other reading is possible.
    frames: [longHead(0x81, 0, 5), Uint8Array.from([..."hello"], codeOf)],
    outcome: FINE,
    delivers: { deno: ["hello"], node: ["hello"] },
  },
  {
    name: "five bytes with a length field of 64 bits",
    frames: [
      longHead(0x81, 0, 0, 0, 0, 0, 0, 0, 5),
      Uint8Array.from([..."hello"], codeOf),
    ],
    outcome: FINE,
    delivers: { deno: ["hello"], node: ["hello"] },
  },
  {
    name: "a message of one byte too many",
    frames: [{ opcode: Binary, payload: new Uint8Array(2 ** 20 + 1) }],
    outcome: { deno: 1009, node: 1009 },
  },
  {
    name: "fragments that add up to one byte too many",
    frames: [
      { opcode: Binary, payload: new Uint8Array(2 ** 20), fin: false },
      { opcode: Continuation, payload: "x" },
    ],
    outcome: { deno: 1009, node: 1009 },
  },
];

function codeOf(character: string): number {
  return character.charCodeAt(0);
}

const MASKS: Attack[] = [
  {
    name: "an unmasked message",
    frames: [{ opcode: Text, payload: "bare", masked: false }],
    outcome: { deno: 1000, node: 1002 },
    delivers: { deno: ["bare"] },
  },
  {
    name: "an unmasked ping",
    frames: [{ opcode: Ping, payload: "bare", masked: false }],
    outcome: { deno: 1000, node: 1002 },
  },
  {
    name: "an unmasked close frame",
    frames: [{ opcode: Close, payload: closePayload(1000), masked: false }],
    outcome: { deno: 1000, node: 1002 },
  },
];

const ATTACKS: Attack[] = [
  ...BITS,
  ...OPCODES,
  ...CLOSE_CODES,
  ...TEXTS,
  ...CONTROL,
  ...FRAGMENTS,
  ...LENGTHS,
  ...MASKS,
];

/** Makes an attack, and tells how the server ended it. */
async function make(
  { frames }: Attack,
  url: string,
  expected: Outcome,
): Promise<Outcome | "held"> {
  using peer = await RawPeer.open(url);
  const bytes = [...BEFORE, ...frames].map((frame) =>
    frame instanceof Uint8Array ? frame : encodeFrame(frame, true)
  );
  if (expected === 1000 && !frames.some(isClose)) bytes.push(GOODBYE);
  let outcome: Outcome | "held" = "held";
  const reading = async () => {
    try {
      await peer.write(joined(bytes));
      outcome = (await peer.readClose()).code;
      await peer.ended();
    } catch {
      outcome = "cut";
    }
  };
  await within(reading(), 1500);
  return outcome;
}

const BEFORE: FrameShape[] = [{ opcode: Text, payload: "before" }];
const GOODBYE = encodeFrame(
  { opcode: Close, payload: closePayload(1000) },
  true,
);

function isClose(frame: FrameShape | Uint8Array): boolean {
  return !(frame instanceof Uint8Array) && frame.opcode === Close;
}

/** What the handler is to see of an attack. */
function expectedRecord(
  { outcome, delivers = {} }: Attack,
  engine: EngineName,
): TargetRecord {
  const texts = ["before", ...delivers[engine] ?? []];
  return {
    messages: texts.map((text) =>
      `t${new TextEncoder().encode(text).toBase64()}`
    ),
    code: codeFor(outcome[engine], engine),
  };
}

/** What `closed` says: the runtime's does so only where the peer answered. */
function codeFor(outcome: Outcome, engine: EngineName): number {
  const unknown = outcome === "cut" || outcome !== 1000 && engine === "deno";
  return unknown ? 1006 : outcome;
}

for (const port of ["plain", "secure"] as const) {
  test(
    `serve() withstands ${ATTACKS.length} kinds of frames on its ${port} port`,
    (engine) => makeAll(engine, port),
    { ignore },
  );
}

async function makeAll(
  engine: EngineName,
  port: "plain" | "secure",
): Promise<void> {
  await using target = await Target.start({
    engine,
    options: { closeTimeout: 500 },
  });
  await target.assertServes();
  const before = target.held;
  const outcomes: Record<string, Outcome | "held"> = {};
  const records: Record<string, TargetRecord> = {};
  await inParallel(ATTACKS.entries(), 8, async ([index, attack]) => {
    const url = `${target[port]}/record/${index}`;
    const outcome = attack.outcome[engine];
    outcomes[attack.name] = await make(attack, url, outcome);
    records[index] = expectedRecord(attack, engine);
    await assertGreets(target[port]);
  });
  assertEquals(
    outcomes,
    Object.fromEntries(
      ATTACKS.map(({ name, outcome }) => [name, outcome[engine]]),
    ),
  );
  await target.assertRecovers(before, { growth: 64, slack: 4 });
  const state = await target.settled();
  assertEquals(state.records, records);
  assertEquals(state.errors, []);
}
