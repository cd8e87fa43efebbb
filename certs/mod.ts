/**
 * Makes the certificates that encrypted connections need while developing: an
 * authority that clients trust, and a server certificate that it issued.
 *
 * As a program:
 *
 * ```sh
 * deno run --allow-read=certs --allow-write=certs jsr:@wss/wss/certs
 * ```
 *
 * It leaves three files in `certs`: `ca.pem`, which clients trust; `ca.key`,
 * which issues further certificates; and `localhost.pem`, which holds what a
 * server needs: its certificate, the authority's, and its private key. The last
 * two are readable by their owner alone, and belong in no repository.
 *
 * @module
 */

import { fromFileUrl, join } from "@std/path";
import type { X509Certificate } from "node:crypto";
import { TlsError, type TlsErrorReason } from "../src/errors.ts";
import { parseHost } from "../src/tls/host.ts";
import { certificateNames, coversHost, loadCertChain } from "../src/tls/pem.ts";
import type { Authority, IssuedCertificate } from "../src/tls/authority.ts";

export { certificatePin } from "../src/tls/pins.ts";

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

interface Files {
  directory: string;
  ca: string;
  caKey: string;
  chain: string;
}

type Finding =
  | { todo: "nothing"; result: DevCertificates; settled: boolean }
  | { todo: "restore"; result: DevCertificates; ca: string }
  | { todo: "create"; authority: Authority | undefined }
  | { todo: "renew"; authority: Authority; names: string[] };

interface NewFile {
  path: string;
  text: string;
  mode: number;
}

const DAY = 86_400_000;
const RENEW_BEFORE = 30 * DAY;
const DEFAULT_DAYS = 397;
const MAX_DAYS = 398;
const FORCE_REMEDY =
  "pass --force (force: true) to make a new authority and certificate; clients then have to trust the new ca.pem";

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

function filesIn(directory: string | URL): Files {
  const path = directory instanceof URL ? fromFileUrl(directory) : directory;
  return {
    directory: path,
    ca: join(path, "ca.pem"),
    caKey: join(path, "ca.key"),
    chain: join(path, "localhost.pem"),
  };
}

function assertDays(days: number): void {
  if (Number.isInteger(days) && days >= 1 && days <= MAX_DAYS) return;
  throw new RangeError(
    `Cannot make certificate: days must be a whole number from 1 to ${MAX_DAYS}, and is ${days}`,
  );
}

/** Decides what is to be done. */
async function examine(files: Files, wanted: string[]): Promise<Finding> {
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

/** The authority in the directory, if it can go on to issue certificates. */
async function loadAuthority(
  files: Files,
  cert: string | undefined,
): Promise<Authority> {
  const key = await readIfThere(files.caKey);
  if (cert === undefined) {
    throw unusable(files.ca, "missing-file", `${files.caKey} is without it`);
  }
  if (key === undefined) {
    throw unusable(files.caKey, "missing-file", `${files.ca} is without it`);
  }
  const { createPrivateKey, X509Certificate } = await import("node:crypto");
  const certificate = parse(X509Certificate, cert);
  if (!certificate?.ca) {
    throw unusable(
      files.ca,
      "not-a-ca",
      "it is not an authority's certificate",
    );
  }
  if (isDue(certificate)) {
    const until = certificate.validToDate.toISOString();
    throw unusable(files.ca, "expired", `it is valid until ${until} only`);
  }
  let matches = false;
  try {
    matches = certificate.checkPrivateKey(createPrivateKey(key));
  } catch {
    // The cause is dropped: it could hold a part of the key.
  }
  if (!matches) {
    throw unusable(
      files.caKey,
      "key-mismatch",
      `it is not the key of ${files.ca}`,
    );
  }
  return { cert, key };
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
  files: Files,
  finding: Exclude<Finding, { todo: "nothing" | "restore" }>,
  hosts: string[],
  days: number,
): Promise<DevCertificates> {
  const { createAuthority, issueCertificate } = await import(
    "../src/tls/authority.ts"
  );
  const renewing = finding.todo === "renew";
  const names = renewing ? [...finding.names, ...hosts] : hosts;
  const authority = finding.authority ??
    await createAuthority({ hosts: names });
  const notBefore = new Date(Date.now() - 3_600_000);
  const notAfter = new Date(notBefore.getTime() + days * DAY - 1000);
  const issued = await issueCertificate(authority, {
    hosts: names,
    notBefore,
    notAfter,
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
  files: Files,
  authority: Authority,
  issued: IssuedCertificate,
): NewFile[] {
  return [
    { path: files.caKey, text: authority.key, mode: 0o600 },
    { path: files.ca, text: authority.cert, mode: 0o644 },
    { path: files.chain, text: issued.cert + issued.key, mode: 0o600 },
  ];
}

/** Puts all files in place, or leaves all as they were. */
async function install(made: NewFile[]): Promise<void> {
  const before = await Promise.all(made.map(({ path }) => readIfThere(path)));
  const staged: { temporary: string; path: string }[] = [];
  const placed: number[] = [];
  try {
    for (const file of made) staged.push(await stage(file));
    for (const [index, { temporary, path }] of staged.entries()) {
      await Deno.rename(temporary, path);
      placed.push(index);
    }
  } catch (error) {
    for (const index of placed) await restore(made[index], before[index]);
    for (const { temporary } of staged) {
      await Deno.remove(temporary).catch(() => {});
    }
    throw error;
  }
}

/** Writes a file next to its place, with its mode from the first moment. */
async function stage(
  { path, text, mode }: NewFile,
): Promise<{ temporary: string; path: string }> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.writeTextFile(temporary, text, { createNew: true, mode });
  } catch (error) {
    await Deno.remove(temporary).catch(() => {});
    throw error;
  }
  return { temporary, path };
}

async function restore(
  file: NewFile | undefined,
  text: string | undefined,
): Promise<void> {
  if (!file) return;
  if (text === undefined) return await Deno.remove(file.path);
  const { temporary } = await stage({ ...file, text });
  await Deno.rename(temporary, file.path);
}

/** Waits for the directory's lock. The system lets go of it when its holder dies, so it never goes stale. */
async function lock({ directory }: Files): Promise<Deno.FsFile> {
  await Deno.mkdir(directory, { recursive: true });
  const options = { create: true, write: true, mode: 0o600 };
  const file = await Deno.open(join(directory, ".lock"), options);
  try {
    await file.lock(true);
  } catch (error) {
    file.close();
    throw error;
  }
  return file;
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

function parse(
  type: typeof X509Certificate,
  pem: string,
): X509Certificate | undefined {
  try {
    return new type(pem);
  } catch {
    return undefined;
  }
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

function isIssuedBy(
  leaf: X509Certificate,
  ca: X509Certificate | undefined,
): boolean {
  return ca !== undefined && ca.ca && leaf.checkIssued(ca) &&
    leaf.verify(ca.publicKey);
}

/** Tells whether a certificate has expired or is about to: in 30 days, or in the last third of a short life. */
function isDue({ validFromDate, validToDate }: X509Certificate): boolean {
  const third = (validToDate.getTime() - validFromDate.getTime()) / 3;
  return validToDate.getTime() - Date.now() <= Math.min(RENEW_BEFORE, third);
}

function asTlsError(error: unknown): TlsError {
  if (error instanceof TlsError) return error;
  throw error;
}

/** The loader's error about a file that is in the way, with a remedy that fits here. */
function blocked(file: string, error: TlsError): TlsError {
  const { reason, remedy } = error;
  if (reason === "not-yet-valid" || reason === "unreadable-file") return error;
  const state = error.message.slice(
    `Cannot load ${file}: `.length,
    -`; ${remedy}`.length,
  );
  return unusable(file, reason, state, error);
}

function unusable(
  file: string,
  reason: TlsErrorReason,
  state: string,
  cause?: unknown,
): TlsError {
  return new TlsError(`Cannot use ${file}: ${state}`, {
    reason,
    remedy: FORCE_REMEDY,
    cause,
  });
}

/** What the system says, in the form of this module's errors; any other error as it is. */
function explained(directory: string, error: unknown): unknown {
  const isSystemError = Object.values(Deno.errors).some((type) =>
    error instanceof type
  );
  if (!isSystemError || !(error instanceof Error)) return error;
  const notCapable = error instanceof Deno.errors.NotCapable;
  const state = notCapable ? "this program may not use it" : error.message;
  const remedy = notCapable
    ? `run it with --allow-read=${directory} --allow-write=${directory}`
    : "mend that and run it again";
  return new TlsError(
    `Cannot keep certificates in ${directory}: ${state}`,
    { reason: "unreadable-file", remedy, cause: error },
  );
}

if (import.meta.main) {
  // Awaited here, it would wait for this module, which it imports.
  import("../src/cli/certs.ts").then(async ({ certs }) => {
    Deno.exit(await certs(Deno.args));
  });
}
