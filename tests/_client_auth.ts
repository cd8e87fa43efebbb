/**
 * A server that asks for client certificates, and clients that show some, for
 * the tests of `ClientAuth`.
 *
 * @module
 */

import type { IncomingMessage } from "node:http";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { ClientAuth, type ClientAuthRules } from "../src/tls/client_auth.ts";
import type { PeerCertificate } from "../src/tls/peer_certificate.ts";
import type { CertChain } from "../src/tls/pem.ts";
import {
  devCertificates,
  forge,
  type ForgeOptions,
  temporaryDirectory,
} from "./_certs.ts";
import { succeeds } from "./peers/suite.ts";

const PYTHON = "/usr/bin/python3";

/** What is missing for {@linkcode clients}. */
export const missing: string | undefined = succeeds(PYTHON, "-c", "import ssl")
  ? undefined
  : "python3";

/** A version of TLS. */
export type Version = "TLSv1.2" | "TLSv1.3";

/** Those that are tested. */
export const VERSIONS: readonly ["TLSv1.2", "TLSv1.3"] = ["TLSv1.2", "TLSv1.3"];

/** A day, in milliseconds. */
export const DAY = 86_400_000;

/** When a certificate was valid that has expired. */
export const PAST: Pick<ForgeOptions, "notBefore" | "notAfter"> = {
  notBefore: new Date(Date.now() - 3 * DAY),
  notAfter: new Date(Date.now() - DAY),
};

/** One request of a client: how, and with which certificate or which session. */
export interface Step {
  port: number;
  version: Version;
  /** The client's certificate with its chain, and its key. */
  identity?: CertChain;
  /** Which step's session it offers. */
  resume?: number;
}

/** What came of it. */
export interface Result {
  /** The name that the server knows the client by, "" for none; `null` if it cut it. */
  reply: string | null;
  reused: boolean;
}

/** A server that tells clients who they are, as {@linkcode ClientAuth} says. */
export interface TestServer extends AsyncDisposable {
  port: number;
  /** Who may show what; may be replaced. */
  auth: ClientAuth | undefined;
  certificates: PeerCertificate[];
  /** Of each connection that finished its handshake, whether it resumed a session. */
  reused: boolean[];
  /** As its owner would replace it while it listens. */
  replace(auth: ClientAuth): void;
}

/** Starts such a server, on loopback. */
export async function listen(auth?: ClientAuth): Promise<TestServer> {
  const { chain: { cert, key } } = await devCertificates();
  const test = {
    auth,
    certificates: [] as PeerCertificate[],
    reused: [] as boolean[],
  };
  const server = https.createServer(
    { cert, key, ...auth?.tlsOptions },
    ({ socket }: IncomingMessage, response) => {
      const certificate = test.auth?.certificateOf(socket as TLSSocket);
      if (certificate) test.certificates.push(certificate);
      response.setHeader("connection", "close");
      response.end(certificate?.subject ?? "");
    },
  );
  server.prependListener("secureConnection", (socket: TLSSocket) => {
    test.reused.push(socket.isSessionReused());
    if (test.auth?.refuse(socket) !== undefined) socket.destroy();
  });
  await new Promise<void>((resolve) =>
    server.listen(0, "127.0.0.1", () => resolve())
  );
  return Object.assign(test, {
    port: (server.address() as AddressInfo).port,
    replace(auth: ClientAuth) {
      server.setSecureContext({ cert, key, ...auth.tlsOptions });
      test.auth = auth;
    },
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  });
}

/** Runs the steps in one process, one after the other. */
export async function clients(...steps: Step[]): Promise<Result[]> {
  await using dir = await temporaryDirectory();
  const { ca } = await devCertificates();
  const plan = {
    ca: await dir.write("ca.pem", ca),
    steps: await Promise.all(steps.map(async ({ identity, ...step }, index) => {
      if (identity === undefined) return step;
      const text = identity.cert + identity.key;
      return { ...step, identity: await dir.write(`${index}.pem`, text) };
    })),
  };
  const { pathname } = new URL("peers/resuming_client.py", import.meta.url);
  await using process = new Deno.Command(PYTHON, {
    args: ["-I", pathname],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const [output] = await Promise.all([
    process.output(),
    new Blob([JSON.stringify(plan)]).stream().pipeTo(process.stdin),
  ]);
  return JSON.parse(new TextDecoder().decode(output.stdout));
}

/** An authority for clients. */
export function authority(options: ForgeOptions = {}): Promise<CertChain> {
  return forge({ subject: "CN=Clients", ca: true, ...options });
}

/** A client's certificate. */
export function client(
  issuer: CertChain,
  options: ForgeOptions = {},
): Promise<CertChain> {
  return forge({ issuer, subject: "CN=ada", ...options });
}

/**
 * What a client gets in TLS 1.2 and 1.3, each where it must show a certificate
 * and where it may; and then at both with the session that it got from a server
 * that looks at nothing.
 */
export async function outcomes(
  rules: Omit<ClientAuthRules, "require">,
  identity?: CertChain,
): Promise<(string | null)[]> {
  const requested = await ClientAuth.load({ ...rules, require: false });
  await using must = await listen(
    await ClientAuth.load({ ...rules, require: true }),
  );
  await using may = await listen(requested);
  await using anybody = await listen(requested);
  anybody.auth = undefined;
  const ports = [must.port, may.port];
  const results = await clients(...VERSIONS.flatMap((version, index) => {
    const step = { version, ...(identity && { identity }) };
    const session = { version, resume: index * 5 };
    return [
      { ...step, port: anybody.port },
      ...ports.map((port) => ({ ...step, port })),
      ...ports.map((port) => ({ ...session, port })),
    ];
  }));
  return results.filter((_, index) => index % 5 > 0).map(({ reply }) => reply);
}

/** The outcomes of who is taken for CN=ada everywhere. */
export const ADMITTED: (string | null)[] = Array(8).fill("CN=ada");

/** The outcomes of who is cut everywhere. */
export const CUT: (string | null)[] = Array(8).fill(null);

/** The outcomes of who shows nothing. */
export const ANONYMOUS: (string | null)[] = Array(4).fill([null, ""]).flat();

/** Waits until a moment is over, to which certificates are valid inclusively. */
export async function until(date: Date): Promise<void> {
  const ms = date.getTime() - Date.now() + 1;
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
