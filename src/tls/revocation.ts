/**
 * Certificate revocation lists (RFC 5280, section 5).
 *
 * @module
 */

import { X509Crl } from "@peculiar/x509";
import { AsnConvert } from "@peculiar/asn1-schema";
import { CertificateList } from "@peculiar/asn1-x509";
import type { TlsErrorReason } from "../errors.ts";
import { formatName } from "./certificate_name.ts";
import { type Certified, normalSerial } from "./certified.ts";
import { type Block, pemBlocks, unusable } from "./client_ca.ts";

/** What counts of a list. */
interface RevocationList {
  readonly issuer: string;
  readonly nextUpdate: Date;
  readonly serialNumbers: ReadonlySet<string>;
}

const OPTION = "crl";

/** What the lists of some authorities say. */
export class Revocation {
  readonly #lists: readonly RevocationList[];

  private constructor(lists: readonly RevocationList[]) {
    this.#lists = lists;
  }

  /**
   * Reads and checks lists.
   *
   * @param crl PEM texts, each with one list at least.
   * @param authorities Who may have signed them.
   * @throws {TypeError} If there is none.
   * @throws {TlsError} If one is none, or of nobody here, or has expired.
   */
  static async load(
    crl: readonly string[] | undefined,
    authorities: readonly Certified[],
  ): Promise<Revocation> {
    const blocks = crl === undefined ? [] : pemBlocks(OPTION, crl, "X509 CRL");
    const lists = blocks.map((block) => readList(block, authorities));
    return new Revocation(await Promise.all(lists));
  }

  /**
   * What the issuer of a certificate says of it. Once the issuer's list has
   * expired, it counts as having revoked them all; of an issuer without a list,
   * none counts.
   *
   * @returns What is wrong with it; `undefined` if nothing is.
   */
  judge(
    { peer: { issuer, serialNumber } }: Certified,
    now: Date,
  ): string | undefined {
    const lists = this.#lists.filter((list) => list.issuer === issuer);
    if (lists.some(({ serialNumbers }) => serialNumbers.has(serialNumber))) {
      return "has been revoked";
    }
    const expired = lists.length > 0 &&
      lists.every(({ nextUpdate }) => nextUpdate < now);
    return expired
      ? "is of an authority whose revocation list has expired"
      : undefined;
  }

  /** Whether one of the lists has expired. */
  outdated(now: Date): boolean {
    return this.#lists.some(({ nextUpdate }) => nextUpdate < now);
  }
}

async function readList(
  { where, der }: Block,
  authorities: readonly Certified[],
): Promise<RevocationList> {
  const fail = (reason: TlsErrorReason, state: string, remedy: string) =>
    unusable(where, reason, state, remedy);
  let list: X509Crl;
  let issuer: string;
  try {
    list = new X509Crl(der);
    issuer = formatName(
      AsnConvert.parse(der, CertificateList).tbsCertList.issuer,
    );
  } catch {
    throw fail(
      "malformed-pem",
      "an X509 CRL block holds no revocation list",
      "pass a list in PEM, as `openssl ca -gencrl` makes it",
    );
  }
  const { nextUpdate, thisUpdate, entries } = list;
  // A critical extension says that it is a part only, or of others' certificates.
  const partial = [list, ...entries].some(({ extensions = [] }) =>
    extensions.some(({ critical }) => critical)
  );
  if (partial || nextUpdate === undefined) {
    throw fail(
      "other",
      partial
        ? "its list is not a full one"
        : "its list does not say until when it is good",
      "pass a full list, with a next update",
    );
  }
  await assertSigned(list, issuer, { where, authorities });
  const now = new Date();
  if (nextUpdate < now) {
    throw fail(
      "expired",
      `its list has expired, its next update was ${nextUpdate.toISOString()}`,
      "load the list that the authority has issued since",
    );
  }
  if (thisUpdate > now) {
    throw fail(
      "not-yet-valid",
      `its list is not valid before ${thisUpdate.toISOString()}`,
      "set this machine's clock, or wait",
    );
  }
  const serialNumbers = new Set(
    entries.map(({ serialNumber }) => normalSerial(serialNumber)),
  );
  return { issuer, nextUpdate, serialNumbers };
}

async function assertSigned(
  list: X509Crl,
  issuer: string,
  { where, authorities }: { where: string; authorities: readonly Certified[] },
): Promise<void> {
  for (const { peer: { subject }, signsLists, publicKey } of authorities) {
    if (subject !== issuer || !signsLists) continue;
    try {
      if (await list.verify({ publicKey })) return;
    } catch {
      // By a key of another kind.
    }
  }
  throw unusable(
    where,
    "unknown-issuer",
    "its list is not signed by one of clientCa that may sign lists",
    "pass the list of one of those authorities, or its authority in clientCa",
  );
}
