/**
 * Makes the certificates with which clients show who they are while developing,
 * and keeps them.
 *
 * @module
 */

import { join } from "@std/path";
import { TlsError } from "../errors.ts";
import type { Authority } from "./authority.ts";
import {
  assertDays,
  asTlsError,
  blocked,
  DEFAULT_DAYS,
  type DevFiles,
  explained,
  filesIn,
  install,
  isDue,
  isIssuedBy,
  loadAuthority,
  lock,
  parse,
  readIfThere,
  unusable,
  validFor,
} from "./dev_files.ts";
import { ensureDevCertificates } from "./dev_server.ts";
import { loadCertChain } from "./pem.ts";

/**
 * Options for {@linkcode ensureClientCertificate}.
 *
 * @example For a robot, for a week
 * ```ts
 * import { type DevClientCertificateOptions, ensureClientCertificate } from "@wss/wss/certs";
 *
 * const options: DevClientCertificateOptions = {
 *   name: "robot-7",
 *   directory: await Deno.makeTempDir(),
 *   days: 7,
 * };
 * console.log((await ensureClientCertificate(options)).subject); // "CN=robot-7"
 * ```
 */
export interface DevClientCertificateOptions {
  /**
   * Who the client is: up to 64 letters, digits, `-` and `_`, or an e-mail
   * address. No host, to the names of which the authority is bound.
   */
  name: string;
  /**
   * Where the authority is, and the certificate goes.
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
   * Whether to overwrite the file of the client. The authority stays.
   *
   * @default {false}
   */
  force?: boolean | undefined;
}

/**
 * What {@linkcode ensureClientCertificate} found or made.
 *
 * @example Say who it is for
 * ```ts
 * import { type DevClientCertificate, ensureClientCertificate } from "@wss/wss/certs";
 *
 * const directory = await Deno.makeTempDir();
 * const made: DevClientCertificate = await ensureClientCertificate({ name: "ada", directory });
 * console.log(made.action, made.subject); // "created" "CN=ada"
 * ```
 */
export interface DevClientCertificate {
  /** What was done: the certificate made, renewed, or nothing. */
  action: "created" | "renewed" | "kept";
  /** The file with the client's certificate chain and private key, for `loadCertChain`. */
  certFile: string;
  /** The file that servers trust, for their `clientCa`. */
  caFile: string;
  /** Who the client is to a server: its `peerCertificate.subject` (RFC 4514). */
  subject: string;
  /** The last moment that the certificate is valid. */
  notAfter: Date;
}

/**
 * Makes sure that a directory holds a certificate with which a client shows a
 * server who it is: keeps one that is good, renews one that is about to expire,
 * and makes what is missing, the authority and a server's certificate, too, if
 * there are none.
 *
 * It is of the authority of {@linkcode ensureDevCertificates}. A server asks for
 * certificates of it by `clientCa`; it takes a client's only, and clients take no
 * client's for a server's. Whoever has `ca.key` can pass for any client.
 *
 * @param options Who the client is, the directory, and what may happen to it.
 * @returns The files, who the client is, the end of validity, and what was done.
 * @throws {TlsError} If what is there can't be used, or is of another authority.
 * @throws {TypeError} If `name` is no name for a client.
 * @throws {RangeError} If `days` is not from 1 to 398.
 *
 * @example A server that knows its clients
 * ```ts
 * import { connect, loadCaCerts, loadCertChain, serve } from "@wss/wss";
 * import { ensureClientCertificate, ensureDevCertificates } from "@wss/wss/certs";
 *
 * const directory = await Deno.makeTempDir();
 * const { chainFile } = await ensureDevCertificates({ directory });
 * const { certFile, caFile } = await ensureClientCertificate({ name: "robot-7", directory });
 * const caCerts = await loadCaCerts(caFile);
 * await using server = await serve({
 *   port: 0,
 *   ...await loadCertChain(chainFile),
 *   engine: "node",
 *   clientCa: caCerts,
 * }, (ws) => ws.send(`Hello ${ws.peerCertificate?.subject}!`));
 * const { cert, key } = await loadCertChain(certFile);
 * await using ws = await connect(server.url, { caCerts, cert, key });
 * console.log(await ws.receive()); // "Hello CN=robot-7!"
 * ```
 */
export async function ensureClientCertificate(
  options: DevClientCertificateOptions,
): Promise<DevClientCertificate> {
  const { directory = "certs", days = DEFAULT_DAYS, force = false } = options;
  const name = checkName(options.name);
  assertDays(days);
  const files = { ...filesIn(directory), client: "" };
  files.client = join(files.directory, `${name}.pem`);
  try {
    const kept = force ? undefined : await findKept(files, name);
    if (kept !== undefined) return kept;
    if (!await hasAny(files)) await ensureDevCertificates({ directory });
    using _lock = await lock(files);
    // Another process may have been at work until the lock was ours.
    return (force ? undefined : await findKept(files, name)) ??
      await make(files, name, days);
  } catch (error) {
    throw explained(files.directory, error);
  }
}

interface ClientFiles extends DevFiles {
  client: string;
}

const REMEDY =
  "pass --force (force: true) to overwrite it, or choose another name";
const AUTHORITY_REMEDY =
  "`wss cert --force` makes a new authority, which servers and clients then have to trust";

/** Refuses what cannot be the name of a file, or would be taken for a host's. */
function checkName(name: unknown): string {
  if (typeof name !== "string" || name.length > 64 || !NAME.test(name)) {
    throw new TypeError(
      `Cannot make client certificate: name must be up to 64 letters, digits, - and _, or an e-mail address, and is ${
        JSON.stringify(name)
      }`,
    );
  }
  if (/^(?:ca|localhost|con|prn|aux|nul|(?:com|lpt)\d)$/i.test(name)) {
    throw new TypeError(
      `Cannot make client certificate: name must not be ${
        JSON.stringify(name)
      }, the file of which is another's; choose another name`,
    );
  }
  return name;
}

const NAME = /^[a-z\d](?:[\w-]*|[\w.-]*@[a-z\d](?:[a-z\d.-]*[a-z\d])?)$/i;

async function hasAny(files: DevFiles): Promise<boolean> {
  for (const path of [files.ca, files.caKey, files.chain]) {
    if (await readIfThere(path) !== undefined) return true;
  }
  return false;
}

/** What is there and good; `undefined` if there is none, or it is about to expire. */
async function findKept(
  files: ClientFiles,
  name: string,
): Promise<DevClientCertificate | undefined> {
  const text = await readIfThere(files.client);
  if (text === undefined) return undefined;
  const problem = await loadCertChain(files.client).then(
    () => undefined,
    asTlsError,
  );
  if (problem !== undefined && problem.reason !== "expired") {
    throw blocked(files.client, problem, REMEDY);
  }
  const { X509Certificate } = await import("node:crypto");
  const leaf = new X509Certificate(text);
  const ca = await readIfThere(files.ca);
  if (
    !isIssuedBy(leaf, ca === undefined ? ca : parse(X509Certificate, ca))
  ) {
    throw unusable(
      files.client,
      "other",
      `it is not of the authority in ${files.ca}`,
      { remedy: REMEDY },
    );
  }
  const { describeCertificates } = await import("./describe.ts");
  const [about] = await describeCertificates(text);
  if (!about?.extendedKeyUsage.includes("clientAuth")) {
    throw unusable(files.client, "other", "it is not a client's certificate", {
      remedy: REMEDY,
    });
  }
  if (about.subject !== `CN=${name}`) {
    // Where upper and lower case are one, so are the files of two names.
    throw unusable(files.client, "other", `it is of ${about.subject}`, {
      remedy: REMEDY,
    });
  }
  if (isDue(leaf)) return undefined;
  return {
    action: "kept",
    certFile: files.client,
    caFile: files.ca,
    subject: about.subject,
    notAfter: about.notAfter,
  };
}

async function make(
  files: ClientFiles,
  name: string,
  days: number,
): Promise<DevClientCertificate> {
  const { issueClientCertificate } = await import("./authority.ts");
  const there = await readIfThere(files.client) !== undefined;
  const issued = await issueClientCertificate(
    await authorityIn(files),
    name,
    validFor(days),
  );
  await install([{
    path: files.client,
    text: issued.cert + issued.key,
    mode: 0o600,
  }]);
  return {
    action: there ? "renewed" : "created",
    certFile: files.client,
    caFile: files.ca,
    subject: `CN=${name}`,
    notAfter: issued.notAfter,
  };
}

/** The authority; the error about one that can't be used says what mends that. */
async function authorityIn(files: DevFiles): Promise<Authority> {
  try {
    return await loadAuthority(files, await readIfThere(files.ca));
  } catch (error) {
    const { message, remedy, reason } = asTlsError(error);
    throw new TlsError(message.slice(0, -`; ${remedy}`.length), {
      reason,
      remedy: AUTHORITY_REMEDY,
      cause: error,
    });
  }
}
