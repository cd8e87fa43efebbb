/**
 * Deno's `node:net` goes deaf when it once finds no file descriptor for a
 * connection: it accepts no more, and says nothing. So this one listens whether
 * the server still hears, and has it listen anew.
 *
 * @module
 */

import { connect, type Server } from "node:net";
import { NetworkError } from "../errors.ts";

/** How often the server is asked for a sign of life, and how long it has, in milliseconds. */
const INTERVAL = 5_000;
const PATIENCE = 1_000;

/** What can be asked. */
export interface Hearing {
  readonly server: Server;
  readonly addr: Deno.Addr;
  /** Whether the server takes no connections since it has enough. */
  full(): boolean;
  /** Hears that it had to listen anew, or why it could not. */
  onfail(error: unknown): void;
}

/** Watches over one server. */
export class Ears {
  readonly #hearing: Hearing;
  readonly #where: { host: string; port: number } | { path: string };
  readonly #interval: ReturnType<typeof setInterval>;
  #heard = true;
  #probing = false;

  constructor(hearing: Hearing, interval: number = INTERVAL) {
    this.#hearing = hearing;
    const { addr } = hearing;
    this.#where = "hostname" in addr
      ? { host: addr.hostname, port: addr.port }
      : { path: (addr as Deno.UnixAddr).path };
    this.#interval = setInterval(() => void this.#listen(), interval);
  }

  /** Notes a connection. */
  heard(): void {
    this.#heard = true;
  }

  /** Watches no more. */
  stop(): void {
    clearInterval(this.#interval);
  }

  async #listen(): Promise<void> {
    if (this.#probing) return;
    if (this.#heard || this.#hearing.full()) {
      this.#heard = false;
      return;
    }
    this.#probing = true;
    const connected = await this.#call();
    this.#probing = false;
    if (!connected || this.#heard || !this.#hearing.server.listening) return;
    this.#again();
  }

  /** Connects, and waits to be heard; whether at least the system took the call. */
  #call(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const probe = connect(this.#where);
    let connected = false;
    probe.on("error", () => resolve(connected));
    probe.on("connect", () => connected = true);
    const started = performance.now();
    const poll = setInterval(() => {
      if (this.#heard || performance.now() - started > PATIENCE) {
        resolve(connected);
      }
    }, 10);
    return promise.finally(() => {
      clearInterval(poll);
      probe.destroy();
    });
  }

  #again(): void {
    const { server, onfail } = this.#hearing;
    onfail(
      new NetworkError(
        "Cannot accept connections: the process had no file descriptor left, so the server listens anew",
        {
          reason: "other",
          remedy: "raise `ulimit -n`, or lower maxConnections",
        },
      ),
    );
    server.close();
    server.listen(this.#where);
  }
}
