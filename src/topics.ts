/**
 * Who wants to hear of what, within one process.
 *
 * @module
 */

import type { MessageLike } from "./channel.ts";
import { SENT } from "./send_buffer.ts";

/**
 * Somebody who can be sent to.
 *
 * @example Somebody who is no connection
 * ```ts
 * import { type Subscriber, Topics } from "@wss/wss";
 *
 * const topics = new Topics();
 * const log: Subscriber = { send: (data) => Promise.resolve(console.log(data)) };
 * topics.add("news", log);
 * topics.publish("news", "It works"); // prints "It works"
 * ```
 */
export interface Subscriber {
  /** Sends one message. */
  send(data: MessageLike): Promise<void>;
}

/**
 * Topics, and the connections that subscribed to them. `serve()` has its own;
 * make one to share topics among connections of `upgrade()`.
 *
 * @example Topics of an application that upgrades by itself
 * ```ts
 * import { Topics, upgrade } from "@wss/wss";
 *
 * const topics = new Topics();
 * await using http = Deno.serve({ port: 0, onListen() {} }, (request, info) =>
 *   upgrade(request, info, { topics }, async (ws) => {
 *     ws.subscribe("news");
 *     for await (const message of ws) topics.publish("news", message);
 *   }));
 * ```
 */
export class Topics {
  readonly #topics: Map<string, Set<Subscriber>> = new Map();

  /** Adds `subscriber` to a topic. */
  add(topic: string, subscriber: Subscriber): void {
    let members = this.#topics.get(topic);
    if (members === undefined) this.#topics.set(topic, members = new Set());
    members.add(subscriber);
  }

  /** Takes `subscriber` off a topic. */
  delete(topic: string, subscriber: Subscriber): void {
    const members = this.#topics.get(topic);
    if (members?.delete(subscriber) && members.size === 0) {
      this.#topics.delete(topic);
    }
  }

  /**
   * Sends one message to all who subscribed to `topic`. It does not wait: a
   * peer that cannot keep up is given up past its `maxUnsentBytes`.
   *
   * @param topic The topic.
   * @param data The message.
   * @returns To how many it was sent.
   */
  publish(topic: string, data: MessageLike): number {
    return sendToAll(this.#topics.get(topic) ?? [], data);
  }
}

/** Sends one message to each, without waiting, and counts them. */
export function sendToAll(
  subscribers: Iterable<Subscriber>,
  data: MessageLike,
): number {
  let count = 0;
  for (const subscriber of subscribers) {
    if (sendTo(subscriber, data)) count++;
  }
  return count;
}

/** Sends one message without waiting; `false` if that throws. */
export function sendTo(subscriber: Subscriber, data: MessageLike): boolean {
  try {
    const sent = subscriber.send(data);
    // What fails here is that connection's end, which it reports by itself. To
    // listen makes a promise: as dear as all else that is ours of a broadcast.
    if (sent !== SENT) sent.catch(() => {});
    return true;
  } catch {
    return false; // The others shall have it all the same.
  }
}
