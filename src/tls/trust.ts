/**
 * Whom a client trusts, and what it shows of itself.
 *
 * @module
 */

import { checkPair } from "./pem.ts";

/**
 * Whom a client trusts, and the certificate that it shows.
 *
 * @example Trust one authority more
 * ```ts
 * import { loadCaCerts, type TrustOptions } from "@wss/wss";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const directory = await Deno.makeTempDir();
 * const { caFile } = await ensureDevCertificates({ directory });
 * const trust: TrustOptions = { caCerts: await loadCaCerts(caFile) };
 * console.log(trust.caCerts?.length); // 1
 * ```
 */
export interface TrustOptions {
  /**
   * Certificates in PEM of authorities to trust, besides those that the runtime
   * trusts anyway; see `loadCaCerts()`.
   */
  caCerts?: readonly string[] | undefined;
  /** A client certificate in PEM, for servers that ask for one; with `key`. */
  cert?: string | undefined;
  /** The private key of the client certificate in PEM; with `cert`. */
  key?: string | undefined;
}

/** The same after it was checked. */
export interface ClientTrust {
  readonly caCerts: readonly string[];
  /** The client's certificate, with its key. */
  readonly identity:
    | { readonly cert: string; readonly key: string }
    | undefined;
}

/** Checks whom to trust. */
export function resolveClientTrust(options: TrustOptions): ClientTrust {
  const { caCerts = [], cert, key } = options;
  checkPair("Cannot use a client certificate", options);
  if (!Array.isArray(caCerts)) {
    throw new TypeError(
      "Cannot use caCerts: it must be a list of certificates in PEM",
    );
  }
  caCerts.forEach(checkCaCert);
  const identity = cert === undefined || key === undefined
    ? undefined
    : { cert, key };
  return { caCerts, identity };
}

/** The runtime takes anything for a certificate, and then trusts nothing. */
function checkCaCert(pem: string, index: number): void {
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) {
    throw new TypeError(
      `Cannot trust caCerts[${index}]: it is no certificate in PEM; loadCaCerts() reads them from files`,
    );
  }
}
