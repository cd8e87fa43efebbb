/**
 * Opens connections with the browser's WebSocket.
 *
 * @module
 */

import type { Connection } from "../connection.ts";
import { attach } from "../engines/web_channel.ts";
import { NetworkError } from "../errors.ts";
import { checkOwn } from "../reconnect/own_options.ts";
import type { OpenConnection } from "../reconnect/reconnect.ts";
import { withoutSecrets } from "../url.ts";
import {
  type ConnectOptions,
  type Plan,
  resolvePlan,
} from "./connect_options.ts";

/** What opens connections to a target; a URL and its options are checked here, once. */
export function opener(
  target: string | URL | OpenConnection,
  options: ConnectOptions,
): OpenConnection {
  if (typeof target === "function") {
    checkOwn(options);
    return target;
  }
  const plan = resolvePlan(target, options);
  return (signal) => open(plan, signal);
}

/** Opens a connection, or gives up at the deadline or when the caller does. */
export async function open(
  { url, protocols, shared, openTimeout }: Plan,
  signal: AbortSignal | undefined,
): Promise<Connection> {
  signal?.throwIfAborted();
  const action = `Cannot connect to ${withoutSecrets(url)}`;
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  const socket = dial(action, url, protocols);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    socket.onopen = socket.onerror = null;
    const { url, protocol } = socket;
    resolve(attach(socket, shared, { url, protocol, context: undefined }));
  };
  socket.onerror = () => {
    const remedy = isMixed(url)
      ? MIXED
      : `see its console, whether https://${url.host} shows a certificate warning, and whether the server lets in this page's origin`;
    const message = `${action}: the browser does not tell pages why`;
    reject(new NetworkError(message, { reason: "other", remedy }));
  };
  const timer = setTimeout(() => {
    const message = `${action}: no answer within ${openTimeout} ms`;
    reject(new DOMException(message, "TimeoutError"));
  }, openTimeout);
  const abort = () => reject(signal?.reason);
  signal?.addEventListener("abort", abort);
  try {
    return await promise;
  } catch (error) {
    // This cancels the attempt.
    socket.close();
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** Begins to connect; the browser itself checks what it is given. */
function dial(
  action: string,
  url: URL,
  protocols: readonly string[],
): WebSocket {
  try {
    return new WebSocket(url, protocols as string[]);
  } catch {
    // What was caught quotes the URL or a subprotocol: either may be a secret.
    throw new TypeError(
      `${action}: ${
        isMixed(url)
          ? MIXED
          : "the URL must be of wss or ws and without a #fragment, the protocols tokens, none of them twice"
      }`,
    );
  }
}

const MIXED = "a page that came over https needs wss";

function isMixed({ protocol }: URL): boolean {
  return protocol === "ws:" && globalThis.location?.protocol === "https:";
}
