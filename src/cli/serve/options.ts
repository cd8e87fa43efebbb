/**
 * From the command line of `wss serve` to options of `serve()`.
 *
 * @module
 */

import { resolve } from "@std/path";
import { loadCaCerts } from "../../../client.ts";
import {
  anyOf,
  type Authorize,
  basicAuth,
  bearerAuth,
  type CertChain,
  type CommonServeOptions,
  type EngineName,
  type StrictOptions,
} from "../../../server.ts";
import { UsageError } from "../failure.ts";
import { readSmallFile } from "../read_file.ts";
import { readSecret } from "../secret.ts";
import { isPlain } from "./certificate.ts";
import type { ServeValues } from "./values.ts";

/** The options that need the strict engine, by their flags. */
const STRICT = {
  clientCa: "--client-ca",
  clientAuth: "--client-auth",
  crl: "--crl",
  tlsMin: "--tls-min",
  watch: "--watch",
  compression: "--compression",
} as const;

const STRICT_NAMES = Object.keys(STRICT) as (keyof typeof STRICT)[];

/** The options that are nothing without another, by their flags. */
const COMPANIONS: readonly (readonly [
  keyof ServeValues,
  keyof ServeValues,
  string,
  string,
])[] = [
  ["key", "cert", "--key", "--cert"],
  ["clientAuth", "clientCa", "--client-auth", "--client-ca"],
  ["crl", "clientCa", "--crl", "--client-ca"],
  ["tokenFrom", "token", "--token-from", "--token"],
  ["proxyHeader", "trustProxy", "--proxy-header", "--trust-proxy"],
  [
    "maxMessageBurst",
    "maxMessagesPerSecond",
    "--max-message-burst",
    "--max-messages-per-second",
  ],
  ["null", "exec", "--null", "--exec"],
  ["binary", "exec", "--binary", "--exec"],
  ["maxProcesses", "exec", "--max-processes", "--exec"],
];

/** The modes whose clients send as much as they like. */
const WAITING = ["echo", "broadcast", "exec", "proxy"] as const;

/** Refuses what makes no sense together, of what commander cannot know. */
export function checkTogether(values: ServeValues): void {
  for (const [name, needed, flag, neededFlag] of COMPANIONS) {
    if (values[name] !== undefined && values[needed] === undefined) {
      throw new UsageError(`${flag} does nothing without ${neededFlag}`);
    }
  }
}

/**
 * The engine: what was chosen, or that which can what is asked for.
 *
 * @throws {UsageError} If the built-in engine was chosen and cannot.
 */
export function chooseEngine(values: ServeValues): EngineName {
  const strict = STRICT_NAMES.find((name) => values[name] !== undefined);
  // What nobody has taken yet, only the strict one leaves with the client.
  const waits = WAITING.some((mode) => values[mode]);
  const { engine = waits || strict !== undefined ? "node" : "deno" } = values;
  if (engine === "deno" && strict !== undefined) {
    throw new UsageError(
      `--engine deno cannot honour ${
        STRICT[strict]
      }; --engine node can, and is chosen where --engine is left out`,
    );
  }
  return engine;
}

/** What a server may be reached by. */
export function placeOf(
  { hostname = "localhost", port = 8765, unix }: ServeValues,
): { path: string } | { hostname: string; port: number } {
  return unix === undefined ? { hostname, port } : { path: unix };
}

/** The options for either engine. */
export async function commonOptions(
  values: ServeValues,
  chain: CertChain | undefined,
): Promise<CommonServeOptions<unknown>> {
  return {
    ...placeOf(values),
    ...chain,
    authorize: await authorizeOf(values),
    protocols: values.subprotocol,
    origins: values.origin,
    insecureAnyOrigin: values.insecureAnyOrigin,
    trustProxy: values.trustProxy,
    proxyHeader: values.proxyHeader,
    heartbeat: values.heartbeat,
    maxMessageSize: values.maxMessage,
    maxConnections: values.maxConnections,
    maxConnectionsPerIp: values.maxConnectionsPerIp,
    maxMessagesPerSecond: values.maxMessagesPerSecond,
    maxMessageBurst: values.maxMessageBurst,
    maxQueuedMessages: values.maxQueuedMessages,
    maxQueuedBytes: values.maxQueuedBytes,
    sendBuffer: values.sendBuffer,
    maxUnsentBytes: values.maxUnsentBytes,
    openTimeout: values.openTimeout,
    pingInterval: values.pingInterval,
    pongTimeout: values.pongTimeout,
    closeTimeout: values.closeTimeout,
  };
}

/** The options for the strict engine. */
export async function strictOptions(
  values: ServeValues,
): Promise<StrictOptions> {
  const { clientAuth, tlsMin, watch, compression } = values;
  return {
    engine: "node",
    ...await clientRules(values),
    clientAuth,
    minVersion: tlsMin && `TLSv${tlsMin}`,
    watch,
    compression,
  };
}

/** The authorities of clients, and what these revoked, as the files have it. */
export async function clientRules(
  { clientCa, crl }: ServeValues,
): Promise<Pick<StrictOptions, "clientCa" | "crl">> {
  return {
    clientCa: clientCa === undefined ? undefined : await loadCaCerts(clientCa),
    crl: crl && await Promise.all(crl.map((path) => readFile("--crl", path))),
  };
}

async function readFile(option: string, path: string): Promise<string> {
  try {
    return new TextDecoder().decode(
      await readSmallFile(path, "revocation list"),
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(`${option}: there is no file ${path}`);
  }
}

/** Whoever has what one of the two options asks for is let in. */
async function authorizeOf(
  { auth, token, tokenFrom }: ServeValues,
): Promise<Authorize<unknown> | undefined> {
  const ways: Authorize<unknown>[] = [];
  if (auth !== undefined) {
    const users = readPairs("--auth", await readSecret("--auth", auth));
    ways.push(checked("--auth", () => basicAuth({ users })));
  }
  if (token !== undefined) {
    const tokens = readTokens(await readSecret("--token", token));
    const from = ["header" as const, ...tokenFrom ? [tokenFrom] : []];
    ways.push(checked("--token", () => bearerAuth({ tokens, from })));
  }
  const [first, second] = ways;
  if (first === undefined || second === undefined) return first;
  return anyOf(first, second);
}

/** What is wrong with a secret is the caller's to mend; the message does not have it. */
function checked<T>(option: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new UsageError(`${option}: ${error.message}`);
  }
}

/** Reads `user:password`, one a line. */
function readPairs(option: string, text: string): Record<string, string> {
  return pairsOf(option, linesOf(text));
}

/** Reads tokens, one a line, each after a name and a colon if it has one. */
function readTokens(text: string): Record<string, string> {
  const lines = linesOf(text);
  // No token has a colon (RFC 6750, section 2.1).
  const given = new Set(lines.map(({ line }) => /^([^:]*):/.exec(line)?.[1]));
  let count = 0;
  const nextName = (): string => {
    const name = `token${++count === 1 ? "" : count}`;
    return given.has(name) ? nextName() : name;
  };
  const named = lines.map(({ line, number }) => ({
    line: line.includes(":") ? line : `${nextName()}:${line}`,
    number,
  }));
  return pairsOf("--token", named);
}

/** A line of a file that is not empty, and which it is. */
interface NumberedLine {
  readonly line: string;
  readonly number: number;
}

function linesOf(text: string): NumberedLine[] {
  return text.split(/\r?\n/)
    .map((line, index) => ({ line, number: index + 1 }))
    .filter(({ line }) => line !== "");
}

function pairsOf(
  option: string,
  lines: readonly NumberedLine[],
): Record<string, string> {
  const pairs = new Map<string, string>();
  for (const { line, number } of lines) {
    const [, user, password] = /^([^:]*):(.*)$/s.exec(line) ?? [];
    if (user === undefined || password === undefined) {
      throw new UsageError(
        `${option}: line ${number} must be like user:password`,
      );
    }
    if (pairs.has(user)) {
      throw new UsageError(
        `${option}: the user of line ${number} is there twice`,
      );
    }
    pairs.set(user, password);
  }
  return Object.fromEntries(pairs);
}

/** Whether anything at all is asked of those who connect. */
export function isOpenToAll(values: ServeValues): boolean {
  const { auth, token, clientCa, clientAuth } = values;
  return auth === undefined && token === undefined &&
    (clientCa === undefined || clientAuth === "request");
}

/** The permissions that listening takes, as far as they are known before. */
export function neededToListen(
  values: ServeValues,
  engine: EngineName,
): Deno.PermissionDescriptor[] {
  const place = placeOf(values);
  if ("path" in place) {
    const { path } = place;
    return [
      { name: "net", host: `unix:${resolve(path)}` },
      { name: "read", path },
      { name: "write", path },
    ];
  }
  const { hostname, port } = place;
  // The strict engine listens on addresses; of other names it finds that later.
  const name = engine === "node" && hostname === "localhost"
    ? "127.0.0.1"
    : hostname.includes(":")
    ? `[${hostname.replace(/^\[|\]$/g, "")}]`
    : hostname;
  return [{ name: "net", host: `${name}:${port}` }];
}

/** The permissions that reading the files takes which are named. */
export function neededToRead(values: ServeValues): Deno.PermissionDescriptor[] {
  const { cert, key, clientCa, crl = [], handler, static: pages } = values;
  const named = [cert, key, clientCa, ...crl, handler, pages].filter((path) =>
    path !== undefined
  );
  const own = cert === undefined && !isPlain(values) ? ["certs"] : [];
  return [...own, ...named].map((path) => ({ name: "read", path }));
}
