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
  type ConnectOptions,
  parseUrl,
  resolvePlan,
} from "./src/connect_options.ts";
import { open } from "./src/open.ts";

export type { Message, MessageLike } from "./src/channel.ts";
export { CloseCode } from "./src/close_code.ts";
export { Connection } from "./src/connection.ts";
export * from "./src/errors.ts";
export type { Limits } from "./src/limits.ts";
export type { ReceiveOptions } from "./src/receive_queue.ts";
export type { ConnectOptions } from "./src/connect_options.ts";
export { loadCaCerts } from "./src/tls/pem.ts";
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
  return await open(resolvePlan(parseUrl(url), options));
}

if (import.meta.main) {
  // Awaited here, it would wait for this module, which it imports.
  import("./src/cli/greet_client.ts").then(async ({ greetClient }) => {
    Deno.exit(await greetClient(Deno.args));
  });
}
