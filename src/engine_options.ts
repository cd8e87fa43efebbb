/**
 * The engines, and the options that only one of them can honour.
 *
 * @module
 */

import type { AddressOptions } from "./route/route.ts";
import type { CertChain } from "./tls/pem.ts";

/**
 * The engine that carries the connections. `"deno"` is the runtime's own
 * WebSocket, `"node"` the strict engine on npm:ws.
 *
 * @example Strict where strangers come
 * ```ts
 * import { type EngineName, serve } from "@wss/wss";
 *
 * const engine: EngineName = "node";
 * await using server = await serve({ port: 0, engine }, (ws) => ws.closed);
 * console.log(server.url);
 * ```
 */
export type EngineName = "deno" | "node";

/**
 * How messages are compressed, see {@linkcode StrictOptions.compression}.
 *
 * @example Only what is larger than a packet
 * ```ts
 * import { type CompressionOptions, serve } from "@wss/wss";
 *
 * const compression: CompressionOptions = { threshold: 1400 };
 * await using server = await serve({ port: 0, engine: "node", compression }, (ws) => ws.closed);
 * console.log(server.url);
 * ```
 */
export interface CompressionOptions {
  /**
   * The smallest message that is compressed, in bytes.
   *
   * @default {1_024}
   */
  threshold?: number | undefined;
}

/**
 * What only the strict engine can, `serve({ engine: "node" })`.
 *
 * @example Clients that show a certificate
 * ```ts
 * import { loadCaCerts, loadCertChain, serve, type StrictOptions } from "@wss/wss";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const { chainFile, caFile } = await ensureDevCertificates({
 *   directory: await Deno.makeTempDir(),
 * });
 * const strict: StrictOptions = {
 *   engine: "node",
 *   clientCa: await loadCaCerts(caFile),
 *   minVersion: "TLSv1.3",
 *   watch: true,
 * };
 * await using server = await serve(
 *   { port: 0, ...await loadCertChain(chainFile), ...strict },
 *   (ws) => ws.send(`Hello ${ws.peerCertificate?.subject}!`),
 * );
 * console.log(server.url);
 * ```
 */
export interface StrictOptions {
  /** The strict engine. */
  engine: "node";
  /**
   * Certificates in PEM of the authorities that issue client certificates, and
   * no others; see `loadCaCerts()`. Clients are then asked for a certificate,
   * which `authorize` and the handler find as `peerCertificate`.
   */
  clientCa?: readonly string[] | undefined;
  /**
   * Whether a client must have a certificate: without one, `"require"` ends its
   * TLS handshake, and `"request"` lets it go on to `authorize`.
   *
   * @default {"require"}
   */
  clientAuth?: "request" | "require" | undefined;
  /**
   * Lists of revoked client certificates in PEM (RFC 5280, section 5), each
   * signed by one of `clientCa`. Once a list's `nextUpdate` is past, no
   * certificate of its authority is accepted until `reload()` brings the next.
   */
  crl?: readonly string[] | undefined;
  /**
   * Certificates for other names than that of `cert`, by the name that the
   * client asks for (RFC 6066, section 3); `"*.chat.example"` stands for all
   * names one level below. Who asks for no name here gets `cert`.
   */
  certificates?: Readonly<Record<string, CertChain>> | undefined;
  /**
   * The oldest version of TLS that is spoken.
   *
   * @default {"TLSv1.2"}
   */
  minVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
  /**
   * Looks after the files that `loadCertChain()` read, every five seconds or so
   * many milliseconds, and takes what changed for new connections. What is no
   * good is reported to `onError`, and what was goes on.
   *
   * @default {false}
   */
  watch?: boolean | number | undefined;
  /**
   * Compresses messages (permessage-deflate, RFC 7692) for clients that can.
   * Not for secrets beside text that others choose: the size of what is sent
   * tells of its content.
   *
   * @default {false}
   */
  compression?: boolean | CompressionOptions | undefined;
}

/**
 * What the built-in engine can: none of {@linkcode StrictOptions}.
 *
 * @example The default
 * ```ts
 * import { type BuiltInOptions, serve } from "@wss/wss";
 *
 * const options: BuiltInOptions = { engine: "deno" };
 * await using server = await serve({ port: 0, ...options }, (ws) => ws.closed);
 * console.log(server.url);
 * ```
 *
 * @example Several messages in a row, without the delay of TLS on Linux
 * ```ts
 * import { type BuiltInOptions, loadCertChain, serve } from "@wss/wss";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const { chainFile } = await ensureDevCertificates({
 *   directory: await Deno.makeTempDir(),
 * });
 * const options: BuiltInOptions = { noDelay: Deno.build.os === "linux" };
 * await using server = await serve(
 *   { port: 0, ...await loadCertChain(chainFile), ...options },
 *   async (ws) => {
 *     for (const part of ["one", "two", "three"]) await ws.send(part);
 *   },
 * );
 * console.log(server.url);
 * ```
 */
export type BuiltInOptions =
  & { [Name in Exclude<keyof StrictOptions, "engine">]?: undefined }
  & {
    /**
     * The built-in engine.
     *
     * @default {"deno"}
     */
    engine?: "deno" | undefined;
    /**
     * Sends small messages over TLS at once (TCP_NODELAY). Without it, on Linux,
     * one that closely follows another arrives some 40 ms later, and so does the
     * end of each handshake. The runtime has no option for that; this calls the
     * C library by FFI, so it needs `--allow-ffi`, or as little as
     * `--allow-ffi=/lib/x86_64-linux-gnu/libc.so.6`, wherever that file is. With
     * either, a program can do whatever its user can. Answers that would have
     * left together leave in more packets: some 10 % more CPU time, a third more
     * for many small ones at once. For Linux and TLS; the strict engine, and
     * servers without TLS, have no such delay.
     *
     * @default {false}
     */
    noDelay?: boolean | undefined;
  };

/**
 * What only the strict engine can, `connect({ engine: "node" })`.
 *
 * @example Only one authority, and nothing older than TLS 1.3
 * ```ts
 * import { connect, loadCaCerts, loadCertChain, serve, type StrictConnectOptions } from "@wss/wss";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const { chainFile, caFile } = await ensureDevCertificates({
 *   directory: await Deno.makeTempDir(),
 * });
 * await using server = await serve(
 *   { port: 0, ...await loadCertChain(chainFile) },
 *   (ws) => ws.send("Welcome"),
 * );
 * const strict: StrictConnectOptions = {
 *   engine: "node",
 *   defaultCaCerts: false,
 *   minVersion: "TLSv1.3",
 * };
 * await using ws = await connect(server.url, { caCerts: await loadCaCerts(caFile), ...strict });
 * console.log(ws.peerCertificate?.subject, await ws.receive());
 * ```
 */
export interface StrictConnectOptions extends AddressOptions {
  /** The strict engine. */
  engine: "node";
  /**
   * Whether the authorities that the runtime trusts are trusted besides
   * `caCerts`. `false` trusts those of `caCerts` alone.
   *
   * @default {true}
   */
  defaultCaCerts?: boolean | undefined;
  /**
   * The keys of which one must be the server's, or that of an authority above
   * it (RFC 7469), each as `"sha256/"` and the SHA-256 of its
   * SubjectPublicKeyInfo in base64; see `certificatePin()`. Two at least, so that
   * there is one left when the other key is lost or changed. All else about the
   * certificate is verified, too. An authority that the server does not send
   * counts if it is in `caCerts`.
   */
  pins?: readonly string[] | undefined;
  /**
   * The oldest version of TLS that is spoken.
   *
   * @default {"TLSv1.2"}
   */
  minVersion?: "TLSv1.2" | "TLSv1.3" | undefined;
  /**
   * After how long the server is asked for a sign of life, in milliseconds; 0 for
   * never. It then has `pongTimeout` to answer.
   *
   * @default {20_000}
   */
  pingInterval?: number | undefined;
}

/**
 * What the built-in engine of clients can: none of {@linkcode StrictConnectOptions}.
 *
 * @example The default
 * ```ts
 * import { type BuiltInConnectOptions, connect, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, (ws) => ws.send("Hello"));
 * const options: BuiltInConnectOptions = { engine: "deno" };
 * await using ws = await connect(server.url, options);
 * console.log(await ws.receive()); // "Hello"
 * ```
 */
export type BuiltInConnectOptions =
  & { [Name in Exclude<keyof StrictConnectOptions, "engine">]?: undefined }
  & {
    /**
     * The built-in engine.
     *
     * @default {"deno"}
     */
    engine?: "deno" | undefined;
  };

/** Why the built-in engine cannot honour an option, each by its name. */
type Inabilities<Options> = Readonly<
  Record<Exclude<keyof Options, "engine">, string>
>;

const SERVE: Inabilities<StrictOptions> = {
  clientCa: "verify client certificates",
  clientAuth: "verify client certificates",
  crl: "verify client certificates",
  certificates: "choose a certificate by name",
  minVersion: "choose the version of TLS",
  watch: "change its certificate while it listens",
  compression: "bound what a message grows to",
};

const CONNECT: Inabilities<StrictConnectOptions> = {
  defaultCaCerts: "do without the authorities that the runtime trusts",
  pins: "see the server's certificate",
  minVersion: "choose the version of TLS",
  pingInterval: "ping",
  unixSocket: "go through a unix socket",
  resolve: "go to another address than that of the name",
};

/**
 * Refuses engines that there are not, and options of `serve()` that the engine
 * cannot honour.
 *
 * @throws {TypeError} That names the engine that can.
 */
export function checkEngine(
  options: Partial<StrictOptions> | BuiltInOptions,
): EngineName {
  const { engine = "deno" } = options;
  const { noDelay = false } = options as BuiltInOptions;
  if (typeof noDelay !== "boolean") {
    throw new TypeError("Cannot use noDelay: it must be true or false");
  }
  if (isStrict(engine)) {
    if (!noDelay) return engine;
    throw new TypeError(
      "Cannot use noDelay: the strict engine sends without delay anyway; leave it out",
    );
  }
  for (const [name, inability] of Object.entries(SERVE)) {
    const value = options[name as keyof StrictOptions];
    if (value !== undefined && value !== false) {
      throw cannot(name, inability, "serve()");
    }
  }
  return engine;
}

/**
 * The same for options of `connect()`.
 *
 * @throws {TypeError} That names the engine that can.
 */
export function checkConnectEngine(
  options: Partial<StrictConnectOptions> | BuiltInConnectOptions,
): EngineName {
  const { engine = "deno" } = options;
  if (isStrict(engine)) return engine;
  for (const [name, inability] of Object.entries(CONNECT)) {
    if (options[name as keyof StrictConnectOptions] !== undefined) {
      throw cannot(name, inability, "connect()");
    }
  }
  return engine;
}

function isStrict(engine: EngineName): engine is "node" {
  if (engine === "node" || engine === "deno") return engine === "node";
  throw new TypeError(
    'Cannot use engine: it must be "deno", the built-in one, or "node", the strict one',
  );
}

function cannot(name: string, inability: string, call: string): TypeError {
  return new TypeError(
    `Cannot use ${name}: the built-in engine cannot ${inability}; use ${call} with engine: "node"`,
  );
}
