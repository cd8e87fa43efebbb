/**
 * Reads what certificates say (RFC 5280, section 4).
 *
 * @module
 */

import { createHash } from "node:crypto";
import "reflect-metadata";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Certificate, NameConstraints } from "@peculiar/asn1-x509";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
} from "@peculiar/x509";
import { formatName, formatOtherName } from "./certificate_name.ts";
import type { PeerCertificate } from "./peer_certificate.ts";

/** The purposes of a server and of a client of TLS. */
export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

const NAME_CONSTRAINTS = "2.5.29.30";

/**
 * The extensions that are looked at here or need not be: keyUsage,
 * subjectAltName, basicConstraints, nameConstraints and extKeyUsage.
 */
const KNOWN = [
  "2.5.29.15",
  "2.5.29.17",
  "2.5.29.19",
  NAME_CONSTRAINTS,
  "2.5.29.37",
];

/** A certificate, with what decides about it. */
export interface Certified {
  /** What the server is told of it. */
  readonly peer: PeerCertificate;
  /** How many other names it has that cannot be told. */
  readonly otherNames: number;
  /** 3 for all that have extensions. */
  readonly version: number;
  /** Whether it is an authority's (CA:TRUE). */
  readonly ca: boolean;
  /** How many authorities may stand between it and a client. */
  readonly pathLength: number;
  /** Whether its key may sign: in handshakes, certificates, revocation lists. */
  readonly signs: boolean;
  readonly signsCertificates: boolean;
  readonly signsLists: boolean;
  /** The object identifiers of its purposes; `undefined` for all. */
  readonly purposes: readonly string[] | undefined;
  readonly publicKey: X509Certificate["publicKey"];
  /** The public key as SubjectPublicKeyInfo, in DER. */
  readonly spki: Uint8Array<ArrayBuffer>;
  /** Whom those may name whom it issues, and those below (RFC 5280, section 4.2.1.10). */
  readonly constraints: NameConstraints | undefined;
  /** Whether it says something that must be understood, and is not here. */
  readonly obscure: boolean;
  /** Whether the holder of a key has signed it. */
  isSignedWith(key: X509Certificate["publicKey"]): Promise<boolean>;
}

/**
 * Reads a certificate.
 *
 * @param data It, in DER or PEM.
 * @throws {Error} If it is none.
 */
export function readCertificate(
  data: string | Uint8Array<ArrayBuffer>,
): Certified {
  const certificate = new X509Certificate(data);
  const { rawData } = certificate;
  const { tbsCertificate } = AsnConvert.parse(rawData, Certificate);
  const usages = certificate.getExtension(KeyUsagesExtension)?.usages;
  const may = (flag: KeyUsageFlags) =>
    usages === undefined || (usages & flag) !== 0;
  const names = certificate.getExtension(SubjectAlternativeNameExtension);
  const basic = certificate.getExtension(BasicConstraintsExtension);
  const constraints = certificate.getExtension(NAME_CONSTRAINTS);
  const peer: PeerCertificate = {
    subject: formatName(tbsCertificate.subject),
    issuer: formatName(tbsCertificate.issuer),
    names: (names?.names.items ?? []).map(formatOtherName).filter((name) =>
      name !== undefined
    ),
    serialNumber: normalSerial(certificate.serialNumber),
    fingerprint: createHash("sha256").update(new Uint8Array(rawData)).digest(
      "hex",
    ),
    validFrom: certificate.notBefore,
    validTo: certificate.notAfter,
    pem: `${certificate.toString("pem")}\n`,
  };
  return {
    peer,
    otherNames: (names?.names.items.length ?? 0) - peer.names.length,
    version: tbsCertificate.version + 1,
    ca: basic?.ca ?? false,
    pathLength: basic?.pathLength ?? Infinity,
    signs: may(KeyUsageFlags.digitalSignature),
    signsCertificates: may(KeyUsageFlags.keyCertSign),
    signsLists: may(KeyUsageFlags.cRLSign),
    purposes: certificate.getExtension(ExtendedKeyUsageExtension)?.usages.map(
      String,
    ),
    publicKey: certificate.publicKey,
    spki: new Uint8Array(certificate.publicKey.rawData),
    constraints: constraints === null
      ? undefined
      : AsnConvert.parse(constraints.value, NameConstraints),
    obscure: certificate.extensions.some(({ critical, type }) =>
      critical && !KNOWN.includes(type)
    ),
    // SHA-1 can be made to collide; TLS takes no such signature.
    isSignedWith: async (publicKey) =>
      certificate.signatureAlgorithm.hash?.name !== "SHA-1" &&
      await certificate.verify({ publicKey, signatureOnly: true }),
  };
}

/** A serial number, written in one way only. */
export function normalSerial(hex: string): string {
  const short = hex.toLowerCase().replace(/^(?:00)+(?=..)/, "");
  return short === "" ? "00" : short;
}
