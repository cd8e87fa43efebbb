/**
 * Why a server and a client do not come to speak TLS.
 *
 * @module
 */

import { WANTED } from "../client/answer.ts";
import { TlsError } from "../errors.ts";
import { explain, explainTls } from "../tls/explain.ts";
import { isLate } from "./bounds.ts";
import { findWeakness } from "./check_certificates.ts";
import {
  type Examination,
  found,
  SHORT,
  shownTime,
  stateOf,
  tryStep,
} from "./examination.ts";
import type { Finding } from "./finding.ts";
import { type Greeting, greetOld, greetOpenly, greetTls } from "./greet_tls.ts";
import { seeTls } from "./look_at_tls.ts";
import { speaksPlainly } from "./raw_line.ts";

/** The alert for a version that is not spoken (RFC 8446, section 6). */
const NO_VERSION = 70;

/** Why no handshake of TLS comes about. */
export async function whyNoTls(
  examination: Examination,
  error: unknown,
): Promise<Finding> {
  const said = error instanceof Error ? error.message : "";
  if (/no_?application_?protocol/i.test(said)) {
    return await whyNoAlpn(examination);
  }
  const ms = Math.min(examination.timeout, SHORT);
  const [greeting = { kind: "closed" as const }, plain = false] = await Promise
    .all([
      tryStep(
        examination,
        (signal) => greetTls(examination, 0x0304, signal),
        ms,
      ),
      tryStep(examination, (signal) => speaksPlainly(examination, signal), ms),
    ]);
  if (
    greeting.kind === "alert" && greeting.description === NO_VERSION ||
    /protocol_?version/i.test(said)
  ) {
    const old = await greetOld(examination);
    return found(
      "tls",
      "tls-version",
      "failure",
      old === undefined
        ? "the server speaks neither TLS 1.2 nor 1.3"
        : `the server speaks ${old}, and neither TLS 1.2 nor 1.3`,
      {
        reason: "older versions are broken, and clients refuse them (RFC 8996)",
        remedy:
          "let the server speak TLS 1.2 and 1.3: `ssl_protocols TLSv1.2 TLSv1.3;` in nginx, `ssl-min-ver TLSv1.2` in HAProxy",
      },
    );
  }
  if (plain) {
    return found(
      "tls",
      "tls-used",
      "failure",
      "this port speaks plain HTTP, without TLS",
      {
        remedy: `connect with ${
          examination.url.href.replace(/^wss/, "ws").replace(/\?.*/, "")
        }, or put TLS there: a certificate for the server itself, or for a proxy before it`,
      },
    );
  }
  const speaks = greeting.kind === "hello" || greeting.kind === "alert";
  const open = speaks ? await greetOpenly(examination) : undefined;
  if (
    open?.asksForCertificate && examination.trust.identity === undefined
  ) return wantsCertificate("the TLS handshake fails without one");
  const weak = open && await findWeakness(open.chain);
  if (weak !== undefined) return weak;
  return explained(examination, error, greeting);
}

/** What is said where a client certificate is missing. */
export function wantsCertificate(reason: string): Finding {
  return found(
    "tls",
    "client-certificate",
    "failure",
    "the server wants a client certificate",
    {
      reason,
      remedy: WANTED,
    },
  );
}

export function explained(
  { timeout, trust: { identity }, url }: Examination,
  error: unknown,
  greeting: Greeting,
): Finding {
  const action = "Cannot shake hands";
  const fail = (summary: string, remedy: string | undefined) =>
    found("tls", "tls-handshake", "failure", summary, { remedy });
  if (isLate(error)) {
    return fail(
      `the server takes the connection, and does not answer to TLS within ${
        shownTime(timeout)
      }`,
      "check that this port is one of TLS, and that the server is not stuck",
    );
  }
  if (greeting.kind === "foreign") {
    return fail(
      "this port speaks something else than TLS",
      "check the port, and that TLS is on for it",
    );
  }
  if (/BadSignature|bad signature/i.test(`${error}`)) {
    return fail(
      "the server does not prove that it has the key of its certificate",
      "check that certificate and key belong together, and that the key is long enough",
    );
  }
  const known = explainTls(action, error, { identity }) ??
    explain(action, error, { url });
  const { state, remedy } = stateOf(known, action);
  const kind = known instanceof TlsError ? known.reason : "";
  return kind.startsWith("client-certificate")
    ? found("tls", "client-certificate", "failure", state, { remedy })
    : fail(state, remedy ?? (known as { remedy?: string }).remedy);
}

async function whyNoAlpn(examination: Examination): Promise<Finding> {
  const other = await tryStep(
    examination,
    (signal) => seeTls(examination, { alpn: ["h2"] }, signal),
  );
  return found(
    "tls",
    "tls-alpn",
    "failure",
    other?.alpn === "h2"
      ? "the server speaks HTTP/2 alone"
      : "the server does not speak HTTP/1.1 (ALPN)",
    {
      reason:
        "WebSockets begin with HTTP/1.1; few clients and servers can do without (RFC 8441)",
      remedy:
        "offer http/1.1 besides h2: `alpn h2,http/1.1` on the bind line of HAProxy; nginx does so by itself",
    },
  );
}
