/**
 * How many clients a server can let in, and what they cost it.
 *
 * @module
 */

import { delay, inTime, PATIENCE } from "./clients.ts";
import { makeFrames } from "./frames.ts";
import type { Times } from "./plan.ts";
import { type Costs, costsSince, readClocks } from "./proc.ts";
import { newLoad, RawClient, type Target } from "./raw_client.ts";

/** How to load a server with handshakes. */
export interface HandshakeTask extends Times {
  /** How many are under way at a time. */
  atATime: number;
  /** The process of the server. */
  pid: number;
}

/** What was measured. */
export interface HandshakeResult extends Costs {
  /** Handshakes within the time. */
  handshakes: number;
}

/**
 * Loads a server with clients that shake hands, of TLS without resumption and
 * of WebSocket, and close at once, and measures it.
 *
 * @param target The server.
 * @param task The load.
 * @returns What was measured.
 * @throws {BrokenSubjectError} If one handshake failed, the closing one included.
 */
export async function measureHandshakes(
  target: Target,
  task: HandshakeTask,
): Promise<HandshakeResult> {
  const crowd = new Crowd(target);
  const failed = new AbortController();
  const measure = async () => {
    await delay(task.warmUp, failed.signal);
    const { done } = crowd;
    const before = readClocks(task.pid);
    // A server that is slow for a time is measured all the same.
    do await delay(task.duration, failed.signal); while (crowd.done === done);
    const handshakes = crowd.done - done;
    const costs = costsSince(before, task.pid);
    crowd.leaving = true;
    return { handshakes, ...costs };
  };
  try {
    const guests = Array.from({ length: task.atATime }, () => crowd.come());
    const [result] = await inTime(
      Promise.all([measure(), ...guests]),
      task.warmUp + task.duration + PATIENCE,
    );
    return result;
  } finally {
    failed.abort();
    crowd.cut();
  }
}

/** Clients that come and go. */
class Crowd {
  readonly #target: Target;
  readonly #load = newLoad(makeFrames({ size: 16, text: true, window: 1 }));
  readonly #inside: Set<RawClient> = new Set();
  /** How many handshakes are done. */
  done = 0;
  /** Whether nobody comes any more. */
  leaving = false;

  constructor(target: Target) {
    this.#target = target;
  }

  /** Comes and goes, time and again. */
  async come(): Promise<void> {
    while (!this.leaving) {
      const client = await RawClient.open(this.#target, this.#load);
      this.#inside.add(client);
      this.done++;
      try {
        await client.close();
      } finally {
        client.cut();
        this.#inside.delete(client);
      }
    }
  }

  /** Ends it where it stands. */
  cut(): void {
    this.leaving = true;
    for (const client of this.#inside) client.cut();
  }
}
