/**
 * Encrypted WebSocket clients, as a module and as a program.
 *
 * As a program it is the greeting client: `deno run --allow-net=localhost:8765
 * --allow-read=certs client.ts --name Ada`.
 *
 * @module
 */

import type { Connection } from "./src/connection.ts";
import {
  checkConnectNames,
  type ConnectOptions,
  resolvePlan,
} from "./src/client/connect_options.ts";
import { open } from "./src/client/open.ts";
import {
  checkOwn,
  KEEP_CONNECTED_NAMES,
  RECONNECT_NAMES,
} from "./src/reconnect/own_options.ts";
import {
  type OpenConnection,
  type ReconnectOptions,
  reconnectWith,
} from "./src/reconnect/reconnect.ts";
import {
  type KeepConnectedOptions,
  ReconnectingConnection,
} from "./src/reconnect/reconnecting_connection.ts";
import { parseUrl } from "./src/url.ts";

export type { HeartbeatOptions } from "./src/application_heartbeat.ts";
export type { Message, MessageLike } from "./src/channel.ts";
export { CloseCode } from "./src/close_code.ts";
export { Connection, type Traffic } from "./src/connection.ts";
export * from "./src/errors.ts";
export type { Limits } from "./src/limits.ts";
export type { ReceiveOptions } from "./src/receive_queue.ts";
export type {
  OpenConnection,
  ReconnectOptions,
  ReconnectStatus,
} from "./src/reconnect/reconnect.ts";
export type {
  CommonConnectOptions,
  ConnectOptions,
} from "./src/client/connect_options.ts";
export type { AddressOptions, RouteOptions } from "./src/route/route.ts";
export type {
  BuiltInConnectOptions,
  EngineName,
  StrictConnectOptions,
} from "./src/engine_options.ts";
export {
  type KeepConnectedOptions,
  ReconnectingConnection,
} from "./src/reconnect/reconnecting_connection.ts";
export {
  type CertChain,
  type CertFiles,
  loadCaCerts,
  loadCertChain,
} from "./src/tls/pem.ts";
export type { PeerCertificate } from "./src/tls/peer_certificate.ts";
export type { TrustOptions } from "./src/tls/trust.ts";

/**
 * Connects to a WebSocket server. A `wss:` URL is encrypted, and the server's
 * certificate is always verified, for the name in the URL.
 *
 * @param url The URL, of the scheme `wss:` or `ws:`.
 * @param options Whom to trust and what to ask for.
 * @returns The open connection.
 * @throws {TlsError} If the server's certificate is not to be trusted.
 * @throws {HandshakeError} If the server does not agree to a WebSocket.
 * @throws {NetworkError} If the server cannot be reached.
 * @throws {DOMException} "TimeoutError" after `openTimeout`; the reason of `signal` when that aborts.
 * @throws {TypeError} If the URL or an option is malformed.
 * @throws {Deno.errors.NotCapable} Without `--allow-net` for this address.
 *
 * @example Trust one certificate authority more
 * ```ts
 * import { connect, loadCaCerts, loadCertChain, serve } from "@wss/wss";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const { chainFile, caFile } = await ensureDevCertificates({
 *   directory: await Deno.makeTempDir(),
 * });
 * await using server = await serve(
 *   { port: 0, ...await loadCertChain(chainFile) },
 *   (ws) => ws.send("Welcome"),
 * );
 *
 * await using ws = await connect(server.url, { caCerts: await loadCaCerts(caFile) });
 * for await (const message of ws) console.log(message); // "Welcome"
 * ```
 */
export async function connect(
  url: string | URL,
  options: ConnectOptions = {},
): Promise<Connection> {
  checkConnectNames("connect()", options);
  return await open(resolvePlan(parseUrl(url), options));
}

/**
 * Iterates over connections to a server: each is opened when the one before has
 * ended, after a delay that grows while that does not help.
 *
 * The body of the loop has the connection for itself. When the body ends, by
 * itself or by `continue`, the connection is closed if need be, and the next one
 * opened; leaving the loop closes it for good. An error that leaves the body
 * ends the loop, so one that tells that the connection was lost is to be caught
 * there. What trying again can't mend is thrown out of the loop; `retry` decides.
 *
 * @param target The URL, as for {@linkcode connect}.
 * @param options When to try again, and what `connect()` takes.
 * @returns An iterator over open connections, without end.
 * @throws {TypeError} At once, if the URL or an option is malformed.
 * @throws {RangeError} At once, if a limit or a time makes no sense.
 *
 * @example Subscribe again with each connection
 * ```ts
 * import { ConnectionClosedError, reconnect, serve } from "@wss/wss";
 *
 * let count = 0;
 * await using server = await serve({ port: 0 }, async (ws) => {
 *   const topic = await ws.receive();
 *   await ws.send(`${topic}: message ${++count}`);
 *   await ws.close(1012, "restarting");
 * });
 *
 * for await (const ws of reconnect(server.url, { minDelay: 10 })) {
 *   try {
 *     await ws.send("news");
 *     for await (const message of ws) console.log(message);
 *   } catch (error) {
 *     if (!(error instanceof ConnectionClosedError)) throw error;
 *   }
 *   if (count === 2) break;
 * }
 * ```
 */
export function reconnect(
  target: string | URL,
  options?: ConnectOptions & ReconnectOptions,
): AsyncIterableIterator<Connection, undefined>;
/**
 * Iterates over connections that a function opens: with a token that is made for
 * each attempt, or to one server of several.
 *
 * @param target What opens each connection.
 * @param options When to try again.
 * @returns An iterator over open connections, without end.
 * @throws {TypeError} At once, if an option is malformed, or for `connect()`.
 * @throws {RangeError} At once, if a time or a number makes no sense.
 */
export function reconnect(
  target: OpenConnection,
  options?: ReconnectOptions,
): AsyncIterableIterator<Connection, undefined>;
export function reconnect(
  target: string | URL | OpenConnection,
  options: ConnectOptions & ReconnectOptions = {},
): AsyncIterableIterator<Connection, undefined> {
  checkConnectNames("reconnect()", options, RECONNECT_NAMES);
  return reconnectWith(opener(target, options), options);
}

/**
 * Connects to a server, and connects again whenever the connection is lost, in
 * the way of {@linkcode reconnect}: for programs that want no loop around it.
 *
 * @param target The URL, as for {@linkcode connect}.
 * @param options When to try again, what becomes of messages, and what
 * `connect()` takes.
 * @returns What messages are sent to and received from; it begins to connect.
 * @throws {TypeError} At once, if the URL or an option is malformed.
 * @throws {RangeError} At once, if a limit or a time makes no sense.
 *
 * @example Send without a thought of the connection
 * ```ts
 * import { keepConnected, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, async (ws) => {
 *   for await (const message of ws) await ws.send(`got ${message}`);
 * });
 * await using ws = keepConnected(server.url, {
 *   onstatus: ({ state }) => console.log(state), // "connecting", "open", "closed"
 * });
 * await ws.send("Hello");
 * console.log(await ws.receive()); // "got Hello"
 * ```
 */
export function keepConnected(
  target: string | URL,
  options?: ConnectOptions & KeepConnectedOptions,
): ReconnectingConnection;
/**
 * Stays connected by means of a function that opens connections: with a token
 * that is made for each attempt, or to one server of several.
 *
 * @param target What opens each connection.
 * @param options When to try again, and what becomes of messages.
 * @returns What messages are sent to and received from; it begins to connect.
 * @throws {TypeError} At once, if an option is malformed, or for `connect()`.
 * @throws {RangeError} At once, if a limit or a time makes no sense.
 */
export function keepConnected(
  target: OpenConnection,
  options?: KeepConnectedOptions,
): ReconnectingConnection;
export function keepConnected(
  target: string | URL | OpenConnection,
  options: ConnectOptions & KeepConnectedOptions = {},
): ReconnectingConnection {
  checkConnectNames("keepConnected()", options, {
    ...RECONNECT_NAMES,
    ...KEEP_CONNECTED_NAMES,
  });
  return new ReconnectingConnection(opener(target, options), options);
}

/** What opens connections to a target; a URL and its options are checked here, once. */
function opener(
  target: string | URL | OpenConnection,
  options: ConnectOptions,
): OpenConnection {
  if (typeof target === "function") {
    checkOwn(options);
    return target;
  }
  const plan = resolvePlan(parseUrl(target), options);
  return (signal) => open({ ...plan, signal });
}

if (import.meta.main) {
  // Awaited here, it would wait for this module, which it imports.
  import("./src/cli/program.ts").then(async ({ main }) => {
    Deno.exit(await main(["greet", ...Deno.args]));
  });
}
