/**
 * The one behaviour suite: tests that hold for every engine of `serve()`, and
 * for every one of `connect()`.
 *
 * What rightly differs stands in one place of a test, as
 * `{ deno: …, node: … }[engine]`.
 *
 * @module
 */

import type { EngineName } from "../mod.ts";

/** The engines. */
export const ENGINES: readonly EngineName[] = ["deno", "node"];

/** What differs between the engines. */
export type PerEngine<T> = Record<EngineName, T>;

/** Declares a test for each engine; its name ends with that of the engine. */
export function test(
  name: string,
  fn: (engine: EngineName) => Promise<void>,
  options: { ignore?: boolean } = {},
): void {
  for (const engine of ENGINES) {
    Deno.test(`${name} [${engine}]`, options, () => fn(engine));
  }
}

/** What the clients of `connectTls()` use unless they are told. */
let clients: EngineName = "deno";

/** The engine of clients in the test that runs. */
export function clientEngine(): EngineName {
  return clients;
}

/** Declares a test for each engine at each end; its name ends with both. */
export function testEnds(
  name: string,
  fn: (server: EngineName, client: EngineName) => Promise<void>,
): void {
  for (const client of ENGINES) {
    for (const server of ENGINES) {
      Deno.test(`${name} [${client} client, ${server} server]`, async () => {
        clients = client;
        try {
          await fn(server, client);
        } finally {
          clients = "deno";
        }
      });
    }
  }
}
