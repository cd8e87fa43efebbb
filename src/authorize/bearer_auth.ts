/**
 * Bearer tokens (RFC 6750): in the `Authorization` header, for pages in an
 * offered subprotocol, or in the query.
 *
 * @module
 */

import { refuse } from "../handshake.ts";
import { checkFunction } from "../policy.ts";
import { whenKnown } from "../within.ts";
import { type Authorize, checkGiven } from "./authorize.ts";
import { challenge, checkRealm, DEFAULT_REALM } from "./challenge.ts";
import { bytesOf, Secret, secretEntries } from "./secret.ts";
import {
  findTokens,
  PROTOCOL_TOKEN,
  resolvePlaces,
  TOKEN,
  type TokenPlaceOptions,
  type TokenSource,
} from "./token_source.ts";

/**
 * Whose token it was: `ws.context` behind {@linkcode bearerAuth}.
 *
 * @example In a handler
 * ```ts
 * import { bearerAuth, type Bearer, type Connection, serve } from "@wss/wss";
 *
 * async function greet(ws: Connection<Bearer>): Promise<void> {
 *   await ws.send(`Hello ${ws.context.name}, by ${ws.context.from}!`);
 * }
 * const authorize = bearerAuth({ tokens: { robot: crypto.randomUUID() } });
 * await using server = await serve({ port: 0, authorize }, greet);
 * console.log(server.url);
 * ```
 */
export interface Bearer {
  /** The name that the token stands for. */
  readonly name: string;
  /** The way by which the token came. */
  readonly from: TokenSource;
}

/**
 * Options for {@linkcode bearerAuth}: `tokens` or `verify`, one of the two.
 *
 * @typeParam Identity What `verify` tells of a bearer beside the name.
 *
 * @example Tokens with an end
 * ```ts
 * import { bearerAuth, type BearerAuthOptions, serve } from "@wss/wss";
 *
 * interface Session {
 *   name: string;
 *   expires: number;
 * }
 * const sessions = new Map<string, Session>();
 * const options: BearerAuthOptions<Session> = {
 *   verify: (token) => {
 *     const session = sessions.get(token); // random and soon over: a look-up will do
 *     return session !== undefined && session.expires > Date.now() && session;
 *   },
 * };
 * await using server = await serve(
 *   { port: 0, authorize: bearerAuth(options) },
 *   async (ws) => {
 *     const end = setTimeout(() => ws.close(4401, "sign in again"), ws.context.expires - Date.now());
 *     await ws.closed;
 *     clearTimeout(end);
 *   },
 * );
 * console.log(server.url);
 * ```
 */
export interface BearerAuthOptions<
  Identity extends { readonly name: string } = { readonly name: string },
> extends TokenPlaceOptions {
  /** The tokens, each under the name that it stands for. */
  tokens?: Readonly<Record<string, string>> | undefined;
  /**
   * Tells whose token it is: a name, or an object with one, all of which goes to
   * `ws.context`. Whatever else it returns refuses. Compare in constant time, and
   * see that the token has not expired.
   */
  verify?:
    | ((
      token: string,
    ) =>
      | string
      | Identity
      | undefined
      | false
      | Promise<string | Identity | undefined | false>)
    | undefined;
  /**
   * What the token is for, in printable ASCII.
   *
   * @default {"WebSocket"}
   */
  realm?: string | undefined;
}

type Verdict<Identity> = string | Identity | undefined | false;

/**
 * Lets in who has a token (RFC 6750). Without one the answer is 401, with a
 * wrong one 401 and `invalid_token`; with a malformed one, or with more than
 * one, 400 and `invalid_request`.
 *
 * All tokens are compared with, in constant time. What it returns is synchronous
 * unless `verify` is not.
 *
 * A page offers the token as a subprotocol, beside a real one, since browsers
 * give up when none of those they offered is chosen: `new WebSocket(url,
 * ["chat", "bearer." + token])`, with `protocols: ["chat"]` on the server. Such
 * a token has no `/` and no `=`: base64url fits.
 *
 * @typeParam Identity What `verify` tells of a bearer beside the name.
 * @param options Whose tokens they are, and where to look for them.
 * @returns A function for `authorize`; `ws.context` is `{ name, from }`, and what `verify` adds.
 * @throws {TypeError} If there are no tokens, one is there twice, or one or an option cannot be used.
 *
 * @example The token from the environment
 * ```ts
 * import { bearerAuth, connect, serve } from "@wss/wss";
 *
 * const token = Deno.env.get("ROBOT_TOKEN") ?? crypto.randomUUID();
 * await using server = await serve(
 *   { port: 0, authorize: bearerAuth({ tokens: { robot: token } }) },
 *   (ws) => ws.send(`Hello ${ws.context.name}!`),
 * );
 *
 * await using ws = await connect(server.url, { headers: { authorization: `Bearer ${token}` } });
 * console.log(await ws.receive()); // "Hello robot!"
 * ```
 */
export function bearerAuth<
  Identity extends { readonly name: string } = { readonly name: string },
>(options: BearerAuthOptions<Identity>): Authorize<Identity & Bearer> {
  checkGiven("bearerAuth", options);
  const { tokens, verify, realm = DEFAULT_REALM } = options;
  if ((tokens === undefined) === (verify === undefined)) {
    throw new TypeError(
      "Cannot use bearerAuth: it must have tokens or verify, one of the two",
    );
  }
  checkFunction("verify", verify);
  checkRealm(realm);
  const places = resolvePlaces(options);
  const check = verify ??
    verifyAmong(tokens!, places.from.includes("subprotocol"));
  const refused = (status: number, say: string, error?: string) =>
    refuse(status, say, {
      "www-authenticate": challenge(
        "Bearer",
        error === undefined ? { realm } : { realm, error },
      ),
    });
  return (request, info) => {
    const [found, another] = findTokens(request, info, places);
    if (found === undefined) return refused(401, "A token is required");
    if (another !== undefined) {
      return refused(400, "There is more than one token", "invalid_request");
    }
    const form = found.from === "subprotocol" ? PROTOCOL_TOKEN : TOKEN;
    if (!form.test(found.token)) {
      return refused(400, "The token is malformed", "invalid_request");
    }
    return whenKnown<Verdict<Identity>, Response | (Identity & Bearer)>(
      check(found.token),
      (verdict) =>
        identify(verdict, found.from) ??
          refused(401, "The token is not valid", "invalid_token"),
    );
  };
}

function identify<Identity extends { readonly name: string }>(
  verdict: Verdict<Identity>,
  from: TokenSource,
): (Identity & Bearer) | undefined {
  if (typeof verdict === "string") {
    // Without an object from `verify`, Identity is no more than a name.
    return verdict === ""
      ? undefined
      : { name: verdict, from } as Identity & Bearer;
  }
  const named = typeof verdict === "object" && verdict !== null &&
    typeof verdict.name === "string" && verdict.name !== "";
  return named ? { ...verdict, from } : undefined;
}

/** Compares with each token, also after one was found. */
function verifyAmong(
  tokens: Readonly<Record<string, string>>,
  inProtocol: boolean,
): (token: string) => string | undefined {
  const entries = secretEntries("tokens", tokens);
  // Messages count tokens and name nobody: names and tokens may be swapped.
  entries.forEach(([name, token], index) => {
    if (name === "") {
      throw new TypeError(`Cannot use token ${index + 1}: it has no name`);
    }
    if (typeof token !== "string" || !TOKEN.test(token)) {
      throw new TypeError(
        `Cannot use token ${
          index + 1
        }: it must be a string of letters, digits and -._~+/, with = at the end alone (RFC 6750, section 2.1)`,
      );
    }
    if (inProtocol && !PROTOCOL_TOKEN.test(token)) {
      throw new TypeError(
        `Cannot use token ${
          index + 1
        }: / and = do not fit a subprotocol; base64url without padding does`,
      );
    }
  });
  if (new Set(entries.map(([, token]) => token)).size !== entries.length) {
    throw new TypeError("Cannot use the same token for two names");
  }
  const secrets = entries.map(([name, token]) => ({
    name,
    secret: new Secret(token),
  }));
  return (token) => {
    const given = bytesOf(token);
    return secrets.filter(({ secret }) => secret.equals(given))[0]?.name;
  };
}
