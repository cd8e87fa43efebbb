/**
 * How `wss serve` ends, and takes its certificate anew: by signals.
 *
 * @module
 */

import type { Server } from "../../../server.ts";
import { ExitCode } from "../exit_code.ts";
import { Exit } from "../failure.ts";
import { tell } from "./tell.ts";

const WINDOWS = Deno.build.os === "windows";

/** Those that end a server. */
const STOPS: readonly Deno.Signal[] = WINDOWS
  ? ["SIGINT", "SIGBREAK"]
  : ["SIGINT", "SIGTERM"];

/** What a server does besides ending. */
export interface StopOptions {
  /** How long connections have to finish, in milliseconds. */
  readonly timeout: number;
  /** Takes the certificate anew; without it, SIGHUP ends the process. */
  readonly reload?: (() => Promise<void>) | undefined;
}

/**
 * Waits until a server has ended: by a signal, which lets connections finish.
 *
 * @throws {Exit} With 130, at once, on a second signal.
 */
export async function untilStopped(
  server: Server,
  { timeout, reload }: StopOptions,
): Promise<void> {
  const { promise: impatient, reject } = Promise.withResolvers<never>();
  let stopping = false;
  const stop = () => {
    if (stopping) return reject(new Exit(ExitCode.Interrupted));
    stopping = true;
    tell(
      `Shutting down, in ${
        timeout / 1000
      } s at most; Ctrl-C again ends at once`,
    );
    server.shutdown({ timeout });
  };
  const atTerminal = Deno.stdin.isTerminal();
  const hangUp = () => {
    // The same signal tells that the terminal is gone, which is no wish to go on.
    if (atTerminal && !Deno.stdin.isTerminal()) return stop();
    reload?.();
  };
  const listeners: [Deno.Signal, () => void][] = STOPS.map((name) => [
    name,
    stop,
  ]);
  if (reload !== undefined && !WINDOWS) listeners.push(["SIGHUP", hangUp]);
  for (const [name, listener] of listeners) {
    Deno.addSignalListener(name, listener);
  }
  try {
    await Promise.race([server.finished, impatient]);
  } finally {
    for (const [name, listener] of listeners) {
      Deno.removeSignalListener(name, listener);
    }
  }
}
