/**
 * Whether the certificate of a server is to be believed.
 *
 * The runtime is not asked alone. What `node:tls` lets pass is more than TLS
 * should: it leaves the name to whoever calls it, and its own check of that takes
 * common names, and can't tell a name from a list of names. A certificate of X.509
 * version 1, or one that it can't read, it believes by the mere name of its
 * issuer, if that is one of `ca`, and then without a proof that the server has
 * the key. One of an authority it takes for a server's.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { TLSSocket } from "node:tls";
import { TlsError } from "../errors.ts";
import { type Certified, readCertificate, SERVER_AUTH } from "./certified.ts";
import { isValidAt, pemBlocks, unusable } from "./client_ca.ts";
import { type Host, parseHost } from "./host.ts";
import type { PeerCertificate } from "./peer_certificate.ts";
import { chainOf } from "./peer_chain.ts";
import { pinOf } from "./pins.ts";
import { findPaths, type Path } from "./server_path.ts";
import type { ClientTrust } from "./trust.ts";

/** What is known of a server by its certificate. */
export interface ServerIdentity {
  readonly peerCertificate: PeerCertificate;
}

/**
 * Looks at whose a connection is, before anything is said on it. To be called
 * when the runtime has verified it.
 *
 * @param action What cannot be done if it is not good.
 * @throws {TlsError} If none of `pins` is of a key of the server's path, or one
 * of `caCerts` is no certificate.
 * @throws {Error} In the words of rustls, if the certificate is not good.
 */
export async function verifyServer(
  socket: TLSSocket,
  hostname: string,
  trust: ClientTrust,
  action: string,
): Promise<ServerIdentity> {
  const { caCerts, defaultCaCerts, pins } = trust;
  const anchors = caCerts.length === 0 ? [] : loadAnchors(caCerts);
  const sent = sentOver(socket);
  const [leaf] = sent;
  if (!socket.authorized || leaf === undefined) throw invalid("UnknownIssuer");
  const host = parseHost(hostname);
  checkLeaf(leaf, host);
  if (!await isSound(leaf)) throw invalid("BadEncoding");
  // What it has believed by a name alone is not sound, or bears the name of an
  // anchor. The program may have given the runtime other authorities besides.
  const byRuntime = defaultCaCerts &&
    !sent.some(({ peer }) =>
      anchors.some((anchor) => anchor.peer.subject === peer.issuer)
    ) &&
    (await Promise.all(sent.map(isSound))).every(Boolean);
  if (pins !== undefined || !byRuntime) {
    const paths = findPaths({ sent, anchors, host });
    await choosePath(paths, { action, byRuntime, pins });
  }
  return { peerCertificate: leaf.peer };
}

function sentOver(socket: TLSSocket): Certified[] {
  try {
    return chainOf(socket).map(readOnce);
  } catch {
    throw invalid("BadEncoding");
  }
}

// Who connects again meets the same certificates, and to read one takes a
// millisecond.
const MAX_READ = 128;
const read: Map<string, Certified> = new Map();

function readOnce(der: Uint8Array<ArrayBuffer>): Certified {
  const fingerprint = createHash("sha256").update(der).digest("hex");
  const certificate = read.get(fingerprint) ?? readCertificate(der);
  // The one that was not met for the longest is the first.
  read.delete(fingerprint);
  read.set(fingerprint, certificate);
  const [oldest] = read.keys();
  if (read.size > MAX_READ && oldest !== undefined) read.delete(oldest);
  return certificate;
}

/** The certificates in `caCerts`; the runtime passes over what is none. */
function loadAnchors(caCerts: readonly string[]): Certified[] {
  const blocks = pemBlocks("caCerts", caCerts, "CERTIFICATE");
  return blocks.map(({ where, der }) => {
    try {
      return readOnce(der);
    } catch {
      throw unusable(
        where,
        "malformed-pem",
        "a CERTIFICATE block holds no certificate",
        "read them with loadCaCerts(), which says what is wrong",
      );
    }
  });
}

/** Refuses what is no certificate of a server, or not of this one. */
function checkLeaf(leaf: Certified, host: Host): void {
  const { version, ca, purposes, obscure, peer } = leaf;
  if (version !== 3) throw invalid("Other(UnsupportedCertVersion)");
  if (obscure) throw invalid("Other(UnsupportedCriticalExtension)");
  if (ca) throw invalid("Other(CaUsedAsEndEntity)");
  const now = new Date();
  if (!isValidAt(leaf, now)) {
    const { validFrom, validTo } = peer;
    const [state, limit, date] = now < validFrom
      ? ["not valid yet", "before", validFrom]
      : ["expired", "after", validTo];
    const seconds = Math.floor(Number(date) / 1000);
    throw invalid(`certificate ${state}: not valid ${limit} ${seconds}`);
  }
  if (purposes !== undefined && !purposes.includes(SERVER_AUTH)) {
    throw invalid("the extended key usage is not that of a server");
  }
  if (!isFor(leaf, host)) {
    const names = peer.names.join(", ").replaceAll("IP:", "IP Address:");
    throw invalid(`certificate not valid for name; it has ${names}`);
  }
}

/** Whether a certificate has the name of a host (RFC 9525, section 6). */
function isFor({ peer: { names } }: Certified, { type, name }: Host): boolean {
  if (type === "ip") return names.includes(`IP:${name}`);
  const wildcard = name.replace(/^[^.]+\./, "*.");
  // Nobody owns all names of a top-level domain, nor does rustls take that.
  const known = /^\*\..+\../.test(wildcard) ? [name, wildcard] : [name];
  return names.some((one) =>
    known.some((wanted) => one.toLowerCase() === `dns:${wanted}`)
  );
}

let otherKey: Promise<string> | undefined;

// Judged before, as `read` keeps them.
const sound: WeakMap<Certified, boolean> = new WeakMap();

/**
 * Whether rustls can read a certificate, and `node:tls` therefore asks for more
 * than the name of its issuer. Rustls reads a certificate that is given to it
 * before it finds that the key is another's.
 */
async function isSound(certificate: Certified): Promise<boolean> {
  const known = sound.get(certificate);
  if (known !== undefined) return known;
  const good = certificate.version === 3 &&
    isReadable(certificate.peer.pem, await (otherKey ??= makeKey()));
  sound.set(certificate, good);
  return good;
}

function isReadable(cert: string, key: string): boolean {
  try {
    Deno.createHttpClient({ cert, key }).close();
    return false;
  } catch (error) {
    return error instanceof Error && error.message.includes("KeyMismatch");
  }
}

/** The private key of nobody, in PEM. */
async function makeKey(): Promise<string> {
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const { privateKey } = await crypto.subtle.generateKey(algorithm, true, [
    "sign",
  ]);
  const der = await crypto.subtle.exportKey("pkcs8", privateKey);
  const base64 = new Uint8Array(der).toBase64();
  return `-----BEGIN PRIVATE KEY-----\n${base64}\n-----END PRIVATE KEY-----\n`;
}

/** What a path must be. */
interface Wanted {
  readonly action: string;
  /** Whether the runtime has led the certificate to a root of its own. */
  readonly byRuntime: boolean;
  readonly pins: ReadonlySet<string> | undefined;
}

/** Finds a path that is trusted and has one of the pins. */
async function choosePath(
  paths: AsyncIterable<Path>,
  { action, byRuntime, pins }: Wanted,
): Promise<void> {
  const seen = new Set<string>();
  for await (const { certificates, anchored } of paths) {
    // Up to a root of the runtime, each of them is a part of the path.
    if (!anchored && !byRuntime) continue;
    if (pins === undefined) return;
    for (const { spki } of certificates) {
      const pin = await pinOf(spki);
      if (pins.has(pin)) return;
      seen.add(pin);
    }
  }
  if (seen.size === 0) throw invalid("UnknownIssuer");
  throw new TlsError(
    `${action}: none of the pinned keys is the server's, or one of its authorities'; those are ${
      [...seen].join(", ")
    }`,
    {
      reason: "pin-mismatch",
      remedy:
        "find out whether the server has changed its key, and add the pin of the new one to `pins`; if it has not, somebody is in between",
    },
  );
}

function invalid(state: string): Error {
  return new Error(`invalid peer certificate: ${state}`);
}
