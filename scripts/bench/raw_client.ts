/**
 * A WebSocket client that is as thin as it gets, so that the server is what is
 * measured: TLS with TCP_NODELAY, frames made beforehand, echoes counted and
 * compared as bytes.
 *
 * @module
 */

import { closeReply, closeRequest, type Frames } from "./frames.ts";

/** Where to connect, and whom to trust. */
export interface Target {
  /** The port, on 127.0.0.1. */
  port: number;
  /** The certificate authority, in PEM. */
  ca: string;
  /** What is asked for; `/` by default. */
  path?: string;
}

/** What all connections of one load have in common. */
export interface Load {
  readonly frames: Frames;
  /** Whether every byte is compared, else the header of every frame. */
  thorough: boolean;
  /** Whether to let what is on its way come back, and send no more. */
  stopping: boolean;
  /** How many messages were sent. */
  sent: number;
  /** How many came back whole. */
  echoed: number;
  /** How many bytes came back. */
  bytes: number;
}

/** The answer of a subject was not the echo that it must be. */
export class BrokenSubjectError extends Error {
  override name = "BrokenSubjectError";
}

const HOST = "127.0.0.1";
const BUFFER = 64 * 1024;

/** After how long the session tickets have come, in ms. */
const TICKETS = 2;

/** A WebSocket connection that was opened by hand. */
export class RawClient {
  readonly #conn: Deno.Conn;
  readonly #load: Load;
  /** How far into an echo the bytes that came reach. */
  #at = 0;

  private constructor(conn: Deno.Conn, load: Load) {
    this.#conn = conn;
    this.#load = load;
  }

  /** Opens a connection. */
  static async open(target: Target, load: Load): Promise<RawClient> {
    const { port, ca, path = "/" } = target;
    const tcp = await Deno.connect({ hostname: HOST, port });
    tcp.setNoDelay(true);
    const conn: Deno.TlsConn = await Deno.startTls(tcp, {
      hostname: HOST,
      caCerts: [ca],
    });
    const client = new RawClient(conn, load);
    try {
      // Behind the handshake of TLS come session tickets. While nothing that is
      // sent acknowledges them, the answer to the request may wait for 44 ms or
      // not, by chance, and waiting takes CPU time, too.
      await conn.handshake();
      await new Promise((resolve) => setTimeout(resolve, TICKETS));
      await client.#shakeHands(`${HOST}:${port}`, path);
    } catch (error) {
      conn.close();
      throw error;
    }
    return client;
  }

  /** Sends messages and takes their echoes: once, or until the load stops. */
  async echo(until: "once" | "stopped"): Promise<void> {
    const load = this.#load;
    const { requests, reply } = load.frames;
    const window = until === "once" ? 1 : requests.length - 1;
    const buffer = new Uint8Array(
      Math.max(BUFFER, Math.min(reply.length * window, 4 * BUFFER)),
    );
    let pending = window;
    load.sent += window;
    await this.#write(requests[window]!);
    while (pending > 0) {
      const length = await this.#conn.read(buffer);
      if (length === null) throw broken("it hung up instead of an echo");
      const done = this.#consume(buffer, length);
      if (done === 0) continue;
      if (done > pending) throw broken("it sent more than it got");
      load.echoed += done;
      if (until === "once" || load.stopping) pending -= done;
      else {
        load.sent += done;
        await this.#write(requests[done]!);
      }
    }
    if (this.#at !== 0) throw broken("it sent more than it got");
  }

  /**
   * Sends a message and takes the many that answer it.
   *
   * @returns How long they took, in µs.
   */
  async burst(count: number): Promise<number> {
    const load = this.#load;
    const buffer = new Uint8Array((count + 1) * load.frames.reply.length);
    let pending = count;
    const begin = performance.now();
    load.sent++;
    await this.#write(load.frames.requests[1]!);
    while (pending > 0) {
      const length = await this.#conn.read(buffer);
      if (length === null) throw broken("it hung up instead of an answer");
      pending -= this.#consume(buffer, length);
    }
    const time = performance.now() - begin;
    if (pending < 0 || this.#at !== 0) throw broken("it answers too much");
    return time * 1000;
  }

  /** Sends a message, of which all clients get one back. */
  async send(): Promise<void> {
    this.#load.sent++;
    await this.#write(this.#load.frames.requests[1]!);
  }

  /**
   * Takes messages, until the connection ends. Once the load stops, nothing but
   * the answer to the close frame may come.
   *
   * @param taken Hears of how many there were at a time.
   */
  async take(taken: (count: number) => void): Promise<void> {
    const buffer = new Uint8Array(4096);
    let late = 0;
    while (true) {
      const length = await this.#conn.read(buffer).catch(() => null);
      if (length === null) return;
      if (this.#load.stopping) {
        late += length;
        if (late > closeReply.length) throw broken("it sent more than it got");
        continue;
      }
      const count = this.#consume(buffer, length);
      if (count > 0) taken(count);
    }
  }

  /** Closes the connection as the protocol wants it, and waits for the server. */
  async close(): Promise<void> {
    try {
      await this.#write(closeRequest);
      const answer: number[] = [];
      const buffer = new Uint8Array(64);
      for (let length; (length = await this.#conn.read(buffer)) !== null;) {
        answer.push(...buffer.subarray(0, length));
        if (answer.length > closeReply.length) break;
      }
      if (String(answer) !== String([...closeReply])) {
        throw broken("it did not answer the close frame");
      }
    } finally {
      this.#conn.close();
    }
  }

  /** Sends a close frame, and does not wait for its answer. */
  async leave(): Promise<void> {
    await this.#write(closeRequest);
  }

  /** Cuts the connection. */
  cut(): void {
    try {
      this.#conn.close();
    } catch {
      // It is closed already.
    }
  }

  async #shakeHands(host: string, path: string): Promise<void> {
    const request = [
      `GET ${path} HTTP/1.1`,
      `Host: ${host}`,
      "Connection: Upgrade",
      "Upgrade: websocket",
      "Sec-WebSocket-Version: 13",
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      "\r\n",
    ].join("\r\n");
    await this.#write(new TextEncoder().encode(request));
    const buffer = new Uint8Array(4096);
    let answer = "";
    while (!answer.includes("\r\n\r\n")) {
      const length = await this.#conn.read(buffer);
      if (length === null) throw broken("it hung up during the handshake");
      answer += new TextDecoder().decode(buffer.subarray(0, length));
    }
    if (
      !answer.startsWith("HTTP/1.1 101 ") || !answer.endsWith("\r\n\r\n") ||
      !answer.includes("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    ) throw broken(`it answered ${answer.split("\r\n")[0]}`);
  }

  /** Looks at what came, and tells how many echoes it completed. */
  #consume(buffer: Uint8Array, length: number): number {
    const load = this.#load;
    const { reply } = load.frames;
    const size = reply.length;
    const at = this.#at;
    load.bytes += length;
    if (load.thorough) {
      for (let i = 0, j = at; i < length; i++) {
        if (buffer[i] !== reply[j]) throw broken("an echo differs");
        if (++j === size) j = 0;
      }
    } else {
      for (let i = at === 0 ? 0 : size - at; i < length; i += size) {
        if (
          buffer[i] !== reply[0] ||
          (i + 1 < length && buffer[i + 1] !== reply[1])
        ) throw broken("an echo differs");
      }
    }
    this.#at = (at + length) % size;
    return Math.floor((at + length) / size);
  }

  async #write(bytes: Uint8Array): Promise<void> {
    let written = await this.#conn.write(bytes);
    while (written < bytes.length) {
      written += await this.#conn.write(bytes.subarray(written));
    }
  }
}

/** The state of a load before it begins. */
export function newLoad(frames: Frames): Load {
  return {
    frames,
    thorough: true,
    stopping: false,
    sent: 0,
    echoed: 0,
    bytes: 0,
  };
}

function broken(how: string): BrokenSubjectError {
  return new BrokenSubjectError(`Cannot measure the server: ${how}`);
}
