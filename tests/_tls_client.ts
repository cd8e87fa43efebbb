/**
 * A TLS client that looks at what it is shown, and trusts anything.
 *
 * @module
 */

import { once } from "node:events";
import { connect } from "node:tls";

/** Whom a TLS handshake is with. */
export interface ShownOptions {
  /** The name that is asked for; empty for none, as of an address. */
  servername?: string;
  /** The newest version of TLS that is spoken. */
  maxVersion?: "TLSv1.2" | "TLSv1.3";
}

/**
 * The common name in the certificate that the server at `url` shows.
 *
 * @throws {Error} If the handshake fails.
 */
export async function shownBy(
  { url }: { url: string },
  options: ShownOptions = {},
): Promise<string> {
  const { servername = "localhost", maxVersion = "TLSv1.3" } = options;
  const socket = connect({
    host: "127.0.0.1",
    port: Number(new URL(url).port),
    servername,
    maxVersion,
    rejectUnauthorized: false,
  });
  const closed = once(socket, "close");
  try {
    await once(socket, "secureConnect");
    const { CN } = socket.getPeerCertificate().subject;
    return `${CN}`;
  } finally {
    socket.destroy();
    await closed;
  }
}
