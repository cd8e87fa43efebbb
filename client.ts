/**
 * Encrypted WebSocket clients, as a module and as a program.
 *
 * As a program it is the greeting client: `deno run --allow-net=localhost:8765
 * --allow-read=certs client.ts --name Ada`.
 *
 * @module
 */

import type { Connection } from "./src/connection.ts";
import { open } from "./src/engines/deno.ts";
import { checkProtocols } from "./src/handshake.ts";
import { checkTimeout, type Limits, resolveLimits } from "./src/limits.ts";

import { checkPair } from "./src/tls/pem.ts";

export type { Message, MessageLike } from "./src/channel.ts";
export { CloseCode } from "./src/close_code.ts";
export { Connection } from "./src/connection.ts";
export * from "./src/errors.ts";
export type { Limits } from "./src/limits.ts";
export type { ReceiveOptions } from "./src/receive_queue.ts";
export { loadCaCerts } from "./src/tls/pem.ts";

/**
 * Options for {@linkcode connect}.
 *
 * @example Offer subprotocols and send a header
 * ```ts
 * import { connect, type ConnectOptions, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0, protocols: ["v2"] }, (ws) => ws.closed);
 * const options: ConnectOptions = {
 *   protocols: ["v2", "v1"],
 *   headers: { authorization: "Bearer of this example" },
 *   openTimeout: 3000,
 * };
 * await using ws = await connect(server.url, options);
 * console.log(ws.protocol); // "v2"
 * ```
 */
export interface ConnectOptions extends Limits {
  /**
   * Certificates in PEM of authorities to trust, besides those that the runtime
   * trusts anyway; see `loadCaCerts()`.
   */
  caCerts?: readonly string[] | undefined;
  /** A client certificate in PEM, for servers that ask for one; with `key`. */
  cert?: string | undefined;
  /** The private key of the client certificate in PEM; with `cert`. */
  key?: string | undefined;
  /** The subprotocols to offer, the best first. */
  protocols?: readonly string[] | undefined;
  /** Headers for the opening handshake, such as `authorization`. */
  headers?: HeadersInit | undefined;
  /** Gives up connecting when it aborts; an open connection is not touched. */
  signal?: AbortSignal | undefined;
  /**
   * How long the connection may take to open, in milliseconds, from the look-up
   * of the name to the answer of the server.
   *
   * @default {10_000}
   */
  openTimeout?: number | undefined;
}

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
  const { protocols = [], openTimeout = 10_000, signal } = options;
  const target = parseUrl(url);
  checkProtocols(protocols);
  checkTimeout("openTimeout", openTimeout);
  checkPair("Cannot use a client certificate", options);
  if (options.caCerts !== undefined && !Array.isArray(options.caCerts)) {
    throw new TypeError(
      "Cannot use caCerts: it must be a list of certificates in PEM",
    );
  }
  options.caCerts?.forEach(checkCaCert);
  const limits = resolveLimits(options);
  const shared = { role: "client", limits, pingInterval: 0 } as const;
  signal?.throwIfAborted();
  return await open({ url: target, options, shared, openTimeout });
}

/** The runtime takes anything for a certificate, and then trusts nothing. */
function checkCaCert(pem: string, index: number): void {
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
    throw new TypeError(
      `Cannot trust caCerts[${index}]: it is no certificate in PEM; loadCaCerts() reads them from files`,
    );
  }
}

function parseUrl(url: string | URL): string {
  if (!URL.canParse(url)) {
    throw new TypeError(
      'Cannot connect: the URL is malformed; it must be like "wss://localhost:8765", its port at most 65535',
    );
  }
  const target = new URL(url);
  if (target.protocol !== "wss:" && target.protocol !== "ws:") {
    throw new TypeError(
      `Cannot connect: the scheme of the URL must be wss or ws, current value is ${
        target.protocol.slice(0, -1)
      }`,
    );
  }
  if (target.hash !== "") {
    throw new TypeError(
      "Cannot connect: the URL must not have a #fragment (RFC 6455, section 3)",
    );
  }
  return target.href;
}

if (import.meta.main) {
  // Awaited here, it would wait for this module, which it imports.
  import("./src/cli/greet_client.ts").then(async ({ greetClient }) => {
    Deno.exit(await greetClient(Deno.args));
  });
}
