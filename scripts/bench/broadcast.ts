/**
 * How long a server takes to send one message to many.
 *
 * @module
 */

import { inTime, openAll } from "./clients.ts";
import { makeFrames, type Shape } from "./frames.ts";
import { type Costs, costsSince, readClocks } from "./proc.ts";
import { BrokenSubjectError, newLoad, type Target } from "./raw_client.ts";
import { BROADCAST_PATH } from "./servers/_control.ts";

/** How many get how many messages. */
export interface BroadcastTask {
  connections: number;
  /** How many are not measured, at first. */
  warmUp: number;
  /** How many are measured. */
  count: number;
  /** The process of the server. */
  pid: number;
}

/** What was measured. */
export interface BroadcastResult extends Costs {
  /** From a message that is sent until all have it, in µs each. */
  times: number[];
}

const SHAPE: Shape = { size: 256, text: true, window: 1 };

/**
 * Sends messages, one after the other, that the server sends to all.
 *
 * @param target The server.
 * @param task How many.
 * @returns What was measured.
 * @throws {BrokenSubjectError} If one message was wrong, missing or too many.
 */
export async function measureBroadcast(
  target: Target,
  { connections, warmUp, count, pid }: BroadcastTask,
): Promise<BroadcastResult> {
  const load = newLoad(makeFrames(SHAPE));
  const place = { ...target, path: BROADCAST_PATH };
  const clients = await openAll(place, load, connections);
  const [first] = clients;
  if (first === undefined) throw new RangeError("Cannot send to nobody");
  let missing = 0;
  let failure: unknown;
  let round = Promise.withResolvers<void>();
  const taking = clients.map((client) =>
    client.take((taken) => {
      missing -= taken;
      if (missing === 0) round.resolve();
      if (missing < 0) round.reject(surplus());
    }).catch((error) => {
      failure = error;
      round.reject(error);
    })
  );
  const once = async (): Promise<number> => {
    round = Promise.withResolvers<void>();
    round.promise.catch(() => {});
    missing += connections;
    const begin = performance.now();
    await first.send();
    await inTime(round.promise);
    return (performance.now() - begin) * 1000;
  };
  try {
    for (let i = 0; i < warmUp; i++) await once();
    load.thorough = false;
    const before = readClocks(pid);
    const times: number[] = [];
    for (let i = 0; i < count; i++) times.push(await once());
    const costs = costsSince(before, pid);
    load.stopping = true;
    for (const client of clients) await client.leave();
    await inTime(Promise.all(taking));
    if (failure !== undefined) throw failure;
    if (missing < 0) throw surplus();
    return { times, ...costs };
  } finally {
    for (const client of clients) client.cut();
    await Promise.all(taking);
  }
}

function surplus(): BrokenSubjectError {
  return new BrokenSubjectError(
    "Cannot measure the server: it sends a message more than once",
  );
}
