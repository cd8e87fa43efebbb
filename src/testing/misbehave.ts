/**
 * A server that does to its clients what real ones do on bad days.
 *
 * @module
 */

import type { Socket } from "node:net";
import { type Behaviour, checkBehaviour } from "./behaviour.ts";
import { type TestCertificates, testCertificates } from "./certificates.ts";
import { isGone, late, PATIENCE, type WaitOptions } from "./waiting.ts";
import { within } from "../within.ts";
import { type Answer, RawPeer } from "./raw_peer.ts";
import { follow, isBare, type ServerStage } from "./scripts.ts";
import { endAll, Listener, secured, StreamWire } from "./wire.ts";

/**
 * Options for {@linkcode misbehave}.
 *
 * @example A certificate with a fault
 * ```ts
 * import { connect, TlsError } from "@wss/wss";
 * import { misbehave, type MisbehaveOptions, testCertificates } from "@wss/wss/testing";
 *
 * const options: MisbehaveOptions = { tls: await testCertificates({ fault: "expired" }) };
 * await using server = await misbehave({ kind: "echo" }, options);
 * const error = await connect(server.url, server.client).catch((error) => error);
 * console.log(error instanceof TlsError && error.reason); // "expired"
 * ```
 */
export interface MisbehaveOptions {
  /**
   * Whether it speaks TLS, and with which certificates, if not with those of
   * `testCertificates()`.
   *
   * @default {true}
   */
  tls?: boolean | TestCertificates | undefined;
}

/**
 * A server that misbehaves, as {@linkcode misbehave} starts it. When its scope
 * ends, it hangs up on all of its clients.
 *
 * @example Better from now on
 * ```ts
 * import { connect } from "@wss/wss";
 * import { misbehave, type MisbehavingServer } from "@wss/wss/testing";
 *
 * await using server: MisbehavingServer = await misbehave({ kind: "hang-up" });
 * await connect(server.url, server.client).catch(() => console.log("at first it hangs up"));
 * server.behave({ kind: "echo" });
 * await using ws = await connect(server.url, server.client);
 * await ws.send("again?");
 * console.log(await ws.receive()); // "again?"
 * ```
 */
export class MisbehavingServer implements AsyncDisposable {
  readonly #listener: Listener;
  readonly #certificates: TestCertificates | undefined;
  readonly #running: Set<Promise<void>> = new Set();
  readonly #requests: Request[] = [];
  #behaviour: Behaviour;
  #news: PromiseWithResolvers<void> = Promise.withResolvers();

  private constructor(behaviour: Behaviour, tls: TestCertificates | undefined) {
    this.#behaviour = behaviour;
    this.#certificates = tls;
    this.#listener = new Listener((socket) => {
      const running = this.#take(socket).finally(() =>
        this.#running.delete(running)
      );
      this.#running.add(running);
    });
  }

  /** Starts one; {@linkcode misbehave} is the short form. */
  static async start(
    behaviour: Behaviour,
    options: MisbehaveOptions = {},
  ): Promise<MisbehavingServer> {
    checkBehaviour(behaviour, "server");
    const { tls = true } = options;
    const certificates = tls === true ? await testCertificates() : tls;
    const server = new MisbehavingServer(behaviour, certificates || undefined);
    await server.#listener.listen();
    return server;
  }

  /** The URL to connect to: `wss://localhost:` and its port, or `ws:`. */
  get url(): string {
    const scheme = this.#certificates === undefined ? "ws" : "wss";
    return `${scheme}://localhost:${this.#listener.port}`;
  }

  /** What `connect()` needs to trust it, to be given as its options. */
  get client(): { readonly caCerts?: readonly string[] } {
    return this.#certificates?.client ?? {};
  }

  /** How many connections it has taken. */
  get accepted(): number {
    return this.#listener.accepted;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#listener.open.size;
  }

  /** The requests that came, as far as they were read: with which headers, for which path. */
  get requests(): readonly Request[] {
    return this.#requests;
  }

  /**
   * Waits until so many requests have come, and gives the last of those.
   *
   * @throws {DOMException} "TimeoutError" if that takes longer than `timeout`.
   */
  async requested(
    count = 1,
    { timeout = PATIENCE }: WaitOptions = {},
  ): Promise<Request> {
    const until = performance.now() + timeout;
    while (true) {
      const request = this.#requests[count - 1];
      if (request !== undefined) return request;
      if (await within(this.#news.promise, until - performance.now())) continue;
      throw late(
        `Cannot wait for request ${count}: ${this.#requests.length} came in ${timeout} ms`,
      );
    }
  }

  /**
   * Waits until no connection is open: a client has let go of all that it had.
   * One that is `stuck` is not noticed to end.
   *
   * @throws {DOMException} "TimeoutError" if that takes longer than `timeout`.
   */
  async idle({ timeout = PATIENCE }: WaitOptions = {}): Promise<void> {
    const left = endAll(this.#listener.open, () => {});
    if (await within(left, timeout)) return;
    throw late(
      `Cannot wait for clients to hang up: ${this.connections} are there after ${timeout} ms`,
    );
  }

  /**
   * Behaves in another way to all connections from now on; those that there are
   * see nothing of it.
   *
   * @throws {TypeError} If it is no behaviour.
   * @throws {RangeError} If a number in it is out of its range.
   */
  behave(behaviour: Behaviour): void {
    checkBehaviour(behaviour, "server");
    this.#behaviour = behaviour;
  }

  /** Hangs up on all clients, without a close frame, or resets the connections. */
  async cut({ reset = false }: { reset?: boolean } = {}): Promise<void> {
    await endAll(
      this.#listener.open,
      (socket) => reset ? socket.resetAndDestroy() : socket.destroy(),
    );
  }

  /** Hangs up on all clients, and waits until that is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#listener.close();
    await Promise.all(this.#running);
  }

  async #take(socket: Socket): Promise<void> {
    const behaviour = this.#behaviour;
    const stream = this.#certificates === undefined || isBare(behaviour)
      ? socket
      : secured(socket, this.#certificates.server);
    const wire = new StreamWire(stream, socket);
    const peer = new RawPeer(wire, "server");
    const gone = new AbortController();
    socket.once("close", () => gone.abort());
    const stage: ServerStage = {
      peer,
      signal: gone.signal,
      request: async () => {
        try {
          const head = await peer.readHead();
          this.#note(head);
          return head;
        } catch (error) {
          // Headers, URL and Request take nothing that is malformed.
          if (!(error instanceof TypeError)) throw error;
          throw new Deno.errors.InvalidData("no request", { cause: error });
        }
      },
      stop: () => wire.stop(),
      end: () => stream.end(),
      hangUp: (reset) => reset ? wire.reset() : wire.close(),
    };
    try {
      await follow(behaviour, stage);
      if (behaviour.kind !== "stuck") socket.destroy();
    } catch (error) {
      socket.destroy();
      if (!gone.signal.aborted && !isGone(error)) throw error;
    }
  }

  #note({ line, headers }: Answer): void {
    const [method = "GET", path = "/"] = line.split(" ");
    const url = new URL(path, this.url.replace("ws", "http"));
    this.#requests.push(new Request(url, { method, headers }));
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }
}

/**
 * Starts a server on a free port of this machine that misbehaves as it is told.
 *
 * It speaks TLS, unless told not to; `connect(server.url, server.client)` trusts
 * it. Some of what it does a good client notices at once, some only by a
 * timeout: set short ones in the test.
 *
 * The built-in client tries `wss:` a second time after a failure, so that
 * `accepted` may count two connections for one `connect()`.
 *
 * @param behaviour What it does with its clients.
 * @param options Whether it speaks TLS, and with which certificates.
 * @returns The server, once it listens.
 * @throws {TypeError} If it is no behaviour.
 * @throws {RangeError} If a number in it is out of its range.
 *
 * @example A server that takes the connection, and never answers
 * ```ts
 * import { connect } from "@wss/wss";
 * import { misbehave } from "@wss/wss/testing";
 *
 * await using server = await misbehave({ kind: "unanswered" });
 * const options = { ...server.client, openTimeout: 200 };
 * const error = await connect(server.url, options).catch((error) => error);
 * console.log(error.name); // "TimeoutError"
 * ```
 *
 * @example A server that does not read
 * ```ts
 * import { connect, ConnectionClosedError } from "@wss/wss";
 * import { misbehave } from "@wss/wss/testing";
 *
 * await using server = await misbehave({ kind: "stuck" });
 * await using ws = await connect(server.url, { ...server.client, pongTimeout: 200 });
 * try {
 *   while (true) await ws.send(new Uint8Array(1 << 20));
 * } catch (error) {
 *   console.log(error instanceof ConnectionClosedError); // true
 * }
 * ```
 */
export async function misbehave(
  behaviour: Behaviour,
  options: MisbehaveOptions = {},
): Promise<MisbehavingServer> {
  return await MisbehavingServer.start(behaviour, options);
}
