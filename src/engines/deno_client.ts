/**
 * The default engine of clients: the runtime's own WebSocket, with an
 * `HttpClient` for what it must trust.
 *
 * @module
 */

import type { Connection } from "../connection.ts";
import type { OpenTask } from "../engine.ts";
import { HandshakeError } from "../errors.ts";
import { explain, explainConfig } from "../tls/explain.ts";
import { attach } from "./web_channel.ts";

/** Opens a connection to a server. */
export async function open(task: OpenTask): Promise<Connection> {
  const { action, headers, protocols, shared, signal } = task;
  const client = createClient(task);
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  let socket: WebSocket | undefined;
  try {
    const opening = socket = new WebSocket(task.url, {
      ...(client === undefined ? {} : { client }),
      protocols: [...protocols],
      headers,
    });
    opening.binaryType = "arraybuffer";
    opening.onopen = () => {
      opening.onopen = opening.onerror = null;
      const { url, protocol } = opening;
      if (protocol !== "" && !protocols.includes(protocol)) {
        const message =
          `${action}: the server chose a subprotocol that was not offered`;
        return reject(new HandshakeError(message, { status: 101 }));
      }
      resolve(attach(opening, shared, { url, protocol, context: undefined }));
    };
    opening.onerror = async (event) => {
      const { error, message } = event as ErrorEvent;
      const cause = error ?? new Error(message);
      const hidden = await hiddenFailure(task, cause);
      reject(explain(action, hidden ?? cause));
    };
    return await promise;
  } catch (error) {
    // This cancels the attempt.
    socket?.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
    // An open connection lives on without it.
    client?.close();
  }
}

/**
 * What a failed handshake failed of, where the runtime hides it: it tries again
 * over HTTP/2, and a server that knows none refuses that in TLS already. So a
 * third TLS handshake, without a request, has to tell whether the server is
 * trusted.
 */
async function hiddenFailure(
  { route, signal, trust }: OpenTask,
  cause: Error,
): Promise<unknown> {
  if (!cause.message.includes("NoApplicationProtocol")) return undefined;
  if (route.kind !== "direct") return undefined;
  const { hostname, port } = route;
  let conn: Deno.TlsConn | undefined;
  const close = () => conn && tryClose(conn);
  try {
    conn = await Deno.connectTls({
      hostname,
      port,
      caCerts: [...trust.caCerts],
    });
    // Nobody waits for it any more once the deadline has passed.
    if (signal.aborted) return undefined;
    signal.addEventListener("abort", close, { once: true });
    await conn.handshake();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    signal.removeEventListener("abort", close);
    if (conn !== undefined) tryClose(conn);
  }
}

function tryClose(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It was closed at the deadline.
  }
}

function createClient(
  { action, trust }: OpenTask,
): Deno.HttpClient | undefined {
  const { caCerts, identity } = trust;
  if (caCerts.length === 0 && identity === undefined) return undefined;
  try {
    return Deno.createHttpClient({ caCerts: [...caCerts], ...identity });
  } catch (error) {
    throw explainConfig(action, error);
  }
}
