/**
 * Opens connections: within a deadline, over the engine that was chosen.
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import type { Opener, OpenTask } from "./engine.ts";
import { withoutSecrets } from "./route.ts";

/** What a call of `connect()` asks for, checked. */
export interface OpenPlan
  extends Omit<OpenTask, "action" | "route" | "signal"> {
  readonly route: (url: URL) => OpenTask["route"];
  readonly engine: Opener;
  /** How long all of it may take, in milliseconds. */
  readonly openTimeout: number;
  /** The caller's signal. */
  readonly signal: AbortSignal | undefined;
}

/** Opens a connection, or gives up at the deadline or when the caller does. */
export async function open(plan: OpenPlan): Promise<Connection> {
  const { engine, openTimeout, signal, url, route } = plan;
  signal?.throwIfAborted();
  const action = `Cannot connect to ${withoutSecrets(url)}`;
  const attempt = new AbortController();
  const timer = setTimeout(() => {
    const message = `${action}: no answer within ${openTimeout} ms`;
    attempt.abort(new DOMException(message, "TimeoutError"));
  }, openTimeout);
  const abort = () => attempt.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    const task = { ...plan, action, route: route(url), signal: attempt.signal };
    return await engine(task);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}
