/**
 * A flood of messages for a server whose handler hands them on to something
 * that does not read.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import type { Connection } from "../../client.ts";
import type { EngineName } from "../../mod.ts";

/** How long the strict engine has to take no more, in milliseconds. */
const STUCK = 1500;

/** How much a server in this process may grow, in bytes. */
const MOST = 100 * 2 ** 20;

/**
 * Floods a server, and asserts that it takes no more than its limits allow: the
 * strict engine stops to read; the built-in one cannot, and hangs up.
 *
 * @returns Tells when the flood has ended.
 */
export async function flood(
  ws: Connection,
  engine: EngineName,
): Promise<() => Promise<string>> {
  const before = Deno.memoryUsage().rss;
  const message = new Uint8Array(1 << 19);
  const flooding = (async () => {
    for (let sent = 0; sent < 512; sent++) await ws.send(message);
    return "all was taken";
  })().catch(() => "closed");
  const stuck = new Promise((next) => setTimeout(next, STUCK, "stuck"));
  const outcome = await Promise.race(
    engine === "node" ? [flooding, stuck] : [flooding],
  );
  await stuck;
  assertEquals(outcome, { deno: "closed", node: "stuck" }[engine]);
  const grown = Deno.memoryUsage().rss - before;
  assert(grown < MOST, `${grown} bytes more are in use`);
  return () => flooding;
}
