/**
 * Describes certificates, for people and programs that look into them.
 *
 * @module
 */

import type { NameConstraints } from "@peculiar/asn1-x509";
import type { X509Certificate } from "@peculiar/x509";
import { pinOf } from "./pins.ts";

/**
 * What a certificate says.
 *
 * @example How long it is still good
 * ```ts
 * import { type CertificateDescription, describeCertificates, ensureDevCertificates } from "@wss/wss/certs";
 *
 * function daysLeft({ notAfter }: CertificateDescription): number {
 *   return Math.floor((notAfter.getTime() - Date.now()) / 86_400_000);
 * }
 * const { chainFile } = await ensureDevCertificates({ directory: await Deno.makeTempDir() });
 * const [leaf] = await describeCertificates(await Deno.readTextFile(chainFile));
 * console.log(leaf && daysLeft(leaf)); // 396
 * ```
 */
export interface CertificateDescription {
  /** Whose it is, as a distinguished name (RFC 4514): the most specific part first. */
  subject: string;
  /** Who issued it, as a distinguished name (RFC 4514). */
  issuer: string;
  /**
   * The DNS names and IP addresses that it is for, and whatever else it names as
   * `"URI:…"` and `"email:…"`. Those of other kinds, or not in printable ASCII,
   * are left out.
   */
  names: string[];
  /** The first moment of its validity. */
  notBefore: Date;
  /** The last moment of its validity. */
  notAfter: Date;
  /** The number that its issuer gave it, in hexadecimal, lower case. */
  serialNumber: string;
  /** How its issuer signed it, such as `"ECDSA with SHA-256"`. */
  signatureAlgorithm: string;
  /** Its key, such as `"EC P-256"`, `"RSA 2048"` or `"Ed25519"`. */
  keyType: string;
  /** Its SHA-256, in hexadecimal, upper case, with colons: `"AA:BB:…"`. */
  sha256: string;
  /** The pin of its key, for the `pins` of `connect()`: `"sha256/…"`. */
  pin: string;
  /** Whether it is an authority's (CA:TRUE). */
  isAuthority: boolean;
  /** Whether it is signed with its own key. */
  selfSigned: boolean;
  /** What its key may be used for, by name or else by number; empty for all. */
  extendedKeyUsage: string[];
  /**
   * The hosts to which an authority is bound by its name constraints: DNS names,
   * which bring those below them along, and networks; `"*"`, `"0.0.0.0/0"` and
   * `"::/0"` for all of one kind. Empty if it is not bound to any, or none.
   */
  boundTo: string[];
}

/**
 * Describes the certificates in a text, in their order. What else is in it, such
 * as a private key, is passed over.
 *
 * Nothing is verified: a description says what a certificate claims.
 *
 * @param pem The certificates in PEM.
 * @returns One description for each.
 * @throws {TypeError} If there is none in the text, or one can't be read.
 *
 * @example What a server's file holds
 * ```ts
 * import { describeCertificates, ensureDevCertificates } from "@wss/wss/certs";
 *
 * const { chainFile } = await ensureDevCertificates({ directory: await Deno.makeTempDir() });
 * for (const { subject, names, keyType } of await describeCertificates(await Deno.readTextFile(chainFile))) {
 *   console.log(subject, names, keyType);
 * }
 * ```
 */
export async function describeCertificates(
  pem: string,
): Promise<CertificateDescription[]> {
  const text = typeof pem === "string" ? pem : "";
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) {
    throw new TypeError(
      "Cannot describe certificates: there is none in the text; pass that of a PEM file, not its path",
    );
  }
  const descriptions: CertificateDescription[] = [];
  for (const [index, block] of blocks.entries()) {
    try {
      descriptions.push(await describe(block));
    } catch (cause) {
      const state = isTooLarge(cause)
        ? "is too large to be read here; pass one with fewer names"
        : "holds none; copy the file anew";
      throw new TypeError(
        `Cannot describe certificates: CERTIFICATE block ${index + 1} ${state}`,
        { cause },
      );
    }
  }
  return descriptions;
}

/** Whether a certificate was not read for its size, such as for some thousand names. */
export function isTooLarge(error: unknown): boolean {
  // The parser knows these bounds alone, and has no class for them.
  return error instanceof Error &&
    (/^Maximum ASN\.1 /.test(error.message) || isTooLarge(error.cause));
}

const CERTIFICATE =
  /-----BEGIN (X509 )?CERTIFICATE-----[^-]*-----END (X509 )?CERTIFICATE-----/g;

async function describe(block: string): Promise<CertificateDescription> {
  const { readCertificate } = await import("./certified.ts");
  const { X509Certificate } = await import("@peculiar/x509");
  const pem = block.replaceAll("X509 CERTIFICATE", "CERTIFICATE");
  const certificate = new X509Certificate(pem);
  const { peer, ca, purposes, spki, constraints } = readCertificate(pem);
  return {
    subject: peer.subject,
    issuer: peer.issuer,
    names: peer.names.map((name) => name.replace(/^(?:DNS|IP):/, "")),
    notBefore: peer.validFrom,
    notAfter: peer.validTo,
    serialNumber: peer.serialNumber,
    signatureAlgorithm: nameSignature(certificate.signatureAlgorithm),
    keyType: nameKey(certificate.publicKey.algorithm),
    sha256: (peer.fingerprint.toUpperCase().match(/../g) ?? []).join(":"),
    pin: await pinOf(spki),
    isAuthority: ca,
    selfSigned: peer.subject === peer.issuer && await isOwn(certificate),
    extendedKeyUsage: [...purposes ?? []].map((id) => PURPOSES[id] ?? id),
    boundTo: ca ? boundTo(constraints) : [],
  };
}

/** What kinds of names are not mentioned, all may have (RFC 5280, section 4.2.1.10). */
function boundTo(constraints: NameConstraints | undefined): string[] {
  const subtrees = [...constraints?.permittedSubtrees ?? []];
  const names = subtrees.flatMap(({ base }) => base.dNSName ?? []);
  const networks = subtrees.flatMap(({ base }) => base.iPAddress ?? []);
  if (names.length + networks.length === 0) return [];
  return [
    ...names.length > 0 ? names.map((name) => name || "*") : ["*"],
    ...networks.length > 0 ? networks : ["0.0.0.0/0", "::/0"],
  ];
}

/** Whether its own key signed it; by a key of a kind unknown here, its word is taken. */
async function isOwn(certificate: X509Certificate): Promise<boolean> {
  try {
    await certificate.publicKey.export();
    return await certificate.verify({ signatureOnly: true });
  } catch {
    return true;
  }
}

/** The purposes of keys that have a name (RFC 5280, section 4.2.1.12). */
const PURPOSES: Readonly<Record<string, string>> = {
  "2.5.29.37.0": "any",
  "1.3.6.1.5.5.7.3.1": "serverAuth",
  "1.3.6.1.5.5.7.3.2": "clientAuth",
  "1.3.6.1.5.5.7.3.3": "codeSigning",
  "1.3.6.1.5.5.7.3.4": "emailProtection",
  "1.3.6.1.5.5.7.3.8": "timeStamping",
  "1.3.6.1.5.5.7.3.9": "OCSPSigning",
};

/** What the library tells of an algorithm; each kind has its own of these. */
interface Named {
  readonly name: string;
  readonly namedCurve?: string;
  readonly modulusLength?: number;
  readonly hash?: { readonly name: string };
}

function nameKey(algorithm: Named): string {
  const { name, namedCurve, modulusLength } = algorithm;
  if (name.startsWith("RSA")) {
    return modulusLength === undefined ? name : `RSA ${modulusLength}`;
  }
  if (name === "ECDSA" || name === "ECDH") return `EC ${namedCurve ?? ""}`;
  return name === "EdDSA" ? namedCurve ?? name : name;
}

function nameSignature(algorithm: Named): string {
  const { name, namedCurve, hash } = algorithm;
  if (name === "EdDSA") return namedCurve ?? name;
  const short = name === "RSASSA-PKCS1-v1_5" ? "RSA" : name;
  return hash === undefined ? short : `${short} with ${hash.name}`;
}
