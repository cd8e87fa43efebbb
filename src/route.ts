/**
 * How a client gets to its server: straight, to another address than the name
 * has, through a unix socket or a proxy.
 *
 * @module
 */

/** Where to connect to, and whom to ask there for the way on. */
export type Route = {
  readonly kind: "direct";
  readonly hostname: string;
  readonly port: number;
};

/** The way to the host of a URL. */
export function resolveRoute(url: URL): Route {
  const port = Number(url.port || (url.protocol === "wss:" ? 443 : 80));
  return { kind: "direct", hostname: bareHostname(url), port };
}

/** The host of a URL, an IPv6 address without its brackets. */
export function bareHostname({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

/** A URL as it may be shown: tokens travel in queries and user names. */
export function withoutSecrets({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
