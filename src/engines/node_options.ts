/**
 * The options of the strict engine, checked once.
 *
 * @module
 */

import type { Listen } from "../engine.ts";
import type { CompressionOptions, StrictOptions } from "../engine_options.ts";
import { checkTimeout, MAX_CONNECTIONS, shown } from "../limits.ts";
import { checkNames, type OptionNames } from "../option_names.ts";
import { type CertFiles, checkPair } from "../tls/pem.ts";
import { NodeTls } from "./node_tls.ts";

/** The options that the strict engine reads, those of `serve()`. */
export interface StrictSetup extends StrictOptions {
  readonly files?: CertFiles | undefined;
  readonly maxConnections?: number | undefined;
  readonly maxConnectionsPerIp?: number | undefined;
  readonly trustProxy?: readonly string[] | undefined;
}

/** What a listener is made of besides its task. */
export interface Resources {
  /** `undefined` for a plain server. */
  readonly tls: NodeTls | undefined;
  /** How many TCP connections there may be, and of one address. */
  readonly maxConnections: number;
  readonly maxPerAddress: number;
  /** From which size on messages are compressed; `undefined` for never. */
  readonly threshold: number | undefined;
}

/** How many TCP connections there may be besides those that are counted. */
const SLACK = 1_024;
const SLACK_PER_ADDRESS = 16;

const COMPRESSION_NAMES: OptionNames<CompressionOptions> = { threshold: true };

/** How often files are looked at, in milliseconds. */
const WATCH_INTERVAL = 5_000;

/**
 * Checks the options and fills in the defaults.
 *
 * @throws {TypeError} If options contradict each other.
 * @throws {TlsError} If a certificate or a key is not what a server needs.
 */
export async function resolveStrict(
  where: Listen,
  setup: StrictSetup,
): Promise<Resources> {
  const { maxConnections = MAX_CONNECTIONS, maxConnectionsPerIp = Infinity } =
    setup;
  // Behind a proxy all come from its address.
  const known = (setup.trustProxy ?? []).length === 0;
  return {
    tls: await tlsOf(where, setup),
    maxConnections: maxConnections + SLACK,
    maxPerAddress: known ? maxConnectionsPerIp + SLACK_PER_ADDRESS : Infinity,
    threshold: thresholdOf(setup),
  };
}

/** The TLS that is asked for; without a certificate there is none to be had. */
async function tlsOf(
  where: Listen,
  { files, certificates, clientCa, clientAuth, crl, minVersion, watch }:
    StrictSetup,
): Promise<NodeTls | undefined> {
  const options = { certificates, clientCa, clientAuth, crl, minVersion };
  if (!("cert" in where)) {
    for (const [name, value] of Object.entries({ ...options, watch })) {
      if (value === undefined || value === false) continue;
      throw new TypeError(`Cannot use ${name} without cert and key`);
    }
    return undefined;
  }
  for (const [name, value] of Object.entries({ clientAuth, crl })) {
    if (value === undefined || clientCa !== undefined) continue;
    throw new TypeError(`Cannot use ${name} without clientCa`);
  }
  checkTlsChoices(options);
  if (watch !== undefined && typeof watch !== "boolean" && watch !== 0) {
    checkTimeout("watch", watch, "a boolean, or ");
  }
  if (watch && files === undefined) {
    throw new TypeError(
      "Cannot watch: it is not known from which files cert and key are; loadCertChain() tells",
    );
  }
  const { cert, key } = where;
  return await NodeTls.load({
    ...options,
    chain: { cert, key, files },
    watchInterval: watch === true ? WATCH_INTERVAL : watch || undefined,
  });
}

/** Refuses what would only fail at a handshake, or not at all. */
function checkTlsChoices(
  { clientAuth, minVersion, certificates = {} }: Partial<StrictSetup>,
): void {
  const choices = [
    ["clientAuth", clientAuth, ["request", "require"]],
    ["minVersion", minVersion, ["TLSv1.2", "TLSv1.3"]],
  ] as const;
  for (const [name, value, allowed] of choices) {
    if (value === undefined || (allowed as readonly string[]).includes(value)) {
      continue;
    }
    throw new TypeError(
      `Cannot use ${name}: it must be "${allowed.join('" or "')}"`,
    );
  }
  checkCertificates("certificates", certificates);
}

/** Refuses what are no certificates by name. */
export function checkCertificates(option: string, value: unknown): void {
  if (!isRecord(value)) {
    throw new TypeError(
      `Cannot use ${option}: it must be an object of names and certificates, each as loadCertChain() gives it`,
    );
  }
  for (const [name, chain] of Object.entries(value)) {
    const what = `Cannot use ${option}[${JSON.stringify(name)}]`;
    const { cert, key } = Object(chain);
    checkPair(what, { cert, key });
    if (typeof cert === "string" && typeof key === "string") continue;
    throw new TypeError(
      `${what}: it must have cert and key in PEM, as loadCertChain() gives them`,
    );
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** From which size on messages are compressed; `undefined` for never. */
function thresholdOf({ compression }: StrictSetup): number | undefined {
  if (compression === undefined || compression === false) return undefined;
  if (typeof compression !== "boolean" && !isRecord(compression)) {
    throw new TypeError(
      "Cannot use compression: it must be true, false, or an object with a threshold",
    );
  }
  checkNames("compression", Object(compression), COMPRESSION_NAMES);
  const { threshold = 1024 }: CompressionOptions = compression === true
    ? {}
    : compression;
  if (!Number.isSafeInteger(threshold) || threshold < 0) {
    throw new RangeError(
      `Cannot use compression: threshold must be a whole number of bytes, current value is ${
        shown(threshold)
      }`,
    );
  }
  return threshold;
}
