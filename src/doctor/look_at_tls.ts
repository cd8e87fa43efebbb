/**
 * Handshakes of TLS that look at a server, and send it nothing else.
 *
 * @module
 */

import { connect as connectTcp, isIP } from "node:net";
import { connect as connectTls, createSecureContext } from "node:tls";
import { Attempt } from "../engines/node_dial.ts";
import type { Place } from "../route/place.ts";
import { chainOf } from "../tls/peer_chain.ts";

/** Who is looked at, and how. */
export interface TlsTarget {
  /** Where it is. */
  readonly place: Place;
  /** For whom its certificate has to be: a name, or an address without brackets. */
  readonly hostname: string;
}

/** What is offered to the server. */
export interface TlsOffer {
  /** Whether the name is told (RFC 6066, section 3). */
  readonly named?: boolean;
  /** The protocols that may be spoken over it. */
  readonly alpn?: readonly string[];
  /** A client certificate. */
  readonly identity?:
    | { readonly cert: string; readonly key: string }
    | undefined;
}

/** What a handshake showed. */
export interface SeenTls {
  /** `"TLSv1.2"` or `"TLSv1.3"`. */
  readonly protocol: string;
  /** The cipher suite, by the name that IANA has for it. */
  readonly cipher: string;
  readonly alpn: string | undefined;
  /** What was presented, in DER and in that order. */
  readonly chain: readonly Uint8Array<ArrayBuffer>[];
  /** How long the handshake took, without TCP, in milliseconds. */
  readonly took: number;
}

/**
 * Shakes hands, and believes everything: what comes of it is for looking at only.
 * The runtime keeps sessions of such handshakes apart, and resumes none where it
 * verifies.
 *
 * @throws What the runtime says, and the reason of the signal.
 */
export async function seeTls(
  { place, hostname }: TlsTarget,
  { named = true, alpn = ["http/1.1"], identity }: TlsOffer,
  signal: AbortSignal,
): Promise<SeenTls> {
  signal.throwIfAborted();
  const attempt = new Attempt(signal);
  try {
    const { hostname: host, port } = place;
    const raw = connectTcp({ host, port, noDelay: true });
    attempt.add(raw);
    await attempt.until(raw, "connect");
    const begun = performance.now();
    const socket = connectTls({
      socket: raw,
      host: hostname,
      ...named && isIP(hostname) === 0 && { servername: hostname },
      secureContext: createSecureContext({
        ...identity,
        minVersion: "TLSv1.2",
      }),
      ALPNProtocols: [...alpn],
      checkServerIdentity: () => undefined,
      rejectUnauthorized: false,
    });
    // The runtime reads all certificates before it tells that it is there, and
    // nothing catches what that throws.
    Object.assign(socket, { getPeerCertificate: () => ({}) });
    attempt.add(socket);
    await attempt.until(socket, "secureConnect");
    const took = performance.now() - begun;
    Reflect.deleteProperty(socket, "getPeerCertificate");
    const { standardName, name } = socket.getCipher();
    return {
      protocol: socket.getProtocol() ?? "unknown",
      cipher: standardName ?? name,
      alpn: socket.alpnProtocol || undefined,
      chain: chainOf(socket),
      took,
    };
  } finally {
    attempt.release();
    attempt.cut();
  }
}

/**
 * Shakes hands as the built-in client does, with its trust and that in others.
 *
 * @returns What it refuses the certificate with; `undefined` if it does not.
 * @throws What the runtime says of anything else, and the reason of the signal.
 */
export async function judgeTls(
  { place, hostname }: TlsTarget,
  caCerts: readonly string[],
  signal: AbortSignal,
): Promise<Error | undefined> {
  let conn: Deno.Conn = await Deno.connect({ ...place, signal });
  const cut = () => conn.close();
  signal.addEventListener("abort", cut, { once: true });
  try {
    const options = { hostname, caCerts: [...caCerts] };
    const secure = await Deno.startTls(conn as Deno.TcpConn, {
      ...options,
      alpnProtocols: ["http/1.1"],
    });
    conn = secure;
    signal.throwIfAborted();
    await secure.handshake();
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof Error)) throw error;
    if (/peer certificate/.test(error.message)) return error;
    // Who refuses a client without a certificate has been believed before.
    if (/fatal alert/.test(error.message)) return undefined;
    throw error;
  } finally {
    signal.removeEventListener("abort", cut);
    if (!signal.aborted) conn.close();
  }
}
