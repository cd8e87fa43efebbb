/**
 * The certificate of `wss serve`: that which is named, or one for development,
 * which is made if there is none.
 *
 * @module
 */

import { dirname, join } from "@std/path";
import { X509Certificate } from "node:crypto";
import { ensureDevCertificates } from "../../../certs/mod.ts";
import { type CertChain, loadCertChain } from "../../../server.ts";
import { printError } from "../output.ts";
import { needPermissions } from "../permissions.ts";
import { readSmallFile } from "../read_file.ts";
import type { ServeValues } from "./values.ts";

/** Where the certificates for development are. */
const DIRECTORY = "certs";

/** How many days are few. */
const SOON = 14;

/** The certificate that a server shows. */
export interface ServerCertificate {
  /** The chain and its key, as they were read. */
  readonly chain: CertChain;
  /** The file that they came from. */
  readonly file: string;
  /** The file that clients have to be given, where their system does not trust it. */
  readonly caFile: string | undefined;
}

/** Whether a command line asks for no TLS. */
export function isPlain({ plain, unix }: ServeValues): boolean {
  return plain === true || unix !== undefined;
}

/** Loads the certificate; makes one for development if none is named. */
export async function loadCertificate(
  values: ServeValues,
): Promise<ServerCertificate> {
  const { cert, key } = values;
  if (cert !== undefined) {
    const chain = await loadCertChain(cert, key);
    return { chain, file: cert, caFile: await authorityOf(chain.cert, cert) };
  }
  const { caFile, chainFile } = await ensureCertificate(values);
  return { chain: await loadCertChain(chainFile), file: chainFile, caFile };
}

/** Loads what changed, for the server that goes on. */
export async function reloadCertificate(
  { file }: ServerCertificate,
  { key }: ServeValues,
): Promise<CertChain> {
  return await loadCertChain(file, key);
}

async function ensureCertificate(
  { hostname }: ServeValues,
): Promise<{ caFile: string; chainFile: string }> {
  await needPermissions({ name: "read", path: DIRECTORY });
  const there = await exists(`${DIRECTORY}/localhost.pem`);
  if (!there) await needPermissions({ name: "write", path: DIRECTORY });
  // One that is there stays: the server warns where it does not fit the name.
  const hosts = there || hostname === undefined || isAny(hostname)
    ? []
    : [hostname];
  const made = await ensureDevCertificates({ directory: DIRECTORY, hosts });
  if (made.action !== "kept") {
    const done = made.action === "created" ? "Made" : "Renewed";
    printError(
      `${done} ${made.chainFile}, for ${
        made.names.join(", ")
      }; clients trust ${made.caFile}`,
    );
  }
  return made;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether an address stands for all interfaces. */
export function isAny(hostname: string | undefined): boolean {
  return hostname === "0.0.0.0" || hostname === "::";
}

/** Whether an address is reached from this machine alone. */
export function isLocal(hostname: string = "localhost"): boolean {
  return hostname === "localhost" || hostname === "::1" ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

/**
 * The file that clients have to trust, where a chain ends with its own authority:
 * `ca.pem` beside it if that is the authority, else the chain's own.
 */
async function authorityOf(
  chain: string,
  file: string,
): Promise<string | undefined> {
  const root = chain.match(CERTIFICATE)?.at(-1);
  if (root === undefined) return undefined;
  const { subject, issuer } = new X509Certificate(root);
  if (subject !== issuer) return undefined;
  const beside = join(dirname(file), "ca.pem");
  // Not asked for: where it may not be read, the chain does as well.
  const { state } = await Deno.permissions.query({
    name: "read",
    path: beside,
  });
  if (state !== "granted") return file;
  return (await textOf(beside)).includes(root) ? beside : file;
}

/** What is in a small file; of all else, such as a pipe that waits for a writer, nothing. */
async function textOf(path: string): Promise<string> {
  try {
    if (!(await Deno.stat(path)).isFile) return "";
    return new TextDecoder().decode(await readSmallFile(path, "certificates"));
  } catch {
    return "";
  }
}

const CERTIFICATE =
  /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** What a person wants to see of a certificate. */
export function describeCertificate(
  { chain, file }: ServerCertificate,
): { validity: string; fingerprint: string; soon: boolean } {
  const { validToDate, fingerprint256 } = new X509Certificate(chain.cert);
  const days = Math.floor((validToDate.getTime() - Date.now()) / 86_400_000);
  const until = validToDate.toISOString().slice(0, 10);
  return {
    validity: `${file}, until ${until} (${days} days)`,
    fingerprint: fingerprint256,
    soon: days < SOON,
  };
}
