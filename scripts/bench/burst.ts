/**
 * How long a server takes for several messages in a row.
 *
 * @module
 */

import { inTime, openAll, PATIENCE } from "./clients.ts";
import { makeFrames, type Shape } from "./frames.ts";
import { newLoad, type Target } from "./raw_client.ts";
import { BURST, BURST_PATH } from "./servers/_control.ts";

/** How many bursts to ask for. */
export interface BurstTask {
  /** How many are measured. */
  count: number;
  /** After how long there are no more, in ms. */
  duration: number;
}

/** What was measured. */
export interface BurstResult {
  /** From a message that is sent to the last that answers it, in µs each. */
  times: number[];
}

const SHAPE: Shape = { size: 16, text: true, window: 1 };

/** How many bursts go before; where they stall, a tenth of the time does. */
const WARM_UP = 50;

/**
 * Measures a server that answers each message with {@linkcode BURST}, over one
 * connection.
 *
 * @param target The server.
 * @param task How many.
 * @returns What was measured.
 * @throws {BrokenSubjectError} If one answer was wrong, missing or too many.
 */
export async function measureBurst(
  target: Target,
  { count, duration }: BurstTask,
): Promise<BurstResult> {
  const load = newLoad(makeFrames(SHAPE));
  const [client] = await openAll({ ...target, path: BURST_PATH }, load, 1);
  const ask = async (most: number, ms: number): Promise<number[]> => {
    const times: number[] = [];
    const end = performance.now() + ms;
    do times.push(await client!.burst(BURST)); while (
      times.length < most && performance.now() < end
    );
    return times;
  };
  try {
    const work = async () => {
      await ask(WARM_UP, duration / 10);
      const times = await ask(count, duration);
      await client!.close();
      return { times };
    };
    return await inTime(work(), duration + PATIENCE);
  } finally {
    client!.cut();
  }
}
