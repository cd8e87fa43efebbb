/**
 * Other addresses for hosts than their names have.
 *
 * @module
 */

import type { Place } from "./place.ts";
import { parseHost } from "../tls/host.ts";

/** Where a place is found instead; `undefined` if it is where it says. */
export type AddressBook = (place: Place) => Place | undefined;

/**
 * Reads the option `resolve`.
 *
 * @throws {TypeError} That quotes the entry which is malformed.
 */
export function parseResolve(
  resolve: Readonly<Record<string, string>> = {},
): AddressBook {
  if (typeof resolve !== "object" || resolve === null) {
    throw new TypeError(
      'Cannot use resolve: it must be like { "chat.example": "10.0.0.7" }',
    );
  }
  const entries = new Map<string, Partial<Place> & { hostname: string }>();
  for (const [from, to] of Object.entries(resolve)) {
    const quoted = `${JSON.stringify(from)}: ${JSON.stringify(to)}`;
    const key = read(from, true);
    const value = typeof to === "string" ? read(to, false) : undefined;
    if (key === undefined) {
      throw bad(
        quoted,
        'what is on the left must be like "chat.example", "chat.example:443", "[::1]:443" or "*"',
      );
    }
    if (value === undefined) {
      throw bad(
        quoted,
        'what is on the right must be like "10.0.0.7", "10.0.0.7:8443", "[::1]:8443" or "other.example"',
      );
    }
    const { hostname, port = "" } = key;
    const name = `${hostname} ${port}`;
    if (entries.has(name)) {
      throw bad(quoted, "the same host is in another entry; leave one out");
    }
    entries.set(name, value);
  }
  return ({ hostname, port }) => {
    const name = hostname.replace(/\.$/, "");
    const found = entries.get(`${name} ${port}`) ?? entries.get(`${name} `) ??
      entries.get(`* ${port}`) ?? entries.get("* ");
    return found && { hostname: found.hostname, port: found.port ?? port };
  };
}

/** Reads a host with a port or without; IPv6 in brackets, or the end of it could be a port. */
function read(
  text: string,
  anyHost: boolean,
): (Partial<Place> & { hostname: string }) | undefined {
  const [, host = "", digits] =
    /^(\[[\da-fA-F:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) return undefined;
  const hostname = host === "*" && anyHost ? "*" : canonical(host);
  if (hostname === undefined) return undefined;
  return port === undefined ? { hostname } : { hostname, port };
}

function canonical(host: string): string | undefined {
  try {
    const { name } = parseHost(host);
    return name.startsWith("*") ? undefined : name;
  } catch {
    return undefined;
  }
}

function bad(quoted: string, why: string): TypeError {
  return new TypeError(`Cannot use resolve: entry ${quoted}: ${why}`);
}
