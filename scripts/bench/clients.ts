/**
 * Many clients at a time, and patience with their server that has an end.
 *
 * @module
 */

import { makeFrames, type Shape } from "./frames.ts";
import {
  BrokenSubjectError,
  type Load,
  newLoad,
  RawClient,
  type Target,
} from "./raw_client.ts";

/** How many connections are opened, or closed, at a time. */
const AT_A_TIME = 64;

/** How long a server may take for what it owes, in ms. */
export const PATIENCE = 20_000;

/** An idle connection has echoed one such message. */
const IDLE_SHAPE: Shape = { size: 16, text: true, window: 1 };

/** Opens connections, each of which has echoed one message. */
export async function openIdle(
  target: Target,
  count: number,
): Promise<RawClient[]> {
  const load = newLoad(makeFrames(IDLE_SHAPE));
  const clients = await openAll(target, load, count);
  try {
    await inTime(eachOf(clients, (client) => client.echo("once")));
    return clients;
  } catch (error) {
    for (const client of clients) client.cut();
    throw error;
  }
}

/** Closes connections, and waits until the server has closed them too. */
export async function closeIdle(clients: RawClient[]): Promise<void> {
  try {
    await inTime(eachOf(clients, (client) => client.close()));
  } finally {
    for (const client of clients) client.cut();
  }
}

/** Opens connections, all of them or none. */
export async function openAll(
  target: Target,
  load: Load,
  count: number,
): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  const places = Array.from({ length: count });
  try {
    await inTime(eachOf(places, async () => {
      clients.push(await RawClient.open(target, load));
    }));
    return clients;
  } catch (error) {
    for (const client of clients) client.cut();
    throw error;
  }
}

/** Waits for a server, but not for ever. */
export async function inTime<T>(
  promise: Promise<T>,
  ms: number = PATIENCE,
): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(
      new BrokenSubjectError(
        `Cannot measure the server: it owes an answer for ${ms} ms`,
      ),
    );
  }, ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits; rejects once `signal` aborts. */
export function delay(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    reject(signal.reason);
  });
  return promise;
}

/** Does something for each item, for some at a time. */
async function eachOf<T>(
  items: T[],
  fn: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const work = async () => {
    for (const item of rest) await fn(item);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}
