/**
 * Connections of `node:net` along a route, and `node:tls` on them.
 *
 * @module
 */

import * as net from "node:net";
import type { Duplex } from "node:stream";
import * as tls from "node:tls";
import type { OpenTask } from "../engine.ts";
import { bareHostname, placeName } from "../route/place.ts";
import { type ByteStream, explainProxy, tunnel } from "../route/proxy.ts";
import { isProxied, type ProxyRoute, type Route } from "../route/route.ts";
import type { ServerIdentity } from "../tls/server_auth.ts";
import type { ClientTrust } from "../tls/trust.ts";

/** A connection to a server, over which nothing was said yet. */
export interface Line {
  /** What is to be read and written: TCP, or TLS over that. */
  readonly socket: Duplex;
  /** The TCP socket. */
  readonly raw: net.Socket;
  /** Whose it is, where TLS told. */
  readonly server: ServerIdentity | undefined;
}

/** What of a task it takes to get to a server. */
export type DialTask = Pick<
  OpenTask,
  "action" | "reach" | "route" | "signal" | "trust" | "url"
>;

/**
 * The sockets of one attempt to connect. Between two steps a socket may fail
 * unheard, and then says nothing more: so each is listened to all the time.
 */
export class Attempt {
  /** Rejects once a socket has failed or nobody waits any more. */
  readonly lost: Promise<never>;
  readonly #fail: (reason: unknown) => void;
  readonly #sockets: Duplex[] = [];
  readonly #signal: AbortSignal;
  readonly #closed = (): void => this.#fail(new Error("socket hang up"));
  readonly #aborted = (): void => {
    this.#fail(this.#signal.reason);
    this.cut();
  };

  constructor(signal: AbortSignal) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => {}); // It is told to whoever waits then.
    this.lost = promise;
    this.#fail = reject;
    this.#signal = signal;
    signal.addEventListener("abort", this.#aborted, { once: true });
  }

  /** Listens to a socket from now on; it may be on top of the one before. */
  add(socket: Duplex): void {
    // What is below may be closed before all that came is read on top.
    this.#sockets.at(-1)?.off("close", this.#closed);
    this.#sockets.push(socket);
    socket.on("error", this.#fail).on("close", this.#closed);
  }

  /** Waits until a socket tells one of `events`. */
  async until(socket: Duplex, ...events: string[]): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const done = () => resolve();
    for (const event of events) socket.once(event, done);
    try {
      await Promise.race([promise, this.lost]);
    } finally {
      for (const event of events) socket.off(event, done);
    }
  }

  /** Listens no more, as somebody else does. */
  release(): void {
    this.#signal.removeEventListener("abort", this.#aborted);
    for (const socket of this.#sockets) {
      socket.off("error", this.#fail).off("close", this.#closed);
    }
  }

  /** Hangs up. What the sockets still say is not heard. */
  cut(): void {
    this.#signal.removeEventListener("abort", this.#aborted);
    for (const socket of this.#sockets) socket.destroy();
  }
}

/**
 * Connects along the route of a task, and speaks TLS where its URL asks for it;
 * the server is verified before this resolves.
 *
 * @throws What the runtime says, and the errors of `proxy.ts` and
 * `server_auth.ts`.
 */
export async function dialNode(
  task: DialTask,
  attempt: Attempt,
): Promise<Line> {
  const { route, trust, url } = task;
  const raw = await reach(task, attempt);
  const below = isProxied(route)
    ? await throughProxy(task, route, raw, attempt)
    : raw;
  if (url.protocol === "ws:") return { socket: below, raw, server: undefined };
  task.reach("tls");
  const hostname = bareHostname(url);
  return { raw, ...await secure(task, below, hostname, trust, attempt) };
}

/** Connects to the first station of a route. */
async function reach(
  { action, reach, route }: DialTask,
  attempt: Attempt,
): Promise<net.Socket> {
  const proxied = isProxied(route);
  const named = route.kind !== "unix" && net.isIP(route.hostname) === 0;
  reach(proxied ? "proxy" : named ? "name" : "tcp");
  const socket = route.kind === "unix"
    ? net.connect({ path: route.path })
    : net.connect({ host: route.hostname, port: route.port, noDelay: true });
  if (named && !proxied) socket.once("lookup", () => reach("tcp"));
  attempt.add(socket);
  try {
    await attempt.until(socket, "connect");
    return socket;
  } catch (error) {
    const cause = asPermissionError(error, route);
    if (!proxied || cause instanceof Deno.errors.NotCapable) throw cause;
    throw explainProxy(action, route, cause);
  }
}

/** What the runtime says where a permission is missing, in its own class. */
function asPermissionError(error: unknown, route: Route): unknown {
  // The look-up of a name has a code, and no class, for it.
  if ((error as { code?: unknown } | null)?.code !== "EPERM") return error;
  const what = route.kind === "unix"
    ? `read and write access to "${route.path}", run again with the --allow-read and --allow-write flags`
    : `net access to "${
      placeName(route)
    }", run again with the --allow-net flag`;
  return new Deno.errors.NotCapable(`Requires ${what}`);
}

/** Asks the proxy at the other end for the way on. */
async function throughProxy(
  task: DialTask,
  route: ProxyRoute,
  raw: net.Socket,
  attempt: Attempt,
): Promise<Duplex> {
  const { action, signal, trust } = task;
  let socket: Duplex = raw;
  try {
    if (route.secure) {
      // What is for the server alone is not for the proxy.
      const usual = { ...trust, identity: undefined, pins: undefined };
      const { hostname } = route;
      ({ socket } = await secure(task, raw, hostname, usual, attempt));
    }
  } catch (error) {
    signal.throwIfAborted();
    throw explainProxy(action, route, error);
  }
  try {
    await tunnel(streamOf(socket, attempt), route, action);
    return socket;
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

/** Speaks TLS on a connection, and looks at whose it is. */
async function secure(
  { action }: DialTask,
  below: Duplex,
  hostname: string,
  trust: ClientTrust,
  attempt: Attempt,
): Promise<{ socket: Duplex; server: ServerIdentity }> {
  // What reads certificates is loaded meanwhile.
  const auth = import("../tls/server_auth.ts");
  const isName = net.isIP(hostname) === 0;
  const socket = tls.connect({
    socket: below,
    host: hostname,
    ...(isName ? { servername: hostname } : {}),
    secureContext: contextOf(trust),
    ALPNProtocols: ["http/1.1"],
    // `verifyServer()` does it better, before anything is said.
    checkServerIdentity: () => undefined,
    // An environment variable could have turned it off.
    rejectUnauthorized: true,
  });
  // The runtime reads all that the server sent before it tells that it is there,
  // and nothing catches what that throws.
  Object.assign(socket, { getPeerCertificate: () => ({}) });
  attempt.add(socket);
  await attempt.until(socket, "secureConnect");
  Reflect.deleteProperty(socket, "getPeerCertificate");
  const { verifyServer } = await auth;
  const verified = verifyServer(socket, hostname, trust, action);
  try {
    return { socket, server: await Promise.race([verified, attempt.lost]) };
  } finally {
    // Nothing goes on behind the back of whoever is told of a loss.
    await verified.catch(() => {});
  }
}

/** Trust in the roots of the runtime and others, or in the others alone. */
function contextOf(
  { caCerts, defaultCaCerts, identity, minVersion }: ClientTrust,
): tls.SecureContext {
  const options = { ...identity, minVersion };
  if (!defaultCaCerts) {
    return tls.createSecureContext({ ...options, ca: [...caCerts] });
  }
  const made = tls.createSecureContext(options);
  // The option `ca` would replace the roots of the runtime.
  for (const pem of caCerts) made.context.addCACert(pem);
  return made;
}

/** A socket as what `tunnel()` reads and writes: of what comes it takes no more than it asks for. */
function streamOf(socket: Duplex, attempt: Attempt): ByteStream {
  return {
    async read() {
      while (true) {
        const chunk: Uint8Array | null = socket.read();
        if (chunk !== null) return chunk;
        if (socket.readableEnded) return null;
        await attempt.until(socket, "readable", "end");
      }
    },
    async write(bytes) {
      const { promise, resolve } = Promise.withResolvers<void>();
      socket.write(bytes, () => resolve());
      await Promise.race([promise, attempt.lost]);
    },
  };
}
