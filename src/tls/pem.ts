/**
 * Loads certificates and private keys from PEM files (RFC 7468), and refuses
 * what would fail later, and less clearly, in a TLS handshake.
 *
 * @module
 */

import type { KeyObject, X509Certificate } from "node:crypto";
import { fromFileUrl } from "@std/path";
import { TlsError, type TlsErrorReason } from "../errors.ts";
import { parseHost } from "./host.ts";

/**
 * A certificate chain and its private key, to be spread into the options of
 * `serve()`, or of `connect()` for servers that ask for a certificate.
 *
 * @example A chain from elsewhere than files
 * ```ts
 * import { type CertChain, serve } from "@wss/wss";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const directory = await Deno.makeTempDir();
 * const { chainFile } = await ensureDevCertificates({ directory });
 * const secret = await Deno.readTextFile(chainFile);
 * const chain: CertChain = { cert: secret, key: secret };
 * await using server = await serve({ port: 0, ...chain }, (ws) => ws.closed);
 * console.log(server.url);
 * ```
 */
export interface CertChain {
  /** The certificates in PEM, one's own first. */
  cert: string;
  /** The private key of the first certificate, in PEM. */
  key: string;
  /** Where the two were read, by `loadCertChain()`; for the `watch` of `serve()`. */
  files?: CertFiles | undefined;
}

/**
 * The files of a certificate chain and its private key.
 *
 * @example Where a chain is from
 * ```ts
 * import { type CertFiles, loadCertChain } from "@wss/wss";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const directory = await Deno.makeTempDir();
 * const { chainFile } = await ensureDevCertificates({ directory });
 * const files: CertFiles | undefined = (await loadCertChain(chainFile)).files;
 * console.log(files?.cert === files?.key); // true: both are in one file
 * ```
 */
export interface CertFiles {
  /** The path of the file with the certificates. */
  readonly cert: string;
  /** The path of the file with the private key; it may be the same. */
  readonly key: string;
}

interface PemBlock {
  label: string;
  encrypted: boolean;
  pem: string;
}

interface PemFile {
  file: string;
  certificates: PemBlock[];
  keys: PemBlock[];
}

const MAKE =
  "`deno run -RW jsr:@wss/wss/certs` (in the module's own checkout: `deno task certs`)";
/** How large a file of PEM may be, in bytes: one without end is no certificate. */
const MOST = 2 ** 20;
const USABLE_KEY_LABELS = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];
const USABLE_CURVES = ["prime256v1", "secp384r1", "secp521r1"];

/** Refuses a certificate without its key, and a key without its certificate. */
export function checkPair(
  action: string,
  { cert, key }: { cert?: string | undefined; key?: string | undefined },
): void {
  if ((cert === undefined) === (key === undefined)) return;
  const missing = cert === undefined ? "cert" : "key";
  throw new TypeError(
    `${action}: ${missing} is missing; loadCertChain() gives both`,
  );
}

/**
 * Loads the certificate chain of a server or a client, and its private key, from
 * PEM files, and checks them: that the key belongs to the first certificate, and
 * that this is one's own, not an authority's, and valid now.
 *
 * Text between the blocks, a byte order mark and any line ends are fine. The
 * private key may be PKCS #8, PKCS #1 (RSA) or SEC 1 (EC), and not encrypted. A
 * file may have 1 MiB.
 *
 * @param certFile The certificates, one's own first, and perhaps the key.
 * @param keyFile The private key, unless it is in `certFile`.
 * @returns The chain, to be spread into `serve()`, `connect()` or `Deno.serve`.
 * @throws {TlsError} If a file can't be read or is not what TLS needs.
 *
 * @example One file that holds certificate and key
 * ```ts
 * import { ensureDevCertificates } from "@wss/wss/certs";
 * import { loadCertChain } from "@wss/wss";
 *
 * const directory = await Deno.makeTempDir();
 * const { chainFile } = await ensureDevCertificates({ directory });
 * const { cert, key } = await loadCertChain(chainFile);
 *
 * console.log(cert.split("\n")[0]); // "-----BEGIN CERTIFICATE-----"
 * console.log(key.split("\n")[0]); // "-----BEGIN PRIVATE KEY-----"
 * ```
 */
export async function loadCertChain(
  certFile: string | URL,
  keyFile?: string | URL,
): Promise<CertChain> {
  const certs = await readPem(certFile);
  const keys = keyFile === undefined ? certs : await readPem(keyFile);
  const chain = await checkedChain(certs, keys, keyFile !== undefined);
  return { ...chain, files: { cert: certs.file, key: keys.file } };
}

/**
 * Checks a chain and its key as {@linkcode loadCertChain} does.
 *
 * @param name What to call them in an error.
 * @param chain The two, in PEM.
 * @returns The same, without what else was in the texts.
 * @throws {TlsError} If it is not what a server needs.
 */
export async function checkCertChain(
  name: string,
  { cert, key, files }: CertChain,
): Promise<CertChain> {
  for (const [what, text] of [["certificate", cert], ["private key", key]]) {
    if (text?.includes("-----BEGIN ")) continue;
    throw new TlsError(`Cannot use ${name}: there is no ${what} in PEM in it`, {
      reason: what === "certificate" ? "no-certificate" : "no-private-key",
      remedy:
        "pass the text of a PEM file, not its path; loadCertChain() reads files",
    });
  }
  const certs = parsePem(files?.cert ?? name, cert);
  const keys = parsePem(files?.key ?? name, key);
  const apart = files === undefined || files.cert !== files.key;
  return { ...await checkedChain(certs, keys, apart), files };
}

async function checkedChain(
  certs: PemFile,
  keys: PemFile,
  apart: boolean,
): Promise<CertChain> {
  const chain = await parseCertificates(certs);
  const leaf = chain[0];
  if (leaf === undefined) throw noCertificate(certs);
  const key = await matchKey(chain, certs.file, keys, apart);
  assertServerCertificate(leaf, certs.file);
  return { cert: certs.certificates.map((block) => block.pem).join(""), key };
}

/**
 * Loads the certificates that a client is to trust from PEM files: those of
 * authorities, and those that signed themselves. Everything else in the files
 * is left out, private keys included, so that the file that a server loads
 * serves its clients too. Each may have 1 MiB.
 *
 * @param files Each file with at least one such certificate.
 * @returns One PEM text for each certificate, for `connect()` or `Deno.createHttpClient`.
 * @throws {TlsError} If a file can't be read or has no certificate to trust.
 * @throws {TypeError} If no file is given.
 *
 * @example Trust what the server shows
 * ```ts
 * import { ensureDevCertificates } from "@wss/wss/certs";
 * import { loadCaCerts } from "@wss/wss";
 *
 * const directory = await Deno.makeTempDir();
 * const { chainFile } = await ensureDevCertificates({ directory });
 *
 * using client = Deno.createHttpClient({ caCerts: await loadCaCerts(chainFile) });
 * ```
 */
export async function loadCaCerts(
  ...files: (string | URL)[]
): Promise<string[]> {
  if (files.length === 0) {
    throw new TypeError("Cannot load CA certificates: no file is given");
  }
  const pems = new Set<string>();
  for (const file of files) {
    for (const pem of await readCaCerts(file)) pems.add(pem);
  }
  return [...pems];
}

/**
 * Tells for which DNS names and IP addresses a certificate is valid. Its
 * common name doesn't count (RFC 9525 section 2), as it doesn't for clients.
 *
 * @param certPem The certificate in PEM; of several, the first.
 * @returns The names in lower-case ASCII, the addresses in their shortest form.
 * @throws {TypeError} If there is no certificate in the text.
 */
export async function certificateNames(certPem: string): Promise<string[]> {
  const block = parsePem("certificate", certPem).certificates[0];
  if (!block) {
    throw new TypeError(
      "Cannot read the names of a certificate: there is none",
    );
  }
  const { X509Certificate } = await import("node:crypto");
  return namesOf(new X509Certificate(block.pem));
}

/**
 * Tells whether a certificate is valid for a host.
 *
 * @param certPem The certificate in PEM; of several, the first.
 * @param hostname The host, as in a URL.
 * @returns Whether a client that asked for the host accepts the certificate's names.
 * @throws {TypeError} If there is no certificate in the text, or the host is none.
 */
export async function coversHost(
  certPem: string,
  hostname: string,
): Promise<boolean> {
  const { name } = parseHost(hostname);
  const names = await certificateNames(certPem);
  const wildcard = name.startsWith("*.")
    ? name
    : name.replace(/^[^.:]+\./, "*.");
  return names.includes(name) ||
    (names.includes(wildcard) && parseHost(hostname).type === "dns");
}

async function readPem(file: string | URL): Promise<PemFile> {
  const path = file instanceof URL ? fromFileUrl(file) : file;
  let bytes: Uint8Array;
  try {
    bytes = await readUpTo(path, MOST + 1);
  } catch (cause) {
    throw unreadable(path, cause);
  }
  if (bytes.length > MOST) {
    throw failure(
      path,
      "unreadable-file",
      "it has more than 1 MiB",
      "name a file that holds nothing but certificates and keys",
    );
  }
  return parsePem(path, new TextDecoder().decode(bytes));
}

/** Reads the beginning of a file, also of one of unknown size, like a pipe. */
async function readUpTo(path: string, most: number): Promise<Uint8Array> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(most);
  let size = 0;
  while (size < most) {
    const read = await file.read(bytes.subarray(size));
    if (read === null) break;
    size += read;
  }
  return bytes.subarray(0, size);
}

function unreadable(file: string, cause: unknown): unknown {
  const fail = (reason: TlsErrorReason, state: string, remedy: string) =>
    failure(file, reason, state, remedy, cause);
  if (cause instanceof Deno.errors.NotFound) {
    return fail(
      "missing-file",
      "there is no such file",
      `make one with ${MAKE}, or mend the path`,
    );
  }
  if (cause instanceof Deno.errors.NotCapable) {
    const flag = `--allow-read=${file}`;
    return fail(
      "unreadable-file",
      "this program may not read it",
      `run it with ${flag}`,
    );
  }
  if (cause instanceof Deno.errors.PermissionDenied) {
    const remedy = "make it readable for the user who runs this program";
    return fail(
      "unreadable-file",
      "the operating system denies access",
      remedy,
    );
  }
  if (cause instanceof Deno.errors.IsADirectory) {
    return fail(
      "unreadable-file",
      "it is a directory",
      "name a file in it, such as localhost.pem",
    );
  }
  if (!(cause instanceof Error)) return cause;
  return fail(
    "unreadable-file",
    "it can't be read",
    "see the cause of this error",
  );
}

/** Finds the blocks that matter here; text around them is a comment (RFC 7468 section 2). */
function parsePem(file: string, text: string): PemFile {
  const result: PemFile = { file, certificates: [], keys: [] };
  let open: { label: string; lines: string[] } | undefined;
  for (
    const line of text.split(/\r\n|\r|\n/).map((line) =>
      line.replace(/^\uFEFF/, "").trimEnd()
    )
  ) {
    const [, edge, label = ""] =
      /^-----(BEGIN|END) ([A-Z0-9 .]{1,40})-----$/.exec(line) ??
        [];
    if (edge === "BEGIN") {
      if (open) throw malformed(file, `a ${open.label} block has no end`);
      open = { label, lines: [] };
    } else if (edge === "END") {
      if (open?.label !== label) {
        throw malformed(file, `a ${label} block has no beginning`);
      }
      addBlock(result, label, open.lines);
      open = undefined;
    } else {
      open?.lines.push(line);
    }
  }
  if (open) throw malformed(file, `a ${open.label} block has no end`);
  return result;
}

function addBlock(result: PemFile, label: string, lines: string[]): void {
  const isKey = label.endsWith("PRIVATE KEY");
  if (!isKey && label !== "CERTIFICATE" && label !== "X509 CERTIFICATE") return;
  const encrypted = label === "ENCRYPTED PRIVATE KEY" ||
    lines.some((line) => /^Proc-Type:.*ENCRYPTED/.test(line));
  if (isKey) {
    const usable = !encrypted && USABLE_KEY_LABELS.includes(label);
    const pem = usable ? encodePem(result.file, label, lines) : "";
    result.keys.push({ label, encrypted, pem });
  } else {
    const pem = encodePem(result.file, "CERTIFICATE", lines);
    result.certificates.push({ label, encrypted, pem });
  }
}

function encodePem(file: string, label: string, lines: string[]): string {
  let base64: string;
  try {
    base64 = Uint8Array.fromBase64(lines.join("")).toBase64();
  } catch {
    // The cause is dropped: of a key, it could hold a part.
    throw malformed(file, `a ${label} block is not base64`);
  }
  if (base64 === "") throw malformed(file, `a ${label} block is empty`);
  const body = base64.replace(/.{64}(?=.)/g, "$&\n");
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

async function parseCertificates(
  { file, certificates }: PemFile,
): Promise<X509Certificate[]> {
  const { X509Certificate } = await import("node:crypto");
  return certificates.map(({ pem }) => {
    try {
      return new X509Certificate(pem);
    } catch (cause) {
      throw malformed(file, "a CERTIFICATE block holds no certificate", cause);
    }
  });
}

/** The key of the first certificate, in PEM. */
async function matchKey(
  chain: X509Certificate[],
  certFile: string,
  { file, keys }: PemFile,
  apart: boolean,
): Promise<string> {
  const usable = keys.filter((key) => key.pem !== "");
  if (usable.length === 0) throw noUsableKey(file, keys, apart);
  const { createPrivateKey } = await import("node:crypto");
  for (const { pem } of usable) {
    let key: KeyObject;
    try {
      key = createPrivateKey(pem);
    } catch {
      // The cause is dropped: it could hold a part of the key.
      throw malformed(file, "its private key can't be decoded");
    }
    const owner = chain.findIndex((certificate) =>
      certificate.checkPrivateKey(key)
    );
    if (owner > 0) throw wrongOrder(certFile, chain[owner]);
    if (owner < 0) continue;
    assertUsableKey(key, file);
    return pem;
  }
  throw failure(
    file,
    "key-mismatch",
    apart
      ? `its private key is not that of ${certFile}`
      : "its private key is not its certificate's",
    `put the two that were made together there, or make new ones with ${MAKE}`,
  );
}

function noUsableKey(file: string, keys: PemBlock[], apart: boolean): TlsError {
  if (keys.some((key) => key.encrypted)) {
    return failure(
      file,
      "encrypted-private-key",
      "its private key is encrypted",
      `write a decrypted copy with \`openssl pkey -in ${
        quote(file)
      } -out decrypted.key\`, and keep it private`,
    );
  }
  if (keys[0]) {
    return failure(
      file,
      "no-private-key",
      `its private key is in a form that TLS does not use, ${keys[0].label}`,
      "convert it to PKCS #8 in PEM",
    );
  }
  const remedy = apart
    ? "name the file with the private key as the keyFile argument"
    : "give the private key's file as the second argument, keyFile";
  return failure(
    file,
    "no-private-key",
    "there is no private key in it",
    remedy,
  );
}

function assertUsableKey(key: KeyObject, file: string): void {
  const { namedCurve = "", modulusLength = 0 } = key.asymmetricKeyDetails ?? {};
  const type = key.asymmetricKeyType;
  if (
    type === "ed25519" || (type === "ec" && USABLE_CURVES.includes(namedCurve))
  ) return;
  if (type === "rsa" && modulusLength >= 2048) return;
  const kind = type === "rsa"
    ? `${modulusLength}-bit RSA`
    : `${type} ${namedCurve}`.trimEnd();
  throw failure(
    file,
    "other",
    `TLS in Deno does not take its private key, which is ${kind}`,
    "use ECDSA on P-256, Ed25519, or RSA with 2048 bits or more",
  );
}

function assertServerCertificate(leaf: X509Certificate, file: string): void {
  if (leaf.ca) {
    throw failure(
      file,
      "ca-used-as-leaf",
      "its first certificate is an authority's (CA:TRUE), which clients refuse as a server's own",
      `make one with ${MAKE}, or add \`-addext basicConstraints=critical,CA:FALSE\` to \`openssl req -x509\``,
    );
  }
  assertValidNow(leaf, file);
}

function assertValidNow(
  { validFromDate, validToDate }: X509Certificate,
  file: string,
): void {
  const now = new Date();
  const span =
    `valid from ${validFromDate.toISOString()} to ${validToDate.toISOString()}`;
  if (now > validToDate) {
    throw failure(
      file,
      "expired",
      `its certificate has expired, ${span}`,
      `make a new one with ${MAKE}`,
    );
  }
  if (now < validFromDate) {
    throw failure(
      file,
      "not-yet-valid",
      `its certificate is not valid yet, ${span}`,
      `set this machine's clock, which says ${now.toISOString()}, or wait`,
    );
  }
}

async function readCaCerts(source: string | URL): Promise<string[]> {
  const pem = await readPem(source);
  const all = await parseCertificates(pem);
  if (all.length === 0) throw noCertificate(pem);
  const anchors = all.filter((certificate) =>
    certificate.ca || isSelfSigned(certificate)
  );
  const first = anchors[0];
  if (first === undefined) {
    throw failure(
      pem.file,
      "not-a-ca",
      "none of its certificates is an authority's or signed itself, so trusting it has no effect",
      "name the file of the authority that issued it, such as ca.pem",
    );
  }
  const now = new Date();
  const valid = anchors.filter(({ validFromDate, validToDate }) =>
    validFromDate <= now && now <= validToDate
  );
  if (valid.length === 0) assertValidNow(first, pem.file);
  return valid.map((certificate) => `${certificate.toString().trimEnd()}\n`);
}

/** Tells whether a certificate is signed with its own key. */
function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.subject === certificate.issuer &&
    certificate.verify(certificate.publicKey);
}

function namesOf(certificate: X509Certificate): string[] {
  const names = (certificate.subjectAltName ?? "").split(", ").flatMap(
    (entry) => {
      const [, name = ""] = /^(?:DNS|IP Address):(.+)$/.exec(entry) ?? [];
      try {
        return [parseHost(name).name];
      } catch {
        return []; // A name of another kind, such as an e-mail address.
      }
    },
  );
  return [...new Set(names)];
}

function failure(
  file: string,
  reason: TlsErrorReason,
  state: string,
  remedy: string,
  cause?: unknown,
): TlsError {
  return new TlsError(`Cannot load ${file}: ${state}`, {
    reason,
    remedy,
    cause,
  });
}

function malformed(file: string, state: string, cause?: unknown): TlsError {
  return failure(
    file,
    "malformed-pem",
    state,
    `copy the file anew, or make one with ${MAKE}`,
    cause,
  );
}

function noCertificate({ file, keys }: PemFile): TlsError {
  if (keys.length > 0) {
    return failure(
      file,
      "no-certificate",
      "it holds a private key and no certificate",
      "name the file of the certificate; perhaps the two are swapped",
    );
  }
  return failure(
    file,
    "no-certificate",
    "there is no certificate in PEM in it",
    `make one with ${MAKE}, or convert it with \`openssl x509 -in ${
      quote(file)
    } -inform der\``,
  );
}

function wrongOrder(file: string, leaf: X509Certificate | undefined): TlsError {
  return failure(
    file,
    "key-mismatch",
    "its private key belongs to a certificate that is not the first",
    `put the server's own certificate, ${
      (leaf?.subject ?? "").replace(/[^\x20-\x7e]/g, "?")
    }, first and its issuer after it`,
  );
}

function quote(file: string): string {
  return /^[\w./:-]+$/.test(file) ? file : `'${file.replaceAll("'", `'\\''`)}'`;
}
