/**
 * The one behaviour suite: tests that hold for every engine of `serve()`.
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
