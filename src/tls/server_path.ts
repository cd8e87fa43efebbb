/**
 * The path from a server's certificate to an authority (RFC 5280, section 6).
 *
 * @module
 */

import { type Certified, SERVER_AUTH } from "./certified.ts";
import { isValidAt } from "./client_ca.ts";
import type { Host } from "./host.ts";
import { permits } from "./name_constraints.ts";

/** What a path may be made of. */
export interface PathMaterial {
  /** What the server sent, its own certificate first. */
  readonly sent: readonly Certified[];
  /** Who is trusted, and needs nobody above. */
  readonly anchors: readonly Certified[];
  /** For whom the server's certificate is used. */
  readonly host: Host;
}

/** Certificates, each issued by the next. */
export interface Path {
  readonly certificates: readonly Certified[];
  /** Whether the last is one of `anchors`. */
  readonly anchored: boolean;
}

/** How many signatures are looked at: a server could send what fits in many ways. */
const MAX_SIGNATURES = 32;

/**
 * Finds paths, those with fewer certificates before those with more above them,
 * and each that ends at an anchor. In all of them each certificate was issued by
 * the next, which may do so for this host, and all but anchors are valid now.
 */
export async function* findPaths(
  { sent, anchors, host }: PathMaterial,
): AsyncGenerator<Path> {
  const [leaf] = sent;
  if (leaf === undefined) return;
  const now = new Date();
  const waiting = [[leaf]];
  let left = MAX_SIGNATURES;
  for (const path of waiting) {
    yield { certificates: path, anchored: false };
    const last = path[path.length - 1] ?? leaf;
    const issued = async (issuer: Certified) =>
      --left >= 0 && await isSigned(last, issuer);
    for (const anchor of anchors) {
      if (mayAnchor(anchor, path, host) && await issued(anchor)) {
        yield { certificates: [...path, anchor], anchored: true };
      }
    }
    for (const issuer of sent) {
      if (
        !path.includes(issuer) && isValidAt(issuer, now) &&
        mayIssue(issuer, path, host) && await issued(issuer)
      ) waiting.push([...path, issuer]);
    }
  }
}

/** An anchor's own dates do not count, and what is no authority vouches for itself alone. */
function mayAnchor(
  anchor: Certified,
  path: readonly Certified[],
  host: Host,
): boolean {
  const { version, ca, peer } = anchor;
  if (version === 3 && !ca) {
    return path.length === 1 && path[0]?.peer.fingerprint === peer.fingerprint;
  }
  return isAbove(anchor, path, host);
}

/** Whether an authority that is none of the anchors may issue the last of a path. */
function mayIssue(
  issuer: Certified,
  path: readonly Certified[],
  host: Host,
): boolean {
  const { version, ca, purposes, obscure } = issuer;
  return version === 3 && ca && !obscure &&
    (purposes === undefined || purposes.includes(SERVER_AUTH)) &&
    isAbove(issuer, path, host);
}

/** What holds for all authorities. */
function isAbove(
  { peer, signsCertificates, pathLength, constraints }: Certified,
  path: readonly Certified[],
  host: Host,
): boolean {
  return path[path.length - 1]?.peer.issuer === peer.subject &&
    signsCertificates && path.length - 1 <= pathLength &&
    (constraints === undefined || permits(constraints, host));
}

async function isSigned(one: Certified, issuer: Certified): Promise<boolean> {
  try {
    return await one.isSignedWith(issuer.publicKey);
  } catch {
    return false; // By an algorithm that is not known here.
  }
}
