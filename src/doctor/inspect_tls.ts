/**
 * What a server shows of itself by TLS.
 *
 * @module
 */

import { WssError } from "../errors.ts";
import { checkNames, type OptionNames } from "../option_names.ts";
import { bareHostname, portOf } from "../route/place.ts";
import { parseResolve } from "../route/resolve.ts";
import { explain, explainTls } from "../tls/explain.ts";
import { resolveClientTrust, type TrustOptions } from "../tls/trust.ts";
import { parseUrl, withoutSecrets } from "../url.ts";
import { Bounds, isLate } from "./bounds.ts";
import { judgeTls, seeTls, type TlsTarget } from "./look_at_tls.ts";

/**
 * Options for {@linkcode inspectTls}.
 *
 * @example Whom to trust
 * ```ts
 * import { inspectTls, type InspectTlsOptions } from "@wss/wss/doctor";
 * import { misbehave } from "@wss/wss/testing";
 *
 * await using server = await misbehave({ kind: "echo" });
 * const options: InspectTlsOptions = { ...server.client, timeout: 5_000 };
 * console.log((await inspectTls(server.url, options)).trusted); // true
 * ```
 */
export interface InspectTlsOptions extends TrustOptions {
  /** Other addresses for hosts than their names have, as `connect()` takes them. */
  resolve?: Readonly<Record<string, string>> | undefined;
  /**
   * How long each of its handshakes may take, in milliseconds.
   *
   * @default {10_000}
   */
  timeout?: number | undefined;
  /** Ends it. */
  signal?: AbortSignal | undefined;
}

/**
 * What a server showed of itself.
 *
 * @example A certificate that nobody here trusts
 * ```ts
 * import { inspectTls, type TlsInspection } from "@wss/wss/doctor";
 * import { misbehave } from "@wss/wss/testing";
 *
 * await using server = await misbehave({ kind: "echo" });
 * const seen: TlsInspection = await inspectTls(server.url);
 * console.log(seen.trusted, seen.refusal);
 * ```
 */
export interface TlsInspection {
  /** The version of TLS: `"TLSv1.2"` or `"TLSv1.3"`. */
  protocol: string;
  /** The cipher suite, by its IANA name. */
  cipher: string;
  /** What was agreed to be spoken over it, of `http/1.1` alone; `undefined` if nothing was. */
  alpn: string | undefined;
  /** The certificates in PEM, as presented: the server's own first. */
  certificates: string[];
  /** Whether the built-in client would believe them. */
  trusted: boolean;
  /** Why it would not. */
  refusal: string | undefined;
}

/** The most that a timer waits for. */
const MAX_TIMEOUT = 2 ** 31 - 1;

const OPTIONS: OptionNames<InspectTlsOptions> = {
  caCerts: true,
  cert: true,
  key: true,
  resolve: true,
  timeout: true,
  signal: true,
};

/**
 * Shakes hands with a server, and tells what it showed. The certificate is not
 * verified for that; whether it would be believed, a second handshake shows.
 * Nothing else is sent.
 *
 * @param url Where it is; the scheme may be `wss` or `https`.
 * @param options Whom to trust, and how long to wait.
 * @returns What it showed.
 * @throws {TypeError} If the URL or an option is malformed.
 * @throws {RangeError} If `timeout` is out of its range.
 * @throws {NetworkError} If it cannot be reached.
 * @throws {TlsError} If no handshake comes about, as when it speaks no TLS.
 * @throws {DOMException} "TimeoutError" if it takes too long, and the reason of `signal`.
 *
 * @example Its certificate
 * ```ts
 * import { inspectTls } from "@wss/wss/doctor";
 * import { describeCertificates } from "@wss/wss/certs";
 * import { misbehave } from "@wss/wss/testing";
 *
 * await using server = await misbehave({ kind: "echo" });
 * const { protocol, certificates } = await inspectTls(server.url);
 * const [leaf] = await describeCertificates(certificates.join(""));
 * console.log(protocol, leaf?.names);
 * ```
 */
export async function inspectTls(
  url: string | URL,
  options: InspectTlsOptions = {},
): Promise<TlsInspection> {
  checkNames("inspectTls()", options, OPTIONS);
  const { timeout = 10_000, signal } = options;
  const target = parseUrl(`${url}`.replace(/^https:/i, "wss:"));
  if (target.protocol !== "wss:") {
    throw new TypeError(
      "Cannot inspect TLS: the scheme of the URL must be wss or https, as there is none over ws",
    );
  }
  checkTimeout("timeout", timeout);
  const { caCerts, identity } = resolveClientTrust(options);
  const action = `Cannot inspect ${withoutSecrets(target)}`;
  const tls = targetOf(target, options.resolve);
  const seen = await bounded(
    (signal) => seeTls(tls, { identity }, signal),
  );
  const refused = await bounded((signal) => judgeTls(tls, caCerts, signal));
  return {
    protocol: seen.protocol,
    cipher: seen.cipher,
    alpn: seen.alpn,
    certificates: seen.chain.map(pemOf),
    trusted: refused === undefined,
    refusal: refused && refusalOf(refused),
  };

  async function bounded<T>(
    look: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    using bounds = new Bounds(timeout, signal);
    try {
      return await look(bounds.signal);
    } catch (error) {
      signal?.throwIfAborted();
      if (isLate(error)) {
        throw new DOMException(
          `${action}: no TLS handshake within ${timeout} ms; check that the server speaks TLS on this port`,
          "TimeoutError",
        );
      }
      if (error instanceof TypeError || error instanceof WssError) throw error;
      if (error instanceof Deno.errors.NotCapable) throw error;
      throw explain(action, error, { url: target });
    }
  }
}

/** Where the server of a URL is looked at. */
function targetOf(
  url: URL,
  resolve: Readonly<Record<string, string>> | undefined,
): TlsTarget {
  const hostname = bareHostname(url);
  const place = { hostname, port: portOf(url) };
  return { hostname, place: parseResolve(resolve)(place) ?? place };
}

/**
 * Checks a time.
 *
 * @throws {TypeError} If it is no number.
 * @throws {RangeError} If no timer takes it.
 */
export function checkTimeout(
  name: string,
  ms: unknown,
  least = 1,
): asserts ms is number {
  if (typeof ms !== "number") {
    throw new TypeError(`Cannot use ${name}: it must be a number`);
  }
  if (!(ms >= least && ms <= MAX_TIMEOUT)) {
    throw new RangeError(
      `Cannot use ${name}: it must be ${least} to ${MAX_TIMEOUT} ms, current value is ${ms}`,
    );
  }
}

/** A certificate in PEM. */
export function pemOf(der: Uint8Array): string {
  const lines = der.toBase64().match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${
    lines.join("\n")
  }\n-----END CERTIFICATE-----\n`;
}

/** What the runtime has against a certificate, without what could not be done. */
export function refusalOf(error: Error): string {
  const explained = explainTls("", error);
  return explained === undefined
    ? "the certificate is refused"
    : explained.message.replace(/^: /, "").replace(/;.*$/s, "");
}
