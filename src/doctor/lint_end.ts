/**
 * Whether clients get from the certificates that a server sends to one that they
 * trust.
 *
 * @module
 */

import { X509Certificate } from "node:crypto";
import { getCACertificates } from "node:tls";
import type { Finding } from "./finding.ts";
import { counted, nameOf } from "./lint_certificate.ts";
import { about, type LintCertificate, type LintFile } from "./lint_file.ts";
import { filterBlocks, shellQuoted } from "./lint_fix.ts";
import { isSigned, issuerOf, pathFrom, same } from "./lint_path.ts";
import type { Setup } from "./lint_setup.ts";

/** Whether clients get from the last certificate to one that they trust. */
export async function lintEnd(
  setup: Setup,
  path: readonly LintCertificate[],
  anchors: readonly LintCertificate[] | undefined,
): Promise<Finding[]> {
  const { file, leaf } = setup;
  const last = path.at(-1) ?? leaf;
  const ok = (summary: string) =>
    about(file.path, "chain-complete", "ok", summary);
  const anchored =
    anchors?.some((anchor) => path.some((one) => same(one, anchor))) ||
    anchors !== undefined && issuerOf(last, anchors) !== undefined;
  if (last.about.selfSigned) {
    return [
      lintSelfSigned(setup, last, path),
      ...anchors === undefined
        ? []
        : anchored
        ? [ok("it leads to one that clients are said to trust")]
        : [nobodyTrusted(file.path, last)],
    ];
  }
  if (anchored) return [ok("it leads to one that clients are said to trust")];
  const near = setup.pool.filter((other) => other !== file);
  for (const other of near) {
    const issuer = issuerOf(last, other.certificates);
    if (issuer === undefined) continue;
    return issuer.about.selfSigned
      ? [ok(`it leads to ${nameOf(issuer)} in ${other.path}`)]
      : [missingFrom(setup, last, issuer, other)];
  }
  const roots = await trustedRoots();
  const root = roots?.find((root) =>
    last.x509.issuer === root.subject && isSigned(last.x509, root)
  );
  if (root !== undefined) {
    return [ok(`it leads to ${last.about.issuer}, whom clients trust`)];
  }
  return [unknownIssuer(setup, last, path, anchors, roots !== undefined)];
}

function lintSelfSigned(
  { file }: Setup,
  last: LintCertificate,
  path: readonly LintCertificate[],
): Finding {
  if (path.length === 1) {
    return about(
      file.path,
      "chain-complete",
      "info",
      "its certificate signed itself: clients must be told to trust it",
      { remedy: "give it to them as `caCerts`" },
    );
  }
  return about(
    file.path,
    "chain-root",
    "info",
    `the root, ${nameOf(last)}, is in it`,
    {
      reason:
        "clients have it if they trust it; to send it costs some hundred bytes a handshake, and harms nobody",
    },
  );
}

function nobodyTrusted(path: string, last: LintCertificate): Finding {
  return about(
    path,
    "chain-complete",
    "failure",
    `it leads to ${nameOf(last)}, whom clients are not said to trust`,
    { remedy: "name that one in `caFiles`, or use one of theirs" },
  );
}

function missingFrom(
  { file }: Setup,
  last: LintCertificate,
  issuer: LintCertificate,
  other: LintFile,
): Finding {
  const from = shellQuoted(other.path);
  const single = other.certificates.length === 1 && other.keys.length === 0;
  const blocks = pathFrom(issuer, other.certificates)
    .filter(({ about }) => !about.selfSigned);
  const text = single
    ? `cat ${from}`
    : `${filterBlocks(blocks.map(({ block }) => block))} ${from}`;
  return about(
    file.path,
    "chain-complete",
    "failure",
    `${nameOf(issuer)}, who issued ${
      nameOf(last)
    }, is in ${other.path}, and not in it`,
    {
      reason: "clients know roots alone; the server must send all between",
      remedy: "append it",
      fix: [`{ echo; ${text}; } >> ${shellQuoted(file.path)}`],
    },
  );
}

function unknownIssuer(
  { file }: Setup,
  last: LintCertificate,
  path: readonly LintCertificate[],
  anchors: readonly LintCertificate[] | undefined,
  rootsKnown: boolean,
): Finding {
  const issuer = last.about.issuer;
  const url = /CA Issuers - URI:(http\S+)/.exec(last.x509.infoAccess ?? "")
    ?.[1];
  const published = url !== undefined && URL.canParse(url);
  const certain = anchors !== undefined ||
    published && (rootsKnown || path.length === 1);
  const verdict = certain ? "failure" : path.length === 1 ? "warning" : "info";
  const summary = certain
    ? `the chain is not complete: ${issuer} is missing in it`
    : `its last certificate is of ${issuer}, who is not in it`;
  return about(file.path, "chain-complete", verdict, summary, {
    reason: certain
      ? "clients know roots alone; the server must send all between"
      : "that is right if clients trust that one, and wrong if another is between",
    remedy: published
      ? "append the certificate of that issuer, which is where this one says"
      : "append the certificate of that issuer; if it is a root, name its file in `caFiles`",
    ...published && {
      fix: [
        `curl -fsS ${shellQuoted(url)} | { echo; openssl x509; } >> ${
          shellQuoted(file.path)
        }`,
      ],
    },
    data: { issuer, certificates: counted(path.length, "certificate") },
  });
}

/** The roots that the runtime trusts, where it may be asked for them. */
async function trustedRoots(): Promise<X509Certificate[] | undefined> {
  const { state } = await Deno.permissions.query({ name: "sys" });
  if (state !== "granted") return undefined;
  return getCACertificates("default").map((pem) => new X509Certificate(pem));
}
