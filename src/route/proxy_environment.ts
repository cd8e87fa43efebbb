/**
 * The proxy that the environment names, in the variables that curl made usual.
 *
 * @module
 */

import { addressBytes, isWithin } from "./ip.ts";
import { bareHostname, portOf } from "./place.ts";
import { parseProxy, type ProxyAddress } from "./proxy_url.ts";

const NO_PROXY = ["NO_PROXY", "no_proxy"] as const;
const ALL_PROXY = ["ALL_PROXY", "all_proxy"] as const;
const BY_SCHEME = {
  "wss:": ["HTTPS_PROXY", "https_proxy"],
  "ws:": ["HTTP_PROXY", "http_proxy"],
} as const;

/** It tells that this is a CGI program, where HTTP_PROXY is a header of who asks ("httpoxy"). */
const CGI = "REQUEST_METHOD";

/**
 * The proxy that the environment names for a URL.
 *
 * @param strict Whether the strict engine asks; the other one goes by the
 * environment even where this does not find a proxy.
 * @throws {TypeError} If what is named is no proxy, or the engine would differ.
 * @throws {Deno.errors.NotCapable} If the environment may not be read.
 */
export function fromEnvironment(
  url: URL,
  strict: boolean,
): ProxyAddress | undefined {
  const plain = url.protocol === "ws:";
  const byScheme = BY_SCHEME[plain ? "ws:" : "wss:"];
  const names = [...byScheme, ...ALL_PROXY, ...NO_PROXY];
  const variables = read(plain ? [...names, CGI] : names);
  const first = (of: readonly string[]) =>
    of.find((name) => (variables.get(name) ?? "") !== "");
  const found = (variables.has(CGI) ? undefined : first(byScheme)) ??
    first(ALL_PROXY);
  if (found === undefined) return undefined;
  const exempting = NO_PROXY.find((name) => variables.has(name));
  const list = variables.get(exempting ?? "") ?? "";
  if (isExempt(list, url)) {
    if (!strict && !isExemptByRuntime(list, url)) {
      throw new TypeError(
        `Cannot use proxy: "environment": ${exempting} exempts the host in a way that the built-in engine does not understand; name it without a port, in lower case and between commas, or use connect() with engine: "node"`,
      );
    }
    return undefined;
  }
  const text = variables.get(found) ?? "";
  const usual = /^[a-z][a-z\d+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  return parseProxy(usual, `proxy: "environment": ${found}`);
}

/**
 * Whether `NO_PROXY` exempts the host of a URL from the proxy of an
 * `HttpClient`, as far as this may be known without asking anybody.
 */
export function isExemptForRuntime(url: URL): boolean {
  const list = NO_PROXY.map(known).find((list) => list !== undefined);
  return list !== undefined && isExemptByRuntime(list, url);
}

/**
 * Whether the runtime goes through a proxy of the environment to a URL, as far
 * as this may be known without asking anybody.
 */
export function isProxiedByRuntime(url: URL): boolean {
  const byScheme = BY_SCHEME[url.protocol === "ws:" ? "ws:" : "wss:"];
  return [...byScheme, ...ALL_PROXY].some((name) => known(name)) &&
    !isExemptForRuntime(url);
}

/** A variable, if it is there and may be read. */
function known(variable: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) : undefined;
}

function read(names: readonly string[]): Map<string, string> {
  const variables = new Map<string, string>();
  try {
    for (const name of names) {
      const value = Deno.env.get(name);
      if (value !== undefined) variables.set(name, value);
    }
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    throw new Deno.errors.NotCapable(
      `Cannot use proxy: "environment": it may not be read; run again with --allow-env=${names}`,
      { cause },
    );
  }
  return variables;
}

/** Whether a list exempts the host of a URL: its entries may have ports. */
function isExempt(list: string, url: URL): boolean {
  const hostname = hostOf(url);
  const port = `${portOf(url)}`;
  return list.toLowerCase().split(/[\s,]+/).some((entry) => {
    const [, host = entry, only = port] =
      /^(\[.*\]|[^:]*):(\d+)$/.exec(entry) ?? [];
    const bare = host.replace(/^\[(.*)\]$/, "$1").replace(/^\*\./, ".");
    return only === port && isNamed(bare, hostname);
  });
}

/** Whether the runtime takes a host for exempt (its ext/fetch/proxy.rs). */
function isExemptByRuntime(list: string, url: URL): boolean {
  return list.split(",").some((entry) => isNamed(entry.trim(), hostOf(url)));
}

function hostOf(url: URL): string {
  return bareHostname(url).replace(/\.$/, "");
}

/** Whether an entry is a host, has it below it, or in its network. */
function isNamed(entry: string, hostname: string): boolean {
  if (entry === "*") return true;
  const name = entry.replace(/^\./, "").replace(/\.$/, "");
  if (name === "") return false;
  if (addressBytes(hostname) === undefined) {
    return hostname === name || hostname.endsWith(`.${name}`);
  }
  return isWithin(entry, hostname);
}
