/**
 * Certificates for tests, in memory: good ones, and such with a fault.
 *
 * @module
 */

import type { Authority } from "../tls/authority.ts";
import type { CertChain } from "../tls/pem.ts";
import { forge, forgeCrl, type ForgeOptions } from "./forge.ts";

/**
 * What can be wrong with a server's certificate. The names are those of
 * `TlsError.reason`, which is what `connect()` then says.
 *
 * `expired`: since yesterday. `not-yet-valid`: until tomorrow.
 * `name-mismatch`: it is for `elsewhere.test`. `unknown-issuer`: of an authority
 * that the client does not trust. `ca-used-as-leaf`: an authority's own, as
 * `openssl req -x509` makes it.
 *
 * @example Each fault, and what connect() says
 * ```ts
 * import { connect, serve, TlsError } from "@wss/wss";
 * import { type CertificateFault, testCertificates } from "@wss/wss/testing";
 *
 * const faults: CertificateFault[] = ["expired", "name-mismatch"];
 * for (const fault of faults) {
 *   const tls = await testCertificates({ fault });
 *   await using server = await serve({ port: 0, ...tls.server }, () => {});
 *   const error = await connect(server.url, tls.client).catch((error) => error);
 *   console.log(error instanceof TlsError && error.reason === fault); // true
 * }
 * ```
 */
export type CertificateFault =
  | "expired"
  | "not-yet-valid"
  | "name-mismatch"
  | "unknown-issuer"
  | "ca-used-as-leaf";

/**
 * Options for {@linkcode testCertificates}.
 *
 * @example A certificate for a name of one's own
 * ```ts
 * import { testCertificates, type TestCertificatesOptions } from "@wss/wss/testing";
 *
 * const options: TestCertificatesOptions = { names: ["chat.test", "*.chat.test"] };
 * console.log((await testCertificates(options)).server.cert.length > 0); // true
 * ```
 */
export interface TestCertificatesOptions {
  /**
   * What is wrong with the server's certificate.
   *
   * @default {undefined, nothing is}
   */
  fault?: CertificateFault | undefined;
  /**
   * The DNS names and IP addresses that it is for, besides `localhost`,
   * `127.0.0.1` and `::1`. With the fault "name-mismatch", those that it is for
   * instead.
   *
   * @default {[]}
   */
  names?: readonly string[] | undefined;
}

/**
 * A server's certificate, and what a client needs to trust it: `server` is for
 * the options of `serve()`, `client` for those of `connect()`.
 *
 * @example Spread them
 * ```ts
 * import { connect, serve } from "@wss/wss";
 * import { type TestCertificates, testCertificates } from "@wss/wss/testing";
 *
 * const tls: TestCertificates = await testCertificates();
 * await using server = await serve({ port: 0, ...tls.server }, (ws) => ws.send("hello"));
 * await using ws = await connect(server.url, tls.client);
 * console.log(await ws.receive()); // "hello"
 * ```
 */
export interface TestCertificates {
  /** The server's certificate chain and private key, in PEM. */
  readonly server: { readonly cert: string; readonly key: string };
  /** The authority to trust, in PEM. */
  readonly client: { readonly caCerts: readonly string[] };
}

/**
 * What can be wrong with a client's certificate: its time is over, the server
 * doesn't know its authority, or that has revoked it.
 *
 * @example One that was revoked
 * ```ts
 * import { type ClientCertificateFault, testClientCertificate } from "@wss/wss/testing";
 *
 * const fault: ClientCertificateFault = "revoked";
 * const eve = await testClientCertificate({ name: "eve", fault });
 * console.log(eve.server.crl?.length); // 1
 * ```
 */
export type ClientCertificateFault = "expired" | "unknown-issuer" | "revoked";

/**
 * Options for {@linkcode testClientCertificate}.
 *
 * @example Whose it is
 * ```ts
 * import { testClientCertificate, type TestClientCertificateOptions } from "@wss/wss/testing";
 *
 * const options: TestClientCertificateOptions = { name: "ada" };
 * console.log((await testClientCertificate(options)).client.cert.length > 0); // true
 * ```
 */
export interface TestClientCertificateOptions {
  /**
   * The common name in its subject.
   *
   * @default {"client"}
   */
  name?: string | undefined;
  /**
   * What is wrong with it.
   *
   * @default {undefined, nothing is}
   */
  fault?: ClientCertificateFault | undefined;
}

/**
 * A client's certificate, and what a server needs to judge it: `client` is for
 * the options of `connect()`, `server` for those of `serve()`.
 *
 * @example Spread them
 * ```ts
 * import { type TestClientCertificate, testClientCertificate } from "@wss/wss/testing";
 *
 * const ada: TestClientCertificate = await testClientCertificate({ name: "ada" });
 * console.log(Object.keys(ada.client), Object.keys(ada.server)); // ["cert", "key"] ["clientCa"]
 * ```
 */
export interface TestClientCertificate {
  /** The client's certificate and private key, in PEM. */
  readonly client: { readonly cert: string; readonly key: string };
  /** The authority of clients, and its revocation list where it revoked this one. */
  readonly server: {
    readonly clientCa: readonly string[];
    readonly crl?: readonly string[];
  };
}

const DAY = 86_400_000;
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];
const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
/** The bits digitalSignature, and keyCertSign with cRLSign, of keyUsage (RFC 5280 section 4.2.1.3). */
const SIGNS = 1;
const SIGNS_CERTIFICATES = 32 + 64;

/** When a certificate was valid, or will be. */
const TIMES = {
  "expired": () => span(-9, -1),
  "not-yet-valid": () => span(1, 9),
};

/** The authorities of this process, by their names: keys are slow to make. */
const authorities = new Map<string, Promise<Authority>>();

/**
 * Makes a certificate for a server under test, valid for `localhost`,
 * `127.0.0.1` and `::1`, or one with a fault. It is in memory only, and no
 * machine trusts its authority.
 *
 * All of a process are of one authority, but those of the faults
 * "unknown-issuer" and "ca-used-as-leaf".
 *
 * @param options What is wrong with it, and for which hosts it is.
 * @returns What `serve()` and what `connect()` need.
 * @throws {TypeError} If a name is neither a DNS name nor an IP address, or the fault is none of those.
 *
 * @example A server and a client that trusts it
 * ```ts
 * import { connect, serve } from "@wss/wss";
 * import { testCertificates } from "@wss/wss/testing";
 *
 * const tls = await testCertificates();
 * await using server = await serve({ port: 0, ...tls.server }, (ws) => ws.send("hello"));
 * await using ws = await connect(server.url, tls.client);
 * console.log(await ws.receive()); // "hello"
 * ```
 *
 * @example A certificate that has expired
 * ```ts
 * import { connect, serve, TlsError } from "@wss/wss";
 * import { testCertificates } from "@wss/wss/testing";
 *
 * const tls = await testCertificates({ fault: "expired" });
 * await using server = await serve({ port: 0, ...tls.server }, () => {});
 * const error = await connect(server.url, tls.client).catch((error) => error);
 * console.log(error instanceof TlsError && error.reason); // "expired"
 * ```
 */
export async function testCertificates(
  options: TestCertificatesOptions = {},
): Promise<TestCertificates> {
  const { fault, names = [] } = options;
  const trusted = await authority("wss test authority");
  const base: ForgeOptions = {
    issuer: trusted,
    names: [...LOOPBACK, ...names],
    purposes: [SERVER_AUTH],
    keyUsage: SIGNS,
  };
  switch (fault) {
    case undefined:
      return forServer(await forge(base), trusted.cert);
    case "expired":
    case "not-yet-valid":
      return forServer(
        await forge({ ...base, ...TIMES[fault]() }),
        trusted.cert,
      );
    case "name-mismatch": {
      const elsewhere = names.length > 0 ? [...names] : ["elsewhere.test"];
      return forServer(
        await forge({ ...base, names: elsewhere }),
        trusted.cert,
      );
    }
    case "unknown-issuer": {
      const issuer = await authority("wss unknown authority");
      return forServer(await forge({ ...base, issuer }), trusted.cert);
    }
    case "ca-used-as-leaf": {
      const own = await forge({
        names: [...LOOPBACK, ...names],
        ca: true,
      });
      return forServer(own, own.cert);
    }
    default:
      throw unknownFault("testCertificates()", fault);
  }
}

/**
 * Makes a client's certificate, for servers with `clientCa`, or one with a
 * fault. It is in memory only. All of a process are of one authority, but those
 * of the fault "unknown-issuer".
 *
 * @param options Whose it is, and what is wrong with it.
 * @returns What `connect()` and what `serve()` need.
 * @throws {TypeError} If the fault is none of those.
 *
 * @example Who is there
 * ```ts
 * import { connect, serve } from "@wss/wss";
 * import { testCertificates, testClientCertificate } from "@wss/wss/testing";
 *
 * const tls = await testCertificates();
 * const ada = await testClientCertificate({ name: "ada" });
 * await using server = await serve(
 *   { engine: "node", port: 0, ...tls.server, ...ada.server },
 *   (ws) => ws.send(ws.peerCertificate?.subject ?? "nobody"),
 * );
 * await using ws = await connect(server.url, { ...tls.client, ...ada.client });
 * console.log(await ws.receive()); // "CN=ada"
 * ```
 */
export async function testClientCertificate(
  options: TestClientCertificateOptions = {},
): Promise<TestClientCertificate> {
  const { name = "client", fault } = options;
  const known = await authority("wss test clients");
  const base: ForgeOptions = {
    issuer: known,
    subject: `CN=${escapeName(name)}`,
    names: ["client.test"],
    purposes: [CLIENT_AUTH],
    keyUsage: SIGNS,
  };
  const server = { clientCa: [known.cert] };
  switch (fault) {
    case undefined:
      return { client: await forge(base), server };
    case "expired":
      return { client: await forge({ ...base, ...TIMES.expired() }), server };
    case "unknown-issuer": {
      const issuer = await authority("wss unknown clients");
      return { client: await forge({ ...base, issuer }), server };
    }
    case "revoked": {
      const client = await forge(base);
      const crl = await forgeCrl({ issuer: known, revoked: [client.cert] });
      return { client, server: { ...server, crl: [crl] } };
    }
    default:
      throw unknownFault("testClientCertificate()", fault);
  }
}

function authority(name: string): Promise<Authority> {
  let made = authorities.get(name);
  if (made === undefined) {
    made = forge({
      subject: `CN=${name}`,
      ca: true,
      keyUsage: SIGNS_CERTIFICATES,
    });
    authorities.set(name, made);
  }
  return made;
}

function forServer({ cert, key }: CertChain, ca: string): TestCertificates {
  return { server: { cert, key }, client: { caCerts: [ca] } };
}

/** A value in a distinguished name, with what has a meaning there escaped (RFC 4514, section 2.4). */
function escapeName(name: string): string {
  return name.replace(/["+,;<>\\=#]/g, (char) => `\\${char}`);
}

/** Days from today, as the first and the last moment of validity. */
function span(
  from: number,
  to: number,
): Pick<ForgeOptions, "notBefore" | "notAfter"> {
  return {
    notBefore: new Date(Date.now() + from * DAY),
    notAfter: new Date(Date.now() + to * DAY),
  };
}

function unknownFault(what: string, fault: never): TypeError {
  return new TypeError(
    `Cannot use fault of ${what}: ${
      JSON.stringify(fault)
    } is none; leave it out, or see the type of the option`,
  );
}
