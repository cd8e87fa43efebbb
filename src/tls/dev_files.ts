/**
 * The files of certificates for development: how they are read, judged and put
 * into their places.
 *
 * @module
 */

import { fromFileUrl, join } from "@std/path";
import type { X509Certificate } from "node:crypto";
import { TlsError, type TlsErrorReason } from "../errors.ts";
import type { Authority } from "./authority.ts";

/** Where the files are. */
export interface DevFiles {
  directory: string;
  ca: string;
  caKey: string;
  chain: string;
}

/** A file that is to be put into its place. */
export interface NewFile {
  path: string;
  text: string;
  mode: number;
}

const DAY = 86_400_000;
const RENEW_BEFORE = 30 * DAY;
/** For how many days a certificate is valid, unless told otherwise. */
export const DEFAULT_DAYS = 397;
const MAX_DAYS = 398;
/** What to do about a setup that can't be used. */
export const FORCE_REMEDY =
  "pass --force (force: true) to make a new authority and certificate; clients then have to trust the new ca.pem";

/** Names the files in a directory. */
export function filesIn(directory: string | URL): DevFiles {
  const path = directory instanceof URL ? fromFileUrl(directory) : directory;
  return {
    directory: path,
    ca: join(path, "ca.pem"),
    caKey: join(path, "ca.key"),
    chain: join(path, "localhost.pem"),
  };
}

/** Refuses a validity that clients refuse. */
export function assertDays(days: number): void {
  if (Number.isInteger(days) && days >= 1 && days <= MAX_DAYS) return;
  throw new RangeError(
    `Cannot make certificate: days must be a whole number from 1 to ${MAX_DAYS}, and is ${days}`,
  );
}

/** The authority in the directory, if it can go on to issue certificates. */
export async function loadAuthority(
  files: DevFiles,
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

/** Puts all files in place, or leaves all as they were. */
export async function install(made: NewFile[]): Promise<void> {
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

/** From when until when a certificate for some days is valid. */
export function validFor(days: number): { notBefore: Date; notAfter: Date } {
  const notBefore = new Date(Date.now() - 3_600_000);
  const notAfter = new Date(notBefore.getTime() + days * DAY - 1000);
  return { notBefore, notAfter };
}

/** Waits for the directory's lock. The system lets go of it when its holder dies, so it never goes stale. */
export async function lock({ directory }: DevFiles): Promise<Deno.FsFile> {
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

/** Reads a text; `undefined` if there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** Reads a certificate; `undefined` if it is none. */
export function parse(
  type: typeof X509Certificate,
  pem: string,
): X509Certificate | undefined {
  try {
    return new type(pem);
  } catch {
    return undefined;
  }
}

/** Whether an authority issued a certificate. */
export function isIssuedBy(
  leaf: X509Certificate,
  ca: X509Certificate | undefined,
): boolean {
  return ca !== undefined && ca.ca && leaf.checkIssued(ca) &&
    leaf.verify(ca.publicKey);
}

/** Tells whether a certificate has expired or is about to: in 30 days, or in the last third of a short life. */
export function isDue(
  { validFromDate, validToDate }: X509Certificate,
): boolean {
  const third = (validToDate.getTime() - validFromDate.getTime()) / 3;
  return validToDate.getTime() - Date.now() <= Math.min(RENEW_BEFORE, third);
}

/** The loader's error; any other is thrown. */
export function asTlsError(error: unknown): TlsError {
  if (error instanceof TlsError) return error;
  throw error;
}

/** The loader's error about a file that is in the way, with a remedy that fits here. */
export function blocked(
  file: string,
  error: TlsError,
  remedy: string = FORCE_REMEDY,
): TlsError {
  const { reason } = error;
  if (reason === "not-yet-valid" || reason === "unreadable-file") return error;
  return unusable(file, reason, stateOf(file, error), { remedy, cause: error });
}

/** What an error of the loader, or of this module, says about a file, without the remedy. */
export function stateOf(file: string, { message, remedy }: TlsError): string {
  const action = message.startsWith("Cannot load ") ? "load" : "use";
  return message.slice(
    `Cannot ${action} ${file}: `.length,
    -`; ${remedy}`.length,
  );
}

/** An error about a file that can't be used as it is. */
export function unusable(
  file: string,
  reason: TlsErrorReason,
  state: string,
  { remedy = FORCE_REMEDY, cause }: { remedy?: string; cause?: unknown } = {},
): TlsError {
  return new TlsError(`Cannot use ${file}: ${state}`, {
    reason,
    remedy,
    cause,
  });
}

/** What the system says, in the form of this module's errors; any other error as it is. */
export function explained(directory: string, error: unknown): unknown {
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
