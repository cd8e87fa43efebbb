/**
 * Connections that are opened and closed as fast as it goes.
 *
 * @module
 */

import { openOne, passed } from "./opener.ts";
import type { Plan } from "./plan.ts";
import type { Tally } from "./tally.ts";

/** How long one who was refused waits, in milliseconds. */
const PAUSE = 50;

/**
 * Opens and closes connections as planned.
 *
 * @param signal Ends it before its time.
 * @throws What the first connection failed with.
 */
export async function runHandshakes(
  plan: Plan,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  const { connections, count, duration, warmup } = plan;
  const over = new AbortController();
  const stopped = AbortSignal.any([signal, over.signal]);
  const shake = async () => {
    while (!stopped.aborted && (count === undefined || tally.sent < count)) {
      if (tally.measuring) tally.sent++;
      try {
        await openAndClose(plan, tally, stopped);
      } catch (error) {
        if (stopped.aborted) return;
        tally.failed++;
        tally.failures.add("open", error);
        await passed(PAUSE, stopped);
      }
    }
  };
  // The first one loads the engine, and tells if nothing else will do.
  try {
    await openAndClose(plan, tally, stopped);
  } catch (error) {
    if (signal.aborted) return;
    throw error;
  }
  if (warmup > 0) tally.phase = "warming up";
  else tally.begin();
  const all = Promise.all(Array.from({ length: connections }, shake))
    .then(() => over.abort());
  if (warmup > 0) {
    await passed(warmup, stopped);
    if (!stopped.aborted) tally.begin();
  }
  await passed(duration, stopped);
  tally.end();
  over.abort();
  await all;
}

async function openAndClose(
  plan: Plan,
  tally: Tally,
  signal: AbortSignal,
): Promise<void> {
  const began = performance.now();
  const ws = await openOne(plan, tally, signal);
  const now = performance.now();
  tally.opened++;
  tally.open++;
  tally.count(now, 0);
  if (tally.measuring && began >= tally.from) tally.latency.add(now - began);
  await ws.close();
  tally.open--;
}
