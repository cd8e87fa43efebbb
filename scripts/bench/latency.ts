/**
 * How long a server takes for one message, with nothing else to do.
 *
 * @module
 */

import { inTime, openAll, PATIENCE } from "./clients.ts";
import { makeFrames, type Shape } from "./frames.ts";
import type { Times } from "./plan.ts";
import { newLoad, type Target } from "./raw_client.ts";

/** What was measured. */
export interface LatencyResult {
  /** From a message that is sent to its echo, in µs each. */
  times: number[];
}

const SHAPE: Shape = { size: 16, text: true, window: 1 };

/**
 * Measures echoes over one connection, one after the other.
 *
 * @param target The server.
 * @param times How long.
 * @returns What was measured.
 * @throws {BrokenSubjectError} If one echo was wrong, missing or too many.
 */
export async function measureLatency(
  target: Target,
  { warmUp, duration }: Times,
): Promise<LatencyResult> {
  const load = newLoad(makeFrames(SHAPE));
  const [client] = await openAll(target, load, 1);
  if (client === undefined) throw new RangeError("Cannot measure nobody");
  const work = async (): Promise<LatencyResult> => {
    const begin = performance.now();
    while (performance.now() < begin + warmUp) await client.burst(1);
    load.thorough = false;
    const times: number[] = [];
    const end = performance.now() + duration;
    do times.push(await client.burst(1)); while (performance.now() < end);
    await client.close();
    return { times };
  };
  try {
    return await inTime(work(), warmUp + duration + PATIENCE);
  } finally {
    client.cut();
  }
}
