import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { HandshakeError, NetworkError, TlsError } from "../src/errors.ts";
import { explain } from "../src/tls/explain.ts";

function coded(code: string, message: string): Error {
  return Object.assign(new Error(message), { code });
}

Deno.test("explain() understands what node:tls, node:net and npm:ws say", () => {
  const said: [string, string, string][] = [
    [
      "SELF_SIGNED_CERT_IN_CHAIN",
      "self-signed certificate in certificate chain",
      "unknown-issuer",
    ],
    [
      "DEPTH_ZERO_SELF_SIGNED_CERT",
      "self-signed certificate",
      "unknown-issuer",
    ],
    [
      "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
      "unable to verify the first certificate",
      "unknown-issuer",
    ],
    ["CERT_HAS_EXPIRED", "certificate has expired", "expired"],
    ["CERT_NOT_YET_VALID", "certificate is not yet valid", "not-yet-valid"],
    [
      "ERR_TLS_CERT_ALTNAME_INVALID",
      "Hostname/IP does not match",
      "name-mismatch",
    ],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "received corrupt message", "not-tls"],
    [
      "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
      "received fatal alert: ProtocolVersion",
      "protocol-version",
    ],
    [
      "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED",
      "received fatal alert: CertificateRequired",
      "client-certificate-required",
    ],
    [
      "ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE",
      "received fatal alert: HandshakeFailure",
      "other",
    ],
    ["ECONNREFUSED", "connect ECONNREFUSED 127.0.0.1:1", "refused"],
    ["ENOTFOUND", "getaddrinfo ENOTFOUND no-such-host.invalid", "unknown-host"],
    ["EHOSTUNREACH", "connect EHOSTUNREACH 2001:db8::1:9", "unreachable"],
    ["ETIMEDOUT", "connect ETIMEDOUT 192.0.2.1:9", "unreachable"],
    ["ECONNRESET", "socket hang up", "reset"],
    [
      "ECONNRESET",
      "Client network socket disconnected before secure TLS connection was established",
      "reset",
    ],
  ];
  for (const [code, message, reason] of said) {
    const error = explain("Cannot connect", coded(code, message));
    assert(error instanceof TlsError || error instanceof NetworkError, code);
    assertEquals(error.reason, reason, code);
    // Programs tell their flags themselves.
    assert(!/programs|--ca\b/.test(error.message), error.message);
  }
});

Deno.test("explain() understands what npm:ws says of answers", () => {
  const said: [string, string, number?][] = [
    ["Unexpected server response: 401", "status 401", 401],
    ["Invalid Upgrade header", "another protocol"],
    ["Invalid Sec-WebSocket-Accept header", "another request"],
    ["Server sent an invalid subprotocol", "not offered"],
    ["Parse Error: Expected HTTP/, RTSP/ or ICE/", "not HTTP"],
    ["what nobody ever said", "the opening handshake failed"],
  ];
  for (const [message, says, status] of said) {
    const error = explain("Cannot connect", new Error(message));
    assert(error instanceof HandshakeError);
    assertStringIncludes(error.message, says);
    assertEquals(error.status, status);
  }
});

Deno.test("explain() tells an answer in TLS from one that is no HTTP", () => {
  const parse = coded("HPE_INVALID_CONSTANT", "Parse Error: Expected HTTP/");
  const rawPacket = Uint8Array.of(21, 3, 1, 0, 2, 2, 70);
  const error = explain("Cannot connect", Object.assign(parse, { rawPacket }));
  assert(error instanceof TlsError);
  assertEquals(error.reason, "tls-required");
});

Deno.test("explain() takes alerts for what the server says of the client's certificate", () => {
  const asked = { identity: { cert: "", key: "" } };
  for (
    const [alert, because] of [
      ["CertificateExpired", ": it has expired;"],
      ["CertificateRevoked", ": it is revoked;"],
      ["UnknownCA", ": it does not trust its authority;"],
      ["BadCertificate", "certificate;"],
    ]
  ) {
    const cause = new Error(`received fatal alert: ${alert}`);
    const refused = explain("Cannot connect", cause, asked);
    assert(refused instanceof TlsError);
    assertEquals(refused.reason, "client-certificate-refused");
    assertStringIncludes(refused.message, `${because}`);
    const other = explain("Cannot connect", cause);
    assert(other instanceof TlsError);
    assertEquals(other.reason, "other");
  }
});

Deno.test("explain() shows a few names of a certificate, and nothing that a terminal obeys", () => {
  const names = Array.from(
    { length: 40 },
    (_, at) => `DNS:\x1b[2J${at}.example`,
  );
  const cause = coded("ERR_TLS_CERT_ALTNAME_INVALID", names.join(", "));
  const { message } = explain("Cannot connect", cause);
  assertStringIncludes(message, "\\u001b[2J4.example and 35 more;");
  assert(!message.includes("\x1b"));
});

Deno.test("explain() returns what is explained already", () => {
  const error = new HandshakeError("Cannot connect");
  assertEquals(explain("Cannot connect", error), error);
});
