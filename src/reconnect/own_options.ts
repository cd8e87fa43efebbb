/**
 * The options of `reconnect()` and `keepConnected()` that are their own.
 *
 * @module
 */

import type { KeepConnectedOptions } from "./reconnecting_connection.ts";

/** The options that are not for `connect()`. */
export const OWN: readonly (keyof KeepConnectedOptions)[] = [
  "minDelay",
  "maxDelay",
  "stableAfter",
  "maxRetryAfter",
  "maxAttempts",
  "retry",
  "onstatus",
  "signal",
  "onopen",
  "delivery",
  "overflow",
  "maxOutboxMessages",
  "maxOutboxBytes",
];

/** Refuses options that nobody would look at. */
export function checkOwn(options: object): void {
  const own: readonly string[] = OWN;
  const foreign = Object.entries(options).find(([name, value]) =>
    value !== undefined && !own.includes(name)
  )?.[0];
  if (foreign === undefined) return;
  throw new TypeError(
    `Cannot use ${foreign} with a function that opens connections; pass it to connect() in there`,
  );
}
