import { assertEquals } from "@std/assert";
import type { EngineName } from "../../server.ts";
import { test } from "../_engines.ts";
import { assertGreets, handshake, RawPeer } from "../_raw_peer.ts";
import { within } from "../../src/within.ts";
import { ignore, inParallel, Target } from "./_attack.ts";

/**
 * What comes of a request: the statuses that are answered, and the code of the
 * close frame behind a 101; "cut" where the server hangs up instead.
 */
type Outcome = string;

/** A request that is not as it should be. */
interface Attack {
  name: string;
  /** What is written, a byte a character. */
  bytes: string;
  /** How many answers are read. */
  answers?: number;
  /** Whether a frame is read behind the answers. */
  frame?: boolean;
  deno: Outcome;
  node: Outcome;
}

const GOOD = handshake("localhost", "/hold");
const ORDINARY = ["GET /late HTTP/1.1", "Host: localhost"];

function request(lines: string[]): string {
  return `${lines.join("\r\n")}\r\n\r\n`;
}

/** A good handshake with more lines at its end. */
function adding(...lines: string[]): string {
  return request([...GOOD, ...lines]);
}

/** A good handshake with another first line. */
function asking(line: string): string {
  return request([line, ...GOOD.slice(1)]);
}

/** A good handshake with other lines in the place of one header. */
function changing(header: string, ...lines: string[]): string {
  const others = GOOD.filter((line) => !line.startsWith(`${header}:`));
  return request([...others, ...lines]);
}

/** A good handshake of so many headers. */
function counting(headers: number): string {
  const more = headers - (GOOD.length - 1);
  return adding(...Array.from({ length: more }, (_, at) => `X-${at}: y`));
}

/** What both engines answer in the same way. */
function both(outcome: Outcome): { deno: Outcome; node: Outcome } {
  return { deno: outcome, node: outcome };
}

const SIZES: Attack[] = [
  {
    name: "a header of 1 MiB",
    bytes: adding(`X: ${"y".repeat(2 ** 20)}`),
    deno: "400",
    node: "431",
  },
  {
    name: "1 MiB of headers",
    bytes: adding(
      ...Array.from(
        { length: 1024 },
        (_, at) => `X-${at}: ${"y".repeat(1016)}`,
      ),
    ),
    deno: "400",
    node: "431",
  },
  {
    name: "headers of 20 KiB",
    bytes: adding(`X: ${"y".repeat(20_000)}`),
    deno: "101",
    node: "431",
  },
  {
    name: "10,000 headers",
    bytes: counting(10_000),
    deno: "400",
    node: "431",
  },
  { name: "129 headers", bytes: counting(129), deno: "400", node: "431" },
  { name: "127 headers", bytes: counting(127), ...both("101") },
  {
    name: "a path of 100 KiB",
    bytes: asking(`GET /${"a".repeat(100_000)} HTTP/1.1`),
    deno: "400",
    node: "431",
  },
];

const BODIES: Attack[] = [
  {
    name: "a body",
    bytes: `${adding("Content-Length: 5")}hello`,
    ...both("400"),
  },
  {
    name: "a body in chunks",
    bytes: `${adding("Transfer-Encoding: chunked")}5\r\nhello\r\n0\r\n\r\n`,
    ...both("400"),
  },
  {
    name: "a body of two lengths",
    bytes: adding("Content-Length: 0", "Content-Length: 5"),
    ...both("400"),
  },
  {
    name: "a body of a length and in chunks",
    bytes: `${
      adding("Content-Length: 5", "Transfer-Encoding: chunked")
    }0\r\n\r\n`,
    ...both("400"),
  },
  {
    name: "a body of a negative length",
    bytes: adding("Content-Length: -1"),
    ...both("400"),
  },
];

const VERSIONS: Attack[] = [
  {
    name: "HTTP/1.0",
    bytes: asking("GET /hold HTTP/1.0"),
    // The runtime does not tell the version.
    deno: "101",
    node: "400",
  },
  { name: "HTTP/1.2", bytes: asking("GET /hold HTTP/1.2"), ...both("400") },
  { name: "HTTP/2.0", bytes: asking("GET /hold HTTP/2.0"), ...both("400") },
  {
    name: "HTTP/2 by its preface",
    bytes: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    // The runtime speaks that, and waits.
    deno: "held",
    node: "400",
  },
  {
    name: "Upgrade: h2c",
    bytes: changing("Upgrade", "Upgrade: h2c"),
    ...both("200"),
  },
  {
    name: "Upgrade: h2c with settings",
    bytes: changing(
      "Upgrade",
      "Upgrade: h2c",
      "Connection: HTTP2-Settings",
      "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
    ),
    ...both("200"),
  },
];

const HEADS: Attack[] = [
  { name: "no Host", bytes: changing("Host"), deno: "101", node: "400" },
  { name: "two Hosts", bytes: adding("Host: other.example"), ...both("400") },
  {
    name: "a Host that is none",
    bytes: changing("Host", "Host: a b/c"),
    ...both("400"),
  },
  {
    name: "lines that end in LF only",
    bytes: `${GOOD.join("\n")}\n\n`,
    deno: "101",
    node: "400",
  },
  { name: "a folded header", bytes: adding("X: a", " b"), ...both("400") },
  { name: "a NUL in a header", bytes: adding("X: a\0b"), ...both("400") },
  { name: "a space before the colon", bytes: adding("X : a"), ...both("400") },
  { name: "a line without a colon", bytes: adding("nonsense"), ...both("400") },
  {
    name: "the method CONNECT",
    bytes: asking("CONNECT localhost:80 HTTP/1.1"),
    deno: "405",
    node: "cut",
  },
  {
    name: "a method of 1,000 letters",
    bytes: asking(`${"A".repeat(1000)} / HTTP/1.1`),
    deno: "405",
    node: "400",
  },
  {
    name: "the beginning of TLS",
    bytes: `\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03${"x".repeat(505)}`,
    ...both("400"),
  },
  { name: "noise", bytes: noise(4096), ...both("400") },
];

const BEHIND: Attack[] = [
  {
    name: "another request behind it",
    bytes: request(GOOD) + request(GOOD),
    frame: true,
    // It is read as frames; of which the first has a bit that is reserved.
    deno: "101 cut",
    node: "101 1002",
  },
  {
    name: "a frame behind it",
    bytes: `${request(GOOD)}\x88\x82\0\0\0\0\x03\xe8`,
    frame: true,
    ...both("101 1000"),
  },
  {
    name: "an ordinary request before it that is being answered",
    bytes: request(ORDINARY) + request(GOOD),
    answers: 2,
    deno: "200 101",
    // What is answered could not be told from what is sent.
    node: "cut",
  },
];

const ATTACKS = [...SIZES, ...BODIES, ...VERSIONS, ...HEADS, ...BEHIND];

function noise(length: number): string {
  return String.fromCharCode(
    ...Uint8Array.from({ length }, (_, at) => at * 167 + 3),
  );
}

/** Makes an attack, and tells what came of it. */
async function make(attack: Attack, url: string): Promise<Outcome> {
  const { bytes, answers = 1, frame = false } = attack;
  using peer = await RawPeer.dial(url);
  const outcome: unknown[] = [];
  // Who refuses may hang up before all was written.
  const writing = peer.write(Uint8Array.from(bytes, codeOf)).catch(() => {});
  const reading = async () => {
    try {
      while (outcome.length < answers) {
        outcome.push((await peer.readHead()).status);
      }
      if (frame) outcome.push((await peer.readClose()).code);
    } catch {
      outcome.push("cut");
    }
  };
  if (!await within(reading(), 1000)) outcome.push("held");
  peer[Symbol.dispose]();
  await writing;
  return outcome.join(" ");
}

function codeOf(character: string): number {
  return character.charCodeAt(0);
}

test(
  `serve() withstands ${ATTACKS.length} kinds of handshakes`,
  async (engine) => {
    await using target = await Target.start({ engine });
    await target.assertServes();
    const before = target.held;
    for (const port of ["plain", "secure"] as const) {
      const outcomes: Record<string, Outcome> = {};
      await inParallel(ATTACKS, 8, async (attack) => {
        outcomes[attack.name] = await make(attack, target[port]);
        await assertGreets(target[port]);
      });
      assertEquals(outcomes, expected(engine), port);
    }
    const { errors } = await target.settled();
    assertEquals(errors, []);
    await target.assertRecovers(before, { growth: 64, slack: 4 });
  },
  { ignore },
);

function expected(engine: EngineName): Record<string, Outcome> {
  return Object.fromEntries(
    ATTACKS.map((attack) => [attack.name, attack[engine]]),
  );
}
