/**
 * Whether TLS is as clients need it, below and beside its certificates.
 *
 * @module
 */

import { isLate } from "./bounds.ts";
import { examineCertificates } from "./check_certificates.ts";
import {
  type Examination,
  found,
  SHORT,
  shownTime,
  step,
  tryStep,
} from "./examination.ts";
import type { Finding } from "./finding.ts";
import { greetOld, greetOpenly } from "./greet_tls.ts";
import { refusalOf } from "./inspect_tls.ts";
import { judgeTls, type SeenTls, seeTls } from "./look_at_tls.ts";
import { explained, whyNoTls } from "./why_no_tls.ts";

/** What is known of the TLS of a server. */
export interface KnownTls {
  /** Whether it asks for a client certificate; `undefined` where that is hidden. */
  readonly asksForCertificate: boolean | undefined;
}

/**
 * Looks at the TLS of a server.
 *
 * @returns What is known of it; `undefined` if nothing may be sent over it.
 */
export async function* examineTls(
  examination: Examination,
): AsyncGenerator<Finding, KnownTls | undefined> {
  // Without TLS, what there is to say depends on the answer to the request.
  if (examination.url.protocol === "ws:") return { asksForCertificate: false };
  let seen: SeenTls;
  try {
    seen = await see(examination);
  } catch (error) {
    examination.signal?.throwIfAborted();
    if (error instanceof Deno.errors.NotCapable) throw error;
    yield await whyNoTls(examination, error);
    return undefined;
  }
  yield* tellHandshake(seen);
  yield* examineOldVersions(examination);
  yield* examineServerName(examination, seen);
  let refused: Error | undefined;
  try {
    refused = await judge(examination, examination.trust.caCerts);
  } catch (error) {
    examination.signal?.throwIfAborted();
    yield explained(examination, error, { kind: "closed" });
    return undefined;
  }
  const bad = yield* examineCertificates(examination, seen, refused);
  const usual = await usualTrust(examination, refused);
  if (!bad) yield trustOf(examination, refused, usual);
  if (refused !== undefined) return undefined;
  const asks = (await greetOpenly(examination))?.asksForCertificate;
  yield* tellClientCertificate(examination, asks);
  return { asksForCertificate: asks };
}

/** Shakes hands; who insists on a client certificate sees it once it is believed. */
async function see(examination: Examination): Promise<SeenTls> {
  const { trust: { caCerts, identity } } = examination;
  try {
    return await step(
      examination,
      (signal) => seeTls(examination, {}, signal),
    );
  } catch (error) {
    if (identity === undefined || isLate(error)) throw error;
    const refused = await judge(examination, caCerts);
    if (refused !== undefined) throw error;
    return await step(
      examination,
      (signal) => seeTls(examination, { identity }, signal),
    );
  }
}

/** What the built-in client has against the certificate. */
async function judge(
  examination: Examination,
  caCerts: readonly string[],
): Promise<Error | undefined> {
  return await step(
    examination,
    (signal) => judgeTls(examination, caCerts, signal),
  );
}

function* tellHandshake(seen: SeenTls): Generator<Finding> {
  const { protocol, cipher, alpn, took } = seen;
  const version = protocol.replace("v", " ");
  yield found(
    "tls",
    "tls-handshake",
    "ok",
    `${version} with ${cipher}, in ${shownTime(took)}`,
    { data: { protocol, cipher, ms: took } },
  );
  if (protocol === "TLSv1.2") {
    yield found(
      "tls",
      "tls-version",
      "info",
      "the server speaks TLS 1.2, and not 1.3, which takes one round trip less",
      { remedy: "let it speak TLS 1.3, too" },
    );
  }
  yield found(
    "tls",
    "tls-alpn",
    "ok",
    alpn === undefined
      ? "the server agrees to no protocol by ALPN, which leaves HTTP/1.1"
      : `the server agrees to ${alpn} (ALPN)`,
    { data: { alpn } },
  );
}

async function* examineOldVersions(
  examination: Examination,
): AsyncGenerator<Finding> {
  const old = await greetOld(examination);
  yield old === undefined
    ? found(
      "tls",
      "old-versions",
      "ok",
      "versions of TLS before 1.2 are refused",
    )
    : found("tls", "old-versions", "warning", `the server still takes ${old}`, {
      reason: "it is broken, and must not be used (RFC 8996)",
      remedy:
        "refuse it: `ssl_protocols TLSv1.2 TLSv1.3;` in nginx, `ssl-min-ver TLSv1.2` in HAProxy",
    });
}

/** What is shown to those who don't say whom they want. */
async function* examineServerName(
  examination: Examination,
  seen: SeenTls,
): AsyncGenerator<Finding> {
  if (/^[\d.]+$|:/.test(examination.hostname)) return;
  const other = await tryStep(
    examination,
    (signal) => seeTls(examination, { named: false }, signal),
    Math.min(examination.timeout, SHORT),
  );
  const same = other?.chain[0]?.toBase64() === seen.chain[0]?.toBase64();
  if (same) return;
  yield found(
    "tls",
    "server-name",
    "info",
    other === undefined
      ? "clients that do not name the host in TLS (SNI) are refused"
      : "clients that do not name the host in TLS (SNI) are shown another certificate",
    { reason: "all clients of the last ten years name it" },
  );
}

/** Whether the runtime trusts it by itself. */
async function usualTrust(
  examination: Examination,
  refused: Error | undefined,
): Promise<boolean> {
  if (examination.trust.caCerts.length === 0) return refused === undefined;
  if (refused !== undefined) return false;
  const judged = await tryStep(
    examination,
    async (signal) => await judgeTls(examination, [], signal) === undefined,
  );
  return judged === true;
}

function trustOf(
  { hostname, trust: { caCerts } }: Examination,
  refused: Error | undefined,
  usual: boolean,
): Finding {
  if (refused === undefined) {
    const by = usual ? "the roots of the runtime" : "`caCerts`";
    return found("tls", "trust", "ok", `trusted for ${hostname}, by ${by}`, {
      data: { by: usual ? "runtime" : "caCerts" },
    });
  }
  const more = caCerts.length > 0
    ? "neither the roots of the runtime nor `caCerts` have led to it"
    : "only the roots of the runtime were asked";
  return found("tls", "trust", "failure", refusalOf(refused), {
    reason: more,
    remedy:
      "pass the certificate of its authority as `caCerts`; if that is trusted already, let the server present the intermediates, too",
  });
}

function* tellClientCertificate(
  { trust: { identity } }: Examination,
  asks: boolean | undefined,
): Generator<Finding> {
  if (asks === undefined) {
    yield found(
      "tls",
      "client-certificate",
      "skipped",
      "whether the server asks for a client certificate does not show, as it speaks TLS 1.3 alone",
    );
  } else if (asks) {
    yield found(
      "tls",
      "client-certificate",
      "info",
      identity === undefined
        ? "the server asks for a client certificate, and none is given"
        : "the server asks for a client certificate, and gets one",
    );
  }
}
