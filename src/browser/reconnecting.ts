/**
 * `keepConnected()` for browsers: one object that stays while the connections
 * under it come and go. It is apart from `connect()` and `reconnect()` for its
 * size, which most pages need not load.
 *
 * @example In a page
 * ```ts
 * import { keepConnected } from "@wss/wss/browser/reconnecting";
 *
 * export async function report(measured: AsyncIterable<number>): Promise<void> {
 *   await using ws = keepConnected("/measured", { overflow: "drop-oldest" });
 *   for await (const value of measured) await ws.send(`${value}`);
 * }
 * ```
 *
 * @module
 */

import {
  type KeepConnectedOptions,
  ReconnectingConnection,
} from "../reconnect/reconnecting_connection.ts";
import type { OpenConnection } from "../reconnect/reconnect.ts";
import type { ConnectOptions } from "./connect_options.ts";
import { opener } from "./open.ts";

export {
  type KeepConnectedOptions,
  ReconnectingConnection,
} from "../reconnect/reconnecting_connection.ts";

/**
 * Stays connected to a server, as `keepConnected()` of "@wss/wss" does.
 *
 * @param target The URL, as for `connect()`, or what opens each connection.
 * @param options When to try again, what becomes of messages and, with a URL,
 * what `connect()` takes.
 * @returns What sends and receives, whatever becomes of single connections.
 * @throws {TypeError} At once, if the URL or an option is malformed, or not for browsers.
 * @throws {RangeError} At once, if a limit or a time makes no sense.
 *
 * @example Messages wait until there is a connection
 * ```ts
 * import { serve } from "@wss/wss";
 * import { keepConnected } from "@wss/wss/browser/reconnecting";
 *
 * await using server = await serve({ port: 0 }, async (ws) => {
 *   for await (const message of ws) await ws.send(`got ${message}`);
 * });
 * await using ws = keepConnected(server.url);
 * ws.send("Hello");
 * console.log(await ws.receive()); // "got Hello"
 * ```
 */
export function keepConnected(
  target: string | URL,
  options?: ConnectOptions & KeepConnectedOptions,
): ReconnectingConnection;
/** Stays connected by what a function opens. */
export function keepConnected(
  target: OpenConnection,
  options?: KeepConnectedOptions,
): ReconnectingConnection;
export function keepConnected(
  target: string | URL | OpenConnection,
  options: ConnectOptions & KeepConnectedOptions = {},
): ReconnectingConnection {
  return new ReconnectingConnection(opener(target, options), options);
}
