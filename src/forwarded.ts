/**
 * Who the client is when a reverse proxy stands in between.
 *
 * @module
 */

/**
 * Options for servers behind a reverse proxy.
 *
 * @example Believe the proxy on this machine
 * ```ts
 * import { connect, type ProxyOptions, serve } from "@wss/wss";
 *
 * const options: ProxyOptions = { trustProxy: ["127.0.0.1", "::1"] };
 * await using server = await serve({ port: 0, ...options }, (ws) => ws.send(ws.url));
 * await using ws = await connect(server.url, {
 *   // As a proxy would, for a client that came by https.
 *   headers: { "x-forwarded-proto": "https", "x-forwarded-host": "chat.example" },
 * });
 * console.log(await ws.receive()); // "wss://chat.example/"
 * ```
 */
export interface ProxyOptions {
  /**
   * The addresses of the reverse proxies whose word is taken: IP addresses,
   * networks like `"10.0.0.0/8"`, or `"unix"` for whoever connects to the unix
   * socket. From all others the headers are ignored.
   *
   * @default {[]}
   */
  trustProxy?: readonly string[] | undefined;
  /**
   * Which headers the proxies set: `X-Forwarded-For`, `-Proto` and `-Host`, or
   * `Forwarded` (RFC 7239). Just one is read, since a proxy that sets the one
   * hands on what the client wrote into the other.
   *
   * @default {"x-forwarded"}
   */
  proxyHeader?: "x-forwarded" | "forwarded" | undefined;
}

/** Whom to believe. */
export interface ProxyTrust {
  /** Whether a peer at this address is a proxy to be trusted. */
  trusts(address: Deno.Addr): boolean;
  /** Whether a text is an IP address. */
  isAddress(text: string): boolean;
  /** Which headers the proxies set. */
  readonly header: "x-forwarded" | "forwarded";
}

/** The client and its request, as the first trusted proxy saw them. */
export interface Seen {
  readonly remoteAddr: Deno.Addr;
  readonly secure: boolean;
  /** The host and port that the client asked for. */
  readonly host: string;
}

/**
 * Checks the options once.
 *
 * @returns Whom to believe, or `undefined` if nobody.
 * @throws {TypeError} If one of the addresses is none.
 */
export async function resolveTrust(
  { trustProxy = [], proxyHeader = "x-forwarded" }: ProxyOptions,
): Promise<ProxyTrust | undefined> {
  if (trustProxy.length === 0) return undefined;
  const { BlockList, isIP } = await import("node:net");
  const list = new BlockList();
  for (const address of trustProxy) {
    if (address === "unix") continue;
    const [ip = "", prefix] = address.split("/", 2);
    const version = isIP(ip);
    const bits = Number(prefix);
    const wrong = version === 0 || address.split("/").length > 2 ||
      prefix !== undefined &&
        !(/^\d{1,3}$/.test(prefix) && bits <= (version === 4 ? 32 : 128));
    if (wrong) {
      throw new TypeError(
        `Cannot trust proxy ${
          JSON.stringify(address)
        }: it must be an IP address, a network like "10.0.0.0/8", or "unix"`,
      );
    }
    const family = version === 4 ? "ipv4" : "ipv6";
    if (prefix === undefined) list.addAddress(ip, family);
    else list.addSubnet(ip, bits, family);
  }
  const unix = trustProxy.includes("unix");
  return {
    header: proxyHeader,
    isAddress: (text) => isIP(text) !== 0,
    trusts(address) {
      if (!("hostname" in address)) return unix;
      const version = isIP(address.hostname);
      return version !== 0 &&
        list.check(address.hostname, version === 4 ? "ipv4" : "ipv6");
    },
  };
}

/** Who passed a request on, as the next one wrote it down. */
interface Hop {
  readonly node: string;
  readonly proto?: string | undefined;
  readonly host?: string | undefined;
}

/** No chain of proxies is longer; what is before was written by the client. */
const MAX_HOPS = 32;

/**
 * Reads the headers of trusted proxies; without one, what came is what there is.
 *
 * @returns The client, or `undefined` if a trusted header is malformed: then
 * what the proxy wrote cannot be told from what the client did.
 */
export function seenBy(
  request: Request,
  direct: Seen,
  trust: ProxyTrust | undefined,
): Seen | undefined {
  if (trust === undefined || !trust.trusts(direct.remoteAddr)) return direct;
  const hops = trust.header === "forwarded"
    ? forwarded(request.headers.get("forwarded") ?? "")
    : xForwarded(request.headers);
  if (hops === undefined) return undefined;
  let seen = direct;
  // The last hop was written by the nearest proxy; each is believed as long as
  // the one who wrote it is trusted.
  for (const { node, proto, host } of hops.slice(-MAX_HOPS).reverse()) {
    const address = parseNode(node, trust);
    seen = {
      remoteAddr: address ?? seen.remoteAddr,
      secure: proto === undefined ? seen.secure : isSecure(proto),
      host: host !== undefined && HOST.test(host) ? host : seen.host,
    };
    if (address === undefined || !trust.trusts(address)) break;
  }
  return seen;
}

const HOST = /^[\w.:[\]-]{1,255}$/;

function isSecure(proto: string): boolean {
  return /^(?:https|wss)$/i.test(proto);
}

function xForwarded(headers: Headers): Hop[] {
  const list = (name: string) =>
    (headers.get(name) ?? "").split(",").map((value) => value.trim());
  const proto = list("x-forwarded-proto").at(-1) || undefined;
  const host = list("x-forwarded-host").at(-1) || undefined;
  const nodes = list("x-forwarded-for");
  const last = { node: nodes.pop() ?? "", proto, host };
  return [...nodes.map((node) => ({ node })), last];
}

/** One `name=value` of RFC 7239, section 4, and what comes after it. */
const PAIR =
  /[ \t]*([!#$%&'*+.^_`|~\w-]+)=(?:([!#$%&'*+.^_`|~\w-]+)|"((?:[^"\\]|\\.)*)")[ \t]*(;|,|$)/y;

/** Parses `Forwarded`: `for=…;proto=…;host=…, for=…`; `undefined` if it is malformed. */
function forwarded(header: string): Hop[] | undefined {
  const hops: Hop[] = [];
  let pairs = new Map<string, string>();
  PAIR.lastIndex = 0;
  while (PAIR.lastIndex < header.length) {
    const match = PAIR.exec(header);
    if (match === null) return undefined;
    const [, name = "", token, quoted = "", end] = match;
    pairs.set(name.toLowerCase(), token ?? quoted.replace(/\\(.)/g, "$1"));
    if (end === ";") continue;
    const { for: node = "", proto, host } = Object.fromEntries(pairs);
    hops.push({ node, proto, host });
    pairs = new Map();
    if (end === "") return hops;
  }
  return header === "" ? hops : undefined;
}

/** Parses `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`. */
function parseNode(node: string, trust: ProxyTrust): Deno.NetAddr | undefined {
  if (node.length > 64) return undefined;
  const match = /^\[([^\]]*)\](?::(\d{1,5}))?$/.exec(node) ??
    /^([^:]*)(?::(\d{1,5}))?$/.exec(node);
  const hostname = match?.[1] ?? node;
  if (!trust.isAddress(hostname)) return undefined;
  return { transport: "tcp", hostname, port: Number(match?.[2] ?? 0) };
}
