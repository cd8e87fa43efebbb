/**
 * Makes the certificates that encrypted connections need while developing: an
 * authority that clients trust, and a server certificate that it issued.
 *
 * As a program:
 *
 * ```sh
 * deno run --allow-read=certs --allow-write=certs jsr:@wss/wss/certs
 * ```
 *
 * It leaves three files in `certs`: `ca.pem`, which clients trust; `ca.key`,
 * which issues further certificates; and `localhost.pem`, which holds what a
 * server needs: its certificate, the authority's, and its private key. The last
 * two are readable by their owner alone, and belong in no repository. With
 * `--client NAME` it adds a certificate with which a client shows who it is.
 *
 * @module
 */

export {
  type CertificateDescription,
  describeCertificates,
} from "../src/tls/describe.ts";
export {
  type DevClientCertificate,
  type DevClientCertificateOptions,
  ensureClientCertificate,
} from "../src/tls/dev_client.ts";
export {
  type DevCertificates,
  type DevCertificatesOptions,
  ensureDevCertificates,
} from "../src/tls/dev_server.ts";
export { certificatePin } from "../src/tls/pins.ts";

if (import.meta.main) {
  // Awaited here, it would wait for this module, which it imports.
  import("../src/cli/program.ts").then(async ({ main }) => {
    Deno.exit(await main(["cert", ...Deno.args]));
  });
}
