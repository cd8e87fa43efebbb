/**
 * Makes a certificate authority for development, and the certificates it
 * issues. The authority is bound by its own name constraints (RFC 5280 section
 * 4.2.1.10) to the hosts it was made for: whoever gets hold of its key can
 * impersonate those, and nobody else, even to those who trust it.
 *
 * This file loads npm packages; import it where certificates are made, not
 * where they are used.
 *
 * @module
 */

import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { assertPermitted, nameConstraintsFor } from "./authority_bounds.ts";
import { type Host, parseHost } from "./host.ts";

/** A certificate authority: what it shows and what it signs with. */
export interface Authority {
  /** The certificate, in PEM. */
  cert: string;
  /** The private key, PKCS #8 in PEM. */
  key: string;
}

/** A certificate that an {@linkcode Authority} issued, with its private key. */
export interface IssuedCertificate {
  /** The certificate, then that of its authority, in PEM. */
  cert: string;
  /** The private key, PKCS #8 in PEM. */
  key: string;
  /** The DNS names and IP addresses it is valid for. */
  names: string[];
  /** The last moment it is valid. */
  notAfter: Date;
}

/** From when until when a certificate is valid. */
export interface ValidityOptions {
  /**
   * The first moment of validity.
   *
   * @default {one hour ago, for clocks that are behind}
   */
  notBefore?: Date;
  /** The last moment of validity. */
  notAfter?: Date;
}

/** Options for {@linkcode createAuthority}. */
export interface CreateAuthorityOptions extends ValidityOptions {
  /**
   * The hosts, besides this machine's own loopback names, that the authority
   * can issue certificates for: DNS names, with `*.` in front or not, and IP
   * addresses. A DNS name brings those below it along.
   *
   * @default {[]}
   */
  hosts?: readonly string[];
}

/** Options for {@linkcode issueCertificate}. */
export interface IssueCertificateOptions extends ValidityOptions {
  /**
   * The hosts, besides this machine's own loopback names, that the
   * certificate is for.
   *
   * @default {[]}
   */
  hosts?: readonly string[];
}

/** What every certificate is valid for: this machine, as it calls itself. */
export const LOOPBACK_HOSTS: readonly string[] = [
  "localhost",
  "127.0.0.1",
  "::1",
];

/** The longest that clients accept a server certificate to be valid, in days. */
export const MAX_LEAF_DAYS = 398;

const DAY = 86_400_000;
const CLOCK_SKEW = 3_600_000;
const AUTHORITY_DAYS = 5 * 365;
const DEFAULT_LEAF_DAYS = 397;
const KEY_ALGORITHM = { name: "ECDSA", namedCurve: "P-256" };
const SIGNING_ALGORITHM = { name: "ECDSA", hash: "SHA-256" };
/**
 * Makes a certificate authority that can issue certificates for the given
 * hosts and for loopback, and for nothing else. It is valid for five years
 * unless told otherwise.
 *
 * @param options The hosts and the time of validity.
 * @returns The authority.
 * @throws {TypeError} If a host is neither a DNS name nor an IP address.
 * @throws {RangeError} If the time of validity ends before it starts.
 *
 * @example An authority for one domain
 * ```ts
 * import { createAuthority } from "./authority.ts";
 *
 * const authority = await createAuthority({ hosts: ["example.test"] });
 * ```
 */
export async function createAuthority(
  options: CreateAuthorityOptions = {},
): Promise<Authority> {
  const hosts = withLoopback(options.hosts ?? []);
  const notBefore = wholeSecond(
    options.notBefore ?? new Date(Date.now() - CLOCK_SKEW),
  );
  const notAfter = wholeSecond(
    options.notAfter ?? new Date(notBefore.getTime() + AUTHORITY_DAYS * DAY),
  );
  assertInOrder(notBefore, notAfter);
  const keys = await generateKeys();
  const subjectKeyId = await x509.SubjectKeyIdentifierExtension.create(
    keys.publicKey,
  );
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: [{ O: ["wss"] }, {
      CN: [`wss development CA ${subjectKeyId.keyId.slice(0, 8)}`],
    }],
    notBefore,
    notAfter,
    keys,
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign,
        true,
      ),
      nameConstraintsFor(hosts),
      subjectKeyId,
    ],
  });
  return { cert: pem(certificate), key: await exportKey(keys.privateKey) };
}

/**
 * Issues a server certificate for the given hosts and for loopback. Its time
 * of validity stays inside that of the authority; it is 397 days unless told
 * otherwise, and never more than 398, which is what clients accept.
 *
 * @param authority Who issues it.
 * @param options The hosts and the time of validity.
 * @returns The certificate with its private key.
 * @throws {TypeError} If a host is neither a DNS name nor an IP address, or the authority isn't one.
 * @throws {RangeError} If the time of validity is over 398 days or outside of the authority's, or if
 * the authority isn't allowed to issue for a host.
 *
 * @example A certificate for a wildcard
 * ```ts
 * import { createAuthority, issueCertificate } from "./authority.ts";
 *
 * const hosts = ["*.example.test"];
 * const authority = await createAuthority({ hosts });
 * const { cert, key } = await issueCertificate(authority, { hosts });
 * ```
 */
export async function issueCertificate(
  authority: Authority,
  options: IssueCertificateOptions = {},
): Promise<IssuedCertificate> {
  const hosts = withLoopback(options.hosts ?? []);
  const issuer = parseAuthority(authority.cert);
  for (const host of hosts) assertPermitted(host, issuer);
  const issued = await issue(authority, {
    issuer,
    subject: [{ O: ["wss development certificate"] }, { CN: ["localhost"] }],
    purpose: x509.ExtendedKeyUsage.serverAuth,
    extensions: [
      new x509.SubjectAlternativeNameExtension(
        hosts.map((host) => ({ type: host.type, value: host.name })),
      ),
    ],
  }, options);
  return { ...issued, names: hosts.map((host) => host.name) };
}

/**
 * Issues a certificate with which a client shows who it is, and no server can
 * be run: its name is the common name of its subject, and there is no other.
 *
 * @param authority Who issues it.
 * @param name The client's name, of 64 characters at most.
 * @param options The time of validity, as of a server's certificate.
 * @returns The certificate with its private key.
 * @throws {TypeError} If the authority isn't one.
 * @throws {RangeError} If the time of validity is over 398 days or outside of the authority's.
 */
export async function issueClientCertificate(
  authority: Authority,
  name: string,
  options: ValidityOptions = {},
): Promise<IssuedCertificate> {
  const issued = await issue(authority, {
    issuer: parseAuthority(authority.cert),
    subject: [{ CN: [name] }],
    purpose: x509.ExtendedKeyUsage.clientAuth,
    extensions: [],
  }, options);
  return { ...issued, names: [] };
}

/** What one kind of certificate has, and others do not. */
interface Kind {
  readonly issuer: x509.X509Certificate;
  readonly subject: x509.JsonName;
  readonly purpose: x509.ExtendedKeyUsage;
  readonly extensions: readonly x509.Extension[];
}

async function issue(
  authority: Authority,
  { issuer, subject, purpose, extensions }: Kind,
  validity: ValidityOptions,
): Promise<Omit<IssuedCertificate, "names">> {
  const { notBefore, notAfter } = leafValidity(issuer, validity);
  const keys = await generateKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject,
    issuer: issuer.subjectName,
    notBefore,
    notAfter,
    publicKey: keys.publicKey,
    signingKey: await importKey(authority.key),
    signingAlgorithm: SIGNING_ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([purpose]),
      ...extensions,
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await authorityKeyId(issuer),
    ],
  });
  if (
    !(await certificate.verify({
      publicKey: issuer.publicKey,
      signatureOnly: true,
    }))
  ) {
    throw new TypeError(
      "Cannot issue certificate: the authority's key does not match it",
    );
  }
  return {
    cert: pem(certificate) + pem(issuer),
    key: await exportKey(keys.privateKey),
    notAfter,
  };
}

function withLoopback(hosts: readonly string[]): Host[] {
  const parsed = [...LOOPBACK_HOSTS, ...hosts].map(parseHost);
  return [...new Map(parsed.map((host) => [host.name, host])).values()];
}

function parseAuthority(cert: string): x509.X509Certificate {
  let issuer: x509.X509Certificate;
  try {
    issuer = new x509.X509Certificate(cert);
  } catch (cause) {
    throw new TypeError(
      "Cannot issue certificate: the authority is not a certificate",
      { cause },
    );
  }
  if (!issuer.getExtension(x509.BasicConstraintsExtension)?.ca) {
    throw new TypeError(
      "Cannot issue certificate: the authority is not a CA certificate",
    );
  }
  return issuer;
}

function leafValidity(issuer: x509.X509Certificate, options: ValidityOptions): {
  notBefore: Date;
  notAfter: Date;
} {
  const start = wholeSecond(
    options.notBefore ?? new Date(Date.now() - CLOCK_SKEW),
  );
  const notBefore = start < issuer.notBefore ? issuer.notBefore : start;
  // Both ends count (RFC 5280 section 4.1.2.5), so a day's span is a second short.
  const wanted = wholeSecond(
    options.notAfter ??
      new Date(notBefore.getTime() + DEFAULT_LEAF_DAYS * DAY - 1000),
  );
  if (wanted.getTime() - notBefore.getTime() >= MAX_LEAF_DAYS * DAY) {
    throw new RangeError(
      `Cannot issue certificate: it would be valid for more than ${MAX_LEAF_DAYS} days, which clients refuse`,
    );
  }
  const notAfter = wanted > issuer.notAfter ? issuer.notAfter : wanted;
  assertInOrder(notBefore, notAfter);
  return { notBefore, notAfter };
}

function assertInOrder(notBefore: Date, notAfter: Date): void {
  if (notBefore < notAfter) return;
  throw new RangeError(
    `Cannot make certificate: it would end at ${notAfter.toISOString()}, before it starts at ${notBefore.toISOString()}`,
  );
}

async function authorityKeyId(
  issuer: x509.X509Certificate,
): Promise<x509.Extension> {
  const id = issuer.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId;
  return id === undefined
    ? await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey)
    : new x509.AuthorityKeyIdentifierExtension(id);
}

function generateKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(KEY_ALGORITHM, true, ["sign", "verify"]);
}

async function exportKey(key: CryptoKey): Promise<string> {
  const der = await crypto.subtle.exportKey("pkcs8", key);
  return `${x509.PemConverter.encode(der, "PRIVATE KEY")}\n`;
}

async function importKey(key: string): Promise<CryptoKey> {
  try {
    const [der = new ArrayBuffer(0)] = x509.PemConverter.decode(key);
    return await crypto.subtle.importKey("pkcs8", der, KEY_ALGORITHM, false, [
      "sign",
    ]);
  } catch (cause) {
    throw new TypeError(
      "Cannot issue certificate: the authority's key is not a P-256 key",
      {
        cause,
      },
    );
  }
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString("pem")}\n`;
}

/** Sixteen bytes of chance, positive and with no leading zero (RFC 5280 section 4.1.2.2). */
function randomSerial(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return bytes.toHex();
}

/** X.509 counts whole seconds. */
function wholeSecond(date: Date): Date {
  return new Date(Math.floor(date.getTime() / 1000) * 1000);
}
