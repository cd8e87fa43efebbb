/**
 * Which topics a connection is on, so that it leaves them when it ends.
 *
 * @module
 */

import type { Subscriber, Topics } from "./topics.ts";

/** The subscriptions of a server's connections. */
export class Subscriptions {
  readonly #topics: Topics | undefined;
  // Of those that subscribed only: most connections of a server may not.
  readonly #joined = new WeakMap<Subscriber, Set<string>>();

  constructor(topics: Topics | undefined) {
    this.#topics = topics;
  }

  /**
   * Adds `subscriber` to a topic, until it leaves.
   *
   * @returns What takes it off the topic again.
   * @throws {TypeError} If there are no topics.
   */
  add(subscriber: Subscriber, topic: string): () => void {
    const topics = this.#topics;
    if (topics === undefined) {
      throw new TypeError(
        "Cannot subscribe: this connection has no topics; pass `topics: new Topics()` to upgrade()",
      );
    }
    let joined = this.#joined.get(subscriber);
    if (joined === undefined) {
      this.#joined.set(subscriber, joined = new Set());
    }
    joined.add(topic);
    topics.add(topic, subscriber);
    return () => {
      topics.delete(topic, subscriber);
      joined.delete(topic);
    };
  }

  /** Takes `subscriber` off all topics. */
  leave(subscriber: Subscriber): void {
    for (const topic of this.#joined.get(subscriber) ?? []) {
      this.#topics?.delete(topic, subscriber);
    }
    this.#joined.delete(subscriber);
  }
}
