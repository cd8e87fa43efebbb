/**
 * Whether a file has all the certificates that a server must send, in their
 * order, and whether those may vouch for each other.
 *
 * @module
 */

import { SERVER_AUTH } from "../tls/certified.ts";
import { parseHost } from "../tls/host.ts";
import { permits } from "../tls/name_constraints.ts";
import { certificateNames } from "../tls/pem.ts";
import type { Finding } from "./finding.ts";
import {
  lintKeySize,
  lintSignature,
  lintValidity,
  listed,
  nameOf,
  ROOT,
} from "./lint_certificate.ts";
import { lintEnd } from "./lint_end.ts";
import { about, type LintCertificate } from "./lint_file.ts";
import { keepBlocks } from "./lint_fix.ts";
import { issuerOf, pathFrom, same } from "./lint_path.ts";
import type { Setup } from "./lint_setup.ts";

/** Looks at the chain of a set-up; `anchors` are the certificates that clients were said to trust. */
export async function lintChain(
  setup: Setup,
  anchors: readonly LintCertificate[] | undefined,
): Promise<Finding[]> {
  const { file, leaf } = setup;
  const path = pathFrom(leaf, file.certificates);
  const root = rootAbove(path, setup, anchors);
  const links = root === undefined ? path : [...path, root];
  return [
    ...lintOrder(setup, path),
    ...file.hidesCertificates
      ? [about(
        file.path,
        "chain-complete",
        "skipped",
        "whether its chain is complete can't be told",
      )]
      : await lintEnd(setup, path, anchors),
    ...links.slice(1).flatMap((issuer, index) =>
      lintIssuer(file.path, issuer, index)
    ),
    ...await lintConstraints(file.path, links),
  ];
}

/** The root above a path that is not in its file. */
function rootAbove(
  path: readonly LintCertificate[],
  { pool }: Setup,
  anchors: readonly LintCertificate[] | undefined,
): LintCertificate | undefined {
  const last = path.at(-1);
  const near = pool.flatMap(({ certificates }) => certificates)
    .filter(({ about }) => about.selfSigned);
  return last && issuerOf(last, [...anchors ?? [], ...near]);
}

/** Makes a finding about what is in a file, which the right blocks in their order mend. */
type Say = (
  check: string,
  verdict: Finding["verdict"],
  summary: string,
  reason: string,
  remedy: string,
) => Finding;

function lintOrder(
  { file, leaf }: Setup,
  path: readonly LintCertificate[],
): Finding[] {
  const { certificates, keys } = file;
  const blocks = [...path, ...keys].map(({ block }) => block);
  const fix = keepBlocks(file.path, blocks);
  const say: Say = (check, verdict, summary, reason, remedy) =>
    about(file.path, check, verdict, summary, { reason, remedy, fix });
  const places = path.map((one) => certificates.indexOf(one));
  const surplus = lintSurplus(certificates, path, say);
  if (certificates[0] !== undefined && !same(certificates[0], leaf)) {
    return [
      say(
        "chain-order",
        "failure",
        `the server's own certificate, ${nameOf(leaf)}, is not the first`,
        "clients take the first for the server's (RFC 8446, section 4.4.2)",
        "put it first, and those after it of whom each issued the one before",
      ),
      ...surplus,
    ];
  }
  if (places.some((place, index) => place < (places[index - 1] ?? 0))) {
    return [
      say(
        "chain-order",
        "warning",
        "the certificates after the first are not in their order",
        "TLS 1.2 wants each to be issued by the next (RFC 5246, section 7.4.2)",
        "put them in that order",
      ),
      ...surplus,
    ];
  }
  if (path.length === 1) return surplus;
  const summary = `its ${path.length} certificates are in their order`;
  return [about(file.path, "chain-order", "ok", summary), ...surplus];
}

/** What a file has too much. */
function lintSurplus(
  certificates: readonly LintCertificate[],
  path: readonly LintCertificate[],
  say: Say,
): Finding[] {
  const findings: Finding[] = [];
  const twice = certificates.find((one, index) =>
    certificates.findIndex((other) => same(one, other)) !== index
  );
  if (twice !== undefined) {
    findings.push(say(
      "chain-surplus",
      "warning",
      `${nameOf(twice)} is in it more than once`,
      "each handshake carries it again",
      "leave one",
    ));
  }
  const other = certificates.find((one) =>
    !path.some((link) => same(one, link))
  );
  if (other === undefined) return findings;
  const claimed = path.some(({ about }) =>
    !about.selfSigned && about.issuer === other.about.subject
  );
  findings.push(say(
    "chain-surplus",
    "warning",
    `${nameOf(other)} is in it, and not in the chain`,
    claimed
      ? "it has the name of the issuer, and another key: it has not signed"
      : "each handshake carries it, and some clients stumble over it",
    claimed
      ? "put the one there that has signed"
      : "leave it out, or give it a file of its own",
  ));
  return findings;
}

/** Looks at an authority of the chain, below which `below` authorities stand. */
function lintIssuer(
  path: string,
  issuer: LintCertificate,
  below: number,
): Finding[] {
  const { certified, about: { selfSigned } } = issuer;
  const what = selfSigned ? ROOT : nameOf(issuer);
  const { ca, signsCertificates, pathLength, purposes } = certified;
  const state = !ca
    ? "is no authority's (CA:FALSE), and has issued another"
    : !signsCertificates
    ? "may not issue others (keyUsage lacks keyCertSign)"
    : below > pathLength
    ? `may have ${pathLength} authorities below it, and has ${below}`
    : !selfSigned && purposes !== undefined && !purposes.includes(SERVER_AUTH)
    ? "may not issue for servers (extendedKeyUsage lacks serverAuth)"
    : undefined;
  const validity = lintValidity(path, issuer, what, []);
  return [
    ...state === undefined ? [] : [about(
      path,
      "chain-authority",
      "failure",
      `the certificate of ${nameOf(issuer)} ${state}`,
      { remedy: "let the certificate be issued by an authority that may" },
    )],
    // Some clients do not look at the dates of a root.
    selfSigned && validity.verdict === "failure"
      ? { ...validity, verdict: "warning" as const }
      : validity,
    ...[
      lintKeySize(path, issuer, what),
      lintSignature(path, issuer, what),
    ].filter((finding) => finding !== undefined),
  ];
}

async function lintConstraints(
  path: string,
  [leaf, ...issuers]: readonly LintCertificate[],
): Promise<Finding[]> {
  if (leaf === undefined) return [];
  const names = await certificateNames(leaf.x509.toString());
  return issuers.flatMap((issuer) => {
    const { constraints } = issuer.certified;
    if (constraints === undefined) return [];
    const outside = names.filter((name) =>
      !permits(constraints, parseHost(name))
    );
    if (outside.length === 0) return [];
    return [about(
      path,
      "name-constraints",
      "failure",
      `${nameOf(issuer)} may not vouch for ${listed(outside)}`,
      {
        reason:
          "it is bound to other names (name constraints), and clients hold it to them",
        remedy: "leave these names out, or use an authority that may",
        data: { names: outside },
      },
    )];
  });
}
