/**
 * How a client gets to its server: straight, to another address than the name
 * has, through a unix socket or a proxy.
 *
 * @module
 */

/** A host, an IPv6 address without brackets, and a port. */
export interface Place {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Where to connect to, and whom to ask there for the way on. TLS and the
 * request are always for the host of the URL, whatever way leads there.
 */
export type Route =
  | ({ readonly kind: "direct" } & Place)
  | { readonly kind: "unix"; readonly path: string }
  | ProxyRoute;

/** The way through a proxy, which is asked to connect to `target`. */
export interface ProxyRoute extends Place {
  readonly kind: "http-proxy" | "socks5-proxy";
  /** Whether TLS is spoken to the proxy itself. */
  readonly secure: boolean;
  readonly target: Place;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

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
