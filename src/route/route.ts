/**
 * How a client gets to its server: straight, to another address than the name
 * has, through a unix socket or a proxy.
 *
 * @module
 */

import { bareHostname, type Place, portOf } from "./place.ts";
import { fromEnvironment, isExemptForRuntime } from "./proxy_environment.ts";
import { parseProxy, type ProxyAddress } from "./proxy_url.ts";
import { type AddressBook, parseResolve } from "./resolve.ts";

/**
 * Through which proxy {@linkcode connect} goes.
 *
 * @example Through the proxy of the environment, if there is one
 * ```ts
 * import { connect, type RouteOptions, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, (ws) => ws.send("Welcome"));
 * const options: RouteOptions = { proxy: "environment" };
 * await using ws = await connect(server.url, options);
 * console.log(await ws.receive()); // "Welcome"
 * ```
 */
export interface RouteOptions {
  /**
   * The URL of a proxy: `"http://proxy.example:3128"`, which is asked to CONNECT
   * (RFC 9110, section 9.3.6), `"https://…"`, to which TLS is spoken, too, and
   * `"socks5://…"` or `"socks5h://…"` (RFC 1928), which are the same: names are
   * looked up by the proxy. `"http://user:password@proxy.example:3128"`
   * logs in; what is special in a URL is percent-encoded. Ports are 80, 443 and
   * 1080 if there is none in it.
   *
   * `"environment"` goes by the variables of the environment: `HTTPS_PROXY` for
   * `wss:`, `HTTP_PROXY` for `ws:`, else `ALL_PROXY`, but for what `NO_PROXY`
   * exempts. It needs `--allow-env=HTTPS_PROXY,https_proxy,ALL_PROXY,all_proxy,NO_PROXY,no_proxy`,
   * and for `ws:` `HTTP_PROXY,http_proxy,REQUEST_METHOD` in place of the first two.
   *
   * The built-in engine asks HTTP proxies for `wss:` only, and the runtime has
   * its own way with the rest: it looks names up here, too, as a check of
   * permissions; it takes a proxy that the environment names also without this
   * option; and `NO_PROXY` there exempts hosts also from a proxy that is named
   * here. The strict engine does nothing of the kind.
   *
   * Needs `--allow-net` for the proxy, on the built-in engine also for the host
   * of the URL.
   */
  proxy?: string | URL | undefined;
}

/**
 * Where {@linkcode connect} finds a server if not at the address of its name;
 * the strict engine can go there.
 *
 * @example To one of many servers of the same name
 * ```ts
 * import { type AddressOptions, connect, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, (ws) => ws.send("Welcome"));
 * const address: AddressOptions = {
 *   resolve: { "chat.example": `127.0.0.1:${new URL(server.url).port}` },
 * };
 * await using ws = await connect("ws://chat.example", { engine: "node", ...address });
 * console.log(await ws.receive()); // "Welcome"
 * ```
 */
export interface AddressOptions {
  /**
   * The path of a unix socket to connect to. TLS and the request are for the
   * host of the URL all the same. Needs `--allow-read` and `--allow-write` for
   * the path, and `--allow-net=unix:PATH`.
   */
  unixSocket?: string | undefined;
  /**
   * Other addresses for hosts, as `curl --connect-to` has them:
   * `{ "chat.example": "10.0.0.7", "chat.example:443": "[::1]:8443", "*": "127.0.0.1" }`.
   * What is on the left is looked for with the port of the URL, then without,
   * then as `"*"` with the port, then as `"*"`; what is on the right is an
   * address or a name, and a port unless that of the URL is meant. TLS, its
   * verification and the request stay those for the host of the URL. With
   * `proxy`, the proxy is asked for that address.
   */
  resolve?: Readonly<Record<string, string>> | undefined;
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
export interface ProxyRoute extends ProxyAddress {
  readonly target: Place;
}

/** Finds the way to the host of a URL. */
export type Router = (url: URL) => Route;

/**
 * Checks the options.
 *
 * @param options What they are.
 * @param strict Whether it is the strict engine that will go these ways.
 * @returns What finds ways: it throws a `TypeError` where the engine cannot go
 * one, and `NotCapable` where the environment may not be read.
 * @throws {TypeError} If an option is malformed, or excludes another.
 */
export function resolveRoutes(
  { proxy, unixSocket, resolve }: RouteOptions & AddressOptions,
  strict: boolean,
): Router {
  if (unixSocket !== undefined) {
    if (proxy !== undefined) throw exclusive("proxy");
    if (resolve !== undefined) throw exclusive("resolve");
    const path = checkPath(unixSocket);
    return () => ({ kind: "unix", path });
  }
  const book = parseResolve(resolve);
  if (proxy === undefined) return (url) => direct(placeOf(url, book));
  if (proxy === "environment") {
    return (url) => {
      const found = fromEnvironment(url, strict);
      return found === undefined
        ? direct(placeOf(url, book))
        : through(found, url, book, strict);
    };
  }
  const address = parseProxy(proxy, "proxy");
  return (url) => {
    if (!strict && isExemptForRuntime(url)) {
      throw new TypeError(
        'Cannot use proxy: NO_PROXY in the environment exempts the host, and the built-in engine goes by that; take it out there, or use connect() with engine: "node"',
      );
    }
    return through(address, url, book, strict);
  };
}

/** Whether a way leads through a proxy. */
export function isProxied(route: Route): route is ProxyRoute {
  return route.kind === "http-proxy" || route.kind === "socks5-proxy";
}

function direct(place: Place): Route {
  return { kind: "direct", ...place };
}

/** Where the host of a URL is. */
function placeOf(url: URL, book: AddressBook): Place {
  const place = { hostname: bareHostname(url), port: portOf(url) };
  return book(place) ?? place;
}

function through(
  address: ProxyAddress,
  url: URL,
  book: AddressBook,
  strict: boolean,
): ProxyRoute {
  // The runtime would send the request itself to the proxy, not a CONNECT, as
  // it has to be (RFC 6455, section 4.1, item 3).
  if (!strict && address.kind === "http-proxy" && url.protocol === "ws:") {
    throw new TypeError(
      'Cannot use proxy: the built-in engine cannot go through an HTTP proxy without TLS; use wss, or connect() with engine: "node"',
    );
  }
  return { ...address, target: placeOf(url, book) };
}

function checkPath(path: unknown): string {
  if (typeof path !== "string" || path === "" || path.includes("\0")) {
    throw new TypeError(
      'Cannot use unixSocket: it must be the path of a socket, like "/run/app.sock"',
    );
  }
  return path;
}

function exclusive(other: string): TypeError {
  return new TypeError(
    `Cannot use unixSocket with ${other}: either says where to connect to; leave one of them out`,
  );
}
