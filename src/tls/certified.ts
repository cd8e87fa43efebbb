/**
 * Reads what certificates say (RFC 5280, section 4).
 *
 * @module
 */

import { createHash } from "node:crypto";
import "reflect-metadata";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Certificate } from "@peculiar/asn1-x509";
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

/** The purpose of a client of TLS. */
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** A certificate, with what decides about it. */
export interface Certified {
  /** What the server is told of it. */
  readonly peer: PeerCertificate;
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
  };
}

/** A serial number, written in one way only. */
export function normalSerial(hex: string): string {
  const short = hex.toLowerCase().replace(/^(?:00)+(?=..)/, "");
  return short === "" ? "00" : short;
}
