/**
 * Opens the connections: not all at once, and without end if none opens.
 *
 * @module
 */

import {
  connect,
  type Connection,
  ConnectionClosedError,
  HandshakeError,
} from "../../../client.ts";
import type { Plan } from "./plan.ts";
import type { Tally } from "./tally.ts";

/** How many connections are opened at once. */
const AT_ONCE = 32;

/**
 * Opens the connections of a plan.
 *
 * @param opened What is done with each before it counts as open; what it throws counts as a failure to open.
 * @throws What the first connection failed with, if none opened.
 */
export async function openAll<T>(
  plan: Plan,
  tally: Tally,
  signal: AbortSignal,
  opened: (ws: Connection, number: number) => Promise<T>,
): Promise<T[]> {
  const { connections, ramp } = plan;
  const all: T[] = [];
  const began = performance.now();
  let next = 0;
  const openSome = async (most = connections) => {
    while (next < most && !signal.aborted && !isHopeless(tally)) {
      const number = next++;
      const due = began + ramp * number / connections;
      await passed(due - performance.now(), signal);
      if (signal.aborted) return;
      try {
        const ws = await openOne(plan, tally, signal);
        tally.open++;
        all.push(await settled(ws, number, opened, tally));
        tally.opened++;
      } catch (error) {
        if (signal.aborted) return;
        tally.failed++;
        tally.failures.add("open", error);
      }
    }
  };
  // The first one alone: it loads the engine, which is not to count.
  await openSome(1);
  const { first } = tally.failures;
  if (first !== undefined && !isRefusal(first)) throw first;
  const openers = Math.min(AT_ONCE, connections);
  await Promise.all(Array.from({ length: openers }, () => openSome()));
  if (all.length === 0 && !signal.aborted) throw tally.failures.first;
  return all;
}

/** Opens one connection, and counts how long that took; not of the first, which loads the engine. */
export async function openOne(
  plan: Plan,
  tally: Tally,
  signal: AbortSignal,
): Promise<Connection> {
  const isFirst = tally.opened + tally.failed === 0;
  const began = performance.now();
  // A second look at each failure would be load that nobody asked for.
  const ws = await connect(plan.url, {
    ...plan.options,
    signal,
    diagnose: isFirst,
  });
  const now = performance.now();
  tally.lastSign = now;
  if (!isFirst) tally.connecting.add(now - began);
  return ws;
}

/** Whether a server that is full, or picks its clients, would say so: another may be let in. */
function isRefusal(error: unknown): boolean {
  return error instanceof HandshakeError ||
    error instanceof ConnectionClosedError;
}

/** As many as there are openers failed, and none opened: the rest would not, either. */
function isHopeless(tally: Tally): boolean {
  return tally.opened === 0 && tally.failed >= AT_ONCE;
}

async function settled<T>(
  ws: Connection,
  number: number,
  opened: (ws: Connection, number: number) => Promise<T>,
  tally: Tally,
): Promise<T> {
  try {
    return await opened(ws, number);
  } catch (error) {
    tally.open--;
    ws.terminate();
    throw error;
  }
}

/** Waits so long, or until the signal aborts. */
export async function passed(ms: number, signal: AbortSignal): Promise<void> {
  if (ms <= 0 || signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = () => resolve();
  signal.addEventListener("abort", stop, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", stop);
}
