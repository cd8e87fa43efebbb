/**
 * What the runtime says when a connection does not come about, and what it
 * means: `WebSocket`, `Deno.connect` and `Deno.connectTls` in rustls' words,
 * `node:net`, `node:tls` and npm:ws in theirs.
 *
 * @module
 */

import {
  ACCEPTED,
  explainAnswer,
  tlsRequired,
  WANTED,
} from "../client/answer.ts";
import {
  HandshakeError,
  TlsError,
  type TlsErrorReason,
  WssError,
} from "../errors.ts";
import { NO_SWITCH } from "../client/upgrade_request.ts";
import { escaped } from "../peer_text.ts";
import { explainNetwork } from "../route/network_failure.ts";
import type { Route } from "../route/route.ts";

interface Explanation<Reason> {
  readonly says: RegExp;
  readonly reason: Reason;
  readonly state: string | ((said: string) => string);
  readonly remedy: string;
}

/** What this side finds wrong with the certificate of the other. */
const CERTIFICATE: readonly Explanation<TlsErrorReason>[] = [
  {
    says:
      /UnknownIssuer|certificate: BadSignature|SELF_SIGNED_CERT|UNABLE_TO_(?:GET_ISSUER|VERIFY_LEAF)/,
    reason: "unknown-issuer",
    state:
      "its certificate was issued by an authority that is not trusted here",
    remedy:
      'pass the certificate of that authority, `caCerts: await loadCaCerts("certs/ca.pem")`',
  },
  {
    says: /CaUsedAsEndEntity/,
    reason: "ca-used-as-leaf",
    state:
      "its certificate is marked as one of an authority (CA:TRUE), as `openssl req -x509` makes them",
    remedy:
      "make one for servers with `deno run -RW jsr:@wss/wss/certs`, or add `-addext basicConstraints=critical,CA:FALSE` to openssl",
  },
  {
    says: /NotValidForName|not valid for name|ERR_TLS_CERT_ALTNAME_INVALID/,
    reason: "name-mismatch",
    state: (said) => `its certificate is for ${namesIn(said)}`,
    remedy:
      "connect to a name that the certificate has, or make one for this name with `deno run -RW jsr:@wss/wss/certs --force NAME`",
  },
  {
    says: /Expired|certificate expired|CERT_HAS_EXPIRED/,
    reason: "expired",
    state: (said) => `its certificate has expired${dateIn(said)}`,
    remedy:
      "renew the server's certificate, and check the clock of this machine",
  },
  {
    says: /NotValidYet|not valid yet|CERT_NOT_YET_VALID/,
    reason: "not-yet-valid",
    state: (said) => `its certificate is not valid yet${dateIn(said)}`,
    remedy: "check the clocks of both machines",
  },
  {
    says: /NameConstraintViolation/,
    reason: "name-mismatch",
    state:
      "its authority was not allowed to issue a certificate for these names",
    remedy:
      "make an authority that is with `deno run -RW jsr:@wss/wss/certs --force NAME`",
  },
  {
    says: /extended key usage|InvalidPurpose|INVALID_PURPOSE/,
    reason: "other",
    state: "its certificate is not for servers",
    remedy:
      "make one for servers with `deno run -RW jsr:@wss/wss/certs`; `openssl x509 -ext extendedKeyUsage` shows what one is for",
  },
];

/** What is wrong before there are certificates. */
const PROTOCOL: readonly Explanation<TlsErrorReason>[] = [
  {
    says: /InvalidContentType|ERR_SSL_WRONG_VERSION_NUMBER|corrupt message/,
    reason: "not-tls",
    state: "the server does not speak TLS on this port",
    remedy: "connect with ws:// if the server is plain, or to its TLS port",
  },
  {
    says:
      /alert: ProtocolVersion|ALERT_PROTOCOL_VERSION|incompatible: \w*Tls1[23]/,
    reason: "protocol-version",
    state: "the server speaks no version of TLS that is spoken here",
    remedy: "let the server speak TLS 1.2 or 1.3",
  },
  {
    says: /alert: CertificateRequired|CERTIFICATE_REQUIRED/,
    reason: "client-certificate-required",
    state: "the server wants a client certificate",
    remedy: WANTED,
  },
];

/** What the other side says of the certificate that it was shown (RFC 8446, section 6.2). */
const REFUSAL =
  /alert: (?:BadCertificate|UnsupportedCertificate|Certificate(?:Revoked|Expired|Unknown)|UnknownCA|AccessDenied|HandshakeFailure|DecryptError|BadCertificateHashValue)/i;

/** What is wrong with an answer that came. */
const ANSWER: readonly { says: RegExp; state: string }[] = [
  {
    says: /Invalid upgrade header|Invalid connection header/i,
    state:
      "the server switched to another protocol than WebSocket; check the path of the URL",
  },
  {
    says: /Sec-WebSocket-Accept/i,
    state:
      "the answer is that to another request (Sec-WebSocket-Accept); check what caches or proxies are in between",
  },
  {
    says: /subprotocol/,
    state:
      "the server chose a subprotocol that was not offered; offer it in `protocols`",
  },
  {
    says: /Sec-WebSocket-Extensions|extension/,
    state:
      "the server chose an extension that was not offered; check what the server is configured to negotiate",
  },
  {
    says: /HPE_HEADER_OVERFLOW|Header overflow/,
    state:
      "the head of the answer is too long; check that this is a WebSocket server",
  },
  {
    says: /invalid HTTP version parsed/,
    state:
      "the answer is not HTTP; connect with wss:// if the server speaks TLS",
  },
  { says: /HPE_PAUSED_UPGRADE/, state: NO_SWITCH },
  {
    says: /HPE_|Parse Error/,
    state: "the answer is not HTTP; check host and port",
  },
];

/**
 * Makes a typed error of what the runtime said about certificates and keys that
 * it was given. What it quotes of them is not passed on.
 */
export function explainConfig(action: string, cause: unknown): TlsError {
  const mismatch = cause instanceof Error && /KeyMismatch/.test(cause.message);
  return new TlsError(
    `${action}: ${
      mismatch
        ? "cert and key do not belong together"
        : "a certificate or a key is not the PEM that TLS takes"
    }`,
    mismatch
      ? {
        reason: "key-mismatch",
        remedy: "pass the key that the certificate was made with",
      }
      : {
        reason: "malformed-pem",
        remedy:
          "read them with loadCertChain() and loadCaCerts(), which say what is wrong",
      },
  );
}

/** Who asked whom, as far as it changes what an error means. */
export interface Asked {
  /** The URL. */
  readonly url?: URL;
  /** The headers of the request. */
  readonly headers?: Headers;
  /** The way to the server. */
  readonly route?: Route;
  /** Whether a client certificate was shown. */
  readonly identity?: unknown;
}

/**
 * Makes a typed error of what the runtime said when `action` failed; one that is
 * typed is returned as it is.
 */
export function explain(
  action: string,
  cause: unknown,
  asked: Asked = {},
): WssError {
  if (cause instanceof WssError) return cause;
  const said = saidBy(cause);
  return explainTls(action, cause, asked) ??
    explainNetwork(action, said, cause, asked) ??
    explainHttp(action, said, cause, asked);
}

/** The same for what TLS failed of; `undefined` if it was not TLS. */
export function explainTls(
  action: string,
  cause: unknown,
  { identity }: Asked = {},
): TlsError | undefined {
  const said = saidBy(cause);
  const alert = /fatal alert|ERR_SSL_/.test(said);
  // What the other side says of a certificate, it says of this side's.
  const found = find(alert ? PROTOCOL : [...CERTIFICATE, ...PROTOCOL], said);
  if (found !== undefined) {
    return new TlsError(`${action}: ${found.state}`, {
      ...found,
      cause,
    });
  }
  if (identity !== undefined && REFUSAL.test(said)) {
    return certificateRefused(action, cause);
  }
  if (
    /peer certificate|fatal alert|peer misbehaved|peer is incompatible|ERR_SSL_/
      .test(said) && !/NoApplicationProtocol/.test(said)
  ) {
    return new TlsError(`${action}: the TLS handshake failed`, {
      reason: "other",
      remedy:
        "the cause tells more, and the server's log; it may want a client certificate (`cert` and `key`)",
      cause,
    });
  }
  return undefined;
}

/** The error for a client certificate that the server does not take. */
export function certificateRefused(action: string, cause: unknown): TlsError {
  const why = /alert: (?:Certificate)?(Expired|Revoked|UnknownCA)/
    .exec(saidBy(cause))?.[1];
  const because = {
    Expired: ": it has expired",
    Revoked: ": it is revoked",
    UnknownCA: ": it does not trust its authority",
  }[why ?? ""] ?? "";
  return new TlsError(
    `${action}: the server refused the client certificate${because}`,
    {
      reason: "client-certificate-refused",
      remedy: ACCEPTED,
      cause,
    },
  );
}

function explainHttp(
  action: string,
  said: string,
  cause: unknown,
  asked: Asked,
): WssError {
  const status = /(?:status code|server response): (\d{3})/.exec(said)?.[1];
  if (status !== undefined) {
    return explainAnswer(action, { status: Number(status) }, asked, cause);
  }
  if (isTlsRecord((cause as { rawPacket?: unknown } | null)?.rawPacket)) {
    return tlsRequired(action, cause);
  }
  const state = ANSWER.find(({ says }) => says.test(said))?.state ??
    "the opening handshake failed; the cause tells more";
  return new HandshakeError(`${action}: ${state}`, { cause });
}

/** Whether an answer begins as an alert or a handshake of TLS does (RFC 8446, section 5.1). */
export function isTlsRecord(answer: unknown): boolean {
  return answer instanceof Uint8Array && (answer[0] === 21 ||
    answer[0] === 22) &&
    answer[1] === 3;
}

/** What an error says, its code in front. */
function saidBy(cause: unknown): string {
  if (!(cause instanceof Error)) return String(cause);
  const { code } = cause as { code?: unknown };
  return typeof code === "string" ? `${code} ${cause.message}` : cause.message;
}

function find<Reason>(
  table: readonly Explanation<Reason>[],
  said: string,
): { reason: Reason; state: string; remedy: string } | undefined {
  const found = table.find(({ says }) => says.test(said));
  if (found === undefined) return undefined;
  const { reason, state, remedy } = found;
  return {
    reason,
    state: typeof state === "string" ? state : state(said),
    remedy,
  };
}

/** The names in what the runtime said; there may be hundreds. */
function namesIn(said: string): string {
  const names = [
    ...said.matchAll(
      /(?:DnsName\(|IpAddress\(|DNS:|IP Address:)"?([^"),\s]+)/g,
    ),
  ].map(([, name = ""]) => escaped(name));
  if (names.length === 0) return "another name";
  const rest = names.length - 5;
  return names.slice(0, 5).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

/** The limit of validity in what the runtime said, as " (2026-01-31)". */
function dateIn(said: string): string {
  const seconds = /not valid (?:after|before) (\d+)/.exec(said)?.[1];
  if (seconds === undefined) return "";
  const date = new Date(Number(seconds) * 1000);
  return ` (${date.toISOString().slice(0, 10)})`;
}
