/**
 * The options that all clients of the command have: whom to connect to, by which
 * way, whom to trust, and as whom.
 *
 * @module
 */

import { Command, Option } from "commander";
import type {
  ConnectOptions,
  EngineName,
  TlsError,
  TlsErrorOptions,
} from "../../client.ts";
import { forExperts } from "./command.ts";
import { UsageError } from "./failure.ts";
import { readSmallFile } from "./read_file.ts";
import { readSecret, SECRET_SOURCES } from "./secret.ts";
import { collect, readDuration } from "./values.ts";

/** A bearer token (RFC 6750, section 2.1). */
const BEARER = /^[\w.~+/-]+=*$/;

/** What is wrong with any other; without it, as it may be one that is mistyped. */
const NO_BEARER =
  "--token: that is no bearer token, which is one line of letters, digits and -._~+/ (RFC 6750); of the lines `name:token` of a server's file, a client gives one token, without its name";

/** Their values, as commander reads them. */
export interface TargetValues {
  header?: string[];
  auth?: string;
  token?: string;
  subprotocol?: string[];
  origin?: string;
  cacert?: string;
  cert?: string;
  key?: string;
  pin?: string[];
  /** `false` after `--no-default-cacerts`. */
  defaultCacerts: boolean;
  tlsMin?: "1.2" | "1.3";
  proxy?: string;
  resolve?: string[];
  unixSocket?: string;
  engine: EngineName;
  connectTimeout: number;
}

/**
 * Adds the options to a command.
 *
 * @param only The names of those that it can honour; all if left out.
 */
export function addTargetOptions(
  command: Command,
  only?: readonly (keyof TargetValues)[],
): Command {
  for (const option of withTargetOptions(new Command()).options) {
    const able = only?.some((name) => name === option.attributeName()) ?? true;
    if (able) command.addOption(option);
  }
  return command;
}

function withTargetOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "-H, --header <line>",
        '"name: value", or @FILE with such lines',
      ).argParser(collect),
    )
    .addOption(
      new Option("--token <source>", `bearer token: ${SECRET_SOURCES}`),
    )
    .addOption(
      new Option("--auth <source>", `user:password: ${SECRET_SOURCES}`)
        .conflicts("token"),
    )
    .addOption(
      new Option("--subprotocol <name>", "subprotocol to offer, the best first")
        .argParser(collect),
    )
    .addOption(forExperts(
      new Option("--origin <origin>", "say that a page from there asks"),
    ))
    .addOption(
      new Option("--cacert <file>", "trust these authorities (PEM), too"),
    )
    .addOption(
      new Option("--cert <file>", "client certificate (PEM), with its key"),
    )
    .addOption(forExperts(
      new Option("--key <file>", "its private key, if it is not in that file"),
    ))
    .addOption(forExperts(
      new Option("--no-default-cacerts", "trust those of --cacert only"),
    ))
    .addOption(forExperts(
      new Option("--pin <pin>", "sha256/…, two at least: keys to accept")
        .argParser(collect),
    ))
    .addOption(forExperts(
      new Option("--tls-min <version>", "speak no older version of TLS")
        .choices(["1.2", "1.3"]),
    ))
    .addOption(
      new Option(
        "--proxy <url>",
        "http://, https://, socks5:// or environment",
      ),
    )
    .addOption(forExperts(
      new Option(
        "--resolve <host:port:address>",
        "connect to this address instead, as curl has it",
      ).argParser(collect),
    ))
    .addOption(forExperts(
      new Option("--unix-socket <path>", "connect through this socket"),
    ))
    .addOption(forExperts(
      new Option("--engine <engine>", "node (strict) or deno (built-in)")
        .choices(["node", "deno"]).default("node"),
    ))
    .addOption(forExperts(
      new Option("--connect-timeout <time>", "to give up connecting after")
        .argParser(readDuration).default(10_000, "10s"),
    ));
}

/**
 * Makes options for `connect()` of what the command line says.
 *
 * @throws {UsageError} If values make no sense, or not with each other.
 * @throws {TlsError} If a file of `--cacert`, `--cert` or `--key` can't be used.
 */
export async function connectOptions(
  values: TargetValues,
): Promise<ConnectOptions> {
  const { cacert, cert, key, pin, resolve, unixSocket } = values;
  if (key !== undefined && cert === undefined) {
    throw new UsageError("--key is the key of --cert, which is missing");
  }
  if (!values.defaultCacerts && cacert === undefined) {
    throw new UsageError(
      "--no-default-cacerts leaves nobody to trust: give --cacert",
    );
  }
  // Loaded here, as the options are declared at every start of the command.
  const { loadCaCerts, loadCertChain, TlsError } = await import(
    "../../client.ts"
  );
  const common = {
    headers: await readHeaders(values),
    protocols: values.subprotocol ?? [],
    openTimeout: values.connectTimeout,
    ...cacert !== undefined &&
      { caCerts: await loaded(TlsError, () => loadCaCerts(cacert)) },
    ...cert !== undefined &&
      await loaded(TlsError, () => loadCertChain(cert, key)),
    ...values.proxy !== undefined && { proxy: values.proxy },
  };
  const strict = {
    ...!values.defaultCacerts && { defaultCaCerts: false },
    ...pin !== undefined && { pins: pin },
    ...values.tlsMin !== undefined &&
      { minVersion: `TLSv${values.tlsMin}` as const },
    ...unixSocket !== undefined && { unixSocket },
    ...resolve !== undefined &&
      { resolve: Object.fromEntries(resolve.map(readResolve)) },
  };
  if (values.engine === "node") return { ...common, ...strict, engine: "node" };
  const [unable] = Object.keys(strict);
  if (unable === undefined) return { ...common, engine: "deno" };
  throw new UsageError(
    "--engine deno cannot honour --no-default-cacerts, --pin, --tls-min, --resolve and --unix-socket; --engine node can",
  );
}

/** To make a file of one's own helps servers: a client needs what the other side trusts. */
const MAKE_ONE =
  /make one with `[^`]*`(?: \([^)]*\))?, or |, or make one with `[^`]*`(?: \([^)]*\))?/;

/** Loads a file of a client; what is wrong with it is told with what a client can do. */
async function loaded<T>(
  make: new (message: string, options: TlsErrorOptions) => TlsError,
  load: () => Promise<T>,
): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!(error instanceof make)) throw error;
    const { cause, message, reason, remedy } = error;
    const state = message.slice(0, -`; ${remedy}`.length);
    throw new make(state, {
      reason,
      remedy: remedy.replace(MAKE_ONE, ""),
      cause,
    });
  }
}

/** The headers of the request, with the secrets that are asked for. */
async function readHeaders(values: TargetValues): Promise<Headers> {
  const headers = new Headers();
  for (const given of values.header ?? []) {
    const lines = given.startsWith("@")
      ? (await readLines(given.slice(1)))
      : [given];
    for (const line of lines) addHeader(headers, line);
  }
  if (values.origin !== undefined) headers.set("origin", values.origin);
  if (values.token !== undefined) {
    const token = await readSecret("--token", values.token);
    if (!BEARER.test(token)) throw new UsageError(NO_BEARER);
    headers.set("authorization", `Bearer ${token}`);
  }
  if (values.auth !== undefined) {
    const pair = await readSecret("--auth", values.auth);
    if (!pair.includes(":")) {
      throw new UsageError(
        "--auth: there is no colon between user and password",
      );
    }
    const bytes = new TextEncoder().encode(pair);
    headers.set("authorization", `Basic ${bytes.toBase64()}`);
  }
  return headers;
}

async function readLines(path: string): Promise<string[]> {
  try {
    const bytes = await readSmallFile(path, "headers");
    return new TextDecoder().decode(bytes).split(/\r?\n/).filter((line) =>
      line.trim() !== ""
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(`--header: there is no file ${path}`);
  }
}

/** Adds a line; what is wrong with it is told without its value, which may be a secret. */
function addHeader(headers: Headers, line: string): void {
  const [, name, value] = /^([^:\s]+):\s*(.*)$/s.exec(line) ?? [];
  if (name === undefined || value === undefined) {
    throw new UsageError('--header must be like "name: value"');
  }
  try {
    headers.append(name, value);
  } catch {
    throw new UsageError(
      `--header ${JSON.stringify(name)}: the name or the value is no header's`,
    );
  }
}

/** Reads `host:port:address` as curl has it, for the `resolve` of `connect()`. */
function readResolve(text: string): [string, string] {
  const match = /^(\[[^\]]+\]|[^:]+):(\d{1,5}):(\[[^\]]+\]|[^:]+|[0-9a-f:]+)$/i
    .exec(text);
  if (match === null) {
    throw new UsageError(
      `--resolve must be like chat.example:443:10.0.0.7, and is ${
        JSON.stringify(text)
      }`,
    );
  }
  const [, host, port, address] = match as unknown as [
    string,
    string,
    string,
    string,
  ];
  const bare = address.includes(":") && !address.startsWith("[");
  return [`${host}:${port}`, bare ? `[${address}]` : address];
}
