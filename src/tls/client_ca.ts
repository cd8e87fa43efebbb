/**
 * The authorities whose client certificates a server takes.
 *
 * @module
 */

import { PemConverter } from "@peculiar/x509";
import { TlsError, type TlsErrorReason } from "../errors.ts";
import { type Certified, readCertificate } from "./certified.ts";

/** A block of PEM (RFC 7468), and the option that it came with, for an error. */
export interface Block {
  readonly where: string;
  readonly der: Uint8Array<ArrayBuffer>;
}

/**
 * Finds the blocks of a kind in the PEM texts of an option.
 *
 * @param option The name of the option.
 * @param texts Its value.
 * @param label What the blocks are: "CERTIFICATE".
 * @throws {TypeError} If the list is empty, or no list of texts.
 * @throws {TlsError} If a text has no such block, or a broken one.
 */
export function pemBlocks(
  option: string,
  texts: readonly string[],
  label: string,
): Block[] {
  if (!Array.isArray(texts) || texts.length === 0) {
    throw new TypeError(
      `Cannot use ${option}: it must be a list with one PEM text at least`,
    );
  }
  return texts.flatMap((text: unknown, index) => {
    const where = `${option}[${index}]`;
    if (typeof text !== "string") {
      throw new TypeError(
        `Cannot use ${where}: it must be a PEM text, current value is of type ${typeof text}`,
      );
    }
    return blocksIn(where, text, label);
  });
}

function blocksIn(where: string, text: string, label: string): Block[] {
  const edges = text.split(`-----BEGIN ${label}-----`).length - 1;
  const fail = (reason: TlsErrorReason, state: string, remedy: string) =>
    unusable(where, reason, state, remedy);
  if (edges === 0) {
    throw fail(
      label === "CERTIFICATE" ? "no-certificate" : "malformed-pem",
      `there is no ${label} block in it`,
      "pass the text of a PEM file, not its path",
    );
  }
  let blocks: Block[];
  try {
    blocks = PemConverter.decodeWithHeaders(text)
      .filter(({ type }) => type === label)
      .map(({ rawData }) => ({ where, der: new Uint8Array(rawData) }));
  } catch {
    blocks = [];
  }
  // What the decoder does not take for a block it passes over.
  if (blocks.length === edges) return blocks;
  throw fail(
    "malformed-pem",
    `a ${label} block is broken`,
    "copy the file anew",
  );
}

/** An error that tells which entry of an option is no good. */
export function unusable(
  where: string,
  reason: TlsErrorReason,
  state: string,
  remedy: string,
): TlsError {
  return new TlsError(`Cannot use ${where}: ${state}`, { reason, remedy });
}

const OPTION = "clientCa";

/**
 * Reads and checks the authorities' certificates.
 *
 * @param clientCa PEM texts, each with one certificate at least.
 * @returns The certificates, each once.
 * @throws {TypeError} If there is none.
 * @throws {TlsError} If one is none, or no authority's, or not valid now.
 */
export function loadClientCa(clientCa: readonly string[]): Certified[] {
  const all = pemBlocks(OPTION, clientCa, "CERTIFICATE").map(readAuthority);
  const authorities = [
    ...new Map(all.map((ca) => [ca.peer.fingerprint, ca])).values(),
  ];
  const now = new Date();
  const invalid = authorities.find((ca) => !isValidAt(ca, now));
  if (invalid === undefined) return authorities;
  const { subject, validFrom, validTo } = invalid.peer;
  const expired = validTo < now;
  // The runtime does not look at the dates of an authority.
  throw unusable(
    OPTION,
    expired ? "expired" : "not-yet-valid",
    `the certificate of ${subject} is not valid now, but from ${validFrom.toISOString()} to ${validTo.toISOString()}`,
    expired
      ? "renew the certificate of the authority, or leave it out"
      : `set this machine's clock, which says ${now.toISOString()}, or wait`,
  );
}

/** Whether a certificate is valid at a time. */
export function isValidAt(
  { peer: { validFrom, validTo } }: Certified,
  date: Date,
): boolean {
  return validFrom <= date && date <= validTo;
}

function readAuthority({ where, der }: Block): Certified {
  const fail = (reason: TlsErrorReason, state: string) =>
    unusable(
      where,
      reason,
      state,
      "pass the certificate of the authority that issues the clients' certificates",
    );
  let certificate: Certified;
  try {
    certificate = readCertificate(der);
  } catch {
    throw fail("malformed-pem", "a CERTIFICATE block holds no certificate");
  }
  const { version, ca, signsCertificates } = certificate;
  if (version === 3 && ca && signsCertificates) return certificate;
  throw fail(
    "not-a-ca",
    version !== 3
      ? `its certificate is of X.509 version ${version}, which can't tell an authority's from others`
      : ca
      ? "its certificate may not issue others (keyUsage lacks keyCertSign)"
      : "its certificate is not an authority's (CA:FALSE)",
  );
}
