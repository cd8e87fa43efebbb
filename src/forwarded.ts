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

/** Whether a peer at this address is a proxy to be trusted. */
export type TrustCheck = (address: Deno.Addr) => boolean;

/** The client and its request, as the first trusted proxy saw them. */
export interface Seen {
  readonly remoteAddr: Deno.Addr;
  readonly secure: boolean;
  /** The host and port that the client asked for. */
  readonly host: string;
}

/**
 * Makes the check for a list of addresses.
 *
 * @throws {TypeError} If one of them is no address.
 */
export async function trustCheck(
  addresses: readonly string[],
): Promise<TrustCheck> {
  const { BlockList, isIP } = await import("node:net");
  const list = new BlockList();
  for (const address of addresses) {
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
  const unix = addresses.includes("unix");
  return (address) => {
    if (!("hostname" in address)) return unix;
    const version = isIP(address.hostname);
    return version !== 0 &&
      list.check(address.hostname, version === 4 ? "ipv4" : "ipv6");
  };
}

/** Reads the headers of trusted proxies; without one, what came is what there is. */
export function seenBy(
  request: Request,
  direct: Seen,
  trusted: TrustCheck | undefined,
  header: "x-forwarded" | "forwarded",
): Seen {
  if (trusted === undefined || !trusted(direct.remoteAddr)) return direct;
  const hops = header === "forwarded"
    ? forwarded(request.headers.get("forwarded"))
    : xForwarded(request.headers);
  let seen = direct;
  // The last hop was written by the nearest proxy; each is believed as long as
  // the one who wrote it is trusted.
  for (const hop of hops.reverse()) {
    seen = {
      remoteAddr: hop.addr ?? seen.remoteAddr,
      secure: hop.proto === undefined ? seen.secure : isSecure(hop.proto),
      host: hop.host ?? seen.host,
    };
    if (hop.addr === undefined || !trusted(hop.addr)) break;
  }
  return seen;
}

interface Hop {
  addr: Deno.NetAddr | undefined;
  proto?: string | undefined;
  host?: string | undefined;
}

function isSecure(proto: string): boolean {
  return proto === "https" || proto === "wss";
}

function xForwarded(headers: Headers): Hop[] {
  const list = (name: string) =>
    (headers.get(name) ?? "").split(",").map((value) => value.trim())
      .filter(Boolean);
  const fors = list("x-forwarded-for");
  const proto = list("x-forwarded-proto").at(-1)?.toLowerCase();
  const host = checkHost(list("x-forwarded-host").at(-1));
  if (fors.length === 0) fors.push("unknown");
  return fors.map((address, index) => {
    const last = index === fors.length - 1;
    return { addr: parseNode(address), ...(last ? { proto, host } : {}) };
  });
}

/** Parses `Forwarded` (RFC 7239, section 4): `for=…;proto=…;host=…, for=…`. */
function forwarded(header: string | null): Hop[] {
  const hops: Hop[] = [];
  // Commas and semicolons may stand in quoted strings.
  for (
    const element of (header ?? "").match(/(?:"(?:[^"\\]|\\.)*"|[^,])+/g) ?? []
  ) {
    const pairs = new Map<string, string>();
    for (const pair of element.match(/(?:"(?:[^"\\]|\\.)*"|[^;])+/g) ?? []) {
      const at = pair.indexOf("=");
      if (at < 0) continue;
      const value = pair.slice(at + 1).trim();
      pairs.set(
        pair.slice(0, at).trim().toLowerCase(),
        value.startsWith('"')
          ? value.slice(1, -1).replace(/\\(.)/g, "$1")
          : value,
      );
    }
    hops.push({
      addr: parseNode(pairs.get("for") ?? ""),
      proto: pairs.get("proto")?.toLowerCase(),
      host: checkHost(pairs.get("host")),
    });
  }
  return hops;
}

/** Parses `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]:80`. */
function parseNode(node: string): Deno.NetAddr | undefined {
  const match = /^\[([0-9a-f:.]+)\](?::(\d{1,5}))?$/i.exec(node) ??
    /^(\d+\.\d+\.\d+\.\d+)(?::(\d{1,5}))?$/.exec(node) ??
    /^([0-9a-f:.]*:[0-9a-f:.]*:[0-9a-f:.]*)$/i.exec(node);
  if (match === null) return undefined;
  const hostname = match[1]!;
  const url = hostname.includes(":")
    ? `http://[${hostname}]`
    : `http://${hostname}`;
  if (!URL.canParse(url)) return undefined;
  return { transport: "tcp", hostname, port: Number(match[2] ?? 0) };
}

function checkHost(host: string | undefined): string | undefined {
  return host !== undefined && /^[\w.:[\]-]+$/.test(host) ? host : undefined;
}
