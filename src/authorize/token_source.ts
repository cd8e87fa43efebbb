/**
 * Where a bearer token is looked for in a handshake, and its form.
 *
 * @module
 */

import { checkToken } from "../handshake.ts";
import type { AuthorizeInfo } from "../policy.ts";

/**
 * The way by which a token comes.
 *
 * - `"header"`: `Authorization: Bearer …`. Pages cannot set it.
 * - `"subprotocol"`: offered as a subprotocol, for pages. Nothing logs it by
 *   custom, and it is never chosen.
 * - `"query"`: `?access_token=…`. It lands in the logs of every proxy.
 *
 * @example For services and for pages
 * ```ts
 * import { bearerAuth, serve, type TokenSource } from "@wss/wss";
 *
 * const from: TokenSource[] = ["header", "subprotocol"];
 * const tokens = { page: crypto.randomUUID() };
 * await using server = await serve(
 *   { port: 0, protocols: ["chat"], authorize: bearerAuth({ tokens, from }) },
 *   (ws) => ws.closed,
 * );
 * console.log(server.url);
 * ```
 */
export type TokenSource = "header" | "subprotocol" | "query";

/** Where tokens are looked for. */
export interface Places {
  readonly from: readonly TokenSource[];
  readonly prefix: string;
  readonly queryName: string;
}

/** What was found, and where. */
export interface Found {
  readonly from: TokenSource;
  readonly token: string;
}

const SOURCES: readonly TokenSource[] = ["header", "subprotocol", "query"];

/** The form of a token (RFC 6750, section 2.1). */
export const TOKEN: RegExp = /^[A-Za-z0-9\-._~+/]+=*$/;

/** What of it fits a subprotocol too (RFC 9110, section 5.6.2). */
export const PROTOCOL_TOKEN: RegExp = /^[A-Za-z0-9\-._~+]+$/;

/**
 * Options that say where `bearerAuth()` looks for tokens.
 *
 * @example A prefix that older clients use
 * ```ts
 * import { bearerAuth, serve, type TokenPlaceOptions } from "@wss/wss";
 *
 * const places: TokenPlaceOptions = { from: ["subprotocol"], subprotocolPrefix: "token-" };
 * const authorize = bearerAuth({ tokens: { page: crypto.randomUUID() }, ...places });
 * await using server = await serve({ port: 0, protocols: ["chat"], authorize }, (ws) => ws.closed);
 * console.log(server.url);
 * ```
 */
export interface TokenPlaceOptions {
  /**
   * The ways by which a token may come.
   *
   * @default {["header"]}
   */
  from?: readonly TokenSource[] | undefined;
  /**
   * What stands before the token in the subprotocol that holds it.
   *
   * @default {"bearer."}
   */
  subprotocolPrefix?: string | undefined;
  /**
   * The parameter of the query that holds the token.
   *
   * @default {"access_token"}
   */
  queryName?: string | undefined;
}

/** Checks where tokens may be, and fills in the defaults. */
export function resolvePlaces(options: TokenPlaceOptions): Places {
  const { from = ["header"], subprotocolPrefix, queryName } = options;
  if (
    !Array.isArray(from) || from.length === 0 ||
    new Set(from).size !== from.length ||
    !from.every((source) => SOURCES.includes(source))
  ) {
    throw new TypeError(
      'Cannot use from: it must be a list of "header", "subprotocol" and "query", each once at most',
    );
  }
  if (subprotocolPrefix !== undefined) {
    checkUsed("subprotocolPrefix", subprotocolPrefix, "subprotocol", from);
    checkToken("subprotocolPrefix", subprotocolPrefix);
  }
  if (queryName !== undefined) {
    checkUsed("queryName", queryName, "query", from);
  }
  return {
    from: [...from],
    prefix: subprotocolPrefix ?? "bearer.",
    queryName: queryName ?? "access_token",
  };
}

function checkUsed(
  option: string,
  value: string,
  source: TokenSource,
  from: readonly TokenSource[],
): void {
  if (typeof value !== "string" || value === "") {
    throw new TypeError(`Cannot use ${option}: it must be a string, not empty`);
  }
  if (!from.includes(source)) {
    throw new TypeError(`Cannot use ${option}: from has no "${source}"`);
  }
}

/** All that is presented as a token, by the ways that are open. */
export function findTokens(
  request: Request,
  { protocols }: AuthorizeInfo,
  { from, prefix, queryName }: Places,
): Found[] {
  const ways: Record<TokenSource, () => string[]> = {
    header: () => {
      const header = request.headers.get("authorization") ?? "";
      const [all, token = ""] = /^Bearer(?: +(.*))?$/i.exec(header) ?? [];
      return all === undefined ? [] : [token];
    },
    subprotocol: () =>
      protocols.filter((protocol) => protocol.startsWith(prefix))
        .map((protocol) => protocol.slice(prefix.length)),
    query: () => new URL(request.url).searchParams.getAll(queryName),
  };
  return from.flatMap((source) =>
    ways[source]().map((token) => ({ from: source, token }))
  );
}
