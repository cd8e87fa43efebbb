/**
 * A server that listens: its connections, and how it goes down.
 *
 * @module
 */

import { answer, type FetchHandler, run } from "./accept.ts";
import type { MessageLike } from "./channel.ts";
import { CloseCode } from "./close_code.ts";
import { type Connection, drain } from "./connection.ts";
import type { Engine, Incoming, Listen, Listener } from "./engine.ts";
import { checkTimeout } from "./limits.ts";
import type { Policy } from "./policy.ts";
import { type CertChain, type CertFiles, checkPair } from "./tls/pem.ts";
import { Roster } from "./roster.ts";
import { sendTo, type Topics } from "./topics.ts";
import { within } from "./within.ts";

/**
 * Options for {@linkcode Server.shutdown}.
 *
 * @example Be gone within a second
 * ```ts
 * import { serve, type ShutdownOptions } from "@wss/wss";
 *
 * const options: ShutdownOptions = { timeout: 1000 };
 * const server = await serve({ port: 0 }, (ws) => ws.closed);
 * await server.shutdown(options);
 * ```
 */
export interface ShutdownOptions {
  /**
   * When at the latest everything is closed, in milliseconds. Handlers have the
   * first half of it to finish what they do.
   *
   * @default {10_000}
   */
  timeout?: number | undefined;
}

/**
 * Options for {@linkcode Server.broadcast}.
 *
 * @example To all but the sender
 * ```ts
 * import { connect, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, async (ws) => {
 *   for await (const message of ws) server.broadcast(message, { except: ws });
 * });
 * await using ws = await connect(server.url);
 * await ws.send("for the others");
 * ```
 */
export interface BroadcastOptions {
  /** A connection that is left out: mostly the sender's own. */
  except?: Connection<unknown> | undefined;
}

/**
 * Options for {@linkcode Server.reload}: what is left out stays as it is.
 *
 * @example What a renewal brings
 * ```ts
 * import { loadCertChain, type ReloadOptions } from "@wss/wss";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const directory = await Deno.makeTempDir();
 * const { chainFile } = await ensureDevCertificates({ directory });
 * const renewed: ReloadOptions = await loadCertChain(chainFile);
 * console.log(Object.keys(renewed)); // ["cert", "key", "files"]
 * ```
 */
export interface ReloadOptions {
  /** The certificate chain in PEM; with `key`. */
  cert?: string | undefined;
  /** The private key of the certificate in PEM; with `cert`. */
  key?: string | undefined;
  /**
   * Where the two were read, see `loadCertChain()`. A `watch` goes on there;
   * without it, it ends.
   */
  files?: CertFiles | undefined;
  /** The certificates for other names, all of them: those left out are gone. */
  certificates?: Readonly<Record<string, CertChain>> | undefined;
  /** The authorities of client certificates, all of them. */
  clientCa?: readonly string[] | undefined;
  /** The lists of revoked client certificates, all of them. */
  crl?: readonly string[] | undefined;
}

/** What a server is made of. */
export interface ServerSetup<Context> {
  readonly where: Listen;
  readonly policy: Policy<Context>;
  // A method, so that a server of one context passes for a server of any.
  handler(ws: Connection<Context>): unknown;
  readonly fetch: FetchHandler | undefined;
  readonly topics: Topics;
  readonly engine: Engine;
}

let begin_: (server: Server<unknown>) => Promise<void>;

/** How long ordinary requests may take to be answered at last, in milliseconds. */
const LINGER = 500;

/**
 * A server that `serve()` started.
 *
 * @typeParam Context What `authorize` makes of a request.
 *
 * @example Tell all who are connected
 * ```ts
 * import { connect, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, (ws) => ws.closed);
 * await using ws = await connect(server.url);
 * while (server.connections.size === 0) await new Promise((next) => setTimeout(next));
 * server.broadcast("The kitchen closes at ten");
 * console.log(await ws.receive());
 * ```
 */
export class Server<Context = unknown> implements AsyncDisposable {
  readonly #setup: ServerSetup<Context>;
  #listener!: Listener;
  readonly #connections: Roster<"seat", Connection<Context>> = new Roster(
    "seat",
  );
  /** How many handlers run, each with the close after it. */
  #running = 0;
  #idle: PromiseWithResolvers<void> | undefined;
  // One closure for all connections, which keep it as long as they live.
  readonly #ended: () => void = () => {
    if (--this.#running === 0) this.#idle?.resolve();
  };
  readonly #finished: PromiseWithResolvers<void> = Promise.withResolvers<
    void
  >();
  readonly #closing = new AbortController();
  #shutdown: Promise<void> | undefined;

  /**
   * Servers are made by `serve()`.
   *
   * @param setup What it is made of.
   * @ignore
   */
  constructor(setup: ServerSetup<Context>) {
    this.#setup = setup;
  }

  static {
    begin_ = (server) => server.#begin();
  }

  /** The address that the server listens on; its port is the real one. */
  get addr(): Deno.Addr {
    return this.#listener.addr;
  }

  /** The URL to connect to. */
  get url(): string {
    const { where } = this.#setup;
    if ("path" in where) return `ws+unix:${where.path}`;
    const { port } = this.addr as Deno.NetAddr;
    const any = where.hostname === "0.0.0.0" || where.hostname === "::";
    const name = any ? "localhost" : where.hostname;
    const host = name.includes(":") ? `[${name}]` : name;
    return `${"cert" in where ? "wss" : "ws"}://${host}:${port}`;
  }

  /** The connections that are open, or still closing. */
  get connections(): ReadonlySet<Connection<Context>> {
    return this.#connections;
  }

  /** Resolves when the server has ended; never rejects. */
  get finished(): Promise<void> {
    return this.#finished.promise;
  }

  /**
   * Sends one message to every connection. It does not wait: a peer that cannot
   * keep up is given up past its `maxUnsentBytes`.
   *
   * @param data The message.
   * @param options Who is left out.
   * @returns To how many it was sent.
   */
  broadcast(data: MessageLike, options: BroadcastOptions = {}): number {
    const { except } = options;
    let count = 0;
    for (const connection of this.#connections) {
      if (!connection.open || connection === except) continue;
      if (sendTo(connection, data)) count++;
    }
    return count;
  }

  /**
   * Sends one message to every connection that subscribed to `topic`.
   *
   * @param topic The topic; see `Connection.subscribe()`.
   * @param data The message.
   * @returns To how many it was sent.
   */
  publish(topic: string, data: MessageLike): number {
    return this.#setup.topics.publish(topic, data);
  }

  /**
   * Takes another certificate for the handshakes to come. Connections that are
   * open live on, and there is no moment without a listener.
   *
   * @param options What changes; `loadCertChain()` gives a chain and its key.
   * @throws {TlsError} If it is not what a server needs; then nothing changes.
   * @throws {TypeError} On the built-in engine, which cannot, and on plain servers.
   *
   * @example After a renewal
   * ```ts
   * import { loadCertChain, serve } from "@wss/wss";
   * import { ensureDevCertificates } from "@wss/wss/certs";
   *
   * const directory = await Deno.makeTempDir();
   * const { chainFile } = await ensureDevCertificates({ directory });
   * await using server = await serve(
   *   { port: 0, engine: "node", ...await loadCertChain(chainFile) },
   *   (ws) => ws.closed,
   * );
   * await ensureDevCertificates({ directory, hosts: ["chat.test"], force: true });
   * await server.reload(await loadCertChain(chainFile));
   * ```
   */
  async reload(options: ReloadOptions): Promise<void> {
    const { cert, key, files, certificates, clientCa, crl } = options ?? {};
    checkPair("Cannot reload the certificate", { cert, key });
    if ([cert, certificates, clientCa, crl].every((one) => one === undefined)) {
      throw new TypeError("Cannot reload: nothing is given that changes");
    }
    if (this.#shutdown !== undefined) {
      throw new TypeError("Cannot reload: the server is shut down");
    }
    const { reload } = this.#listener;
    if (reload === undefined) {
      throw new TypeError(
        'Cannot reload the certificate: the built-in engine cannot change it while it listens; use engine: "node", or start a second server and shut this one down',
      );
    }
    await reload.call(this.#listener, {
      ...(cert !== undefined && key !== undefined &&
        { chain: { cert, key, files } }),
      ...(certificates !== undefined && { certificates }),
      ...(clientCa !== undefined && { clientCa }),
      ...(crl !== undefined && { crl }),
    });
  }

  /**
   * Shuts down, within its deadline whatever the peers do. New handshakes are
   * refused with 503. A handler that waits for a message has its connection
   * closed with 1001 at once, one that works when it waits next, and all that
   * are left after half of the time. At the deadline the rest is cut.
   *
   * @param options How long it may take.
   * @returns A promise that resolves when the server has ended.
   * @throws {RangeError} If the timeout is not one that a timer can keep.
   */
  shutdown(options: ShutdownOptions = {}): Promise<void> {
    const timeout = checkTimeout("timeout", options.timeout ?? 10_000);
    return this.#shutdown ??= this.#goDown(timeout);
  }

  /** Shuts down; see {@linkcode shutdown}. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  async #goDown(timeout: number): Promise<void> {
    const deadline = performance.now() + timeout;
    this.#closing.abort();
    for (const connection of this.#connections) drain(connection);
    if (!await this.#quiet(timeout / 2)) {
      for (const connection of this.#connections) {
        // It may be closing already; how it ends is the handler's to see.
        connection.close(CloseCode.GoingAway, "server is shutting down");
      }
      if (!await this.#quiet(deadline - performance.now())) {
        for (const connection of this.#connections) connection.terminate();
      }
    }
    await this.#listener.stop(Math.min(LINGER, deadline - performance.now()));
    this.#finished.resolve();
  }

  /** Whether all handlers have returned, and all connections ended, within `ms`. */
  async #quiet(ms: number): Promise<boolean> {
    if (this.#running === 0) return true;
    this.#idle = Promise.withResolvers<void>();
    return await within(this.#idle.promise, ms);
  }

  async #begin(): Promise<void> {
    const { engine, where, policy } = this.#setup;
    const onend = (connection: Connection<unknown>) => {
      policy.shared.onend?.(connection);
      this.#connections.delete(connection as Connection<Context>);
    };
    this.#listener = await engine<Context>({
      where,
      logger: policy.logger,
      shared: { ...policy.shared, onend },
      openTimeout: policy.openTimeout,
      answer: (incoming) => this.#answer(incoming),
      onopen: (connection) => this.#start(connection),
      ongone: (opening) => policy.ongone(opening),
      onfail: (error) => policy.report(error),
    });
  }

  #answer(incoming: Incoming): ReturnType<typeof answer<Context>> {
    const { policy, fetch } = this.#setup;
    return answer(incoming, policy, { closing: this.#closing.signal, fetch });
  }

  #start(connection: Connection<Context>): void {
    this.#connections.add(connection);
    if (this.#shutdown !== undefined) drain(connection);
    this.#running++;
    const { handler, policy } = this.#setup;
    run(connection, handler, policy, this.#ended);
  }
}

/** Makes a server, which listens when this resolves. */
export async function start<Context>(
  setup: ServerSetup<Context>,
): Promise<Server<Context>> {
  const server = new Server(setup);
  await begin_(server as Server<unknown>);
  return server;
}
