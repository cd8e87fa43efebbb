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
import { chainOf } from "./peer_chain.ts";
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

/** Who may show which client certificate; it doesn't change, another takes its place. */
export class ClientAuth {
  readonly tlsOptions: ClientAuthTlsOptions;
  readonly #require: boolean;
  readonly #authorities: readonly Certified[];
  readonly #revocation: Revocation;
  /** What tells these authorities from others. */
  readonly id: string;
  readonly #certificates: WeakMap<TLSSocket, PeerCertificate> = new WeakMap();

  private constructor(
    authorities: readonly Certified[],
    revocation: Revocation,
    require: boolean,
  ) {
    this.#require = require;
    this.#authorities = authorities;
    this.#revocation = revocation;
    this.id = authorities.map(({ peer }) => peer.fingerprint).sort().join();
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
    if (authorities.some((one) => revocation.judge(one, now) !== undefined)) {
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
   * @returns Why the connection must be cut; `undefined` if it need not.
   */
  refuse(socket: TLSSocket): string | undefined {
    if (socket.destroyed) return "the client is gone";
    let chain: Certified[];
    try {
      chain = chainOf(socket).map(readCertificate);
    } catch {
      return "its certificate cannot be read"; // And so was not verified.
    }
    const [certificate] = chain;
    if (certificate === undefined) {
      return this.#require ? "it shows no certificate" : undefined;
    }
    const fault = this.#faultOf(chain, socket);
    if (fault !== undefined) {
      return `the certificate of ${certificate.peer.subject} ${fault}`;
    }
    verified.add(this.#keyOf(certificate));
    this.#certificates.set(socket, certificate.peer);
    return undefined;
  }

  /** Whether a revocation list has expired, so that all of its authority are cut. */
  outdated(now: Date): boolean {
    return this.#revocation.outdated(now);
  }

  /** What stands for a certificate and the authorities that it was verified for. */
  #keyOf({ peer: { fingerprint } }: Certified): string {
    return `${this.id} ${fingerprint}`;
  }

  /** What is wrong with the certificate that a client shows with its chain. */
  #faultOf(chain: readonly Certified[], socket: TLSSocket): string | undefined {
    const certificate = chain[0]!;
    const now = new Date();
    if (socket.isSessionReused()) {
      if (!verified.has(this.#keyOf(certificate))) {
        return "comes with a session that other authorities are behind";
      }
    } else if (!socket.authorized || socket.authorizationError) {
      return "is not of one of clientCa, or for something else";
    }
    if (!isValidAt(certificate, now)) return "is not valid now";
    if (!isClients(certificate) || !chain.slice(1).every(mayIssue)) {
      return "is not a client's";
    }
    // Another order could hide one from what is looked at below.
    if (!chain.every((one, depth) => isNext(one, chain[depth + 1]))) {
      return "comes with others that are not its issuers, each after the other";
    }
    for (const [depth, one] of chain.entries()) {
      const revoked = this.#revocation.judge(one, now);
      if (revoked !== undefined) return revoked;
      if (!this.#owned(one, depth, now)) {
        return "is of an authority that is out of date, or may not have it below it";
      }
    }
    return undefined;
  }

  /**
   * Whether its authority, if that is here, is in date and may have so many
   * others below it, at which the runtime does not look.
   */
  #owned({ peer }: Certified, depth: number, now: Date): boolean {
    const issuers = this.#authorities.filter((one) =>
      one.peer.subject === peer.issuer &&
      one.peer.fingerprint !== peer.fingerprint
    );
    return issuers.length === 0 ||
      issuers.some((one) => isValidAt(one, now) && depth <= one.pathLength);
  }

  /** The certificate of a client that was admitted; `undefined` where it showed none. */
  certificateOf(socket: TLSSocket): PeerCertificate | undefined {
    return this.#certificates.get(socket);
  }
}

/** Whether a certificate may be a client's. */
function isClients({ version, ca, signs, purposes }: Certified): boolean {
  return version === 3 && !ca && signs &&
    (purposes === undefined || purposes.includes(CLIENT_AUTH));
}

/** Whether a certificate is followed by its issuer's, if by any. */
function isNext(certificate: Certified, next: Certified | undefined): boolean {
  return next === undefined || certificate.peer.issuer === next.peer.subject;
}

/** Whether others may be issued by it; the runtime does not look at its key's usage. */
function mayIssue({ ca, signsCertificates }: Certified): boolean {
  return ca && signsCertificates;
}
