/**
 * The URLs of proxies.
 *
 * @module
 */

import { parseHost } from "../tls/host.ts";

/** Where a proxy is, what it speaks, and how to log in. */
export interface ProxyAddress {
  readonly kind: "http-proxy" | "socks5-proxy";
  /** Whether TLS is spoken to the proxy itself. */
  readonly secure: boolean;
  /** Its host, an IPv6 address without brackets. */
  readonly hostname: string;
  readonly port: number;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

/** What the schemes mean, and the ports that go without saying. */
const SCHEMES: Readonly<
  Record<string, Pick<ProxyAddress, "kind" | "secure" | "port">>
> = {
  "http:": { kind: "http-proxy", secure: false, port: 80 },
  "https:": { kind: "http-proxy", secure: true, port: 443 },
  "socks5:": { kind: "socks5-proxy", secure: false, port: 1080 },
  "socks5h:": { kind: "socks5-proxy", secure: false, port: 1080 },
};

/**
 * Reads the URL of a proxy. What may be secret in it is never shown.
 *
 * @param name What it was given as: "proxy".
 * @throws {TypeError} If it is none.
 */
export function parseProxy(value: unknown, name: string): ProxyAddress {
  const text = value instanceof URL ? value.href : value;
  if (typeof text !== "string" || !URL.canParse(text)) {
    throw malformed(name, 'must be a URL like "http://proxy.example:3128"');
  }
  const url = new URL(text);
  const scheme = Object.hasOwn(SCHEMES, url.protocol)
    ? SCHEMES[url.protocol]
    : undefined;
  if (scheme === undefined) {
    throw malformed(
      name,
      "must have the scheme http, https, socks5 or socks5h",
    );
  }
  if (url.pathname.length > 1 || url.search !== "" || url.hash !== "") {
    throw malformed(name, "must end with the port: no path, query or fragment");
  }
  const hostname = hostOf(url, name);
  const port = url.port === "" ? scheme.port : Number(url.port);
  if (port === 0) throw malformed(name, "must have a port from 1 to 65535");
  return {
    ...scheme,
    hostname,
    port,
    ...credentialsOf(url, scheme.kind, name),
  };
}

function hostOf({ hostname }: URL, name: string): string {
  const must = "must have a name or an address for its host";
  let host: string;
  try {
    host = parseHost(hostname).name;
  } catch {
    throw malformed(name, must);
  }
  if (host.startsWith("*")) throw malformed(name, must);
  return host;
}

function credentialsOf(
  url: URL,
  kind: ProxyAddress["kind"],
  name: string,
): Pick<ProxyAddress, "username" | "password"> {
  if (url.username === "" && url.password === "") return {};
  const username = decoded(url.username, name);
  const password = decoded(url.password, name);
  if (kind === "http-proxy" && username.includes(":")) {
    throw malformed(
      name,
      "must not have a colon in its user name (RFC 7617, section 2)",
    );
  }
  if (kind === "socks5-proxy") {
    for (const word of [username, password]) {
      const { length } = new TextEncoder().encode(word);
      if (length < 1 || length > 255) {
        throw malformed(
          name,
          "must have a user name and a password of 1 to 255 bytes each (RFC 1929)",
        );
      }
    }
  }
  return { username, password };
}

function decoded(text: string, name: string): string {
  let word: string;
  try {
    word = decodeURIComponent(text);
  } catch {
    throw malformed(
      name,
      "must have its user name and password percent-encoded as UTF-8",
    );
  }
  // deno-lint-ignore no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(word)) {
    throw malformed(
      name,
      "must not have control characters in its user name or password",
    );
  }
  return word;
}

function malformed(name: string, must: string): TypeError {
  return new TypeError(`Cannot use ${name}: it ${must}`);
}
