/**
 * Certificates for the tests: good ones, made once for each process, and such
 * as the module itself never makes.
 *
 * @module
 */

import { ensureDevCertificates } from "../certs/mod.ts";
import { type CertChain, loadCertChain } from "../src/tls/pem.ts";

export {
  forge,
  forgeCrl,
  type ForgeCrlOptions,
  type ForgeOptions,
} from "../src/testing/forge.ts";

/** Certificates for the tests, and where they are. */
export interface TestCertificates {
  /** The authority's certificate, in PEM. */
  ca: string;
  /** The server's chain and key for localhost, 127.0.0.1 and ::1. */
  chain: CertChain;
  /** The directory with `ca.pem`, `ca.key` and `localhost.pem`; it is removed when the process ends. */
  dir: string;
}

/** A directory that is removed when its scope ends. */
export interface TemporaryDirectory extends AsyncDisposable {
  /** Its path. */
  path: string;
  /** Writes a file in it, and returns the path of that. */
  write(name: string, text: string): Promise<string>;
}

let made: Promise<TestCertificates> | undefined;

/** The certificates of this process, for localhost, 127.0.0.1 and ::1. */
export function devCertificates(): Promise<TestCertificates> {
  return made ??= makeCertificates();
}

async function makeCertificates(): Promise<TestCertificates> {
  const dir = await Deno.makeTempDir({ prefix: "wss-certs-" });
  globalThis.addEventListener("unload", () => {
    Deno.removeSync(dir, { recursive: true });
  });
  const { caFile, chainFile } = await ensureDevCertificates({ directory: dir });
  return {
    ca: await Deno.readTextFile(caFile),
    chain: await loadCertChain(chainFile),
    dir,
  };
}

/** Makes a directory that is removed when its scope ends. */
export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await Deno.makeTempDir({ prefix: "wss-test-" });
  return {
    path,
    async write(name: string, text: string): Promise<string> {
      await Deno.writeTextFile(`${path}/${name}`, text);
      return `${path}/${name}`;
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

/**
 * A key that OpenSSL takes for that of a certificate, because it holds the same
 * public key: whoever has the certificate can make it.
 *
 * @param key The certificate's key; only what is public of it goes into the result.
 * @param other Another key.
 */
export async function pretendKey(key: string, other: string): Promise<string> {
  const { PemConverter } = await import("@peculiar/x509");
  const bytes = new Uint8Array(PemConverter.decodeFirst(key));
  const secret = new Uint8Array(PemConverter.decodeFirst(other));
  // Where a P-256 key in PKCS #8 has its 32 secret bytes.
  bytes.set(secret.subarray(36, 68), 36);
  return `${PemConverter.encode(bytes.buffer, "PRIVATE KEY")}\n`;
}
