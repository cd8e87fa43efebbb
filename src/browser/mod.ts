/**
 * The client for browsers and their workers: `connect()` and `reconnect()` with
 * the same `Connection` as everywhere. It uses what the web platform has, and
 * loads nothing else. `deno bundle` makes a file of it, see docs/browser.md.
 *
 * @example In a page
 * ```ts
 * import { reconnect } from "@wss/wss/browser";
 *
 * export async function follow(show: (news: string) => void): Promise<void> {
 *   for await (const ws of reconnect("/news")) {
 *     for await (const message of ws) show(String(message));
 *   }
 * }
 * ```
 *
 * @module
 */

import type { Connection } from "../connection.ts";
import {
  type OpenConnection,
  type ReconnectOptions,
  reconnectWith,
} from "../reconnect/reconnect.ts";
import { type ConnectOptions, resolvePlan } from "./connect_options.ts";
import { open, opener } from "./open.ts";

export type { HeartbeatOptions } from "../application_heartbeat.ts";
export type { Message, MessageLike } from "../channel.ts";
export { CloseCode } from "../close_code.ts";
export { Connection, type Traffic } from "../connection.ts";
export {
  type CloseInfo,
  ConnectionClosedError,
  type ConnectionClosedErrorOptions,
  NetworkError,
  type NetworkErrorOptions,
  type NetworkErrorReason,
  WssError,
} from "../errors.ts";
export type { Limits } from "../limits.ts";
export type { ReceiveOptions } from "../receive_queue.ts";
export type {
  OpenConnection,
  ReconnectOptions,
  ReconnectStatus,
} from "../reconnect/reconnect.ts";
export type { PeerCertificate } from "../tls/peer_certificate.ts";
export type { ConnectOptions } from "./connect_options.ts";

/**
 * Connects to a WebSocket server. The browser verifies the server's certificate
 * and says whose page it is; why it failed, it tells its console alone.
 *
 * @param url The URL, of the scheme `wss:` or `ws:`, or relative to that of the
 * page: "/chat" is `wss:` from a page that came over `https:`.
 * @param options What to ask for.
 * @returns The open connection.
 * @throws {NetworkError} If there is no connection, for whatever reason.
 * @throws {DOMException} "TimeoutError" after `openTimeout`; the reason of `signal` when that aborts.
 * @throws {TypeError} If the URL or an option is malformed, or not for browsers.
 * @throws {RangeError} If a limit or a time makes no sense.
 *
 * @example Say hello
 * ```ts
 * import { serve } from "@wss/wss";
 * import { connect } from "@wss/wss/browser";
 *
 * await using server = await serve({ port: 0 }, async (ws) => {
 *   await ws.send(`Hello ${await ws.receive()}!`);
 * });
 *
 * const ws = await connect(server.url);
 * await ws.send("Ada");
 * console.log(await ws.receive()); // "Hello Ada!"
 * await ws.close();
 * ```
 */
export async function connect(
  url: string | URL,
  options: ConnectOptions = {},
): Promise<Connection> {
  return await open(resolvePlan(url, options), options.signal);
}

/**
 * Iterates over connections to a server: each is opened when the one before has
 * ended, after a delay that grows while that does not help. It goes as
 * `reconnect()` of "@wss/wss" does; as a browser hides why it failed to connect,
 * such a failure is always tried again.
 *
 * @param target The URL, as for {@linkcode connect}, or what opens each connection.
 * @param options When to try again, and, with a URL, what `connect()` takes.
 * @returns An iterator over open connections, without end.
 * @throws {TypeError} At once, if the URL or an option is malformed, or not for browsers.
 * @throws {RangeError} At once, if a limit or a time makes no sense.
 *
 * @example Go on after the server was restarted
 * ```ts
 * import { serve } from "@wss/wss";
 * import { reconnect } from "@wss/wss/browser";
 *
 * let count = 0;
 * await using server = await serve({ port: 0 }, async (ws) => {
 *   await ws.send(`connection ${++count}`);
 *   await ws.close(1001, "restarting");
 * });
 *
 * for await (const ws of reconnect(server.url, { minDelay: 10 })) {
 *   for await (const message of ws) console.log(message);
 *   if (count === 2) break;
 * }
 * ```
 */
export function reconnect(
  target: string | URL,
  options?: ConnectOptions & ReconnectOptions,
): AsyncIterableIterator<Connection, undefined>;
/** Iterates over connections that a function opens. */
export function reconnect(
  target: OpenConnection,
  options?: ReconnectOptions,
): AsyncIterableIterator<Connection, undefined>;
export function reconnect(
  target: string | URL | OpenConnection,
  options: ConnectOptions & ReconnectOptions = {},
): AsyncIterableIterator<Connection, undefined> {
  return reconnectWith(opener(target, options), options);
}
