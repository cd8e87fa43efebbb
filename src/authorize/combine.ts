/**
 * Several checks as one.
 *
 * @module
 */

import { refusalOf, refuse } from "../handshake.ts";
import type { AuthorizeInfo } from "../policy.ts";
import { isThenable, whenKnown } from "../within.ts";
import type { Authorize, ContextOf } from "./authorize.ts";

/**
 * What several checks make of a request: the contexts, in the same order.
 *
 * @typeParam Checks The types of the checks.
 *
 * @example Name the context of a handler
 * ```ts
 * import { allOf, basicAuth, type Connection, type ContextsOf, serve } from "@wss/wss";
 *
 * const byPassword = basicAuth({ users: { ada: crypto.randomUUID() } });
 * const byPath = (request: Request) => new URL(request.url).pathname;
 *
 * async function greet(
 *   ws: Connection<ContextsOf<[typeof byPassword, typeof byPath]>>,
 * ): Promise<void> {
 *   const [{ user }, path] = ws.context;
 *   await ws.send(`Hello ${user} at ${path}!`);
 * }
 * await using server = await serve({ port: 0, authorize: allOf(byPassword, byPath) }, greet);
 * console.log(server.url);
 * ```
 */
export type ContextsOf<Checks extends readonly Authorize<unknown>[]> = {
  -readonly [Index in keyof Checks]: ContextOf<Checks[Index]>;
};

/**
 * Lets in whom all checks let in. They run one after the other; the first
 * refusal is the answer, and no check behind it runs. What it returns is
 * synchronous if the checks are.
 *
 * @typeParam Checks The types of the checks.
 * @param checks Functions that fit `authorize`, one at least.
 * @returns A function for `authorize`; `ws.context` is the list of their contexts.
 * @throws {TypeError} If there is none, or one is no function.
 *
 * @example A token, and from a network of ours
 * ```ts
 * import { allOf, bearerAuth, connect, serve } from "@wss/wss";
 *
 * const token = Deno.env.get("ROBOT_TOKEN") ?? crypto.randomUUID();
 * const authorize = allOf(
 *   (_request, { remoteAddr }) =>
 *     remoteAddr.transport === "tcp" && remoteAddr.hostname.startsWith("127.") && remoteAddr,
 *   bearerAuth({ tokens: { robot: token } }),
 * );
 * await using server = await serve({ port: 0, authorize }, async (ws) => {
 *   const [{ hostname }, { name }] = ws.context;
 *   await ws.send(`Hello ${name} at ${hostname}!`);
 * });
 *
 * await using ws = await connect(server.url, { headers: { authorization: `Bearer ${token}` } });
 * console.log(await ws.receive()); // "Hello robot at 127.0.0.1!"
 * ```
 */
export function allOf<const Checks extends readonly Authorize<unknown>[]>(
  ...checks: Checks
): Authorize<ContextsOf<Checks>> {
  checkFunctions("allOf", checks);
  return (request, info) => {
    const contexts: unknown[] = [];
    const from = (index: number): unknown => {
      const check = checks[index];
      if (check === undefined) return contexts;
      return whenKnown(check(request, info), (verdict) => {
        const refusal = refusalOf(verdict);
        if (refusal !== undefined) return refusal;
        contexts.push(verdict);
        return from(index + 1);
      });
    };
    return from(0) as ReturnType<Authorize<ContextsOf<Checks>>>;
  };
}

/**
 * Lets in whom one check lets in. They run one after the other, up to the first
 * that does. If none does, the answer is one 401 with the challenges of all, if
 * any of them was a 401; else the last refusal. What it returns is synchronous
 * if the checks that run are.
 *
 * @typeParam Checks The types of the checks.
 * @param checks Functions that fit `authorize`, one at least, the likeliest first.
 * @returns A function for `authorize`; `ws.context` is the context of the check that let in.
 * @throws {TypeError} If there is none, or one is no function.
 *
 * @example A password or a token
 * ```ts
 * import { anyOf, basicAuth, bearerAuth, connect, serve } from "@wss/wss";
 *
 * const token = Deno.env.get("ROBOT_TOKEN") ?? crypto.randomUUID();
 * const password = Deno.env.get("ADA_PASSWORD") ?? crypto.randomUUID();
 * const authorize = anyOf(
 *   bearerAuth({ tokens: { robot: token } }),
 *   basicAuth({ users: { ada: password } }),
 * );
 * await using server = await serve({ port: 0, authorize }, async (ws) => {
 *   await ws.send("user" in ws.context ? ws.context.user : ws.context.name);
 * });
 *
 * await using ws = await connect(server.url, { headers: { authorization: `Bearer ${token}` } });
 * console.log(await ws.receive()); // "robot"
 * ```
 */
export function anyOf<const Checks extends readonly Authorize<unknown>[]>(
  ...checks: Checks
): Authorize<ContextOf<Checks[number]>> {
  checkFunctions("anyOf", checks);
  return (request, info) =>
    firstAccepted(checks, request, info) as ReturnType<
      Authorize<ContextOf<Checks[number]>>
    >;
}

function firstAccepted(
  checks: readonly Authorize<unknown>[],
  request: Request,
  info: AuthorizeInfo,
): unknown {
  const refusals: Response[] = [];
  const failed = (error: unknown): never => {
    drop(refusals);
    throw error;
  };
  const from = (index: number): unknown => {
    const check = checks[index];
    if (check === undefined) return combined(refusals);
    return whenKnown(check(request, info), (verdict) => {
      const refusal = refusalOf(verdict);
      if (refusal === undefined) {
        drop(refusals);
        return verdict;
      }
      refusals.push(refusal);
      return from(index + 1);
    });
  };
  try {
    const verdict = from(0);
    return isThenable(verdict)
      ? Promise.resolve(verdict).catch(failed)
      : verdict;
  } catch (error) {
    return failed(error);
  }
}

/** One answer for all refusals. */
function combined(refusals: readonly Response[]): Response | undefined {
  if (!refusals.some(({ status }) => status === 401)) {
    drop(refusals.slice(0, -1));
    return refusals.at(-1);
  }
  const answer = refuse(401, "None of the ways to sign in was passed");
  for (const { headers } of refusals) {
    const challenge = headers.get("www-authenticate");
    if (challenge !== null) {
      answer.headers.append("www-authenticate", challenge);
    }
  }
  drop(refusals);
  return answer;
}

/** Lets go of responses that nobody will send, and of what feeds their bodies. */
function drop(responses: readonly Response[]): void {
  for (const { body } of responses) {
    // It rejects where somebody else reads the body, whose it is then.
    body?.cancel().catch(() => {});
  }
}

function checkFunctions(name: string, checks: readonly unknown[]): void {
  if (checks.length === 0) {
    throw new TypeError(`Cannot use ${name}: it must have one check at least`);
  }
  checks.forEach((check, index) => {
    if (typeof check !== "function") {
      throw new TypeError(
        `Cannot use ${name}: argument ${index + 1} must be a function`,
      );
    }
  });
}
