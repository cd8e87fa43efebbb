/**
 * Certificates for the tests: good ones, made once for each process, and such
 * as the module itself never makes.
 *
 * @module
 */

import { ensureDevCertificates } from "../certs/mod.ts";
import type { Authority } from "../src/tls/authority.ts";
import { parseHost } from "../src/tls/host.ts";
import { type CertChain, loadCertChain } from "../src/tls/pem.ts";

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

/** Options for {@linkcode forge}. */
export interface ForgeOptions {
  /** Who issues the certificate; without it, it signs itself. */
  issuer?: Authority;
  /** The DNS names and IP addresses it is for. */
  names?: string[];
  /** Whether it is an authority's (CA:TRUE). */
  ca?: boolean;
  /** The first moment of validity: by default, a day ago. */
  notBefore?: Date;
  /** The last moment of validity: by default, in ten days. */
  notAfter?: Date;
  /** The subject: by default, CN=localhost. */
  subject?: string;
}

const DAY = 86_400_000;

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
 * Makes a certificate that breaks rules: past its time, outside of its
 * authority's name constraints, an authority's own used as a server's.
 */
export async function forge(options: ForgeOptions = {}): Promise<CertChain> {
  await import("reflect-metadata");
  const x509 = await import("@peculiar/x509");
  const {
    issuer,
    names = ["localhost"],
    ca = false,
    notBefore = new Date(Date.now() - DAY),
    notAfter = new Date(Date.now() + 10 * DAY),
    subject = "CN=localhost",
  } = options;
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await crypto.subtle.generateKey(algorithm, true, [
    "sign",
    "verify",
  ]);
  const parent = issuer && new x509.X509Certificate(issuer.cert);
  const certificate = await x509.X509CertificateGenerator.create({
    subject,
    issuer: parent?.subject ?? subject,
    notBefore,
    notAfter,
    publicKey: keys.publicKey,
    signingKey: issuer
      ? await crypto.subtle.importKey(
        "pkcs8",
        x509.PemConverter.decodeFirst(issuer.key),
        algorithm,
        false,
        ["sign"],
      )
      : keys.privateKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(ca, undefined, true),
      new x509.SubjectAlternativeNameExtension(
        names.map(parseHost).map(({ type, name }) => ({ type, value: name })),
      ),
      await x509.AuthorityKeyIdentifierExtension.create(
        parent?.publicKey ?? keys.publicKey,
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  const key = await crypto.subtle.exportKey("pkcs8", keys.privateKey);
  return {
    cert: `${certificate.toString("pem")}\n`,
    key: `${x509.PemConverter.encode(key, "PRIVATE KEY")}\n`,
  };
}
