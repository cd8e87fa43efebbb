/**
 * Who issued whom, by signature.
 *
 * @module
 */

import type { X509Certificate } from "node:crypto";
import type { LintCertificate } from "./lint_file.ts";

/** The certificates from one upwards, each issued by the next. */
export function pathFrom(
  leaf: LintCertificate,
  certificates: readonly LintCertificate[],
): LintCertificate[] {
  const path = [leaf];
  for (const last of path) {
    const issuer = issuerOf(
      last,
      certificates.filter((one) => !path.some((other) => same(one, other))),
    );
    if (issuer !== undefined) path.push(issuer);
  }
  return path;
}

/** The issuer of one among others; none of what signed itself. */
export function issuerOf(
  one: LintCertificate,
  certificates: readonly LintCertificate[],
): LintCertificate | undefined {
  if (one.about.selfSigned) return undefined;
  return certificates.find((issuer) => isIssued(one, issuer));
}

function isIssued(
  one: LintCertificate,
  { about, x509 }: LintCertificate,
): boolean {
  return one.about.issuer === about.subject && isSigned(one.x509, x509);
}

/** Whether one was signed with another's key. */
export function isSigned(
  one: X509Certificate,
  issuer: X509Certificate,
): boolean {
  try {
    return one.verify(issuer.publicKey);
  } catch {
    return false; // By an algorithm that is not known here.
  }
}

/** Whether two are the same certificate. */
export function same(one: LintCertificate, other: LintCertificate): boolean {
  return one.about.sha256 === other.about.sha256;
}
