/**
 * Client certificates: who shows which, and whether it is to be believed.
 *
 * The runtime is not asked alone. It resumes a TLS session without a look at the
 * certificate in it, and each server of the process takes the sessions of all
 * the others, also of those that let anybody in; nothing turns that off. It
 * takes a certificate that is the same as one of the authorities' without any
 * check, and a signature by any key for one of X.509 version 1. It reads
 * revocation lists, and does not look into them.
 *
 * @module
 */

import type { TLSSocket } from "node:tls";
import { type Certified, CLIENT_AUTH, readCertificate } from "./certified.ts";
import { isValidAt, loadClientCa, unusable } from "./client_ca.ts";
import type { PeerCertificate } from "./peer_certificate.ts";
import { Recent } from "./recent.ts";
import { Revocation } from "./revocation.ts";

/** Whose client certificates a server takes. */
export interface ClientAuthRules {
  /** The authorities' certificates, in PEM. */
  readonly clientCa: readonly string[];
  /** Revocation lists of these authorities, in PEM. */
  readonly crl?: readonly string[] | undefined;
  /** Whether clients without a certificate are refused. */
  readonly require: boolean;
}

/** What `node:https` must be told. */
export interface ClientAuthTlsOptions {
  readonly ca: string[];
  readonly requestCert: true;
  readonly rejectUnauthorized: boolean;
}

/**
 * The certificates that the runtime has verified in a full handshake, each with
 * the authorities it did so for: of the whole process, as are its sessions.
 */
const verified = new Recent(20_000);

/** The longest chain that is looked at. */
const MAX_CHAIN = 10;

/** Who may show which client certificate; it doesn't change, another takes its place. */
export class ClientAuth {
  readonly tlsOptions: ClientAuthTlsOptions;
  readonly #require: boolean;
  readonly #authorities: readonly Certified[];
  readonly #revocation: Revocation;
  /** What stands for the authorities in `verified`. */
  readonly #id: string;
  readonly #certificates: WeakMap<TLSSocket, PeerCertificate> = new WeakMap();

  private constructor(
    authorities: readonly Certified[],
    revocation: Revocation,
    require: boolean,
  ) {
    this.#require = require;
    this.#authorities = authorities;
    this.#revocation = revocation;
    this.#id = authorities.map(({ peer }) => peer.fingerprint).sort().join();
    this.tlsOptions = {
      ca: authorities.map(({ peer }) => peer.pem),
      requestCert: true,
      rejectUnauthorized: require,
    };
  }

  /**
   * Reads and checks the authorities and their lists.
   *
   * @throws {TypeError} If a list is empty, or not of texts.
   * @throws {TlsError} If there is anything in it that can't be used.
   */
  static async load(
    { clientCa, crl, require }: ClientAuthRules,
  ): Promise<ClientAuth> {
    const authorities = loadClientCa(clientCa);
    const revocation = await Revocation.load(crl, authorities);
    const now = new Date();
    if (authorities.some((one) => revocation.revokes(one, now))) {
      throw unusable(
        "clientCa",
        "other",
        "one of its certificates has been revoked",
        "leave the authority out",
      );
    }
    return new ClientAuth(authorities, revocation, require);
  }

  /**
   * Looks at a connection whose handshake has just finished, before anything
   * else does.
   *
   * A client without a certificate is let in where none is required. One that
   * shows a certificate which is not good is not, wherever: it takes itself for
   * somebody, and has to hear that it isn't.
   *
   * In a full handshake the runtime must have verified the certificate. In a
   * resumed one it must have done so before, for the same authorities. That the
   * client has the key, it proved before it got its session, wherever in this
   * process that was, unless its certificate is of X.509 version 1.
   *
   * @returns `false` if the connection must be cut.
   */
  admit(socket: TLSSocket): boolean {
    if (socket.destroyed) return false;
    try {
      const chain = chainOf(socket);
      const [certificate] = chain;
      if (certificate === undefined) return !this.#require;
      const key = `${this.#id} ${certificate.peer.fingerprint}`;
      const known = socket.isSessionReused()
        ? verified.has(key)
        : socket.authorized && !socket.authorizationError;
      const now = new Date();
      if (!known || !isClients(certificate, now)) return false;
      if (!chain.slice(1).every(mayIssue)) return false;
      if (chain.some((one, depth) => this.#disowned(one, depth, now))) {
        return false;
      }
      verified.add(key);
      this.#certificates.set(socket, certificate.peer);
      return true;
    } catch {
      return false; // What can't be read is not verified.
    }
  }

  /**
   * Whether its authority has revoked a certificate; or is itself out of date,
   * or may not have so many others below it, at which the runtime does not look.
   */
  #disowned(certificate: Certified, depth: number, now: Date): boolean {
    const { issuer, fingerprint } = certificate.peer;
    const issuers = this.#authorities.filter(({ peer }) =>
      peer.subject === issuer && peer.fingerprint !== fingerprint
    );
    const good = issuers.some((one) =>
      isValidAt(one, now) && depth <= one.pathLength
    );
    return this.#revocation.revokes(certificate, now) ||
      issuers.length > 0 && !good;
  }

  /** The certificate of a client that was admitted; `undefined` where it showed none. */
  certificateOf(socket: TLSSocket): PeerCertificate | undefined {
    return this.#certificates.get(socket);
  }
}

/** Whether a certificate may be a client's, and is valid. */
function isClients(certificate: Certified, now: Date): boolean {
  const { version, ca, signs, purposes } = certificate;
  return version === 3 && !ca && signs && isValidAt(certificate, now) &&
    (purposes === undefined || purposes.includes(CLIENT_AUTH));
}

/** Whether others may be issued by it; the runtime does not look at its key's usage. */
function mayIssue({ ca, signsCertificates }: Certified): boolean {
  return ca && signsCertificates;
}

/** What the client sent, its own certificate first; the runtime may add an authority's. */
function chainOf(socket: TLSSocket): Certified[] {
  const chain: Certified[] = [];
  let certificate = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined && chain.length < MAX_CHAIN) {
    chain.push(readCertificate(new Uint8Array(certificate.raw)));
    if (certificate.issuerCertificate === certificate) break;
    certificate = certificate.issuerCertificate;
  }
  // To the runtime, one that it can't read is none.
  if (chain.length === 0 && socket.getPeerX509Certificate() !== undefined) {
    throw new TypeError("Cannot read the client's certificate");
  }
  return chain;
}
