/**
 * The first message of TLS, to see whether anybody answers it. What is begun
 * with it is not gone on with.
 *
 * The runtime cannot call a TLS handshake off: its socket stays, as long as the
 * server says nothing. One that was written by hand can be closed.
 *
 * @module
 */

const encoder = new TextEncoder();

/** TLS 1.3, then what 1.2 has for keys of either kind. */
const CIPHER_SUITES = [
  [0x13, 0x01, 0x13, 0x02, 0x13, 0x03],
  [0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x2c, 0xc0, 0x30, 0xcc, 0xa9, 0xcc, 0xa8],
].flat();

/** What the versions before that have. */
const OLD_CIPHER_SUITES = [
  [0xc0, 0x09, 0xc0, 0x13, 0xc0, 0x0a, 0xc0, 0x14],
  [0x00, 0x2f, 0x00, 0x35, 0x00, 0x0a],
].flat();

/** The versions that can be offered, as they are numbered. */
export type TlsVersion = 0x0302 | 0x0303 | 0x0304;

/** ECDSA, RSA-PSS, RSA. */
const SIGNATURES = [
  [0x04, 0x03, 0x05, 0x03, 0x08, 0x07],
  [0x08, 0x04, 0x08, 0x05, 0x08, 0x06, 0x04, 0x01, 0x05, 0x01, 0x06, 0x01],
].flat();

/**
 * A ClientHello (RFC 8446, section 4.1.2) in its record.
 *
 * @param hostname Whom it is for; an address is not named (RFC 6066, section 3).
 * @param newest The newest version that is offered: TLS 1.3 with 1.2, or one alone.
 */
export function clientHello(
  hostname: string,
  newest: TlsVersion = 0x0304,
): Uint8Array<ArrayBuffer> {
  const modern = newest === 0x0304;
  const named = !/^[\d.]+$|:/.test(hostname);
  const name = [...encoder.encode(hostname)];
  const extensions = [
    ...(named ? extension(0, sized(2, [0, ...sized(2, name)])) : []),
    ...extension(10, sized(2, [0x00, 0x1d, 0x00, 0x17])), // x25519, P-256
    ...extension(13, sized(2, SIGNATURES)),
    ...extension(16, sized(2, sized(1, [...encoder.encode("http/1.1")]))),
    ...modern ? extension(43, sized(1, [0x03, 0x04, 0x03, 0x03])) : [],
    // Which key share, the server says first.
    ...modern ? extension(51, sized(2, [])) : [],
  ];
  const hello = [
    ...[0x03, modern ? 0x03 : newest & 0xff],
    ...crypto.getRandomValues(new Uint8Array(32)),
    ...sized(1, [...crypto.getRandomValues(new Uint8Array(32))]),
    ...sized(
      2,
      newest === 0x0302 ? OLD_CIPHER_SUITES : CIPHER_SUITES,
    ),
    ...sized(1, [0]), // No compression.
    ...sized(2, extensions),
  ];
  return Uint8Array.of(0x16, 0x03, 0x01, ...sized(2, [1, ...sized(3, hello)]));
}

function extension(type: number, body: readonly number[]): number[] {
  return [0, type, ...sized(2, body)];
}

/** A vector: its length in so many bytes, and then itself. */
function sized(width: number, body: readonly number[]): number[] {
  const length: number[] = [];
  for (let rest = body.length, left = width; left > 0; left--) {
    length.unshift(rest & 0xff);
    rest >>= 8;
  }
  return [...length, ...body];
}
