/**
 * A connection of its own to the server of a task, with the same trust, to look
 * at what the runtime's WebSocket does not tell.
 *
 * @module
 */

import { dial, streamOf, unlessAborted } from "../route/dial.ts";
import type { OpenTask } from "../engine.ts";
import { bareHostname, placeName } from "../route/place.ts";
import type { ByteStream } from "../route/proxy.ts";
import { isProxied, type ProxyRoute, type Route } from "../route/route.ts";
import { clientHello } from "../tls/client_hello.ts";

/** Whether there is a way to look at what the task came upon. */
export function canLook({ url, route, trust }: OpenTask): boolean {
  if (url.protocol === "ws:") return true;
  // Deno.startTls takes a connection of TCP only.
  if (route.kind === "unix") return false;
  if (route.kind !== "direct" && route.secure) return false;
  return trust.identity === undefined || isStraight({ url, route });
}

/** Whether the host of the URL itself is dialed; Deno.connectTls can do no other. */
function isStraight({ url, route }: Pick<OpenTask, "url" | "route">): boolean {
  return route.kind === "direct" && route.hostname === bareHostname(url);
}

/** A connection to look through, until it is disposed or nobody waits any more. */
export class Look implements Disposable {
  readonly #conn: Deno.Conn;
  readonly #signal: AbortSignal;
  readonly #stream: ByteStream;
  readonly #cut = (): void => this[Symbol.dispose]();
  #open = true;

  private constructor(conn: Deno.Conn, signal: AbortSignal) {
    this.#conn = conn;
    this.#stream = streamOf(conn);
    this.#signal = signal;
    signal.addEventListener("abort", this.#cut, { once: true });
    if (signal.aborted) this.#cut();
  }

  /**
   * Connects, and sees TLS through where the URL asks for it.
   *
   * @throws What the runtime says, and the reason of the task's signal.
   */
  static async begin(task: OpenTask): Promise<Look> {
    const { reach, signal, url } = task;
    const conn = await dialed(task);
    if (url.protocol === "ws:") return new Look(conn, signal);
    reach("tls");
    const secure = await secured(task, conn as Deno.TcpConn);
    const look = new Look(secure, signal);
    try {
      await secure.handshake();
      return look;
    } catch (error) {
      look[Symbol.dispose]();
      signal.throwIfAborted();
      throw error;
    }
  }

  /**
   * Connects, and says the first word of TLS where the URL asks for it.
   *
   * @returns How the answer to that begins; `null` if the server hung up on it, or
   * is behind a proxy to which TLS is spoken, and `undefined` over `ws:`, where
   * nothing is said.
   * @throws As {@linkcode begin}.
   */
  static async greet(task: OpenTask): Promise<Uint8Array | null | undefined> {
    const { reach, route, signal, url } = task;
    if (isProxied(route) && route.secure) {
      reach("proxy");
      return await greetProxy(task, route);
    }
    using look = new Look(await dialed(task), signal);
    if (url.protocol === "ws:") return undefined;
    reach("tls");
    await look.write(clientHello(bareHostname(url)));
    return await look.read();
  }

  /** Reads what comes next; `null` at the end. */
  read(): Promise<Uint8Array | null> {
    return this.#stream.read();
  }

  /** Writes all of it. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#stream.write(bytes);
  }

  /** Hangs up. */
  [Symbol.dispose](): void {
    this.#signal.removeEventListener("abort", this.#cut);
    if (this.#open) this.#conn.close();
    this.#open = false;
  }
}

/** The same to a proxy to which TLS is spoken: there is no getting beyond. */
async function greetProxy(task: OpenTask, proxy: ProxyRoute): Promise<null> {
  const { hostname, port } = proxy;
  const route: Route = { kind: "direct", hostname, port };
  const url = new URL("wss://proxy");
  url.host = placeName(proxy);
  await Look.greet({ ...task, route, url, reach: () => {} });
  return null;
}

async function dialed(task: OpenTask): Promise<Deno.Conn> {
  const { action, reach, route, signal, trust } = task;
  reach(firstStep(task));
  return await dial(route, signal, { action, caCerts: trust.caCerts });
}

/** TLS with the server of the URL, over a connection that leads to it. */
async function secured(
  { route, signal, trust, url }: OpenTask,
  conn: Deno.TcpConn,
): Promise<Deno.TlsConn> {
  const hostname = bareHostname(url);
  const options = {
    hostname,
    caCerts: [...trust.caCerts],
    alpnProtocols: ["http/1.1"],
  };
  if (trust.identity === undefined || route.kind !== "direct") {
    return await Deno.startTls(conn, options);
  }
  // Only this one shows a client certificate, and nothing can call it off; it is
  // known by now that the server answers.
  conn.close();
  const { port } = route;
  const connecting = Deno.connectTls({ ...options, ...trust.identity, port });
  return await unlessAborted(connecting, signal);
}

function firstStep({ route }: OpenTask): "tcp" | "name or tcp" | "proxy" {
  if (route.kind === "unix") return "tcp";
  if (route.kind !== "direct") return "proxy";
  return /^[\d.]+$|:|^localhost$/.test(route.hostname) ? "tcp" : "name or tcp";
}
