/**
 * The URL of a server: how it is read, and how it is shown.
 *
 * @module
 */

/**
 * Reads the URL of a server.
 *
 * @throws {TypeError} If it is none.
 */
export function parseUrl(url: string | URL): URL {
  if (!URL.canParse(url)) {
    throw new TypeError(
      'Cannot connect: the URL is malformed; it must be like "wss://localhost:8765", its port at most 65535',
    );
  }
  const target = new URL(url);
  if (target.protocol !== "wss:" && target.protocol !== "ws:") {
    throw new TypeError(
      `Cannot connect: the scheme of the URL must be wss or ws, current value is ${
        target.protocol.slice(0, -1)
      }`,
    );
  }
  if (target.hash !== "") {
    throw new TypeError(
      "Cannot connect: the URL must not have a #fragment (RFC 6455, section 3)",
    );
  }
  return target;
}

/** A URL as it may be shown: tokens travel in queries and user names. */
export function withoutSecrets({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
