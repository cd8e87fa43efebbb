/**
 * Whether the certificates that a server presents are ones that clients take.
 *
 * @module
 */

import { SERVER_AUTH } from "../tls/certified.ts";
import { isTooLarge } from "../tls/describe.ts";
import { coversHost } from "../tls/pem.ts";
import { completeness, orderOf } from "./check_chain.ts";
import { type Examination, found, type More } from "./examination.ts";
import type { Finding } from "./finding.ts";
import type { SeenTls } from "./look_at_tls.ts";
import {
  type Chain,
  counted,
  dayOf,
  issuerOf,
  listed,
  nameOf,
  type Presented,
  readPresented,
} from "./presented.ts";

/** From how few days left on a certificate should be renewed. */
const FEW_DAYS = 21;
const DAY = 86_400_000;

/**
 * Looks at what was presented.
 *
 * @param refused What the built-in client has against it.
 * @returns Whether something was found that it may be refused for.
 */
export async function* examineCertificates(
  examination: Examination,
  { chain }: SeenTls,
  refused: Error | undefined,
): AsyncGenerator<Finding, boolean> {
  let all: Presented[];
  try {
    all = await Promise.all(chain.map(readPresented));
  } catch (error) {
    const large = isTooLarge(error);
    yield found(
      "tls",
      "chain-complete",
      large && refused === undefined ? "warning" : "failure",
      large
        ? "a certificate that the server presents is too large to be read here"
        : "a certificate that the server presents cannot be read",
      {
        remedy: large
          ? "let one be made for fewer names; handshakes carry it each time"
          : "make a new one, and give the server that",
      },
    );
    return true;
  }
  const [leaf] = all;
  if (leaf === undefined) return false;
  const trusted = refused === undefined;
  const refusal = refused?.message ?? "";
  const known = { examination, leaf, all, trusted, refusal };
  let bad = false;
  for (const finding of await findingsOf(known)) {
    // What the runtime takes keeps nobody out.
    const mild = trusted && finding.verdict === "failure";
    yield mild ? { ...finding, verdict: "warning" } : finding;
    bad ||= finding.verdict === "failure";
  }
  return bad && !trusted;
}

/** What is too weak in a chain for clients to shake hands at all, if anything is. */
export async function findWeakness(
  chain: readonly Uint8Array<ArrayBuffer>[],
): Promise<Finding | undefined> {
  try {
    const [leaf] = chain;
    return leaf && strengthOf(await readPresented(leaf), true);
  } catch {
    return undefined; // It cannot be read.
  }
}

async function findingsOf(chain: Chain): Promise<Finding[]> {
  const findings = [
    ...describeLeaf(chain),
    ...orderOf(chain),
    authorityOf(chain),
    purposeOf(chain),
    await namesOf(chain),
    ...chain.all.map((one) => validityOf(one, chain)),
    ...chain.all.map((one) => strengthOf(one, one === chain.leaf)),
    ...completeness(chain),
  ];
  return findings.filter((finding) => finding !== undefined);
}

function describeLeaf(
  { leaf: { about }, all }: Chain,
): Finding[] {
  const { keyType, signatureAlgorithm } = about;
  return [found(
    "tls",
    "certificate-key",
    "info",
    `the certificate of ${nameOf(about)} is by ${
      issuerOf(about)
    }; its key is ${keyType}, signed by ${signatureAlgorithm}; ${
      counted(all.length, "certificate")
    } presented`,
    {
      data: {
        ...about,
        chain: all.map(({ about: { subject, issuer } }) => ({
          subject,
          issuer,
        })),
      },
    },
  )];
}

function authorityOf(chain: Chain): Finding | undefined {
  if (!chain.leaf.certified.ca) return undefined;
  return found(
    "tls",
    "certificate-authority",
    "failure",
    "the server's own certificate is marked as an authority's (CA:TRUE)",
    {
      reason:
        "Deno and Firefox refuse such a one, though openssl and curl do not; `openssl req -x509` makes them so",
      remedy:
        "make one that is not: `wss cert`, or `-addext basicConstraints=critical,CA:FALSE` with openssl",
      fix: [
        `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj '/CN=${
          safeName(chain.examination.hostname)
        }' -addext 'subjectAltName=${
          alternative(chain.examination.hostname)
        }' -addext basicConstraints=critical,CA:FALSE -keyout server.key -out server.pem`,
      ],
    },
  );
}

function purposeOf({ leaf: { certified } }: Chain): Finding | undefined {
  const { purposes } = certified;
  if (purposes === undefined || purposes.includes(SERVER_AUTH)) {
    return undefined;
  }
  return found(
    "tls",
    "certificate-purpose",
    "failure",
    "the certificate is not for servers (extendedKeyUsage lacks serverAuth)",
    { remedy: "let one be made that is for servers" },
  );
}

async function namesOf(chain: Chain): Promise<Finding> {
  const { examination: { hostname }, leaf: { pem, about } } = chain;
  const { names } = about;
  if (await coversHost(pem, hostname)) {
    return found("tls", "certificate-names", "ok", `it is for ${hostname}`, {
      data: { names },
    });
  }
  const more: More = {
    data: { names },
    fix: fixFor(chain),
  };
  return names.length === 0
    ? found(
      "tls",
      "certificate-names",
      "failure",
      "the certificate has no names (subjectAltName)",
      {
        ...more,
        reason:
          "a common name (CN) does not count (RFC 9525, section 2); browsers and Deno look at no other names",
        remedy: `make one with the name ${hostname}`,
      },
    )
    : found(
      "tls",
      "certificate-names",
      "failure",
      `the certificate is for ${listed(names)}, and not for ${hostname}`,
      {
        ...more,
        remedy:
          `connect to a name that it has, or make one that is for ${hostname}, too`,
      },
    );
}

function validityOf(
  { about }: Presented,
  chain: Chain,
): Finding | undefined {
  const now = Date.now();
  const { notBefore, notAfter } = about;
  const own = about === chain.leaf.about;
  const what = own
    ? "the certificate"
    : `the certificate of ${nameOf(about)} above it`;
  const daysLeft = Math.floor((notAfter.getTime() - now) / DAY);
  const data = { notBefore, notAfter, daysLeft };
  const say = (verdict: Finding["verdict"], text: string, more: More) =>
    found("tls", "certificate-validity", verdict, `${what} ${text}`, {
      ...more,
      data,
    });
  if (notAfter.getTime() < now) {
    return say("failure", `has expired (${dayOf(notAfter)})`, {
      remedy:
        "renew it, let that happen by itself from then on, and have the server load it",
      fix: own ? fixFor(chain) : [],
    });
  }
  if (notBefore.getTime() > now) {
    return say("failure", `is not valid yet (${dayOf(notBefore)})`, {
      remedy: "check the clocks of both machines, or wait",
    });
  }
  const lifetime = (notAfter.getTime() - notBefore.getTime()) / DAY;
  // Some authorities make them for six days.
  if (daysLeft < Math.min(FEW_DAYS, lifetime / 3) && own) {
    return say(
      "warning",
      `has ${counted(daysLeft, "day")} left (${dayOf(notAfter)})`,
      {
        remedy: "renew it, and look why that has not happened by itself",
        fix: fixFor(chain),
      },
    );
  }
  if (!own) return undefined;
  return say(
    "ok",
    `is valid for ${counted(daysLeft, "day")} more (${dayOf(notAfter)})`,
    {},
  );
}

function strengthOf({ about }: Presented, own: boolean): Finding | undefined {
  const { keyType, signatureAlgorithm, selfSigned } = about;
  // Nobody looks at how a root has signed itself.
  if (selfSigned && !own) return undefined;
  const bits = Number(/^RSA\D*(\d+)/.exec(keyType)?.[1] ?? Infinity);
  if (bits < 2048) {
    return found(
      "tls",
      "certificate-key",
      "failure",
      `the key of ${nameOf(about)} is RSA with ${bits} bits`,
      {
        reason: "clients refuse fewer than 2048",
        remedy: "make the certificate for a key on P-256",
      },
    );
  }
  if (/sha-?1\b|md5/i.test(signatureAlgorithm)) {
    return found(
      "tls",
      "certificate-signature",
      "failure",
      `the certificate of ${nameOf(about)} is signed by ${signatureAlgorithm}`,
      {
        reason: "what can be made to collide proves nothing",
        remedy: "let one be made that is signed with SHA-256",
      },
    );
  }
  return undefined;
}

/** What makes another certificate, where it can be told by whom this one was made. */
function fixFor({ examination: { hostname }, leaf }: Chain): string[] {
  const { issuer, names } = leaf.about;
  if (issuer.includes("wss development CA")) {
    return [`wss cert --force ${shellQuoted(hostname)}`];
  }
  if (/Let's Encrypt/.test(issuer)) {
    const hosts = [...new Set([...names, hostname])].map(shellQuoted);
    return names.includes(hostname)
      ? ["sudo certbot renew"]
      : [`sudo certbot certonly --expand ${
        hosts.map((host) => `-d ${host}`).join(" ")
      }`];
  }
  return [];
}

function shellQuoted(word: string): string {
  return /^[\w.:-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function safeName(name: string): string {
  return name.replace(/[^\w.:-]/g, "");
}

function alternative(name: string): string {
  return `${/^[\d.]+$|:/.test(name) ? "IP" : "DNS"}:${safeName(name)}`;
}
