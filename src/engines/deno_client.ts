/**
 * The default engine of clients: the runtime's own WebSocket, with an
 * `HttpClient` for what it must trust.
 *
 * @module
 */

import { Connection } from "../connection.ts";
import { diagnose, lookHalfway } from "../client/diagnose.ts";
import { missingPermission } from "../client/permission.ts";
import type { OpenTask } from "../engine.ts";
import { HandshakeError } from "../errors.ts";
import { placeName } from "../route/place.ts";
import { proxyFailure } from "../route/proxy_failure.ts";
import { isProxied, type Route } from "../route/route.ts";
import { explainConfig } from "../tls/explain.ts";
import { attach } from "./web_channel.ts";

/** Opens a connection to a server. */
export async function open(task: OpenTask): Promise<Connection> {
  const client = createClient(task);
  try {
    const opened = await attempt(task, client);
    if (opened instanceof Connection) return opened;
    throw missingPermission(task.action, opened) ??
      await proxyFailure(task, opened) ?? await diagnose(task, opened);
  } finally {
    // An open connection lives on without it.
    client?.close();
  }
}

/** The open connection, or what the runtime says of why there is none. */
async function attempt(
  task: OpenTask,
  client: Deno.HttpClient | undefined,
): Promise<Connection | Error> {
  const { protocols, signal } = task;
  const { promise, resolve, reject } = Promise.withResolvers<
    Connection | Error
  >();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  await using _halfway = task.diagnose ? lookHalfway(task) : undefined;
  let socket: WebSocket | undefined;
  try {
    const opening = socket = new WebSocket(task.url, {
      ...(client === undefined ? {} : { client }),
      protocols: [...protocols],
      headers: task.headers,
    });
    opening.binaryType = "arraybuffer";
    opening.onopen = () => {
      opening.onopen = opening.onerror = null;
      // At once, before the first message.
      try {
        resolve(connected(task, opening));
      } catch (error) {
        reject(error);
      }
    };
    opening.onerror = (event) => {
      const { error, message } = event as ErrorEvent;
      resolve(error ?? new Error(message));
    };
    return await promise;
  } catch (error) {
    // This cancels the attempt.
    socket?.close();
    throw error;
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function connected(
  { action, protocols, shared }: OpenTask,
  socket: WebSocket,
): Connection {
  const { url, protocol } = socket;
  if (protocol !== "" && !protocols.includes(protocol)) {
    throw new HandshakeError(
      `${action}: the server chose a subprotocol that was not offered; offer it in \`protocols\``,
      { status: 101 },
    );
  }
  return attach(socket, shared, { url, protocol, context: undefined });
}

function createClient(
  { action, route, trust }: OpenTask,
): Deno.HttpClient | undefined {
  const { caCerts, identity } = trust;
  const proxy = proxyOf(route);
  if (
    caCerts.length === 0 && identity === undefined && proxy === undefined
  ) return undefined;
  const options = { ...identity, ...(proxy && { proxy }) };
  try {
    return Deno.createHttpClient({ caCerts: [...caCerts], ...options });
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw explainConfig(action, error);
  }
}

/** A proxy as the runtime wants it. */
function proxyOf(route: Route): Deno.Proxy | undefined {
  if (!isProxied(route)) return undefined;
  const { kind, secure, username, password = "" } = route;
  const scheme = kind === "socks5-proxy" ? "socks5" : secure ? "https" : "http";
  return {
    url: `${scheme}://${placeName(route)}`,
    ...(username === undefined ? {} : { basicAuth: { username, password } }),
  };
}
