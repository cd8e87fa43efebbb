/**
 * The options of `reconnect()` and `keepConnected()` that are their own.
 *
 * @module
 */

import type { OptionNames } from "../option_names.ts";
import type { ReconnectOptions } from "./reconnect.ts";
import type { KeepConnectedOptions } from "./reconnecting_connection.ts";

/** The options of `reconnect()`. */
export const RECONNECT_NAMES: OptionNames<ReconnectOptions> = {
  minDelay: true,
  maxDelay: true,
  stableAfter: true,
  maxRetryAfter: true,
  maxAttempts: true,
  retry: true,
  onstatus: true,
  signal: true,
};

/** What `keepConnected()` has besides. */
export const KEEP_CONNECTED_NAMES: OptionNames<
  Omit<KeepConnectedOptions, keyof ReconnectOptions>
> = {
  onopen: true,
  delivery: true,
  overflow: true,
  maxOutboxMessages: true,
  maxOutboxBytes: true,
};

/** Refuses options that nobody would look at. */
export function checkOwn(options: object): void {
  const own = Object.keys({ ...RECONNECT_NAMES, ...KEEP_CONNECTED_NAMES });
  const foreign = Object.entries(options).find(([name, value]) =>
    value !== undefined && !own.includes(name)
  )?.[0];
  if (foreign === undefined) return;
  throw new TypeError(
    `Cannot use ${foreign} with a function that opens connections; pass it to connect() in there`,
  );
}
