/**
 * The values of the options of `wss connect`.
 *
 * @module
 */

import type { TargetValues } from "../target.ts";

/** As commander reads them; times in milliseconds, sizes in bytes. */
export interface ConnectValues extends TargetValues {
  json?: true;
  binary?: true;
  null?: true;
  one?: true;
  once?: true;
  count?: number;
  /** `Infinity` is for ever. */
  wait?: number;
  maxTime?: number;
  ping?: true;
  interval?: number;
  reconnect?: true;
  history?: string;
  full?: true;
  maxMessage: number;
  /** How many times `-v` was given. */
  verbose: number;
}
