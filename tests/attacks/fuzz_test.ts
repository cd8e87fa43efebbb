import { assert, assertEquals } from "@std/assert";
import type { EngineName } from "../../server.ts";
import { within } from "../../src/within.ts";
import { type PerEngine, test } from "../_engines.ts";
import { handshake, joined } from "../_raw_peer.ts";
import {
  type Held,
  ignore,
  inParallel,
  Target,
  type TargetRecord,
} from "./_attack.ts";
import { decode, type Decoded } from "./_decoder.ts";
import { Dice, mutated } from "./_mutate.ts";

/** How many conversations are held; more where more is promised. */
const COUNT: PerEngine<number> = { deno: 5_000, node: 15_000 };

/** How many are held between two looks at what was delivered, and at once. */
const BATCH = 1000;
const WIDTH = 64;

const SEED = Number(
  Deno.env.get("WSS_FUZZ_SEED") ??
    crypto.getRandomValues(new Uint32Array(1))[0],
);

/** What a client saw of a conversation. */
interface Seen {
  decoded: Decoded;
  /** The code of the server's close frame; 0 if there was none. */
  code: number;
  bytes: Uint8Array;
}

test(
  `serve() delivers what a strict decoder does of ${
    COUNT.deno + COUNT.node
  } mutated conversations`,
  async (engine) => {
    console.log(`WSS_FUZZ_SEED=${SEED}`);
    await using target = await Target.start({
      engine,
      // Who broke the protocol has half of this to hang up.
      options: { closeTimeout: 200 },
    });
    let before: Held | undefined;
    for (let from = 0; from < COUNT[engine]; from += BATCH) {
      // By then the heap has the size that this takes.
      if (from > COUNT[engine] / 3) before ??= target.held;
      await fuzz(target, from, from + BATCH);
    }
    const growth = { deno: 96, node: 48 }[engine];
    await target.assertRecovers(before!, { growth, slack: 4 });
  },
  { ignore },
);

/** Holds some conversations, and looks at what the server made of them. */
async function fuzz(target: Target, from: number, to: number): Promise<void> {
  const seen = new Map<number, Seen>();
  const indices = Array.from({ length: to - from }, (_, at) => from + at);
  await inParallel(indices, WIDTH, async (index) => {
    seen.set(index, await converse(target, index));
  });
  const { records, errors } = await target.settled();
  assertEquals(errors, []);
  for (const [index, what] of seen) {
    const record = records[index];
    assert(record !== undefined, about(index, what, "no handler ran"));
    const fault = faultOf(target.engine, what, record);
    assert(fault === undefined, about(index, what, `${fault}`, record));
  }
}

function about(
  index: number,
  { bytes, decoded, code }: Seen,
  what: string,
  record?: TargetRecord,
): string {
  const facts = { decoded, code, record };
  return `WSS_FUZZ_SEED=${SEED}, conversation ${index}, ${what}: ${
    JSON.stringify(facts)
  } of ${bytes.slice(0, 600).toHex()}`;
}

/** What is wrong with what a server made of a conversation. */
function faultOf(
  engine: EngineName,
  { decoded, code }: Seen,
  record: TargetRecord,
): string | undefined {
  const { messages, codes } = decoded;
  const delivered = record.messages.length;
  if (
    delivered > messages.length ||
    record.messages.some((message, at) => message !== messages[at])
  ) {
    return "a message was delivered that was not sent";
  }
  // The built-in engine may hang up, of whatever it takes for a fault.
  if (engine === "deno") return undefined;
  if (delivered < messages.length) return "a message was not delivered";
  if (!codes.includes(code)) return "another code was sent";
  const noted = codes.map((code) => code === 0 ? 1006 : code);
  return noted.includes(record.code)
    ? undefined
    : "the handler saw another code";
}

/** Holds a conversation to its end. */
async function converse(target: Target, index: number): Promise<Seen> {
  const dice = new Dice(Math.imul(SEED, 0x9e3779b1) + index);
  const parts = mutated(dice);
  const bytes = joined(parts);
  const decoded = decode(bytes, {
    limit: 2 ** 20,
    lax: target.engine === "deno",
  });
  const { hostname, port } = new URL(target.plain);
  const conn = await Deno.connect({ hostname, port: Number(port) });
  conn.setNoDelay(true);
  try {
    const head = `${
      handshake("localhost", `/record/${index}`).join("\r\n")
    }\r\n\r\n`;
    let said: Uint8Array | undefined;
    const talk = async () => {
      // Now and then the first part does not wait for the answer.
      const hurry = dice.roll(4) === 0 ? parts.shift()! : new Uint8Array();
      await write(conn, joined([new TextEncoder().encode(head), hurry]));
      const answer = await readAnswer(conn);
      try {
        for (const part of parts) await write(conn, part);
        await conn.closeWrite();
      } catch {
        // The server has hung up, which is its right.
      }
      said = await readRest(conn, answer);
    };
    assert(await within(talk(), 10_000), `conversation ${index} does not end`);
    return { decoded, code: closeCodeOf(said!), bytes };
  } finally {
    conn.close();
  }
}

async function write(conn: Deno.Conn, bytes: Uint8Array): Promise<void> {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(await conn.write(rest));
}

/** Reads the answer to the handshake, and returns what came behind it. */
async function readAnswer(conn: Deno.Conn): Promise<Uint8Array> {
  let all: Uint8Array = new Uint8Array();
  while (true) {
    const chunk = new Uint8Array(4096);
    const count = await conn.read(chunk);
    assert(count !== null, "the handshake was not answered");
    all = joined([all, chunk.subarray(0, count)]);
    const end = new TextDecoder("latin1").decode(all).indexOf("\r\n\r\n");
    if (end >= 0) return all.subarray(end + 4);
  }
}

async function readRest(
  conn: Deno.Conn,
  first: Uint8Array,
): Promise<Uint8Array> {
  const chunks = [first];
  const chunk = new Uint8Array(16_384);
  try {
    while (true) {
      const count = await conn.read(chunk);
      if (count === null) break;
      chunks.push(chunk.slice(0, count));
    }
  } catch {
    // It was a reset.
  }
  return joined(chunks);
}

/** The code of the close frame among the pongs of a server; 0 if there is none. */
function closeCodeOf(frames: Uint8Array): number {
  let rest = frames;
  while (rest.length >= 2) {
    const length = rest[1]!;
    if (rest[0] === 0x88) {
      return length < 2 ? 1005 : rest[2]! * 256 + rest[3]!;
    }
    rest = rest.subarray(2 + length);
  }
  return 0;
}
