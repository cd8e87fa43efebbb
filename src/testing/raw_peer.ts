/**
 * A WebSocket peer by hand: one that keeps to the protocol exactly as far as
 * its script wants it to, and no further.
 *
 * @module
 */

/** The opcodes of RFC 6455, section 5.2. */
export const Opcode = {
  Continuation: 0x0,
  Text: 0x1,
  Binary: 0x2,
  Reserved: 0x3,
  Close: 0x8,
  Ping: 0x9,
  Pong: 0xa,
} as const;

/** What a frame is to be like; see RFC 6455, section 5.2. */
export interface FrameShape {
  opcode: number;
  payload?: Uint8Array | string;
  /** Whether it ends its message: by default, it does. */
  fin?: boolean;
  /** Whether it is masked, with a mask of zeroes: by default, as the role asks. */
  masked?: boolean;
  /** The length that the header claims, if it is not that of the payload. */
  claims?: number;
}

/** A frame that came. */
export interface Frame {
  opcode: number;
  fin: boolean;
  masked: boolean;
  payload: Uint8Array<ArrayBuffer>;
}

/** The head of an HTTP message, and its body as far as its length is told. */
export interface Answer {
  /** The first line: "HTTP/1.1 101 Switching Protocols". */
  line: string;
  /** The status; 0 for a request. */
  status: number;
  headers: Headers;
  body: string;
}

/** The bytes of one connection, as {@linkcode Deno.Conn} has them. */
export interface Wire {
  /** Reads into `into`, and tells how much; `null` at the end. */
  read(into: Uint8Array<ArrayBuffer>): Promise<number | null>;
  /** Writes some of the bytes, and tells how many. */
  write(data: Uint8Array): Promise<number>;
  close(): void;
}

/** Options for {@linkcode RawPeer.dial}. */
export interface DialOptions {
  /** Whether TLS is spoken, if not as the scheme of the URL says. */
  tls?: boolean;
  /** Whom to trust, in PEM. */
  caCerts?: readonly string[];
}

/** The request line and headers of a handshake that nothing is wrong with. */
export function handshake(host: string, path = "/"): string[] {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  ];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The bytes of a frame. */
export function encodeFrame(shape: FrameShape, masked: boolean): Uint8Array {
  const payload = typeof shape.payload === "string"
    ? encoder.encode(shape.payload)
    : shape.payload ?? new Uint8Array();
  const size = shape.claims ?? payload.length;
  const head = new DataView(new ArrayBuffer(14));
  head.setUint8(0, (shape.fin === false ? 0 : 0x80) | shape.opcode);
  let length = 2;
  let field = size;
  if (size > 0xffff) {
    field = 127;
    head.setBigUint64(2, BigInt(size));
    length = 10;
  } else if (size > 125) {
    field = 126;
    head.setUint16(2, size);
    length = 4;
  }
  masked = shape.masked ?? masked;
  head.setUint8(1, (masked ? 0x80 : 0) | field);
  if (masked) length += 4;
  const frame = new Uint8Array(length + payload.length);
  frame.set(new Uint8Array(head.buffer, 0, length));
  frame.set(payload, length);
  return frame;
}

/** The payload of a close frame. */
export function closePayload(code: number, reason = ""): Uint8Array {
  return Uint8Array.of(code >> 8, code & 0xff, ...encoder.encode(reason));
}

/** One end of a TCP or TLS connection that can speak WebSocket by hand. */
export class RawPeer implements Disposable {
  readonly #wire: Wire;
  readonly #masks: boolean;
  #unread: Uint8Array<ArrayBuffer> = new Uint8Array();
  #open = true;

  constructor(wire: Wire, role: "client" | "server") {
    this.#wire = wire;
    this.#masks = role === "client";
  }

  /** Connects to the server at `url`, and says nothing yet. */
  static async dial(url: string, options: DialOptions = {}): Promise<RawPeer> {
    const { protocol, hostname, port } = new URL(url);
    const where = { hostname, port: Number(port) };
    const { tls = protocol === "wss:", caCerts = [] } = options;
    const conn = tls
      ? await Deno.connectTls({ ...where, caCerts: [...caCerts] })
      : await Deno.connect(where);
    return new RawPeer(conn, "client");
  }

  /** Connects to the server at `url`, and opens a WebSocket. */
  static async open(url: string, options: DialOptions = {}): Promise<RawPeer> {
    const peer = await RawPeer.dial(url, options);
    const { host, pathname } = new URL(url);
    const { line, status } = await peer.ask(handshake(host, pathname));
    if (status === 101) return peer;
    peer[Symbol.dispose]();
    throw new Error(`Cannot open a WebSocket: the server answered ${line}`);
  }

  /** Writes bytes as they are. */
  async write(data: Uint8Array | string): Promise<void> {
    let rest = typeof data === "string" ? encoder.encode(data) : data;
    while (rest.length > 0) {
      rest = rest.subarray(await this.#wire.write(rest));
    }
  }

  /** Writes a request, and reads what is answered. */
  async ask(lines: string[]): Promise<Answer> {
    await this.write(`${lines.join("\r\n")}\r\n\r\n`);
    return await this.readHead();
  }

  /** Reads the head of an HTTP message, and the body that it announces. */
  async readHead(): Promise<Answer> {
    const head = await this.readBareHead();
    const bytes = await this.#readBody(head.status, head.headers);
    return { ...head, body: decoder.decode(bytes) };
  }

  /** Reads the head of an HTTP message alone. */
  async readBareHead(): Promise<Answer> {
    let text = "";
    while (!text.endsWith("\r\n\r\n")) {
      text += decoder.decode(await this.#take(1));
    }
    const [line = "", ...rest] = text.trimEnd().split("\r\n");
    const headers = new Headers(
      rest.map((header): [string, string] => {
        const colon = header.indexOf(":");
        return [header.slice(0, colon), header.slice(colon + 1).trim()];
      }),
    );
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1] ?? 0);
    return { line, status, headers, body: "" };
  }

  /** Reads a body in chunks, of a length, or up to the end (RFC 9112, section 6.3). */
  async #readBody(status: number, headers: Headers): Promise<Uint8Array> {
    if (headers.get("transfer-encoding") === "chunked") {
      const parts: Uint8Array<ArrayBuffer>[] = [];
      while (true) {
        const part = await this.#take(parseInt(await this.#readLine(), 16));
        await this.#readLine();
        if (part.length === 0) break;
        parts.push(part);
      }
      return joined(parts);
    }
    const length = headers.get("content-length");
    if (
      length === null && status > 199 && headers.get("connection") === "close"
    ) {
      return await this.rest();
    }
    return await this.#take(Number(length ?? 0));
  }

  async #readLine(): Promise<string> {
    let line = "";
    while (!line.endsWith("\r\n")) line += decoder.decode(await this.#take(1));
    return line.trimEnd();
  }

  /** Answers the opening handshake as a server does; the request is returned. */
  async accept(headers: readonly string[] = []): Promise<Answer> {
    const request = await this.readHead();
    await this.agree(request, headers);
    return request;
  }

  /** Answers a request of the opening handshake as a server does. */
  async agree(
    request: Answer,
    headers: readonly string[] = [],
  ): Promise<void> {
    const key = request.headers.get("sec-websocket-key") +
      "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    const digest = await crypto.subtle.digest("SHA-1", encoder.encode(key));
    const accept = btoa(String.fromCharCode(...new Uint8Array(digest)));
    await this.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
        `Connection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n` +
        `${headers.map((header) => `${header}\r\n`).join("")}\r\n`,
    );
  }

  /** Writes a frame. */
  async send(shape: FrameShape): Promise<void> {
    await this.write(this.encode(shape));
  }

  /** The bytes of a frame, masked as the role asks. */
  encode(shape: FrameShape): Uint8Array {
    return encodeFrame(shape, this.#masks);
  }

  /** Reads a frame. */
  async readFrame(): Promise<Frame> {
    const [first = 0, second = 0] = await this.#take(2);
    let size = second & 0x7f;
    if (size > 125) {
      const field = await this.#take(size === 126 ? 2 : 8);
      size = field.reduce((sum, byte) => sum * 256 + byte, 0);
    }
    const masked = second > 0x7f;
    const mask = masked ? await this.#take(4) : new Uint8Array(4);
    const payload = (await this.#take(size)).map((byte, index) =>
      byte ^ mask[index % 4]!
    );
    return { opcode: first & 0xf, fin: first > 0x7f, masked, payload };
  }

  /** Reads frames up to a close frame; its code, or 1005. */
  async readClose(): Promise<{ code: number; reason: string }> {
    while (true) {
      const { opcode, payload } = await this.readFrame();
      if (opcode !== Opcode.Close) continue;
      const [high, low] = payload;
      return high === undefined || low === undefined
        ? { code: 1005, reason: "" }
        : { code: high * 256 + low, reason: decoder.decode(payload.slice(2)) };
    }
  }

  /** Reads all that comes until the other side hangs up. */
  async rest(): Promise<Uint8Array<ArrayBuffer>> {
    const chunks = [this.#unread];
    this.#unread = new Uint8Array();
    const chunk = new Uint8Array(65_536);
    try {
      while (true) {
        const read = await this.#wire.read(chunk);
        if (read === null) break;
        chunks.push(chunk.slice(0, read));
      }
    } catch {
      // By an end of file or by a reset: gone is gone.
    }
    return joined(chunks);
  }

  /** Reads and drops all that comes until the other side hangs up. */
  async ended(): Promise<void> {
    await this.rest();
  }

  /**
   * Hangs up. Where unread data waits, the system makes a reset of it; TLS says
   * no goodbye.
   */
  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#wire.close();
  }

  async #take(count: number): Promise<Uint8Array<ArrayBuffer>> {
    const chunks = [this.#unread];
    let length = this.#unread.length;
    while (length < count) {
      const chunk = new Uint8Array(65_536);
      const read = await this.#wire.read(chunk);
      if (read === null) throw new Deno.errors.UnexpectedEof("hung up");
      chunks.push(chunk.subarray(0, read));
      length += read;
    }
    const all = joined(chunks);
    this.#unread = all.subarray(count);
    return all.subarray(0, count);
  }
}

/** All of them, one behind the other. */
export function joined(
  chunks: readonly Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(
    chunks.reduce((sum, { length }) => sum + length, 0),
  );
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}
