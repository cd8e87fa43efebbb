/**
 * User names and passwords in the `Authorization` header (RFC 7617).
 *
 * @module
 */

import { refuse } from "../handshake.ts";
import { checkFunction } from "../policy.ts";
import { whenKnown } from "../within.ts";
import { type Authorize, checkGiven } from "./authorize.ts";
import { challenge, checkRealm, DEFAULT_REALM } from "./challenge.ts";
import { bytesOf, Secret, secretEntries } from "./secret.ts";

/**
 * Options for {@linkcode basicAuth}: `users` or `verify`, one of the two.
 *
 * @example Ask a store of your own
 * ```ts
 * import { basicAuth, type BasicAuthOptions, serve } from "@wss/wss";
 *
 * const store = { signIn: (_user: string, _password: string) => Promise.resolve(false) };
 * const options: BasicAuthOptions = {
 *   realm: "Chat",
 *   verify: (user, password) => store.signIn(user, password),
 * };
 * await using server = await serve({ port: 0, authorize: basicAuth(options) }, (ws) => ws.closed);
 * console.log(server.url);
 * ```
 */
export interface BasicAuthOptions {
  /** The users and their passwords. */
  users?: Readonly<Record<string, string>> | undefined;
  /**
   * Decides about a user and a password; both may be empty. Only `true` lets in.
   * Compare in constant time, and let an unknown user take as long as a known
   * one.
   */
  verify?:
    | ((user: string, password: string) => boolean | Promise<boolean>)
    | undefined;
  /**
   * What the password is for, in printable ASCII; a client may show it.
   *
   * @default {"WebSocket"}
   */
  realm?: string | undefined;
}

/**
 * Who signed in with a password: `ws.context` behind {@linkcode basicAuth}.
 *
 * @example In a handler
 * ```ts
 * import { basicAuth, type BasicUser, type Connection, serve } from "@wss/wss";
 *
 * async function greet(ws: Connection<BasicUser>): Promise<void> {
 *   await ws.send(`Hello ${ws.context.user}!`);
 * }
 * const authorize = basicAuth({ users: { ada: crypto.randomUUID() } });
 * await using server = await serve({ port: 0, authorize }, greet);
 * console.log(server.url);
 * ```
 */
export interface BasicUser {
  /** The name of the user. */
  readonly user: string;
}

/**
 * Lets in who knows a user's password (RFC 7617); others are answered 401 with a
 * challenge. For services and devices: a page cannot set the header.
 *
 * Names and passwords are UTF-8, compared in Unicode form NFC. All users are
 * compared with, in constant time, so the answer's time does not tell which
 * exist. What it returns is synchronous unless `verify` is not.
 *
 * @param options Who the users are.
 * @returns A function for `authorize`; `ws.context` is `{ user }`.
 * @throws {TypeError} If there are no users, or a name, a password or the realm cannot be used.
 *
 * @example The password from the environment
 * ```ts
 * import { basicAuth, connect, serve } from "@wss/wss";
 *
 * const password = Deno.env.get("ADA_PASSWORD") ?? crypto.randomUUID();
 * await using server = await serve(
 *   { port: 0, authorize: basicAuth({ users: { ada: password } }) },
 *   (ws) => ws.send(`Hello ${ws.context.user}!`),
 * );
 *
 * await using ws = await connect(server.url, {
 *   headers: { authorization: `Basic ${btoa(`ada:${password}`)}` }, // of ASCII only
 * });
 * console.log(await ws.receive()); // "Hello ada!"
 * ```
 */
export function basicAuth(options: BasicAuthOptions): Authorize<BasicUser> {
  checkGiven("basicAuth", options);
  const { users, verify, realm = DEFAULT_REALM } = options;
  if ((users === undefined) === (verify === undefined)) {
    throw new TypeError(
      "Cannot use basicAuth: it must have users or verify, one of the two",
    );
  }
  checkFunction("verify", verify);
  checkRealm(realm);
  const check = verify ?? verifyAmong(users!);
  const asked = challenge("Basic", { realm, charset: "UTF-8" });
  const refused = (say: string) =>
    refuse(401, say, { "www-authenticate": asked });
  return (request) => {
    const header = request.headers.get("authorization");
    const credentials = parseCredentials(header ?? "");
    if (credentials === undefined) {
      return refused("A user name and a password are required");
    }
    const { user, password } = credentials;
    return whenKnown<boolean, Response | BasicUser>(
      check(user, password),
      (good) =>
        good === true
          ? { user }
          : refused("The user name or the password is wrong"),
    );
  };
}

/** Compares with each user, also after one was found. */
function verifyAmong(
  users: Readonly<Record<string, string>>,
): (user: string, password: string) => boolean {
  const known = secretEntries("users", users).map(([user, password], index) => {
    checkUser(user, index + 1);
    checkPassword(password, index + 1);
    return { user: user.normalize(), password: password.normalize() };
  });
  if (new Set(known.map(({ user }) => user)).size !== known.length) {
    throw new TypeError("Cannot use the same user twice");
  }
  const secrets = known.map(({ user, password }) => ({
    user: new Secret(user),
    password: new Secret(password),
  }));
  return (user, password) => {
    const givenUser = bytesOf(user);
    const givenPassword = bytesOf(password);
    return secrets.filter((secret) => {
      const sameUser = secret.user.equals(givenUser);
      const samePassword = secret.password.equals(givenPassword);
      return sameUser && samePassword;
    }).length === 1;
  };
}

// Messages count users instead of naming them: who swapped names and passwords
// would read a password in the log.
function checkUser(user: string, number: number): void {
  if (user === "" || user.includes(":") || !isSendable(user)) {
    throw new TypeError(
      `Cannot use user ${number}: a name must not be empty, nor have a colon or control characters (RFC 7617, section 2)`,
    );
  }
}

function checkPassword(password: string, number: number): void {
  if (
    typeof password !== "string" || password === "" || !isSendable(password)
  ) {
    throw new TypeError(
      `Cannot use the password of user ${number}: it must be a string, not empty, without control characters (RFC 7617, section 2)`,
    );
  }
}

/** Whether a client can send it: in UTF-8, and without control characters. */
function isSendable(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return text.isWellFormed() && !/[\x00-\x1f\x7f]/.test(text);
}

/** What the header holds, if it is of this scheme and well formed. */
function parseCredentials(
  header: string,
): { user: string; password: string } | undefined {
  const [, encoded] = /^Basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header) ?? [];
  if (encoded === undefined) return undefined;
  const text = decode(encoded)?.normalize();
  const colon = text?.indexOf(":") ?? -1;
  if (text === undefined || colon === -1 || !isSendable(text)) return undefined;
  return { user: text.slice(0, colon), password: text.slice(colon + 1) };
}

function decode(base64: string): string | undefined {
  try {
    const bytes = Uint8Array.fromBase64(base64);
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes);
  } catch {
    return undefined; // Neither base64 nor UTF-8: no credentials.
  }
}
