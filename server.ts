/**
 * Encrypted WebSocket servers, as a module and as a program.
 *
 * As a program it is the greeting server: `deno run --allow-net=localhost:8765
 * --allow-read=certs server.ts`.
 *
 * @module
 */

import { answer, type FetchHandler, run } from "./src/accept.ts";
import type { Engine, Listen } from "./src/engine.ts";
import {
  type BuiltInOptions,
  checkEngine,
  type StrictOptions,
} from "./src/engine_options.ts";
import { listen, upgradeRequest } from "./src/engines/deno_server.ts";
import { FLOW_DEFAULTS, shown } from "./src/limits.ts";
import type { Logger } from "./src/logger.ts";
import { checkNames, type OptionNames } from "./src/option_names.ts";
import {
  ACCEPT_NAMES,
  type AcceptOptions,
  checkFunction,
  type Handler,
  type Policy,
  resolvePolicy,
} from "./src/policy.ts";
import { type Server, type ServerSetup, start } from "./src/server.ts";
import { NetworkError } from "./src/errors.ts";
import { explainConfig } from "./src/tls/explain.ts";
import {
  type CertFiles,
  certificateNames,
  checkPair,
  coversHost,
} from "./src/tls/pem.ts";
import { Topics } from "./src/topics.ts";

export type { FetchHandler } from "./src/accept.ts";
export type { Authorize, ContextOf } from "./src/authorize/authorize.ts";
export {
  basicAuth,
  type BasicAuthOptions,
  type BasicUser,
} from "./src/authorize/basic_auth.ts";
export {
  type Bearer,
  bearerAuth,
  type BearerAuthOptions,
} from "./src/authorize/bearer_auth.ts";
export {
  clientCertificate,
  type ClientCertificateOptions,
} from "./src/authorize/client_certificate.ts";
export { allOf, anyOf, type ContextsOf } from "./src/authorize/combine.ts";
export type {
  TokenPlaceOptions,
  TokenSource,
} from "./src/authorize/token_source.ts";
export type { HeartbeatReply } from "./src/application_heartbeat.ts";
export type { Message, MessageLike } from "./src/channel.ts";
export { CloseCode } from "./src/close_code.ts";
export { Connection, type Traffic } from "./src/connection.ts";
export type {
  BuiltInOptions,
  CompressionOptions,
  EngineName,
  StrictOptions,
} from "./src/engine_options.ts";
export * from "./src/errors.ts";
export type { ProxyOptions } from "./src/forwarded.ts";
export type { OriginPolicy } from "./src/handshake.ts";
export type { Limits } from "./src/limits.ts";
export type { ReceiveOptions } from "./src/receive_queue.ts";
export type { Logger } from "./src/logger.ts";
export { setNoDelay } from "./src/no_delay.ts";
export type {
  AcceptOptions,
  AuthorizeInfo,
  Handler,
  RefusedHandshake,
} from "./src/policy.ts";
export {
  type BroadcastOptions,
  type ReloadOptions,
  Server,
  type ShutdownOptions,
} from "./src/server.ts";
export type { PeerCertificate } from "./src/tls/peer_certificate.ts";
export {
  type CertChain,
  type CertFiles,
  loadCertChain,
} from "./src/tls/pem.ts";
export { type Subscriber, Topics } from "./src/topics.ts";

/**
 * Options for {@linkcode serve} that every engine honours.
 *
 * @example The same for both engines
 * ```ts
 * import { type CommonServeOptions, serve } from "@wss/wss";
 *
 * const options: CommonServeOptions = { port: 0, protocols: ["chat"] };
 * await using one = await serve(options, (ws) => ws.closed);
 * await using other = await serve({ ...options, engine: "node" }, (ws) => ws.closed);
 * console.log(one.url, other.url);
 * ```
 */
export interface CommonServeOptions<Context = undefined>
  extends AcceptOptions<Context> {
  /**
   * The name or address to listen on. The default is reached from this machine
   * only; `"0.0.0.0"` and `"::"` are reached from everywhere.
   *
   * @default {"localhost"}
   */
  hostname?: string | undefined;
  /**
   * The port to listen on; 0 takes a free one, see `server.addr`.
   *
   * @default {8765}
   */
  port?: number | undefined;
  /**
   * A unix socket to listen on instead of a port, for a reverse proxy on the
   * same machine. TLS is not spoken on it.
   */
  path?: string | undefined;
  /** The certificate chain in PEM, the server's own certificate first; with `key`. */
  cert?: string | undefined;
  /** The private key of the certificate in PEM; with `cert`. */
  key?: string | undefined;
  /** Where the two were read; `loadCertChain()` tells, and `watch` looks there. */
  files?: CertFiles | undefined;
  /**
   * Answers ordinary HTTP requests to the same port. The default is 426 with a
   * line that says where to connect.
   */
  fetch?: FetchHandler | undefined;
  /** Shuts the server down when it aborts, as `shutdown()` does. */
  signal?: AbortSignal | undefined;
}

/**
 * Options for {@linkcode serve}: those of every engine, and those of the strict
 * engine where that is chosen.
 *
 * @example Plain, for behind a reverse proxy
 * ```ts
 * import { serve, type ServeOptions } from "@wss/wss";
 *
 * const options: ServeOptions = {
 *   hostname: "127.0.0.1",
 *   port: 0,
 *   trustProxy: ["127.0.0.1"],
 *   maxMessageSize: 64 * 1024,
 * };
 * await using server = await serve(options, (ws) => ws.closed);
 * console.log(server.url);
 * ```
 */
export type ServeOptions<Context = undefined> =
  & CommonServeOptions<Context>
  & (BuiltInOptions | StrictOptions);

const STRICT_NAMES: OptionNames<StrictOptions> = {
  engine: true,
  clientCa: true,
  clientAuth: true,
  crl: true,
  certificates: true,
  minVersion: true,
  watch: true,
  compression: true,
};

const ENGINE_NAMES = { ...STRICT_NAMES, noDelay: true };

const SERVE_NAMES: OptionNames<
  CommonServeOptions & StrictOptions & Pick<BuiltInOptions, "noDelay">
> = {
  ...ACCEPT_NAMES,
  ...STRICT_NAMES,
  noDelay: true,
  hostname: true,
  port: true,
  path: true,
  cert: true,
  key: true,
  files: true,
  fetch: true,
  signal: true,
};

/**
 * Starts a WebSocket server: encrypted (`wss`) with `cert` and `key`, else plain
 * (`ws`) for behind a reverse proxy that does the encryption.
 *
 * @typeParam Context What `authorize` makes of a request.
 * @param options Where to listen and whom to let in.
 * @param handler Serves one connection; see {@linkcode Handler}.
 * @returns The server, which listens already.
 * @throws {TypeError} If options contradict each other.
 * @throws {RangeError} If a limit or a deadline makes no sense.
 * @throws {TlsError} If the certificate or the key cannot be used.
 * @throws {NetworkError} If the hostname cannot be resolved.
 * @throws {Deno.errors.AddrInUse} If something else listens there.
 * @throws {Deno.errors.NotCapable} Without `--allow-net` for this address, or
 * without `--allow-ffi` for `noDelay`.
 *
 * @example Greet, encrypted
 * ```ts
 * import { connect, loadCaCerts, loadCertChain, serve } from "@wss/wss";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const { chainFile, caFile } = await ensureDevCertificates({
 *   directory: await Deno.makeTempDir(),
 * });
 * await using server = await serve(
 *   { port: 0, ...await loadCertChain(chainFile) },
 *   async (ws) => {
 *     const name = await ws.receive();
 *     await ws.send(`Hello ${name}!`);
 *   },
 * );
 *
 * await using ws = await connect(server.url, { caCerts: await loadCaCerts(caFile) });
 * await ws.send("Ada");
 * console.log(await ws.receive()); // "Hello Ada!"
 * ```
 */
export async function serve<Context = undefined>(
  options: ServeOptions<Context>,
  handler: Handler<Context>,
): Promise<Server<Context>> {
  if (typeof handler !== "function") {
    throw new TypeError(
      "Cannot serve: the handler, the second argument, must be a function",
    );
  }
  checkNames("serve()", options, SERVE_NAMES);
  const { fetch, signal } = options;
  checkFunction("fetch", fetch);
  const name = checkEngine(options);
  const where = whereToListen(options);
  const topics = new Topics();
  const policy = await resolvePolicy(options, topics, {
    hosts: ownNames(where, options),
    defaults: name === "node" ? FLOW_DEFAULTS : undefined,
  });
  const engine = options.engine === "node"
    ? await strictEngine(where, options)
    : await builtInEngine(where, options);
  if ("cert" in where) await warnOfNames(where, policy.logger);
  signal?.throwIfAborted();
  const setup = { where, policy, handler, fetch, topics, engine };
  const server = await startServer(setup);
  if (signal !== undefined) {
    const down = () => void server.shutdown();
    signal.addEventListener("abort", down, { once: true });
    server.finished.then(() => signal.removeEventListener("abort", down));
  }
  return server;
}

/**
 * Options for {@linkcode upgrade}.
 *
 * @example Made once, used for each request
 * ```ts
 * import { Topics, upgrade, type UpgradeOptions } from "@wss/wss";
 *
 * const options: UpgradeOptions = { topics: new Topics(), protocols: ["chat"] };
 * await using http = Deno.serve({ port: 0, onListen() {} }, (request, info) =>
 *   upgrade(request, info, options, (ws) => ws.closed));
 * const response = await fetch(`http://localhost:${http.addr.port}`);
 * console.log(response.status, await response.text()); // 426 …
 * ```
 */
export interface UpgradeOptions<Context = undefined>
  extends AcceptOptions<Context> {
  /** The topics that `ws.subscribe()` adds to. */
  topics?: Topics | undefined;
}

/**
 * What an HTTP server knows about the sender of a request.
 *
 * @example What Deno.serve tells is enough
 * ```ts
 * import { upgrade, type UpgradeInfo } from "@wss/wss";
 *
 * function answer(request: Request, info: UpgradeInfo): Promise<Response> {
 *   return upgrade(request, info, {}, (ws) => ws.closed);
 * }
 * await using http = Deno.serve({ port: 0, onListen() {} }, answer);
 * console.log(http.addr.port);
 * ```
 */
export interface UpgradeInfo {
  /** The address of the peer. */
  readonly remoteAddr: Deno.Addr;
}

const UPGRADE_NAMES: OptionNames<UpgradeOptions> = {
  ...ACCEPT_NAMES,
  topics: true,
};

// Options are checked once, not at each request.
const policies = new WeakMap<object, Promise<Policy<unknown>>>();

/**
 * Answers a request inside any HTTP server on `Deno.serve`: that of Hono, Oak,
 * Fresh or your own. A WebSocket handshake goes through the checks of
 * {@linkcode serve} and then to the handler; anything else is answered 426.
 *
 * Pass the same `options` object each time, so that it is checked only once. The
 * HTTP server owns the connections: they end when it does.
 *
 * @typeParam Context What `authorize` makes of a request.
 * @param request The request.
 * @param info What the HTTP server knows about its sender.
 * @param options Whom to let in.
 * @param handler Serves one connection; see {@linkcode Handler}.
 * @returns The response, to be returned to the HTTP server.
 * @throws {TypeError} If options contradict each other.
 * @throws {RangeError} If a limit or a deadline makes no sense.
 *
 * @example In the handler of Deno.serve
 * ```ts
 * import { connect, upgrade } from "@wss/wss";
 *
 * const options = { maxMessageSize: 4096 };
 * await using http = Deno.serve({ port: 0, onListen() {} }, (request, info) =>
 *   new URL(request.url).pathname === "/echo"
 *     ? upgrade(request, info, options, async (ws) => {
 *       for await (const message of ws) await ws.send(message);
 *     })
 *     : new Response("Hello"));
 *
 * await using ws = await connect(`ws://localhost:${http.addr.port}/echo`);
 * await ws.send("Hello?");
 * console.log(await ws.receive()); // "Hello?"
 * ```
 */
export async function upgrade<Context = undefined>(
  request: Request,
  info: UpgradeInfo,
  options: UpgradeOptions<Context>,
  handler: Handler<Context>,
): Promise<Response> {
  if (typeof handler !== "function") {
    throw new TypeError(
      "Cannot upgrade: the handler, the fourth argument, must be a function",
    );
  }
  let pending = policies.get(options) as Promise<Policy<Context>> | undefined;
  if (pending === undefined) {
    // Of those of one engine, the next check says where they are.
    checkNames("upgrade()", options, UPGRADE_NAMES, ENGINE_NAMES);
    checkUpgrade(options as Partial<StrictOptions>);
    pending = resolvePolicy(options, options.topics);
    policies.set(options, pending as Promise<Policy<unknown>>);
  }
  const policy = await pending;
  const incoming = {
    request,
    remoteAddr: info.remoteAddr,
    secure: request.url.startsWith("https:"),
  };
  const verdict = await answer(incoming, policy);
  if (verdict instanceof Response) return verdict;
  return upgradeRequest(request, verdict, {
    shared: policy.shared,
    openTimeout: policy.openTimeout,
    onopen: (connection) => void run(connection, handler, policy),
    ongone: (opening) => policy.ongone(opening),
    onfail: (error) => policy.report(error),
  });
}

/** Refuses what the runtime's own server cannot honour, in programs without types. */
function checkUpgrade(
  options: Partial<StrictOptions> & Pick<BuiltInOptions, "noDelay">,
): void {
  if (options.noDelay) {
    throw new TypeError(
      "Cannot use noDelay: upgrade() answers on connections that the runtime's own server has accepted; use setNoDelay(), once, with the addr of that",
    );
  }
  if (checkEngine(options) === "node") {
    throw new TypeError(
      'Cannot use engine: upgrade() answers inside the runtime\'s own server; use serve() with engine: "node"',
    );
  }
}

/** What calls the C library is loaded only where it is asked for. */
async function builtInEngine(
  where: Listen,
  { noDelay = false }: BuiltInOptions,
): Promise<Engine> {
  if (!noDelay) return listen;
  const { createNoDelayEngine } = await import(
    "./src/engines/deno_no_delay.ts"
  );
  return await createNoDelayEngine(where);
}

/** The strict engine is loaded only where it is asked for. */
async function strictEngine<Context>(
  where: Listen,
  options: CommonServeOptions<Context> & StrictOptions,
): Promise<Engine> {
  const { createStrictEngine } = await import("./src/engines/node_server.ts");
  return await createStrictEngine(where, options);
}

function whereToListen<Context>(
  options: CommonServeOptions<Context>,
): Listen {
  const { hostname, port = 8765, path, cert, key } = options;
  checkPair("Cannot serve with TLS", { cert, key });
  if (path !== undefined) {
    if (
      cert !== undefined || hostname !== undefined || options.port !== undefined
    ) {
      throw new TypeError(
        "Cannot serve on a unix socket: path goes without hostname, port, cert and key",
      );
    }
    return { path };
  }
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new RangeError(
      `Cannot listen: the port must be from 0 to 65535, current value is ${
        shown(port)
      }`,
    );
  }
  const where = { hostname: hostname ?? "localhost", port };
  return cert === undefined || key === undefined
    ? where
    : { ...where, cert, key };
}

/**
 * The names that a plain server on this machine alone can have. TLS keeps pages
 * of other names out; here a name that points at this machine would let them in.
 */
function ownNames<Context>(
  where: Listen,
  { trustProxy = [] }: CommonServeOptions<Context>,
): string[] | undefined {
  const names = ["localhost", "127.0.0.1", "[::1]"];
  const local = "hostname" in where && !("cert" in where) &&
    [...names, "::1"].includes(where.hostname);
  return local && trustProxy.length === 0 ? names : undefined;
}

async function startServer<Context>(
  setup: ServerSetup<Context>,
): Promise<Server<Context>> {
  try {
    return await start(setup);
  } catch (error) {
    throw cannotListen(setup.where, error);
  }
}

/** What the runtime says when it cannot listen, with the place and the remedy. */
function cannotListen(where: Listen, error: unknown): unknown {
  // What is typed was said by the module itself.
  if (!(error instanceof Error) || error instanceof NetworkError) return error;
  const place = "path" in where
    ? where.path
    : `${where.hostname}:${where.port}`;
  const action = `Cannot listen on ${place}`;
  const options = { cause: error };
  const [, address] = /net access to "([\d.]+|\[[\da-f:]+\]):\d+"/.exec(
    error.message,
  ) ?? [];
  if (address !== undefined && "hostname" in where) {
    const { hostname } = where;
    const both = hostname === address ? address : `${hostname},${address}`;
    return new Deno.errors.NotCapable(
      `${action}: this program may not; run it with --allow-net=${both}`,
      options,
    );
  }
  if (error instanceof Deno.errors.NotCapable) {
    return error.message.includes("the name that is listened on")
      ? new Deno.errors.NotCapable(
        `${action}: this program may not look the name up; run it with --allow-net`,
        options,
      )
      : error;
  }
  if (error instanceof Deno.errors.AddrInUse) {
    return new Deno.errors.AddrInUse(
      "path" in where
        ? `${action}: something listens there already, or was killed while it did; end it, or remove the file`
        : `${action}: something listens there already; end that, or choose another port`,
      options,
    );
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return new Deno.errors.PermissionDenied(
      `${action}: the system does not let this user; ${
        "path" in where
          ? "choose a directory that it may write to"
          : "choose a port from 1024, or grant the capability cap_net_bind_service"
      }`,
      options,
    );
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    return new Deno.errors.AddrNotAvailable(
      `${action}: this machine has no such address`,
      options,
    );
  }
  if (error instanceof Deno.errors.NotFound) {
    return new Deno.errors.NotFound(
      `${action}: there is no such directory`,
      options,
    );
  }
  const unknown = /failed to lookup|Invalid host/i.test(error.message);
  // An error with a code is of node:net; of certificates it was said before.
  if ("cert" in where && !unknown && !("code" in error)) {
    return explainConfig("Cannot serve with TLS", error);
  }
  return unknown
    ? new NetworkError(`${action}: the name cannot be resolved`, {
      reason: "unknown-host",
      remedy: "check its spelling, or listen on an address",
      ...options,
    })
    : new NetworkError(`${action}: ${error.message}`, {
      reason: "other",
      remedy: "the cause tells more",
      ...options,
    });
}

/** Warns when clients will not accept the certificate for the name that is served. */
async function warnOfNames(
  where: { hostname: string; cert: string },
  logger: Logger,
): Promise<void> {
  const { hostname, cert } = where;
  if (hostname === "0.0.0.0" || hostname === "::") return;
  try {
    if (await coversHost(cert, hostname)) return;
    const names = await certificateNames(cert);
    logger.warn?.(
      `the certificate is for ${
        names.join(", ") || "no name at all"
      }, not for ${hostname}: ` +
        `clients that connect to ${hostname} will refuse it; make one with \`deno run -RW jsr:@wss/wss/certs --force ${hostname}\``,
    );
  } catch {
    // What is wrong with it, the listener says.
  }
}

if (import.meta.main) {
  // Awaited here, it would wait for this module, which it imports.
  import("./src/cli/program.ts").then(async ({ main }) => {
    Deno.exit(await main(["serve", ...Deno.args]));
  });
}
