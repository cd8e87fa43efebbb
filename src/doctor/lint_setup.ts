/**
 * Which files belong together: a server's certificate, its chain, its key.
 *
 * @module
 */

import type { KeyObject } from "node:crypto";
import { CLIENT_AUTH, SERVER_AUTH } from "../tls/certified.ts";
import type { LintCertificate, LintFile, LintKey } from "./lint_file.ts";

/** A private key, and where it is. */
export interface FoundKey extends LintKey {
  readonly file: LintFile;
}

/** What a server would be given. */
export interface Setup {
  /** The file of the chain. */
  readonly file: LintFile;
  /** The server's own certificate, which should be the first. */
  readonly leaf: LintCertificate;
  /** The keys that may be meant for it. */
  readonly keys: readonly FoundKey[];
  /** The one that is its own, if there is. */
  readonly key: FoundKey | undefined;
  /** All files that were looked at. */
  readonly pool: readonly LintFile[];
}

/** Finds what could be given to servers; nothing if there are no certificates. */
export function findSetups(
  pool: readonly LintFile[],
  keyFile: LintFile | undefined,
): Setup[] {
  const chains = pool.filter((file) => file.certificates.length > 0);
  const servers = fullest(chains.filter(isForServer));
  // Where there are authorities only, the one with a key is a server's own.
  const keyed = chains.find((file) =>
    file.certificates.some((certificate) =>
      keysFor(file, pool, keyFile).some((key) => fits(key, certificate))
    )
  );
  const chosen = servers.length > 0
    ? servers
    : [keyed ?? chains[0]].filter((file) => file !== undefined);
  // Where one can't be read, only a key tells that the server's own can be.
  return chosen.map((file) => setupOf(file, chosen, pool, keyFile))
    .filter(({ file, key }) => key !== undefined || !file.hidesCertificates);
}

/** Whether a key is that of a certificate. */
export function fits(
  { key }: LintKey,
  { x509 }: LintCertificate,
): boolean {
  return key !== undefined && x509.checkPrivateKey(key);
}

const CURVES = ["prime256v1", "secp384r1", "secp521r1"];

/** Whether clients take a key. */
export function isStrong(key: KeyObject): boolean {
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  switch (key.asymmetricKeyType) {
    case "ed25519":
      return true;
    case "ec":
      return CURVES.includes(namedCurve);
    case "rsa":
      return modulusLength >= 2048;
    default:
      return false;
  }
}

function setupOf(
  file: LintFile,
  chosen: readonly LintFile[],
  pool: readonly LintFile[],
  keyFile: LintFile | undefined,
): Setup {
  const all = keysFor(file, pool, keyFile);
  // An authority's key may lie there, too, and makes its certificate no server's.
  const leaves = file.certificates.filter(({ certified }) => !certified.ca);
  const able = leaves.length > 0 ? leaves : file.certificates;
  const leaf = able.find((one) => all.some((key) => fits(key, one))) ?? able[0];
  if (leaf === undefined) {
    throw new TypeError("Cannot lint a chain: it is empty");
  }
  const key = all.find((key) => fits(key, leaf));
  // A key of somebody else's in the same directory is no mistake.
  const others = pool.flatMap(({ certificates }) => certificates)
    .filter(({ about }) => about.sha256 !== leaf.about.sha256);
  const keys = all.filter((key) =>
    key.file === file || key.file === keyFile ||
    !others.some((other) => fits(key, other))
  );
  const own = keys.filter((key) => key.file === file || key.file === keyFile);
  const near = keys.filter((key) => stemOf(key.file) === stemOf(file));
  const alone = chosen.length === 1 ? keys : [];
  const meant = [own, near, alone].find((list) => list.length > 0) ?? [];
  return { file, leaf, keys: meant, key, pool };
}

function keysFor(
  file: LintFile,
  pool: readonly LintFile[],
  keyFile: LintFile | undefined,
): FoundKey[] {
  const files = keyFile === undefined
    ? [file, ...pool.filter((other) => other !== file)]
    : [keyFile];
  return files.flatMap((file) => file.keys.map((key) => ({ ...key, file })));
}

/** Whether a file has a certificate that a server could show as its own. */
function isForServer({ named, certificates }: LintFile): boolean {
  return certificates.some(({ certified: { ca, purposes } }) =>
    !ca && (named || purposes === undefined || purposes.includes(SERVER_AUTH) ||
      !purposes.includes(CLIENT_AUTH))
  );
}

/** Of the files in a directory that begin with the same certificate, the one with the most others. */
function fullest(files: readonly LintFile[]): LintFile[] {
  return files.filter((file) =>
    file.named ||
    !files.some((other) =>
      other !== file && firstOf(other) === firstOf(file) &&
      (other.named || isFuller(other, file))
    )
  );
}

function isFuller(one: LintFile, other: LintFile): boolean {
  const more = one.certificates.length - other.certificates.length;
  return more > 0 || more === 0 && one.path < other.path;
}

function firstOf({ certificates }: LintFile): string | undefined {
  return certificates.find(({ certified }) => !certified.ca)?.about.sha256;
}

/** The name without its ending, by which programs tell what belongs together. */
function stemOf({ path }: LintFile): string {
  return path.replace(/\.[^./]*$/, "");
}
