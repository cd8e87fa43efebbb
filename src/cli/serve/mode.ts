/**
 * What a server does with its connections.
 *
 * @module
 */

import type { Connection, Server } from "../../../server.ts";

/** What a server does with its connections: one of the modes of `wss serve`. */
export interface Mode {
  /** What it does, for the banner: "sends every message back". */
  readonly title: string;
  /** Serves one connection; the handler of `serve()`. */
  handler(ws: Connection): Promise<void>;
  /** Told once, when the server listens. */
  started?(server: Server): void;
  /** Frees what it holds, when the server has ended. */
  ended?(): Promise<void>;
}
