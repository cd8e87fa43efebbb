/**
 * Makes certificates and revocation lists as the module itself never makes
 * them: past their time, for other names, an authority's own.
 *
 * npm packages make them, and are loaded when the first one is asked for.
 *
 * @module
 */

import type { Authority } from "../tls/authority.ts";
import { parseHost } from "../tls/host.ts";
import type { CertChain } from "../tls/pem.ts";

/** Options for {@linkcode forge}. */
export interface ForgeOptions {
  /** Who issues the certificate; without it, it signs itself. */
  issuer?: Authority;
  /** The DNS names and IP addresses it is for. */
  names?: string[];
  /** Whether it is an authority's (CA:TRUE). */
  ca?: boolean;
  /** The first moment of validity: by default, a day ago. */
  notBefore?: Date;
  /** The last moment of validity: by default, in ten days. */
  notAfter?: Date;
  /** The subject: by default, CN=localhost. */
  subject?: string;
  /** How many authorities may stand below it: by default, any number. */
  pathLength?: number;
  /** Object identifiers for extendedKeyUsage, which by default is not there. */
  purposes?: string[];
  /** Bits for keyUsage, which by default is not there. */
  keyUsage?: number;
  /** One more extension: whether it is critical, and its value in DER. */
  extension?: { id: string; critical: boolean; value: number[] };
  /** The serial number in hexadecimal: by default, one of chance. */
  serialNumber?: string;
  /** Whether it is of X.509 version 1, which has no extensions. */
  version1?: boolean;
}

/** Options for {@linkcode forgeCrl}. */
export interface ForgeCrlOptions {
  /** Whose list it is. */
  issuer: Authority;
  /** The certificates that it revokes, in PEM. */
  revoked?: string[];
  /** Since when it is good: by default, since a day ago. */
  thisUpdate?: Date;
  /** Until when it is good: by default, for ten days; `null` leaves it out. */
  nextUpdate?: Date | null;
  /** Whether it says that it is a part only. */
  partial?: boolean;
}

const DAY = 86_400_000;

/**
 * Makes a certificate that breaks rules: past its time, outside of its
 * authority's name constraints, an authority's own used as a server's.
 */
export async function forge(options: ForgeOptions = {}): Promise<CertChain> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const {
    issuer,
    names = ["localhost"],
    ca = false,
    notBefore = new Date(Date.now() - DAY),
    notAfter = new Date(Date.now() + 10 * DAY),
    subject = "CN=localhost",
    pathLength,
    purposes,
    keyUsage,
    extension,
    serialNumber,
    version1 = false,
  } = options;
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ]);
  const parent = issuer && new x509.X509Certificate(issuer.cert);
  const certificate = await x509.X509CertificateGenerator.create({
    ...(serialNumber !== undefined && { serialNumber }),
    subject,
    issuer: parent?.subject ?? subject,
    notBefore,
    notAfter,
    publicKey: keys.publicKey,
    signingKey: issuer
      ? await crypto.subtle.importKey(
        "pkcs8",
        x509.PemConverter.decodeFirst(issuer.key),
        algorithm,
        false,
        ["sign"],
      )
      : keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(ca, pathLength, true),
      new x509.SubjectAlternativeNameExtension(
        names.map(generalName),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(
        parent?.publicKey ?? keys.publicKey,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ...(purposes ? [new x509.ExtendedKeyUsageExtension(purposes)] : []),
      ...(extension
        ? [
          new x509.Extension(
            extension.id,
            extension.critical,
            Uint8Array.from(extension.value),
          ),
        ]
        : []),
      ...(keyUsage !== undefined
        ? [new x509.KeyUsagesExtension(keyUsage, true)]
        : []),
    ],
  });
  const pkcs8 = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  const key = `${x509.PemConverter.encode(pkcs8, "PRIVATE KEY")}\n`;
  const cert = version1
    ? await withoutExtensions(certificate.rawData, issuer?.key ?? key)
    : certificate.toString("pem");
  return { cert: `${cert}\n`, key };
}

/** The same certificate of X.509 version 1, signed anew. */
async function withoutExtensions(
  der: ArrayBuffer,
  issuerKey: string,
): Promise<string> {
  const { PemConverter } = await import("@peculiar/x509");
  const { AsnConvert } = await import("@peculiar/asn1-schema");
  const { Certificate, Version } = await import("@peculiar/asn1-x509");
  const { sign } = await import("node:crypto");
  const certificate = AsnConvert.parse(der, Certificate);
  const body = certificate.tbsCertificate;
  body.version = Version.v1;
  delete body.extensions;
  certificate.tbsCertificateRaw = AsnConvert.serialize(body);
  const bytes = new Uint8Array(certificate.tbsCertificateRaw);
  const signature = new Uint8Array(sign("sha256", bytes, issuerKey));
  certificate.signatureValue = signature.buffer;
  return PemConverter.encode(AsnConvert.serialize(certificate), "CERTIFICATE");
}

/** Makes a certificate revocation list, in PEM. */
export async function forgeCrl(options: ForgeCrlOptions): Promise<string> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const {
    issuer,
    revoked = [],
    thisUpdate = new Date(Date.now() - DAY),
    nextUpdate = new Date(Date.now() + 10 * DAY),
    partial = false,
  } = options;
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const list = await x509.X509CrlGenerator.create({
    issuer: new x509.X509Certificate(issuer.cert).subject,
    thisUpdate,
    ...(nextUpdate && { nextUpdate }),
    entries: revoked.map((pem) => ({
      serialNumber: new x509.X509Certificate(pem).serialNumber,
      revocationDate: thisUpdate,
    })),
    // An issuingDistributionPoint that says onlyContainsUserCerts.
    extensions: partial
      ? [
        new x509.Extension(
          "2.5.29.28",
          true,
          Uint8Array.of(0x30, 0x03, 0x81, 0x01, 0xff),
        ),
      ]
      : [],
    signingKey: await crypto.subtle.importKey(
      "pkcs8",
      x509.PemConverter.decodeFirst(issuer.key),
      algorithm,
      false,
      ["sign"],
    ),
    signingAlgorithm: algorithm,
  });
  return `${x509.PemConverter.encode(list.rawData, "X509 CRL")}\n`;
}

/** A name, also a wildcard that nobody should make. */
function generalName(host: string): { type: "dns" | "ip"; value: string } {
  if (host.startsWith("*.")) return { type: "dns", value: host };
  const { type, name } = parseHost(host);
  return { type, value: name };
}
