/**
 * Hosts as certificates name them.
 *
 * @module
 */

/** A host as certificates name it. */
export interface Host {
  /** Which kind of name it is. */
  type: "dns" | "ip";
  /** The name in lower-case ASCII, or the address in its shortest form, without brackets. */
  name: string;
}

/**
 * Brings a host into the form that certificates have it in: international
 * names in ASCII, addresses short and without brackets. `*.` may be in front
 * of a name of two labels or more.
 *
 * @param host The host: no URL, no port.
 * @returns What kind of host it is, and its name.
 * @throws {TypeError} If it is neither a DNS name nor an IP address.
 */
export function parseHost(host: string): Host {
  const bare = host.replace(/^\[(.*:.*)\]$/, "$1");
  if (bare.includes("://")) {
    throw badHost(host, "it is a URL; leave only its host");
  }
  if (/^(?:[^:]+|\[.*\]):\d+$/.test(host)) {
    throw badHost(host, "it has a port; leave it out");
  }
  if (bare.includes(":")) {
    return { type: "ip", name: canonical(`[${bare}]`, host).slice(1, -1) };
  }
  const [wildcard, rest] = bare.startsWith("*.")
    ? ["*.", bare.slice(2)]
    : ["", bare];
  if (!/^[^\s/?#@%\\*]+$/.test(rest)) {
    throw badHost(host, "it is no DNS name and no IP address");
  }
  const name = canonical(rest, host).replace(/\.$/, "");
  if (/^[\d.]+$/.test(name)) {
    if (wildcard !== "" || name !== rest) {
      throw badHost(host, "it is no full IPv4 address");
    }
    return { type: "ip", name };
  }
  const labels = name.split(".");
  if (
    name.length > 253 ||
    !labels.every((label) => /^(?!-)[a-z\d-]{1,63}(?<!-)$/.test(label))
  ) {
    throw badHost(
      host,
      "a DNS name is letters, digits and hyphens between dots",
    );
  }
  if (wildcard !== "" && labels.length < 2) {
    throw badHost(
      host,
      "clients refuse a wildcard with fewer than two names after it",
    );
  }
  return { type: "dns", name: wildcard + name };
}

function canonical(hostname: string, host: string): string {
  try {
    return new URL(`https://${hostname}`).hostname;
  } catch (cause) {
    throw badHost(host, "it is no DNS name and no IP address", cause);
  }
}

function badHost(host: string, why: string, cause?: unknown): TypeError {
  return new TypeError(`Cannot use host ${JSON.stringify(host)}: ${why}`, {
    cause,
  });
}
