/**
 * The function that decides who may connect, as a type, and what the helpers
 * that make and combine such functions share.
 *
 * @module
 */

import type { AuthorizeInfo } from "../policy.ts";

/**
 * Decides who may connect: the `authorize` of `serve()` and `upgrade()`. A
 * `Response` refuses, `false` refuses with 403; anything else lets in and
 * becomes `ws.context`.
 *
 * @typeParam Context What it makes of a request that it lets in.
 *
 * @example A check of your own, beside one of the module's
 * ```ts
 * import { allOf, type Authorize, basicAuth, serve } from "@wss/wss";
 *
 * const fromHere: Authorize<Deno.NetAddr | false> = (_request, { remoteAddr }) =>
 *   remoteAddr.transport === "tcp" && remoteAddr.hostname === "127.0.0.1" && remoteAddr;
 * const users = { ada: crypto.randomUUID() };
 * await using server = await serve(
 *   { port: 0, authorize: allOf(fromHere, basicAuth({ users })) },
 *   (ws) => ws.send(`${ws.context[1].user} from port ${ws.context[0].port}`),
 * );
 * console.log(server.url);
 * ```
 */
export type Authorize<Context> = (
  request: Request,
  info: AuthorizeInfo,
) => Response | Context | Promise<Response | Context>;

/**
 * What a function that fits `authorize` makes of a request that it lets in.
 *
 * @typeParam Check The type of the function.
 *
 * @example Name the context of a handler
 * ```ts
 * import { type Connection, type ContextOf, basicAuth, serve } from "@wss/wss";
 *
 * const authorize = basicAuth({ users: { ada: crypto.randomUUID() } });
 *
 * async function greet(ws: Connection<ContextOf<typeof authorize>>): Promise<void> {
 *   await ws.send(`Hello ${ws.context.user}!`);
 * }
 * await using server = await serve({ port: 0, authorize }, greet);
 * console.log(server.url);
 * ```
 */
export type ContextOf<Check extends Authorize<unknown>> = Exclude<
  Awaited<ReturnType<Check>>,
  Response | false
>;

/** Refuses options that are none, for programs whose types nobody checked. */
export function checkGiven(what: string, options: unknown): void {
  if (typeof options === "object" && options !== null) return;
  throw new TypeError(`Cannot use ${what}: its options are missing`);
}
