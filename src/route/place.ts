/**
 * Hosts and ports.
 *
 * @module
 */

/** A host, an IPv6 address without brackets, and a port. */
export interface Place {
  readonly hostname: string;
  readonly port: number;
}

/** A place as a URL writes it: "[::1]:443". */
export function placeName({ hostname, port }: Place): string {
  return `${hostname.includes(":") ? `[${hostname}]` : hostname}:${port}`;
}

/** The host of a URL, an IPv6 address without its brackets. */
export function bareHostname({ hostname }: URL): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

/** The port of a URL, also where it goes without saying. */
export function portOf(url: URL): number {
  return Number(url.port || (url.protocol === "wss:" ? 443 : 80));
}
