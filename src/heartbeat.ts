/**
 * Pings, what their pongs tell of the network, and when a peer is lost.
 *
 * @module
 */

import type { Pinger } from "./channel.ts";
import { rejected } from "./receive_queue.ts";

/** How patient a heartbeat is, in milliseconds. */
export interface HeartbeatTimes {
  /** After how long the next ping is sent; 0 for never. */
  readonly pingInterval: number;
  /** How long the peer may be silent after a ping. */
  readonly pongTimeout: number;
}

interface Ping {
  readonly number: number;
  readonly sentAt: number;
  readonly answer: PromiseWithResolvers<number> | undefined;
}

/** Pings on their way at once, so that nobody can pile them up. */
const MAX_PINGS = 64;

/** The heartbeat of one connection. */
export class Heartbeat {
  readonly #pinger: Pinger;
  readonly #times: HeartbeatTimes;
  /** The time between the last answered ping and its pong, in milliseconds. */
  latency: number | undefined;

  #count = 0;
  // Those that were not answered yet, the oldest first.
  #pings: Ping[] = [];
  #beatAt: number;
  // How much had come, and when that was noticed.
  #received = 0;
  #heardAt: number;

  constructor(pinger: Pinger, times: HeartbeatTimes) {
    this.#pinger = pinger;
    this.#times = times;
    this.#beatAt = this.#heardAt = performance.now();
  }

  /** Sends a ping; the promise resolves with the milliseconds to its pong. */
  ping(): Promise<number> {
    if (this.#pings.length >= MAX_PINGS) {
      return rejected(
        new RangeError(
          `Cannot ping: ${MAX_PINGS} pings wait for their pongs already`,
        ),
      );
    }
    const answer = Promise.withResolvers<number>();
    answer.promise.catch(() => {});
    this.#send(answer);
    return answer.promise;
  }

  /**
   * Takes a pong. It answers its ping and all before (RFC 6455, section 5.5.3);
   * one that does not name its ping answers the oldest.
   *
   * @returns Whether it was asked for.
   */
  pong(payload?: string): boolean {
    const index = this.#pings.findIndex(({ number }) =>
      payload === undefined || `${number}` === payload
    );
    if (index < 0) return false;
    const now = performance.now();
    for (const { sentAt, answer } of this.#pings.splice(0, index + 1)) {
      this.latency = now - sentAt;
      answer?.resolve(this.latency);
    }
    return true;
  }

  /**
   * Sends the next ping when it is time.
   *
   * @param now The time in milliseconds.
   * @param listening Whether this side takes bytes off the network: else the
   * peer's silence is none of the peer's doing.
   * @returns Whether the peer is lost.
   */
  check(now: number, listening: boolean): boolean {
    const { pingInterval, pongTimeout } = this.#times;
    const received = this.#pinger.bytesReceived;
    if (received !== this.#received || !listening) {
      this.#received = received;
      this.#heardAt = now;
    }
    const oldest = this.#pings[0];
    if (oldest !== undefined) {
      const since = Math.max(oldest.sentAt, this.#heardAt);
      if (now - since >= pongTimeout) return true;
    }
    if (pingInterval > 0 && now - this.#beatAt >= pingInterval) {
      this.#beatAt = now;
      if (this.#pings.length < MAX_PINGS) this.#send(undefined);
      // The network shall tell all the same if the peer is gone.
      else this.#pinger.ping(`${this.#count - 1}`);
    }
    return false;
  }

  /** Tells those who wait for a pong that none will come. */
  end(error: () => Error): void {
    for (const { answer } of this.#pings.splice(0)) answer?.reject(error());
  }

  #send(answer: Ping["answer"]): void {
    const number = this.#count++;
    this.#pings.push({ number, sentAt: performance.now(), answer });
    this.#pinger.ping(`${number}`);
  }
}
