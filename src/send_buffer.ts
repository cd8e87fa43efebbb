/**
 * What is on its way to the peer, and whether the peer still takes it.
 *
 * The built-in WebSocket says how much it holds but not when that shrinks, and
 * it holds without limit. So no more than the mark and one message is handed to
 * it; the rest waits here, where it can be dropped when the peer is given up.
 *
 * @module
 */

import { type Channel, type MessageLike, sizeOf } from "./channel.ts";
import type { ResolvedLimits } from "./limits.ts";

/** What `send()` returns while the peer keeps up: nobody need wait for it. */
export const SENT: Promise<void> = Promise.resolve();

/** What a message weighs besides its bytes, wherever it waits. */
const OVERHEAD = 128;

/** How often a full channel is asked for room, in milliseconds: at first, and at most. */
const FIRST_POLL = 1;
const LAST_POLL = 50;

/** The outgoing side of a connection. */
export class SendBuffer {
  readonly #channel: Channel;
  readonly #limits: ResolvedLimits;

  // What the channel held when it was last asked, and what it got since then:
  // at least so many bytes, and at most three times as many.
  #seen = 0;
  #since = 0;
  #count = 0;
  // What it got since it was last empty, to guess how many messages it holds.
  #bytes = 0;
  #messages = 0;
  #progress = false;
  #aliveAt = 0;

  // What waits for room, and those who wait with it.
  #queue: MessageLike[] | undefined;
  #queued = 0;
  #room: PromiseWithResolvers<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #delay = FIRST_POLL;

  constructor(channel: Channel, limits: ResolvedLimits) {
    this.#channel = channel;
    this.#limits = limits;
  }

  /**
   * Sends one message, or keeps it until there is room. The promise resolves
   * when no more than the mark is on its way.
   *
   * @returns `undefined` where too much waits already; the message is not taken.
   */
  send(data: MessageLike): Promise<void> | undefined {
    const size = sizeOf(data);
    if (this.#room === undefined) {
      this.#hand(data, size);
      const most = this.#seen + 3 * this.#since + OVERHEAD * this.#count;
      if (most <= this.#limits.sendBuffer || this.#hasRoom()) return SENT;
      this.#room = Promise.withResolvers<void>();
      this.#room.promise.catch(() => {});
      this.#poll();
      return this.#room.promise;
    }
    const weight = size + OVERHEAD;
    if (this.#queued + weight > this.#limits.maxUnsentBytes) return undefined;
    (this.#queue ??= []).push(typeof data === "string" ? data : copy(data));
    this.#queued += weight;
    return this.#room.promise;
  }

  /** Whether nothing waits here: what the channel holds goes before a close frame. */
  get flushed(): boolean {
    return this.#queue === undefined;
  }

  /** Resolves when nothing waits here any more, or never will; never rejects. */
  async flush(): Promise<void> {
    while (this.#room !== undefined) {
      try {
        await this.#room.promise;
      } catch {
        return;
      }
    }
  }

  /** Whether the peer has taken nothing for too long. */
  stalled(now: number): boolean {
    if (this.#seen === 0 && this.#since === 0) {
      this.#aliveAt = 0;
      return false;
    }
    if (this.#measure() === 0 || this.#progress || this.#aliveAt === 0) {
      this.#progress = false;
      this.#aliveAt = now;
      return false;
    }
    return now - this.#aliveAt >= this.#limits.pongTimeout;
  }

  /** Drops what waits and tells those who wait why. */
  end(error: () => Error): void {
    clearTimeout(this.#timer);
    this.#queue = undefined;
    this.#queued = this.#seen = this.#since = 0;
    const room = this.#room;
    this.#room = undefined;
    room?.reject(error());
  }

  #hand(data: MessageLike, size: number): void {
    const channel = this.#channel;
    let taken = size;
    if (channel.compresses) {
      const before = channel.bufferedAmount;
      channel.send(data);
      taken = Math.max(0, channel.bufferedAmount - before);
    } else channel.send(data);
    this.#since += taken;
    this.#bytes += taken;
    this.#count++;
    this.#messages++;
  }

  /** Whether the channel takes more: one that closes never will, whatever it holds. */
  #hasRoom(): boolean {
    return this.#measure() <= this.#limits.sendBuffer && this.#channel.open;
  }

  /**
   * Asks the channel what it holds, and notes whether the peer took some of it.
   *
   * @returns What that weighs. The channel tells no number of messages, so the
   * average size of those that it got must do.
   */
  #measure(): number {
    const buffered = this.#channel.bufferedAmount;
    if (buffered < this.#seen + this.#since) this.#progress = true;
    this.#seen = buffered;
    this.#since = this.#count = 0;
    if (buffered === 0) {
      this.#bytes = this.#messages = 0;
      return 0;
    }
    const held = this.#messages * Math.min(1, buffered / this.#bytes);
    return buffered + OVERHEAD * held;
  }

  #poll(): void {
    this.#timer = setTimeout(() => {
      const before = this.#seen;
      let hasRoom = this.#hasRoom();
      this.#delay = this.#seen < before
        ? FIRST_POLL
        : Math.min(this.#delay * 2, LAST_POLL);
      const queue = this.#queue;
      let taken = 0;
      while (
        hasRoom && queue !== undefined && taken < queue.length
      ) {
        const data = queue[taken++]!;
        const size = sizeOf(data);
        this.#hand(data, size);
        this.#queued -= size + OVERHEAD;
        hasRoom = this.#hasRoom();
      }
      if (queue !== undefined && taken === queue.length) {
        this.#queue = undefined;
      } else queue?.splice(0, taken);
      if (this.#queue !== undefined || !hasRoom) {
        this.#poll();
        return;
      }
      const room = this.#room;
      this.#room = undefined;
      this.#delay = FIRST_POLL;
      room?.resolve();
    }, this.#delay);
  }
}

/** A copy, so that the caller may reuse its bytes at once. */
export function copy(data: ArrayBuffer | ArrayBufferView): ArrayBuffer {
  if (data instanceof ArrayBuffer) return data.slice(0);
  const bytes = new Uint8Array(data.byteLength);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return bytes.buffer;
}
