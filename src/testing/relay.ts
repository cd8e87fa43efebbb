/**
 * A network between a client and its server that fails when a test wants it to.
 *
 * @module
 */

import type { Socket } from "node:net";
import { dial, endAll, keep, Listener, parseTarget } from "./wire.ts";

/**
 * What stands between a client and its server, and passes all bytes on; it
 * sees nothing of what is in them, also not of TLS. When its scope ends, it
 * hangs up on both sides.
 *
 * @example The network is gone for a while
 * ```ts
 * import { connect, serve } from "@wss/wss";
 * import { type Relay, relay, testCertificates } from "@wss/wss/testing";
 *
 * const tls = await testCertificates();
 * await using server = await serve({ port: 0, ...tls.server }, async (ws) => {
 *   for await (const message of ws) await ws.send(message);
 * });
 * await using network: Relay = await relay(server.url);
 * await using ws = await connect(network.url, tls.client);
 * network.freeze();
 * await ws.send("hello?");
 * setTimeout(() => network.thaw(), 50);
 * console.log(await ws.receive()); // "hello?"
 * ```
 */
export class Relay implements AsyncDisposable {
  readonly #target: URL;
  readonly #listener: Listener;
  readonly #upstream: Set<Socket> = new Set();
  #frozen = false;
  #sent = 0;
  #received = 0;

  private constructor(target: URL) {
    this.#target = target;
    this.#listener = new Listener((socket) => this.#take(socket));
  }

  /** Starts one; {@linkcode relay} is the short form. */
  static async start(target: string | URL): Promise<Relay> {
    const made = new Relay(parseTarget("relay to", target));
    await made.#listener.listen();
    return made;
  }

  /** The URL to connect to: that of the target, but with `localhost` and another port. */
  get url(): string {
    const url = new URL(this.#target);
    url.hostname = "localhost";
    url.port = `${this.#listener.port}`;
    return url.pathname === "/" && url.search === ""
      ? url.href.slice(0, -1)
      : url.href;
  }

  /** How many connections it has taken. */
  get accepted(): number {
    return this.#listener.accepted;
  }

  /** How many connections of clients are open. */
  get connections(): number {
    return this.#listener.open.size;
  }

  /** How many bytes of clients it has passed on. */
  get sent(): number {
    return this.#sent;
  }

  /** How many bytes of the target it has passed on. */
  get received(): number {
    return this.#received;
  }

  /**
   * Passes nothing on from now on, as if the cable were pulled: all connections
   * stay open, and neither side is told. New ones are taken, and lead nowhere.
   */
  freeze(): void {
    this.#frozen = true;
    for (const socket of this.#all()) socket.pause();
  }

  /** Passes on again what comes, and what has come meanwhile: nothing is lost. */
  thaw(): void {
    this.#frozen = false;
    for (const socket of this.#all()) socket.resume();
    for (const socket of this.#listener.open) socket.emit("thaw");
  }

  /**
   * Ends all connections on both sides, or resets them, without a word of TLS
   * or WebSocket. New ones are taken. Where unread data waits, the system resets
   * the connection anyway.
   */
  async cut({ reset = false }: { reset?: boolean } = {}): Promise<void> {
    await endAll(
      new Set(this.#all()),
      (socket) => reset ? socket.resetAndDestroy() : socket.destroy(),
    );
  }

  /** Ends all connections, and refuses new ones, as a machine without the server does. */
  async down(): Promise<void> {
    const refused = this.#listener.refuse();
    await this.cut();
    await refused;
  }

  /** Takes connections again, at the same port. */
  async up(): Promise<void> {
    await this.#listener.listen();
  }

  /** Ends all connections, and listens no more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.down();
  }

  #all(): Socket[] {
    return [...this.#listener.open, ...this.#upstream];
  }

  #take(client: Socket): void {
    if (this.#frozen) {
      client.once("thaw", () => this.#take(client));
      return;
    }
    const server = dial(this.#target);
    keep(server, this.#upstream);
    this.#pass(client, server, (bytes) => this.#sent += bytes);
    this.#pass(server, client, (bytes) => this.#received += bytes);
  }

  /** Passes on what comes from one side, and its end. */
  #pass(from: Socket, to: Socket, count: (bytes: number) => void): void {
    from.on("data", (chunk: Uint8Array) => {
      count(chunk.length);
      if (!to.write(chunk)) from.pause();
    });
    to.on("drain", () => {
      if (!this.#frozen) from.resume();
    });
    from.once("end", () => to.end());
    from.once("close", () => {
      // What did not end was reset, or never came to be.
      if (!from.readableEnded) to.resetAndDestroy();
    });
    if (!this.#frozen) from.resume();
  }
}

/**
 * Starts a relay on a free port of this machine that leads to a server, and can
 * be frozen, cut and taken away: a network that fails when the test says so.
 *
 * @param target The URL of the server; only its host and port are used.
 * @returns The relay, once it listens.
 * @throws {TypeError} If the URL is malformed, or of another scheme than wss and ws.
 *
 * @example A server that is lost
 * ```ts
 * import { connect, serve } from "@wss/wss";
 * import { relay, testCertificates } from "@wss/wss/testing";
 *
 * const tls = await testCertificates();
 * await using server = await serve({ port: 0, ...tls.server }, (ws) => ws.closed);
 * await using network = await relay(server.url);
 * const ws = await connect(network.url, tls.client);
 * await network.cut({ reset: true });
 * console.log((await ws.closed).code); // 1006
 * ```
 */
export async function relay(target: string | URL): Promise<Relay> {
  return await Relay.start(target);
}
