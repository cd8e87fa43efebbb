/**
 * What the runtime says when a connection does not come about, and what it
 * means.
 *
 * @module
 */

import {
  HandshakeError,
  NetworkError,
  TlsError,
  type TlsErrorReason,
  type WssError,
} from "../errors.ts";

interface Explanation {
  readonly says: RegExp;
  readonly reason: TlsErrorReason;
  readonly state: string | ((said: string) => string);
  readonly remedy: string;
}

const TLS: readonly Explanation[] = [
  {
    says: /UnknownIssuer/,
    reason: "unknown-issuer",
    state:
      "its certificate was issued by an authority that is not trusted here",
    remedy:
      'pass the certificate of that authority, `caCerts: await loadCaCerts("certs/ca.pem")` (--ca of the programs)',
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
    says: /NotValidForName|not valid for name/,
    reason: "name-mismatch",
    state: (said) => {
      const names = [...said.matchAll(/(?:DnsName|IpAddress)\("?([^")]+)"?\)/g)]
        .map(([, name]) => name).join(", ");
      return `its certificate is for ${names || "another name"}`;
    },
    remedy:
      "connect to a name that the certificate has, or make one for this name with `deno run -RW jsr:@wss/wss/certs --force NAME`",
  },
  {
    says: /Expired|certificate expired/,
    reason: "expired",
    state: (said) => `its certificate has expired${dateIn(said)}`,
    remedy:
      "renew the server's certificate, and check the clock of this machine",
  },
  {
    says: /NotValidYet|not valid yet/,
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
    says: /InvalidContentType/,
    reason: "not-tls",
    state: "the server does not speak TLS on this port",
    remedy: "connect with ws:// if the server is plain, or to its TLS port",
  },
  {
    says:
      /peer certificate|CertificateRequired|certificate required|HandshakeFailure|fatal alert: (?!NoApplicationProtocol)/i,
    reason: "other",
    state: "the TLS handshake failed",
    remedy:
      "the cause tells more; `openssl s_client -connect HOST:PORT` shows what the server presents",
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

/** Makes a typed error of what the runtime said when `action` failed. */
export function explain(action: string, cause: unknown): WssError {
  const said = cause instanceof Error ? cause.message : String(cause);
  for (const { says, reason, state, remedy } of TLS) {
    if (says.test(said)) {
      const why = typeof state === "string" ? state : state(said);
      return new TlsError(`${action}: ${why}`, { reason, remedy, cause });
    }
  }
  const status = /Invalid status code: (\d{3})/.exec(said)?.[1];
  if (status !== undefined) {
    return new HandshakeError(
      `${action}: the server answered with status ${status} instead of a WebSocket`,
      { status: Number(status), cause },
    );
  }
  if (/invalid HTTP version parsed/.test(said)) {
    return new HandshakeError(
      `${action}: the answer is not HTTP; connect with wss:// if the server speaks TLS`,
      { cause },
    );
  }
  if (/dns error/.test(said)) {
    return new NetworkError(
      `${action}: the name of the host cannot be resolved`,
      {
        reason: "unknown-host",
        remedy: "check its spelling, and the network of this machine",
        cause,
      },
    );
  }
  if (/tcp connect error|os error/.test(said)) {
    return new NetworkError(
      `${action}: nothing listens there, or the host cannot be reached`,
      {
        reason: "refused",
        remedy: "start the server, or check host and port",
        cause,
      },
    );
  }
  if (
    /stream error|h2 alpn|NoApplicationProtocol|HTTP\/2 not supported|connection closed|unexpected EOF|tls handshake eof/i
      .test(said)
  ) {
    return new HandshakeError(
      `${action}: the server refused the WebSocket, or hung up; the runtime hides its answer`,
      { cause },
    );
  }
  return new HandshakeError(`${action}: the opening handshake failed`, {
    cause,
  });
}

/** The limit of validity in what the runtime said, as " (2026-01-31)". */
function dateIn(said: string): string {
  const seconds = /not valid (?:after|before) (\d+)/.exec(said)?.[1];
  if (seconds === undefined) return "";
  const date = new Date(Number(seconds) * 1000);
  return ` (${date.toISOString().slice(0, 10)})`;
}
