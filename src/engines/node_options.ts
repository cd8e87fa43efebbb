/**
 * The options of the strict engine, checked once.
 *
 * @module
 */

import type { Listen } from "../engine.ts";
import type { StrictOptions } from "../engine_options.ts";
import { checkTimeout, shown } from "../limits.ts";
import { type CertFiles, checkPair } from "../tls/pem.ts";
import { NodeTls } from "./node_tls.ts";

/** The options that the strict engine reads, those of `serve()`. */
export interface StrictSetup extends StrictOptions {
  readonly files?: CertFiles | undefined;
  readonly maxConnections?: number | undefined;
}

/** What a listener is made of besides its task. */
export interface Resources {
  /** `undefined` for a plain server. */
  readonly tls: NodeTls | undefined;
  readonly maxConnections: number;
  /** From which size on messages are compressed; `undefined` for never. */
  readonly threshold: number | undefined;
}

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
  const { maxConnections = Infinity } = setup;
  const threshold = thresholdOf(setup);
  return { tls: await tlsOf(where, setup), maxConnections, threshold };
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
  for (const [name, chain] of Object.entries(certificates)) {
    checkPair(`Cannot use certificates[${JSON.stringify(name)}]`, chain);
  }
}

/** From which size on messages are compressed; `undefined` for never. */
function thresholdOf({ compression }: StrictSetup): number | undefined {
  if (compression === undefined || compression === false) return undefined;
  const { threshold = 1024 } = compression === true ? {} : compression;
  if (!Number.isSafeInteger(threshold) || threshold < 0) {
    throw new RangeError(
      `Cannot use compression: threshold must be a whole number of bytes, current value is ${
        shown(threshold)
      }`,
    );
  }
  return threshold;
}
