/**
 * Client certificates: which of those that an authority issued may connect.
 *
 * @module
 */

import { refuse } from "../handshake.ts";
import { parseHost } from "../tls/host.ts";
import type { PeerCertificate } from "../tls/peer_certificate.ts";
import { type Authorize, checkGiven } from "./authorize.ts";
import { canonicalName } from "./distinguished_name.ts";

/**
 * Options for {@linkcode clientCertificate}: at least one list. A certificate
 * must be in each list that is given; combine with `anyOf()` where one of them
 * is enough.
 *
 * @example Machines of one name, of which the keys are known
 * ```ts
 * import { clientCertificate, type ClientCertificateOptions } from "@wss/wss";
 *
 * const options: ClientCertificateOptions = {
 *   names: ["DNS:sensor-7.example"],
 *   fingerprints: ["0123456789abcdef".repeat(4)],
 * };
 * const authorize = clientCertificate(options);
 * console.log(typeof authorize); // "function"
 * ```
 */
export interface ClientCertificateOptions {
  /** SHA-256 of whole certificates: 64 hexadecimal digits, with colons or without. */
  fingerprints?: readonly string[] | undefined;
  /**
   * Distinguished names (RFC 4514) of subjects, like `"CN=sensor-7,O=Example"`.
   * Spaces around separators and the case of attribute types do not count, the
   * order and the case of values do.
   */
  subjects?: readonly string[] | undefined;
  /**
   * Names of subjects, one of which the certificate must have: `"DNS:…"`,
   * `"IP:…"`, `"URI:…"`, `"email:…"`. DNS names compare in lower case, addresses
   * in their shortest form, all else as it is; `*` stands for itself.
   */
  names?: readonly string[] | undefined;
}

/**
 * Lets in whose certificate is listed; others are answered 403. The server must
 * ask for certificates: `clientCa`, on the strict engine, which has verified
 * them by then. Elsewhere nobody has one, so nobody gets in.
 *
 * @param options Which certificates may connect.
 * @returns A function for `authorize`; `ws.context` is the certificate. It is synchronous.
 * @throws {TypeError} If there is no list, or one is empty or malformed.
 *
 * @example Devices by name
 * ```ts
 * import { clientCertificate, serve } from "@wss/wss";
 *
 * await using server = await serve({
 *   port: 0, // and cert, key, engine: "node", clientCa
 *   authorize: clientCertificate({ names: ["DNS:sensor-7.example", "DNS:sensor-8.example"] }),
 * }, (ws) => ws.send(`Hello ${ws.context.subject}!`));
 * console.log(server.url);
 * ```
 */
export function clientCertificate(
  options: ClientCertificateOptions,
): Authorize<PeerCertificate> {
  checkGiven("clientCertificate", options);
  const { fingerprints, subjects, names } = options;
  const checks: ((certificate: PeerCertificate) => boolean)[] = [];
  if (fingerprints !== undefined) {
    const list = canonicalList("fingerprints", fingerprints, parseFingerprint);
    checks.push(({ fingerprint }) => list.has(parseFingerprint(fingerprint)));
  }
  if (subjects !== undefined) {
    const list = canonicalList("subjects", subjects, parseSubject);
    checks.push(({ subject }) => list.has(canonicalName(subject)));
  }
  if (names !== undefined) {
    const list = canonicalList("names", names, parseName);
    checks.push(({ names }) => names.some((name) => list.has(parseName(name))));
  }
  if (checks.length === 0) {
    throw new TypeError(
      "Cannot use clientCertificate: it must have fingerprints, subjects or names",
    );
  }
  return (_request, { peerCertificate }) => {
    if (peerCertificate === undefined) {
      return refuse(403, "A client certificate is required");
    }
    return checks.every((check) => check(peerCertificate))
      ? peerCertificate
      : refuse(403, "This client certificate may not connect");
  };
}

const FORMS: Readonly<Record<string, string>> = {
  fingerprints: "the SHA-256 of a certificate in 64 hexadecimal digits",
  subjects: 'a distinguished name (RFC 4514), like "CN=sensor-7,O=Example"',
  names: '"DNS:", "IP:", "URI:" or "email:" and a name',
};

/** A list in the form in which it is compared; `undefined` is never in it. */
function canonicalList(
  option: string,
  list: readonly string[],
  parse: (entry: string) => string | undefined,
): Set<string | undefined> {
  if (!Array.isArray(list) || list.length === 0) {
    throw new TypeError(
      `Cannot use ${option}: it must be a list with one entry at least`,
    );
  }
  return new Set(list.map((entry, index) => {
    const form = typeof entry === "string" ? parse(entry) : undefined;
    if (form !== undefined) return form;
    throw new TypeError(
      `Cannot use ${option}[${index}]: it must be ${FORMS[option]}`,
    );
  }));
}

/** What openssl writes before a name is no part of it. */
function parseSubject(text: string): string | undefined {
  return /^\s*(?:subject|issuer)\s*=/i.test(text)
    ? undefined
    : canonicalName(text);
}

function parseFingerprint(text: string): string | undefined {
  const plain = /^[0-9a-f]{2}(?::[0-9a-f]{2}){31}$/i.test(text)
    ? text.replaceAll(":", "")
    : text;
  return /^[0-9a-f]{64}$/i.test(plain) ? plain.toLowerCase() : undefined;
}

function parseName(text: string): string | undefined {
  const [, type, name] = /^(DNS|IP|URI|email):(\S+)$/.exec(text) ?? [];
  if (type === undefined || name === undefined) return undefined;
  if (type === "DNS") return `DNS:${name.toLowerCase()}`;
  return type === "IP" ? parseAddress(name) : `${type}:${name}`;
}

function parseAddress(text: string): string | undefined {
  try {
    const { type, name } = parseHost(text);
    return type === "ip" ? `IP:${name}` : undefined;
  } catch {
    return undefined;
  }
}
