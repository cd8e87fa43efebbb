/**
 * What is known of the other side by its certificate.
 *
 * @module
 */

/**
 * The certificate of a client or a server, verified.
 *
 * @example Let in by the subject
 * ```ts
 * import { type PeerCertificate, serve } from "@wss/wss";
 *
 * function nameIn({ subject }: PeerCertificate): string | undefined {
 *   return /^CN=([a-z]+),O=Example$/.exec(subject)?.[1];
 * }
 * await using server = await serve({
 *   port: 0, // and cert, key, engine: "node", clientCa
 *   authorize: (_request, { peerCertificate }) =>
 *     (peerCertificate && nameIn(peerCertificate)) ?? new Response(null, { status: 403 }),
 * }, (ws) => ws.send(`Hello ${ws.context}!`));
 * console.log(server.url);
 * ```
 */
export interface PeerCertificate {
  /**
   * Whose it is, as a distinguished name (RFC 4514): the most specific part
   * first, special characters escaped, and an attribute that has no short name
   * there by its number, `1.2.840.113549.1.9.1=#1603614062`.
   */
  readonly subject: string;
  /** Who issued it, as a distinguished name (RFC 4514). */
  readonly issuer: string;
  /**
   * The subject's other names: `"DNS:…"`, `"IP:…"` (in its shortest form),
   * `"URI:…"`, `"email:…"`. Those of other kinds, or not in printable ASCII, are
   * left out.
   */
  readonly names: readonly string[];
  /** The number that its issuer gave it, in hexadecimal, lower case. */
  readonly serialNumber: string;
  /** Its SHA-256, in 64 hexadecimal digits, lower case. */
  readonly fingerprint: string;
  /** The first moment of its validity. */
  readonly validFrom: Date;
  /** The last moment of its validity. */
  readonly validTo: Date;
  /** All of it, in PEM. */
  readonly pem: string;
}
