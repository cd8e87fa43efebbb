/**
 * Whom a client trusts, and what it shows of itself.
 *
 * @module
 */

import type { StrictConnectOptions } from "../engine_options.ts";
import { checkPair } from "./pem.ts";
import { resolvePins } from "./pins.ts";

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
  /** Whether the runtime's roots are trusted, too. */
  readonly defaultCaCerts: boolean;
  /** The keys of which the server's path must have one. */
  readonly pins: ReadonlySet<string> | undefined;
  readonly minVersion: "TLSv1.2" | "TLSv1.3";
}

/** What says whom to trust: to the strict engine more than to the other. */
type TrustSetup =
  & TrustOptions
  & Partial<
    Pick<StrictConnectOptions, "defaultCaCerts" | "pins" | "minVersion">
  >;

/**
 * Checks whom to trust.
 *
 * @throws {TypeError} If an option is malformed, or nobody is left to trust.
 */
export function resolveClientTrust(options: TrustSetup): ClientTrust {
  const { caCerts = [], cert, key, defaultCaCerts = true } = options;
  const { minVersion = "TLSv1.2" } = options;
  checkPair("Cannot use a client certificate", options);
  if (!Array.isArray(caCerts)) {
    throw new TypeError(
      "Cannot use caCerts: it must be a list of certificates in PEM",
    );
  }
  caCerts.forEach(checkCaCert);
  if (typeof defaultCaCerts !== "boolean") {
    throw new TypeError("Cannot use defaultCaCerts: it must be true or false");
  }
  if (!defaultCaCerts && caCerts.length === 0) {
    throw new TypeError(
      "Cannot use defaultCaCerts: without caCerts there is nobody left to trust; pass those of your authority",
    );
  }
  if (minVersion !== "TLSv1.2" && minVersion !== "TLSv1.3") {
    throw new TypeError(
      'Cannot use minVersion: it must be "TLSv1.2" or "TLSv1.3"',
    );
  }
  const identity = cert === undefined || key === undefined
    ? undefined
    : { cert, key };
  const pins = resolvePins(options.pins);
  // What the caller's list becomes later is not what was checked.
  return { caCerts: [...caCerts], identity, defaultCaCerts, pins, minVersion };
}

/** The runtime takes anything for a certificate, and then trusts nothing. */
function checkCaCert(pem: unknown, index: number): void {
  if (typeof pem !== "string" || !pem.includes("-----BEGIN CERTIFICATE-----")) {
    throw new TypeError(
      `Cannot trust caCerts[${index}]: it is no certificate in PEM; loadCaCerts() reads them from files`,
    );
  }
}
