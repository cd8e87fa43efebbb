/**
 * How many echoes a server sends, and what they cost it.
 *
 * @module
 */

import { delay, inTime, openAll, PATIENCE } from "./clients.ts";
import { makeFrames, type Shape } from "./frames.ts";
import type { Times } from "./plan.ts";
import { type Costs, costsSince, readClocks } from "./proc.ts";
import {
  BrokenSubjectError,
  type Load,
  newLoad,
  type Target,
} from "./raw_client.ts";

/** How to load a server with echoes. */
export interface EchoTask extends Times {
  shape: Shape;
  connections: number;
  /** The process of the server. */
  pid: number;
}

/** What was measured. */
export interface EchoResult extends Costs {
  /** Echoes within the time. */
  messages: number;
}

/**
 * Loads a server with echoes and measures it.
 *
 * @param target The server.
 * @param task The load.
 * @returns What was measured.
 * @throws {BrokenSubjectError} If one echo was wrong, missing or too many.
 */
export async function measureEcho(
  target: Target,
  task: EchoTask,
): Promise<EchoResult> {
  const load = newLoad(makeFrames(task.shape));
  const clients = await openAll(target, load, task.connections);
  const failed = new AbortController();
  try {
    const [result] = await inTime(
      Promise.all([
        measure(load, task, failed.signal),
        ...clients.map((client) => client.echo("stopped")),
      ]),
      task.warmUp + task.duration + PATIENCE,
    );
    const whole = load.echoed * load.frames.reply.length;
    if (load.echoed !== load.sent || load.bytes !== whole) {
      throw new BrokenSubjectError(
        `Cannot measure the server: ${load.sent} messages were sent, ${load.echoed} came back`,
      );
    }
    await inTime(Promise.all(clients.map((client) => client.close())));
    return result;
  } finally {
    failed.abort();
    for (const client of clients) client.cut();
  }
}

/** Measures while the echoes go on, and then makes them stop. */
async function measure(
  load: Load,
  task: EchoTask,
  signal: AbortSignal,
): Promise<EchoResult> {
  await delay(task.warmUp, signal);
  load.thorough = false;
  const echoed = load.echoed;
  const before = readClocks(task.pid);
  // A server that is slow for a time is measured all the same.
  do await delay(task.duration, signal); while (load.echoed === echoed);
  const messages = load.echoed - echoed;
  const costs = costsSince(before, task.pid);
  load.stopping = true;
  return { messages, ...costs };
}
