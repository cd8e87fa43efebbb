/**
 * Whether the certificates that a server presents make a chain.
 *
 * @module
 */

import { found } from "./examination.ts";
import type { Finding } from "./finding.ts";
import {
  type Chain,
  counted,
  issuerOf,
  nameOf,
  type Presented,
} from "./presented.ts";

/** Whether each is followed by its issuer (RFC 8446, section 4.4.2), and by no more. */
export function orderOf({ all }: Chain): Finding[] {
  const wrong = all.some(({ certified: { peer }, about }, index) => {
    const next = all[index + 1];
    if (next === undefined || about.selfSigned) return false;
    return next.certified.peer.subject !== peer.issuer &&
      all.some((other) => other.certified.peer.subject === peer.issuer);
  });
  const findings: Finding[] = [];
  if (wrong) {
    findings.push(
      found(
        "tls",
        "chain-order",
        "warning",
        "the certificates are not presented in their order",
        {
          reason: "each must be followed by its issuer; some clients insist",
          remedy:
            "put them into the server's file in that order, its own certificate first",
        },
      ),
    );
  }
  const issuers = new Set(all.map(({ certified: { peer } }) => peer.issuer));
  const surplus = all.slice(1).filter(({ certified: { peer } }) =>
    !issuers.has(peer.subject)
  );
  if (surplus.length > 0) {
    findings.push(
      found(
        "tls",
        "chain-surplus",
        "info",
        `${
          counted(surplus.length, "certificate")
        } presented that none of the others is from`,
        { remedy: "take it out of the server's file" },
      ),
    );
  }
  const root = all.slice(1).find(({ about }) =>
    about.selfSigned && about.isAuthority
  );
  if (root !== undefined) {
    findings.push(
      found(
        "tls",
        "chain-root",
        "info",
        `the root is presented, too (${nameOf(root.about)})`,
        {
          reason:
            "clients have it, or do not trust it; it makes each handshake longer",
        },
      ),
    );
  }
  return findings;
}

/** Whether what is presented leads up to somebody who may be trusted. */
export function completeness(chain: Chain): Finding[] {
  const { all, leaf, refusal } = chain;
  if (!/UnknownIssuer|BadSignature/.test(refusal)) return [];
  let last = leaf;
  const path = [leaf];
  while (true) {
    const issuer = all.find((other) =>
      !path.includes(other) &&
      other.certified.peer.subject === last.certified.peer.issuer
    );
    if (issuer === undefined || last.about.selfSigned) break;
    path.push(issuer);
    last = issuer;
  }
  if (last.about.selfSigned) return [untrusted(last, leaf)];
  const name = issuerOf(last.about);
  // Who has an address to fetch the issuer from has one that is no root.
  const where = fetchable(last.pem);
  if (where === undefined) return [];
  return [found(
    "tls",
    "chain-complete",
    "failure",
    `the chain ends at ${name}, who is not presented: an intermediate certificate is missing`,
    {
      reason:
        "browsers may know it from elsewhere, and hide the fault; Deno and others do not",
      remedy:
        "give the server the whole chain: fullchain.pem, and not cert.pem, of certbot; its own certificate followed by the intermediates",
      fix: [
        `curl -s '${where}' | openssl x509 -inform DER >> server.pem`,
      ],
      data: { issuer: last.about.issuer, fetch: where },
    },
  )];
}

/** The finding where the chain is complete, and nobody knows its end. */
function untrusted(root: Presented, leaf: Presented): Finding {
  const own = root === leaf;
  return found(
    "tls",
    "trust",
    "failure",
    own
      ? "the certificate is signed by itself, and not trusted here"
      : `the chain leads up to ${nameOf(root.about)}, who is not trusted here`,
    {
      reason: "anybody can make such a one",
      remedy: own
        ? "pass it as `caCerts`, if you know that it is the server's; for everybody, get one of a public authority"
        : "pass the certificate of this authority as `caCerts`, from where you can rely on it",
      data: { issuer: root.about.issuer, pin: root.about.pin },
    },
  );
}

/** Where the issuer of a certificate can be had (RFC 5280, section 4.2.2.1). */
function fetchable(pem: string): string | undefined {
  const der = Uint8Array.fromBase64(
    pem.replace(/-----[^-]+-----|\s/g, ""),
  );
  // The identifier id-ad-caIssuers, then a URI with its length.
  const before = "2b0601050507300286";
  const at = der.toHex().indexOf(before);
  if (at < 0 || at % 2 === 1) return undefined;
  const begin = (at + before.length) / 2 + 1;
  const size = der[begin - 1] ?? 0;
  const uri = new TextDecoder().decode(der.subarray(begin, begin + size));
  return size < 128 && /^http:\/\/[\w./~%-]+$/.test(uri) ? uri : undefined;
}
