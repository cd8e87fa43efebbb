/**
 * Pins: the keys of which a server, or an authority above it, must have one
 * (RFC 7469).
 *
 * @module
 */

/** SHA-256 in base64, of which the last digit has two bits that are not used. */
const PIN = /^sha256\/[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$/;

const OPTION = "Cannot use pins";

/**
 * Checks pins.
 *
 * @returns Them, each once; `undefined` if none are asked for.
 * @throws {TypeError} If one is malformed, or there is no second.
 */
export function resolvePins(
  pins: readonly string[] | undefined,
): ReadonlySet<string> | undefined {
  if (pins === undefined) return undefined;
  if (!Array.isArray(pins)) {
    throw new TypeError(
      `${OPTION}: it must be a list of texts like "sha256/…="; certificatePin() makes them`,
    );
  }
  for (const [index, pin] of pins.entries()) {
    if (typeof pin === "string" && PIN.test(pin)) continue;
    throw new TypeError(
      `${OPTION}[${index}]: a pin is "sha256/" and 44 digits of base64, of the SHA-256 of a public key; certificatePin() makes them`,
    );
  }
  const all = new Set<string>(pins);
  if (all.size >= 2) return all;
  throw new TypeError(
    `${OPTION}: there must be two that differ, one of them of a key that is kept as a backup (RFC 7469, section 4.3); with one alone, a lost key would lock all clients out`,
  );
}

/** The pin of a key, of which `spki` is the SubjectPublicKeyInfo in DER. */
export async function pinOf(spki: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", spki);
  return `sha256/${new Uint8Array(digest).toBase64()}`;
}

/**
 * Computes the pin of a certificate's key, for the `pins` of `connect()`. It
 * stays the same when the certificate is renewed with the same key.
 *
 * @param pem The certificate in PEM; of several, the first.
 * @returns `"sha256/"` and the SHA-256 of its SubjectPublicKeyInfo in base64
 * (RFC 7469, section 2.4).
 * @throws {TypeError} If there is no certificate in the text.
 *
 * @example Pin an authority, and a key that is kept as a backup
 * ```ts
 * import { connect, loadCaCerts, loadCertChain, serve } from "@wss/wss";
 * import { certificatePin, ensureDevCertificates } from "@wss/wss/certs";
 *
 * const { chainFile, caFile } = await ensureDevCertificates({
 *   directory: await Deno.makeTempDir(),
 * });
 * const backup = await ensureDevCertificates({ directory: await Deno.makeTempDir() });
 * const caCerts = await loadCaCerts(caFile);
 * const pins = [
 *   await certificatePin(await Deno.readTextFile(caFile)),
 *   await certificatePin(await Deno.readTextFile(backup.caFile)),
 * ];
 * await using server = await serve(
 *   { port: 0, ...await loadCertChain(chainFile) },
 *   (ws) => ws.send("Welcome"),
 * );
 * await using ws = await connect(server.url, { engine: "node", caCerts, pins });
 * console.log(await ws.receive()); // "Welcome"
 * ```
 */
export async function certificatePin(pem: string): Promise<string> {
  const block = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/
    .exec(pem)?.[0];
  if (block !== undefined) {
    const { readCertificate } = await import("./certified.ts");
    try {
      return await pinOf(readCertificate(block).spki);
    } catch {
      // Told below.
    }
  }
  throw new TypeError(
    "Cannot compute the pin: there is no certificate in the text; pass that of a PEM file, not its path",
  );
}
