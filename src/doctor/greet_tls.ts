/**
 * The first messages of TLS, by hand: what the runtime's TLS does not tell, and
 * versions that it does not speak.
 *
 * @module
 */

import { type Examination, SHORT, tryStep } from "./examination.ts";
import { connectRaw, type RawLine } from "./raw_line.ts";
import { clientHello, type TlsVersion } from "../tls/client_hello.ts";
import type { TlsTarget } from "./look_at_tls.ts";

/** How a server answers a ClientHello. */
export type Greeting =
  | {
    readonly kind: "hello";
    /** The version that it chose, as it is numbered. */
    readonly version: number;
    /** Whether it asks for a client certificate; `undefined` where that is hidden. */
    readonly asksForCertificate: boolean | undefined;
    /** The certificates in DER, as presented; none where they are hidden. */
    readonly chain: readonly Uint8Array<ArrayBuffer>[];
  }
  | {
    readonly kind: "alert";
    /** What it is about (RFC 8446, section 6). */
    readonly description: number;
  }
  /** It answers, but not with TLS; `start` is how that begins. */
  | { readonly kind: "foreign"; readonly start: Uint8Array }
  | { readonly kind: "closed" };

/** The most that is read of an answer, in bytes. */
const MOST = 65_536;

const ALERT = 21;
const HANDSHAKE = 22;
const SERVER_HELLO = 2;
const CERTIFICATE = 11;
const CERTIFICATE_REQUEST = 13;
const SERVER_HELLO_DONE = 14;

/** Versions of TLS that must not be used any more, as they are numbered. */
const OLD: Readonly<Record<number, "TLS 1.0" | "TLS 1.1">> = {
  0x0301: "TLS 1.0",
  0x0302: "TLS 1.1",
};

/** The version before TLS 1.2 that the server speaks, if any. */
export async function greetOld(
  examination: Examination,
): Promise<"TLS 1.0" | "TLS 1.1" | undefined> {
  const greeting = await tryStep(
    examination,
    (signal) => greetTls(examination, 0x0302, signal),
    Math.min(examination.timeout, SHORT),
  );
  return greeting?.kind === "hello" ? OLD[greeting.version] : undefined;
}

/** What the server says where nothing of it is encrypted: in TLS 1.2. */
export async function greetOpenly(
  examination: Examination,
): Promise<Greeting & { kind: "hello" } | undefined> {
  const greeting = await tryStep(
    examination,
    (signal) => greetTls(examination, 0x0303, signal),
    Math.min(examination.timeout, SHORT),
  );
  return greeting?.kind === "hello" ? greeting : undefined;
}

/** Says a ClientHello, and reads what comes up to where it would be the client's turn. */
export async function greetTls(
  { place, hostname }: TlsTarget,
  newest: TlsVersion,
  signal: AbortSignal,
): Promise<Greeting> {
  using line = await connectRaw(place, signal);
  await line.write(clientHello(hostname, newest));
  return await readGreeting(line);
}

async function readGreeting(line: RawLine): Promise<Greeting> {
  let bytes: Uint8Array = new Uint8Array();
  while (bytes.length < MOST) {
    let more: Uint8Array | null;
    try {
      more = await line.read();
    } catch (error) {
      if (error instanceof Deno.errors.ConnectionReset) more = null;
      else throw error;
    }
    if (more === null) break;
    const all = new Uint8Array(bytes.length + more.length);
    all.set(bytes);
    all.set(more, bytes.length);
    bytes = all;
    const greeting = understand(bytes);
    if (greeting !== undefined) return greeting;
  }
  return bytes.length > 0 && bytes[0] !== HANDSHAKE && bytes[0] !== ALERT
    ? { kind: "foreign", start: bytes }
    : { kind: "closed" };
}

/** What an answer means; `undefined` if more of it has to come. */
function understand(bytes: Uint8Array): Greeting | undefined {
  const [type, major] = bytes;
  if (type !== HANDSHAKE && type !== ALERT || bytes.length > 1 && major !== 3) {
    return { kind: "foreign", start: bytes };
  }
  const { messages, alert } = readRecords(bytes);
  let version: number | undefined;
  let asks = false;
  let chain: Uint8Array<ArrayBuffer>[] = [];
  for (const { type, body } of readMessages(messages)) {
    if (type === SERVER_HELLO) {
      version = number(body.subarray(0, 2));
      // What follows in TLS 1.3 is encrypted.
      if (isModern(body)) {
        return {
          kind: "hello",
          version: 0x0304,
          asksForCertificate: undefined,
          chain: [],
        };
      }
    }
    if (type === CERTIFICATE) chain = readChain(body);
    if (type === CERTIFICATE_REQUEST) asks = true;
    if (type === SERVER_HELLO_DONE && version !== undefined) {
      return { kind: "hello", version, asksForCertificate: asks, chain };
    }
  }
  return alert === undefined
    ? undefined
    : { kind: "alert", description: alert };
}

/** What records hold (RFC 8446, section 5.1). */
function readRecords(
  bytes: Uint8Array,
): { messages: Uint8Array; alert: number | undefined } {
  const parts: number[] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    const size = number(bytes.subarray(at + 3, at + 5));
    const body = bytes.subarray(at + 5, at + 5 + size);
    if (body.length < size) break;
    if (bytes[at] === ALERT) {
      return { messages: Uint8Array.from(parts), alert: body[1] ?? 0 };
    }
    if (bytes[at] !== HANDSHAKE) break;
    parts.push(...body);
    at += 5 + size;
  }
  return { messages: Uint8Array.from(parts), alert: undefined };
}

/** The messages of a handshake that are whole (RFC 8446, section 4). */
function* readMessages(
  bytes: Uint8Array,
): Generator<{ type: number; body: Uint8Array }> {
  let at = 0;
  while (at + 4 <= bytes.length) {
    const size = number(bytes.subarray(at + 1, at + 4));
    const body = bytes.subarray(at + 4, at + 4 + size);
    if (body.length < size) return;
    yield { type: bytes[at] ?? 0, body };
    at += 4 + size;
  }
}

/** The certificates in their message (RFC 5246, section 7.4.2). */
function readChain(body: Uint8Array): Uint8Array<ArrayBuffer>[] {
  const chain: Uint8Array<ArrayBuffer>[] = [];
  let at = 3;
  while (at + 3 <= body.length) {
    const size = number(body.subarray(at, at + 3));
    chain.push(new Uint8Array(body.subarray(at + 3, at + 3 + size)));
    at += 3 + size;
  }
  return chain;
}

/** Whether a ServerHello chose TLS 1.3, which it says in an extension (supported_versions). */
function isModern(hello: Uint8Array): boolean {
  const session = hello[34] ?? 0;
  let at = 35 + session + 2 + 1 + 2;
  while (at + 4 <= hello.length) {
    const type = number(hello.subarray(at, at + 2));
    if (type === 43) return number(hello.subarray(at + 4, at + 6)) === 0x0304;
    at += 4 + number(hello.subarray(at + 2, at + 4));
  }
  return false;
}

function number(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}
