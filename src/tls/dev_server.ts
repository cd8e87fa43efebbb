/**
 * Makes the certificates that a server needs while developing, and keeps them.
 *
 * @module
 */

import type { X509Certificate } from "node:crypto";
import { TlsError } from "../errors.ts";
import type { Authority, IssuedCertificate } from "./authority.ts";
import {
  assertDays,
  asTlsError,
  blocked,
  DEFAULT_DAYS,
  type DevFiles,
  explained,
  filesIn,
  FORCE_REMEDY,
  install,
  isDue,
  isIssuedBy,
  loadAuthority,
  lock,
  type NewFile,
  parse,
  readIfThere,
  unusable,
  validFor,
} from "./dev_files.ts";
import { parseHost } from "./host.ts";
import { certificateNames, coversHost, loadCertChain } from "./pem.ts";

/**
 * Options for {@linkcode ensureDevCertificates}.
 *
 * @example For a name in the local network, for a week
 * ```ts
 * import { type DevCertificatesOptions, ensureDevCertificates } from "@wss/wss/certs";
 *
 * const options: DevCertificatesOptions = {
 *   hosts: ["printer.example.test"],
 *   directory: await Deno.makeTempDir(),
 *   days: 7,
 * };
 * console.log((await ensureDevCertificates(options)).names);
 * ```
 */
export interface DevCertificatesOptions {
  /**
   * The hosts that the certificate is for, besides localhost, 127.0.0.1 and
   * ::1: DNS names, with `*.` in front or not, and IP addresses.
   *
   * @default {[]}
   */
  hosts?: readonly string[] | undefined;
  /**
   * Where the files are, and go.
   *
   * @default {"certs"}
   */
  directory?: string | URL | undefined;
  /**
   * For how many days a new certificate is valid, at most 398. One that is
   * kept stays as it is.
   *
   * @default {397}
   */
  days?: number | undefined;
  /**
   * Whether to overwrite what is there with a new authority and a new
   * certificate. Clients then have to trust the new authority.
   *
   * @default {false}
   */
  force?: boolean | undefined;
}

/**
 * What {@linkcode ensureDevCertificates} found or made.
 *
 * @example Say until when they are good
 * ```ts
 * import { type DevCertificates, ensureDevCertificates } from "@wss/wss/certs";
 *
 * const directory = await Deno.makeTempDir();
 * const made: DevCertificates = await ensureDevCertificates({ directory });
 * console.log(made.action, made.notAfter.getFullYear());
 * ```
 */
export interface DevCertificates {
  /** What was done: all or the certificate made, the certificate renewed, or nothing. */
  action: "created" | "renewed" | "kept";
  /** The file that clients trust, for `loadCaCerts`. */
  caFile: string;
  /** The file with the server's certificate chain and private key, for `loadCertChain`. */
  chainFile: string;
  /** The DNS names and IP addresses that the certificate is valid for. */
  names: string[];
  /** The last moment that the certificate is valid. */
  notAfter: Date;
}

type Finding =
  | { todo: "nothing"; result: DevCertificates; settled: boolean }
  | { todo: "restore"; result: DevCertificates; ca: string }
  | { todo: "create"; authority: Authority | undefined }
  | { todo: "renew"; authority: Authority; names: string[] };

/**
 * Makes sure that a directory holds certificates for development: keeps those
 * that are good, renews one that is about to expire from the same authority,
 * and makes what is missing. A certificate made by other means is kept as well,
 * as long as a server can use it.
 *
 * Nothing is overwritten without `force`, except by renewal. Calls may overlap,
 * in one process or in several: one of them makes the files, the others keep
 * them. It needs `--allow-read` and `--allow-write` for the directory, and only
 * `--allow-read` when there is nothing to make. On Windows, the files have the
 * access rights of their directory.
 *
 * @param options The hosts, the directory and what may happen to it.
 * @returns The files, the names, the end of validity, and what was done.
 * @throws {TlsError} If what is there can't be used, or isn't for all the hosts.
 * @throws {TypeError} If a host is neither a DNS name nor an IP address.
 * @throws {RangeError} If `days` is not from 1 to 398, or the authority isn't for all the hosts.
 *
 * @example Make them once, use them ever after
 * ```ts
 * import { ensureDevCertificates } from "@wss/wss/certs";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = await Deno.makeTempDir();
 * const first = await ensureDevCertificates({ directory, hosts: ["dev.example.test"] });
 * const second = await ensureDevCertificates({ directory });
 *
 * assertEquals(first.names, ["localhost", "127.0.0.1", "::1", "dev.example.test"]);
 * assertEquals([first.action, second.action], ["created", "kept"]);
 * ```
 */
export async function ensureDevCertificates(
  options: DevCertificatesOptions = {},
): Promise<DevCertificates> {
  const {
    hosts = [],
    directory = "certs",
    days = DEFAULT_DAYS,
    force = false,
  } = options;
  const names = hosts.map((host) => parseHost(host).name);
  assertDays(days);
  const files = filesIn(directory);
  try {
    const look = () => examine(files, names);
    const first = force
      ? undefined
      : await look().catch((error: unknown) => ({ error }));
    if (first && "settled" in first && first.settled) return first.result;
    using _lock = await lock(files).catch((error: unknown) => {
      throw first && "error" in first ? first.error : error;
    });
    // Another process may have been at work until the lock was ours.
    const finding = force
      ? { todo: "create" as const, authority: undefined }
      : await look();
    if (finding.todo === "nothing") return finding.result;
    if (finding.todo !== "restore") {
      return await make(files, finding, names, days);
    }
    await install([{ path: files.ca, text: finding.ca, mode: 0o644 }]);
    return finding.result;
  } catch (error) {
    throw explained(files.directory, error);
  }
}

/** Decides what is to be done. */
async function examine(files: DevFiles, wanted: string[]): Promise<Finding> {
  const chain = await readIfThere(files.chain);
  const ca = await readIfThere(files.ca);
  if (chain === undefined) {
    const nothing = ca === undefined &&
      (await readIfThere(files.caKey)) === undefined;
    return {
      todo: "create",
      authority: nothing ? undefined : await loadAuthority(files, ca),
    };
  }
  const problem = await loadCertChain(files.chain).then(
    () => undefined,
    asTlsError,
  );
  if (problem && problem.reason !== "expired") {
    throw blocked(files.chain, problem);
  }

  const { X509Certificate } = await import("node:crypto");
  const leaf = new X509Certificate(chain);
  const ours = isIssuedBy(
    leaf,
    ca === undefined ? undefined : parse(X509Certificate, ca),
  );
  const names = await certificateNames(chain);
  if (ours && isDue(leaf)) {
    const authority = await loadAuthority(files, ca).catch(asTlsError);
    if (!(authority instanceof TlsError)) {
      return { todo: "renew", authority, names };
    }
    if (problem) throw authority;
  }
  if (problem) throw blocked(files.chain, problem);
  await assertCovered(files.chain, chain, names, wanted);
  const issuer = ours ? undefined : issuerIn(X509Certificate, chain);
  if (issuer !== undefined && ca !== undefined) {
    throw unusable(
      files.ca,
      "not-a-ca",
      `it is not the authority of ${files.chain}`,
    );
  }
  const caFile = ours || issuer !== undefined ? files.ca : files.chain;
  const notAfter = leaf.validToDate;
  const kept = {
    action: "kept" as const,
    caFile,
    chainFile: files.chain,
    names,
    notAfter,
  };
  if (issuer !== undefined) {
    return { todo: "restore", result: kept, ca: issuer };
  }
  return {
    todo: "nothing",
    result: kept,
    // A certificate beside an authority that isn't its own may be half of a replacement under way.
    settled: ours || ca === undefined,
  };
}

async function assertCovered(
  file: string,
  cert: string,
  names: string[],
  wanted: string[],
): Promise<void> {
  for (const name of wanted) {
    if (await coversHost(cert, name)) continue;
    throw new TlsError(
      `Cannot keep ${file} for ${name}: it is only for ${
        names.join(", ") || "no host at all"
      }`,
      { reason: "name-mismatch", remedy: FORCE_REMEDY },
    );
  }
}

/** Carries out what {@linkcode examine} found; the caller holds the lock. */
async function make(
  files: DevFiles,
  finding: Exclude<Finding, { todo: "nothing" | "restore" }>,
  hosts: string[],
  days: number,
): Promise<DevCertificates> {
  const { createAuthority, issueCertificate } = await import(
    "./authority.ts"
  );
  const renewing = finding.todo === "renew";
  const names = renewing ? [...finding.names, ...hosts] : hosts;
  const authority = finding.authority ??
    await createAuthority({ hosts: names });
  const issued = await issueCertificate(authority, {
    hosts: names,
    ...validFor(days),
  });
  const made = newFiles(files, authority, issued);
  await install(finding.authority ? made.slice(-1) : made);
  return {
    action: renewing ? "renewed" : "created",
    caFile: files.ca,
    chainFile: files.chain,
    names: issued.names,
    notAfter: issued.notAfter,
  };
}

/** The files in the order of their dependence; the one that servers load is last. */
function newFiles(
  files: DevFiles,
  authority: Authority,
  issued: IssuedCertificate,
): NewFile[] {
  return [
    { path: files.caKey, text: authority.key, mode: 0o600 },
    { path: files.ca, text: authority.cert, mode: 0o644 },
    { path: files.chain, text: issued.cert + issued.key, mode: 0o600 },
  ];
}

/** The root authority that stands second in a chain, if it issued the first: its certificate in PEM. */
function issuerIn(
  type: typeof X509Certificate,
  chain: string,
): string | undefined {
  const [leaf, root] = [...chain.matchAll(CERTIFICATE)].map(([pem]) =>
    parse(type, pem)
  );
  const found = leaf !== undefined && isIssuedBy(leaf, root) &&
    isIssuedBy(root!, root);
  return found ? `${root!.toString().trimEnd()}\n` : undefined;
}

const CERTIFICATE =
  /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;
