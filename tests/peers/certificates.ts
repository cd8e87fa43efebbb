/**
 * The two kinds of certificates that peers meet: those that this module makes,
 * and a self-signed one as people make it with OpenSSL.
 *
 * @module
 */

import { assert } from "@std/assert";
import { type CertChain, loadCertChain } from "../../server.ts";
import { loadCaCerts } from "../../client.ts";
import { devCertificates, temporaryDirectory } from "../_certs.ts";

/** A certificate for localhost, for both sides: in files for the peer, loaded for us. */
export interface Certificates extends AsyncDisposable {
  /** The file with the certificate chain. */
  certFile: string;
  /** The file with the private key, unless it is in `certFile`. */
  keyFile?: string;
  /** The file that clients trust. */
  caFile: string;
  /** The chain and the key as `serve()` takes them. */
  chain: CertChain;
  /** What clients trust, as `connect()` takes it. */
  caCerts: string[];
}

/** How a certificate was made. */
export type Kind = "generated" | "openssl";

/** Makes certificates of a kind; their files are removed when the scope ends. */
export function makeCertificates(kind: Kind): Promise<Certificates> {
  return kind === "generated" ? generated() : madeByOpenssl();
}

async function generated(): Promise<Certificates> {
  const { dir, chain } = await devCertificates();
  const caFile = `${dir}/ca.pem`;
  return {
    certFile: `${dir}/localhost.pem`,
    caFile,
    chain,
    caCerts: await loadCaCerts(caFile),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

async function madeByOpenssl(): Promise<Certificates> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await temporaryDirectory());
  const certFile = `${dir.path}/cert.pem`;
  const keyFile = `${dir.path}/key.pem`;
  const { success, stderr } = await new Deno.Command("openssl", {
    args: ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
      .concat("-subj", "/CN=localhost", "-keyout", keyFile, "-out", certFile)
      .concat("-addext", "basicConstraints=critical,CA:FALSE")
      .concat("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  const chain = await loadCertChain(certFile, keyFile);
  const caCerts = await loadCaCerts(certFile);
  const files = stack.move();
  return {
    certFile,
    keyFile,
    caFile: certFile,
    chain,
    caCerts,
    [Symbol.asyncDispose]: () => files.disposeAsync(),
  };
}
