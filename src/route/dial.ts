/**
 * Connections of TCP, or of a unix socket, along a route.
 *
 * @module
 */

import { type ByteStream, explainProxy, tunnel } from "./proxy.ts";
import { isProxied, type ProxyRoute, type Route } from "./route.ts";

/** What else is of use on the way. */
export interface DialOptions {
  /** What cannot be done if it fails. */
  readonly action?: string;
  /** Authorities to trust besides the usual ones, for TLS to a proxy. */
  readonly caCerts?: readonly string[];
}

/**
 * Connects along a route; what is read and written then is between this program
 * and the server. Behind a proxy of the scheme `https` that is inside a TLS
 * connection, in which `Deno.startTls` can't start another.
 *
 * @throws What `Deno.connect` throws, `NetworkError` "proxy" where a proxy does
 * not do what it is asked to, and the reason of `signal`.
 */
export async function dial(
  route: Route,
  signal: AbortSignal,
  options: DialOptions = {},
): Promise<Deno.Conn> {
  signal.throwIfAborted();
  if (isProxied(route)) return await dialThrough(route, signal, options);
  if (route.kind === "unix") return await dialUnix(route.path, signal);
  const { hostname, port } = route;
  return await Deno.connect({ hostname, port, signal });
}

/** Connects to a proxy, and lets it connect to the target. */
async function dialThrough(
  route: ProxyRoute,
  signal: AbortSignal,
  { action = "Cannot connect", caCerts = [] }: DialOptions,
): Promise<Deno.Conn> {
  let conn: Deno.Conn | undefined;
  const cut = () => conn && tryClose(conn);
  signal.addEventListener("abort", cut, { once: true });
  try {
    try {
      const { hostname, port, secure } = route;
      const tcp = await Deno.connect({ hostname, port, signal });
      conn = tcp;
      if (secure) {
        const trust = { hostname, caCerts: [...caCerts] };
        const tls = await Deno.startTls(tcp, trust);
        conn = tls;
        signal.throwIfAborted();
        await tls.handshake();
      }
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
      throw explainProxy(action, route, error);
    }
    await tunnel(streamOf(conn), route, action);
    signal.throwIfAborted();
    return conn;
  } catch (error) {
    cut();
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", cut);
  }
}

async function dialUnix(path: string, signal: AbortSignal): Promise<Deno.Conn> {
  return await unlessAborted(
    Deno.connect({ transport: "unix", path }),
    signal,
  );
}

/**
 * Waits for a connecting that nothing can call off; a connection that comes too
 * late is closed.
 *
 * @throws What the connecting fails of, and the reason of `signal`.
 */
export async function unlessAborted<Conn extends Deno.Conn>(
  connecting: Promise<Conn>,
  signal: AbortSignal,
): Promise<Conn> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([connecting, aborted]);
  } catch (error) {
    connecting.then(tryClose, () => {});
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** A connection as what is read from and written to. */
export function streamOf(conn: Deno.Conn): ByteStream {
  const chunk = new Uint8Array(4096);
  return {
    async read() {
      const count = await conn.read(chunk);
      return count === null ? null : chunk.slice(0, count);
    },
    async write(bytes) {
      let rest = bytes;
      while (rest.length > 0) rest = rest.subarray(await conn.write(rest));
    },
  };
}

function tryClose(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It was closed already.
  }
}
