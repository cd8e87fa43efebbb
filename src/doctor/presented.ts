/**
 * The certificates that a server has presented, and how they are told of.
 *
 * @module
 */

import { escaped } from "../peer_text.ts";
import { type Certified, readCertificate } from "../tls/certified.ts";
import {
  type CertificateDescription,
  describeCertificates,
} from "../tls/describe.ts";
import type { Examination } from "./examination.ts";
import { pemOf } from "./inspect_tls.ts";

/** One that was presented. */
export interface Presented {
  readonly pem: string;
  readonly certified: Certified;
  readonly about: CertificateDescription;
}

/** The certificates of one server. */
export interface Chain {
  readonly examination: Examination;
  readonly leaf: Presented;
  /** All, the server's own first. */
  readonly all: readonly Presented[];
  /** Whether the built-in client believes them. */
  readonly trusted: boolean;
  /** What it says if it does not. */
  readonly refusal: string;
}

/**
 * Reads a certificate.
 *
 * @throws {TypeError} If it is none.
 */
export async function readPresented(
  der: Uint8Array<ArrayBuffer>,
): Promise<Presented> {
  const pem = pemOf(der);
  const [about] = await describeCertificates(pem);
  if (about === undefined) throw new TypeError("Cannot read a certificate");
  return { pem, certified: readCertificate(der), about };
}

/** Whose a certificate is. */
export function nameOf({ subject, names }: CertificateDescription): string {
  const common = /CN=([^,]+)/.exec(subject)?.[1] ?? names[0] ?? subject;
  return escaped(common === "" ? "nobody" : common, 60);
}

/** Who issued it. */
export function issuerOf(
  { issuer, selfSigned }: CertificateDescription,
): string {
  if (selfSigned) return "itself";
  return escaped(/CN=([^,]+)/.exec(issuer)?.[1] ?? issuer, 60);
}

/** Some of many names. */
export function listed(names: readonly string[]): string {
  const rest = names.length - 5;
  return names.slice(0, 5).map((name) => escaped(name)).join(", ") +
    (rest > 0 ? ` and ${rest} more` : "");
}

/** "1 day", "2 days". */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** A date, without the time. */
export function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}
