/**
 * What the other side of a TLS connection shows of itself.
 *
 * @module
 */

import type { TLSSocket } from "node:tls";

/** The longest chain that is looked at. */
const MAX_CHAIN = 10;

/**
 * The certificates that the peer sent in DER, its own first; the runtime may add
 * an authority's.
 *
 * @throws {Error} If they are too many, or cannot be read.
 */
export function chainOf(socket: TLSSocket): Uint8Array<ArrayBuffer>[] {
  const chain: Uint8Array<ArrayBuffer>[] = [];
  let certificate = socket.getPeerCertificate(true);
  while (certificate?.raw !== undefined) {
    if (chain.length === MAX_CHAIN) {
      throw new TypeError("Cannot read the peer's certificates: too many");
    }
    chain.push(new Uint8Array(certificate.raw));
    if (certificate.issuerCertificate === certificate) break;
    certificate = certificate.issuerCertificate;
  }
  // To the runtime, one that it can't read is none.
  if (chain.length === 0 && socket.getPeerX509Certificate() !== undefined) {
    throw new TypeError("Cannot read the peer's certificate");
  }
  return chain;
}
