/**
 * What a server is to make of the bytes of a client, by RFC 6455 alone: slow,
 * short, and of all the bytes at once.
 *
 * @module
 */

/** What comes of the bytes of a client. */
export interface Decoded {
  /** What is delivered: `"t"` or `"b"` for its kind, and its bytes in base64. */
  messages: string[];
  /**
   * The codes that the client may be told; 0 is for none, where it goes without
   * a close frame, and nothing was wrong.
   */
  codes: number[];
}

/** How bytes are decoded. */
export interface DecodeOptions {
  /** The largest message, in bytes. */
  limit: number;
  /** Whether what the runtime takes besides is taken, see docs/limits.md. */
  lax: boolean;
}

interface Frame {
  fin: boolean;
  opcode: number;
  payload: Uint8Array<ArrayBuffer>;
  end: number;
}

/** A message of which not all has come. */
interface Partial {
  kind: "t" | "b";
  bytes: Uint8Array<ArrayBuffer>;
}

/** Nothing more can be read: what ends the connection, if anything does. */
class End {
  readonly codes: number[];

  constructor(...codes: number[]) {
    this.codes = codes;
  }
}

const CLOSE = 0x8;
const PONG = 0xa;
const NOTHING: Uint8Array<ArrayBuffer> = new Uint8Array();

/** Decodes all that a client says behind its handshake. */
export function decode(
  bytes: Uint8Array<ArrayBuffer>,
  options: DecodeOptions,
): Decoded {
  const messages: string[] = [];
  let partial: Partial | undefined;
  let at = 0;
  while (true) {
    const frame = readFrame(bytes.subarray(at), partial, options);
    if (frame instanceof End) {
      return { messages, codes: allowed(frame, partial) };
    }
    at += frame.end;
    if (frame.opcode === CLOSE) {
      const { codes } = readClose(frame.payload);
      return { messages, codes };
    }
    if (frame.opcode > CLOSE) continue;
    if (frame.opcode > 0) partial = undefined;
    const whole: Partial = {
      kind: partial?.kind ?? (frame.opcode === 1 ? "t" : "b"),
      bytes: Uint8Array.of(...partial?.bytes ?? NOTHING, ...frame.payload),
    };
    if (!frame.fin) {
      partial = whole;
      continue;
    }
    if (options.lax && partial !== undefined) whole.bytes = withoutTail(whole);
    if (whole.kind === "t" && !isUtf8(whole.bytes)) {
      return { messages, codes: [1007] };
    }
    messages.push(`${whole.kind}${whole.bytes.toBase64()}`);
    partial = undefined;
  }
}

function readFrame(
  bytes: Uint8Array<ArrayBuffer>,
  partial: Partial | undefined,
  { limit, lax }: DecodeOptions,
): Frame | End {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return new End(0);
  const fin = first > 0x7f;
  const opcode = first & 0xf;
  const masked = second > 0x7f;
  let length = second & 0x7f;
  if ((first & 0x70) !== 0) return new End(1002);
  if (opcode >= CLOSE) {
    const isLong = length > 125 &&
      !(lax && (opcode === PONG || opcode === CLOSE));
    if (opcode > PONG || !fin || isLong) return new End(1002);
    if (opcode === CLOSE && length === 1) return new End(1002);
  } else if (
    opcode > 2 || !isNext(opcode, partial !== undefined, !fin && lax)
  ) {
    return new End(1002);
  }
  if (!masked && !lax) return new End(1002);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 2;
  if (length > 125) {
    const size = length === 126 ? 2 : 8;
    if (bytes.length < at + size) return new End(0);
    const long = size === 2
      ? BigInt(view.getUint16(at))
      : view.getBigUint64(at);
    if (long >= 2n ** 53n) return new End(1002, 1009);
    length = Number(long);
    at += size;
  }
  const size = (partial?.bytes.length ?? 0) + length;
  if (opcode < CLOSE && size > limit) return new End(1009);
  const mask = masked ? bytes.subarray(at, at += 4) : new Uint8Array(4);
  if (bytes.length < at + length) return new End(0);
  const payload = bytes.slice(at, at + length).map((byte, index) =>
    byte ^ mask[index % 4]!
  );
  return { fin, opcode, payload, end: at + length };
}

/** Whether a frame goes on where one before stopped, or where none did. */
function isNext(
  opcode: number,
  isPartial: boolean,
  mayBeginAnew: boolean,
): boolean {
  return opcode === 0 ? isPartial : !isPartial || mayBeginAnew;
}

/** The codes that a close frame may end a connection by. */
function readClose(payload: Uint8Array): End {
  const [high, low] = payload;
  if (high === undefined || low === undefined) return new End(1005);
  const code = high * 256 + low;
  const codes = [
    ...isCloseCode(code) ? [] : [1002],
    ...isUtf8(payload.subarray(2)) ? [] : [1007],
  ];
  return codes.length > 0 ? new End(...codes) : new End(code);
}

/** What RFC 6455, section 7.4, and the registry that it opened allow. */
function isCloseCode(code: number): boolean {
  return code >= 3000 && code < 5000 ||
    code >= 1000 && code < 1015 && ![1004, 1005, 1006].includes(code);
}

/** Text may be refused as soon as it goes wrong, or when it is complete. */
function allowed({ codes }: End, partial: Partial | undefined): number[] {
  if (partial?.kind !== "t" || isUtf8(withoutTail(partial))) return codes;
  return [...codes, 1007];
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Text without the beginning of a character at its end. */
function withoutTail({ kind, bytes }: Partial): Uint8Array<ArrayBuffer> {
  if (kind === "b") return bytes;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  try {
    const text = decoder.decode(bytes, { stream: true });
    return bytes.subarray(0, new TextEncoder().encode(text).length);
  } catch {
    return bytes;
  }
}
