/**
 * A client that does to its server what real ones do on bad days, and bad ones
 * on all days.
 *
 * @module
 */

import { once } from "node:events";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { within } from "../within.ts";
import { checkBehaviour, type ClientBehaviour } from "./behaviour.ts";
import { RawPeer } from "./raw_peer.ts";
import { pursue } from "./scripts.ts";
import { isGone, late, PATIENCE, type WaitOptions } from "./waiting.ts";
import { dial, keep, parseTarget, securedFor, StreamWire } from "./wire.ts";

/**
 * Options for {@linkcode pester}.
 *
 * @example Whom it trusts
 * ```ts
 * import { type PesterOptions, testCertificates } from "@wss/wss/testing";
 *
 * const options: PesterOptions = (await testCertificates()).client;
 * console.log(options.caCerts?.length); // 1
 * ```
 */
export interface PesterOptions {
  /**
   * The authorities that it trusts, in PEM.
   *
   * @default {[]}
   */
  caCerts?: readonly string[] | undefined;
}

/**
 * A client that misbehaves, as {@linkcode pester} starts it. When its scope
 * ends, it hangs up.
 *
 * @example A client that reads nothing
 * ```ts
 * import { serve } from "@wss/wss";
 * import { type MisbehavingClient, pester } from "@wss/wss/testing";
 *
 * const given = Promise.withResolvers<number>();
 * await using server = await serve({ port: 0, pongTimeout: 200, logger: {} }, async (ws) => {
 *   let sent = 0;
 *   try {
 *     while (true) sent += await ws.send(new Uint8Array(1 << 20)).then(() => 1);
 *   } catch {
 *     given.resolve(sent);
 *   }
 * });
 * await using client: MisbehavingClient = await pester(server.url, { kind: "stuck" });
 * console.log(await given.promise < 50, client.open); // true true
 * ```
 */
export class MisbehavingClient implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #gone: Promise<unknown>;
  readonly #running: Promise<void>;

  private constructor(
    socket: Socket,
    stream: Duplex,
    behaviour: ClientBehaviour,
    url: URL,
  ) {
    this.#socket = socket;
    this.#gone = new Promise((resolve) => socket.once("close", resolve));
    this.#running = this.#act(stream, behaviour, url);
    this.#running.catch(() => {}); // Whoever waits for it hears of it.
  }

  /** Starts one; {@linkcode pester} is the short form. */
  static async start(
    url: string | URL,
    behaviour: ClientBehaviour,
    options: PesterOptions = {},
  ): Promise<MisbehavingClient> {
    checkBehaviour(behaviour, "client");
    const target = parseTarget("pester", url);
    const { caCerts = [] } = options;
    const socket = dial(target);
    let stream: Duplex = socket;
    try {
      const signal = AbortSignal.timeout(PATIENCE);
      await once(socket, "connect", { signal });
      keep(socket, new Set());
      if (behaviour.kind !== "silent" && target.protocol === "wss:") {
        stream = securedFor(socket, target, caCerts);
        await once(stream, "secureConnect", { signal });
      }
    } catch (cause) {
      socket.destroy();
      throw new Error(
        `Cannot pester ${target.origin}: no connection; see the cause`,
        { cause },
      );
    }
    return new MisbehavingClient(socket, stream, behaviour, target);
  }

  /** Whether the connection is open, as far as it has noticed. */
  get open(): boolean {
    return !this.#socket.destroyed;
  }

  /**
   * Waits until the server has hung up. A client that is `stuck` does not notice.
   *
   * @throws {DOMException} "TimeoutError" if that takes longer than `timeout`.
   * @throws {Error} If the server did not let it come to its behaviour.
   */
  async ended({ timeout = PATIENCE }: WaitOptions = {}): Promise<void> {
    const ended = Promise.all([this.#gone, this.#running]);
    if (await within(ended, timeout)) return;
    throw late(
      `Cannot wait for the server to hang up: it has not in ${timeout} ms`,
    );
  }

  /** Hangs up, and waits until that is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    await this.#gone;
    await this.#running.catch(() => {});
  }

  async #act(
    stream: Duplex,
    behaviour: ClientBehaviour,
    url: URL,
  ): Promise<void> {
    const socket = this.#socket;
    const wire = new StreamWire(stream, socket);
    const peer = new RawPeer(wire, "client");
    const gone = new AbortController();
    socket.once("close", () => gone.abort());
    try {
      await pursue(behaviour, url, {
        peer,
        signal: gone.signal,
        stop: () => wire.stop(),
        end: () => stream.end(),
        hangUp: (reset) => reset ? wire.reset() : wire.close(),
      });
      if (behaviour.kind === "stuck") return;
      await peer.ended();
    } catch (error) {
      if (!gone.signal.aborted && !isGone(error)) throw error;
    } finally {
      if (behaviour.kind !== "stuck") socket.destroy();
    }
  }
}

/**
 * Connects to a server as a client that misbehaves as it is told.
 *
 * @param url The URL of the server.
 * @param behaviour What it does there.
 * @param options Whom it trusts.
 * @returns The client, once it is connected, and TLS is agreed upon.
 * @throws {TypeError} If the URL is malformed, or it is no behaviour.
 * @throws {RangeError} If a number in it is out of its range.
 * @throws {Error} If nothing listens there, or it does not trust the server.
 *
 * @example A server has to hang up on who does not mask
 * ```ts
 * import { serve } from "@wss/wss";
 * import { pester, testCertificates } from "@wss/wss/testing";
 *
 * const tls = await testCertificates();
 * await using server = await serve(
 *   { engine: "node", port: 0, ...tls.server, logger: {} },
 *   (ws) => ws.closed,
 * );
 * await using client = await pester(server.url, { kind: "unmasked" }, tls.client);
 * await client.ended();
 * ```
 */
export async function pester(
  url: string | URL,
  behaviour: ClientBehaviour,
  options: PesterOptions = {},
): Promise<MisbehavingClient> {
  return await MisbehavingClient.start(url, behaviour, options);
}
