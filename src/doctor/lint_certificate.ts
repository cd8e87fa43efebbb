/**
 * Whether a certificate is one that clients take from a server.
 *
 * @module
 */

import { SERVER_AUTH } from "../tls/certified.ts";
import { parseHost } from "../tls/host.ts";
import { certificateNames, coversHost } from "../tls/pem.ts";
import type { Finding } from "./finding.ts";
import { about, type LintCertificate } from "./lint_file.ts";
import { renew } from "./lint_fix.ts";
import { isStrong, type Setup } from "./lint_setup.ts";

const DAY = 86_400_000;

/** Fewer days than these should make somebody act; of a short life, the last third. */
const FEW_DAYS = 21;

/** What browsers take at most, in days. */
const MAX_DAYS = 398;

/** Who answers for a certificate, shortened for a line. */
export function nameOf({ about: { subject } }: LintCertificate): string {
  if (subject === "") return "(no subject)";
  return subject.length > 70 ? `${subject.slice(0, 70)}…` : subject;
}

/** Command lines for another certificate, for these names besides those that it has. */
export function renewalOf(
  { file: { path }, leaf, key }: Setup,
  wanted: readonly string[],
  due = false,
): string[] {
  const { peer, otherNames } = leaf.certified;
  const typed = wanted.map(parseHost).map(({ type, name }) =>
    `${type.toUpperCase()}:${name}`
  );
  const names = [...new Set([...peer.names, ...typed])];
  return renew({
    path,
    keyPath: key?.file.path,
    weak: key?.key !== undefined && !isStrong(key.key),
    names: names.length > 0 ? names : ["DNS:localhost"],
    obscure: otherNames > 0,
    issuer: leaf.about.issuer,
    selfSigned: leaf.about.selfSigned,
    due,
  });
}

/**
 * The names that another certificate should be for, too.
 *
 * @param alone Whether it is the only one, so that all that is wanted is its.
 */
export async function namesMissing(
  { leaf }: Setup,
  wanted: readonly string[],
  alone: boolean,
): Promise<string[]> {
  const pem = leaf.x509.toString();
  if (!alone && (await certificateNames(pem)).length > 0) return [];
  const covered = await Promise.all(
    wanted.map((name) => coversHost(pem, name)),
  );
  return wanted.filter((_, index) => !covered[index]);
}

/** Looks at a server's own certificate; another one would be for the `missing` names, too. */
export async function lintLeaf(
  setup: Setup,
  missing: readonly string[],
): Promise<Finding[]> {
  const { file: { path }, leaf, key } = setup;
  const names = await certificateNames(leaf.x509.toString());
  const fix = renewalOf(setup, missing);
  const due = renewalOf(setup, missing, true);
  return [
    lintAuthority(path, leaf, fix),
    lintNames(path, names, fix),
    lintPurpose(path, leaf, fix),
    lintValidity(path, leaf, "its certificate", due),
    lintLifetime(path, leaf, fix),
    // That its key is weak has been said of the key, if there is one.
    ...key === undefined ? [lintKeySize(path, leaf, "its certificate")] : [],
    lintSignature(path, leaf, "its certificate", fix),
  ].filter((finding) => finding !== undefined);
}

function lintAuthority(
  path: string,
  { certified: { ca } }: LintCertificate,
  fix: string[],
): Finding | undefined {
  if (!ca) return undefined;
  return about(
    path,
    "certificate-authority",
    "failure",
    "its certificate is marked as an authority's (CA:TRUE)",
    {
      reason:
        "Deno and others refuse such a one as a server's own; `openssl req -x509` makes them so",
      remedy: "make one that is not, with basicConstraints=critical,CA:FALSE",
      fix,
    },
  );
}

function lintNames(
  path: string,
  names: readonly string[],
  fix: string[],
): Finding {
  if (names.length > 0) {
    return about(
      path,
      "certificate-names",
      "ok",
      `it is for ${listed(names)}`,
      { data: { names } },
    );
  }
  return about(
    path,
    "certificate-names",
    "failure",
    "its certificate has no names (subjectAltName)",
    {
      reason:
        "clients look for the host there alone; a common name does not count (RFC 9525, section 2)",
      remedy: "make one with the names of the server",
      fix,
      data: { names },
    },
  );
}

function lintPurpose(
  path: string,
  { certified: { purposes, signs } }: LintCertificate,
  fix: string[],
): Finding {
  const without = purposes !== undefined && !purposes.includes(SERVER_AUTH);
  if (!without && signs) {
    return about(path, "certificate-purpose", "ok", "it is for servers");
  }
  return about(
    path,
    "certificate-purpose",
    "failure",
    without
      ? "its certificate is not for servers (extendedKeyUsage lacks serverAuth)"
      : "its key may not sign (keyUsage lacks digitalSignature)",
    { remedy: "let one be made that is for servers", fix },
  );
}

/** Whether a certificate is valid now, and for how long. */
export function lintValidity(
  path: string,
  { about: { notBefore, notAfter } }: LintCertificate,
  what: string,
  fix: string[],
): Finding {
  const now = Date.now();
  const left = Math.floor((notAfter.getTime() - now) / DAY);
  const data = { notBefore, notAfter, daysLeft: left };
  const say = (
    verdict: Finding["verdict"],
    state: string,
    more: { reason?: string; remedy?: string; fix?: string[] } = {},
  ) =>
    about(path, "certificate-validity", verdict, `${what} ${state}`, {
      ...more,
      data,
    });
  if (notAfter.getTime() < now) {
    const days = -left - 1;
    const ago = days === 0 ? "today" : `${counted(days, "day")} ago`;
    return say("failure", `has expired ${ago} (${dayOf(notAfter)})`, {
      remedy: "renew it, and let that happen by itself from then on",
      fix,
    });
  }
  if (notBefore.getTime() > now) {
    return say("failure", `is not valid before ${notBefore.toISOString()}`, {
      remedy: `set the clock of this machine, which says ${
        new Date(now).toISOString()
      }, or wait`,
    });
  }
  const third = (notAfter.getTime() - notBefore.getTime()) / DAY / 3;
  const state = `is valid for ${counted(left, "day")} more (${
    dayOf(notAfter)
  })`;
  return left < Math.min(FEW_DAYS, third)
    ? say("warning", state, { remedy: "renew it", fix })
    : say("ok", state);
}

function lintLifetime(
  path: string,
  { about: { notBefore, notAfter } }: LintCertificate,
  fix: string[],
): Finding | undefined {
  // Both ends count (RFC 5280, section 4.1.2.5).
  const days = Math.ceil((notAfter.getTime() - notBefore.getTime()) / DAY);
  if (days <= MAX_DAYS) return undefined;
  return about(
    path,
    "certificate-lifetime",
    "warning",
    `its certificate is made for ${days} days`,
    {
      reason:
        `browsers refuse those of public authorities past ${MAX_DAYS} days, and Apple's any past 825`,
      remedy: `make one for ${MAX_DAYS} days at most, and renew it often`,
      fix,
      data: { days },
    },
  );
}

/** Whether the key of a certificate is strong enough. */
export function lintKeySize(
  path: string,
  { about: { keyType } }: LintCertificate,
  what: string,
): Finding | undefined {
  const bits = Number(/^RSA\D*(\d+)/.exec(keyType)?.[1] ?? Infinity);
  if (bits >= 2048) return undefined;
  return about(
    path,
    "certificate-key",
    "failure",
    `${what} is for a key of RSA with ${bits} bits`,
    {
      reason: "clients refuse fewer than 2048",
      remedy: "let one be made for a key on P-256",
    },
  );
}

/** Whether a certificate was signed so that nobody else could have. */
export function lintSignature(
  path: string,
  { about: { signatureAlgorithm, selfSigned } }: LintCertificate,
  what: string,
  fix: string[] = [],
): Finding | undefined {
  // Nobody looks at how an authority that is trusted has signed itself.
  if (what === ROOT || !/sha-?1$|md5/i.test(signatureAlgorithm)) {
    return undefined;
  }
  return about(
    path,
    "certificate-signature",
    "failure",
    `${what} is signed with ${signatureAlgorithm}`,
    {
      reason: "clients refuse what can be made to collide",
      remedy: "let one be made that is signed with SHA-256",
      ...selfSigned && { fix },
    },
  );
}

/** What an authority is called that signed itself. */
export const ROOT = "the root";

/** Some of many names. */
export function listed(names: readonly string[]): string {
  const rest = names.length - 5;
  return names.slice(0, 5).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** "1 day", "2 days". */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}
