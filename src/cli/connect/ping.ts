/**
 * `wss connect --ping`: how long a server takes to answer, again and again.
 *
 * @module
 */

import {
  connect,
  type Connection,
  type ConnectOptions,
} from "../../../client.ts";
import { ExitCode } from "../exit_code.ts";
import { Exit } from "../failure.ts";
import { print } from "../output.ts";
import { shownUrl } from "../target_url.ts";
import { milliseconds } from "./commands.ts";
import { onInterrupt } from "../interrupt.ts";
import { sayGoodbye } from "./goodbye.ts";
import { tooLate } from "./too_late.ts";
import type { ConnectValues } from "./values.ts";

/** What was asked, and what the answers took, in milliseconds. */
interface Tally {
  sent: number;
  readonly times: number[];
}

/** Pings a server until it is enough, and sums it up. */
export async function ping(
  url: URL,
  options: ConnectOptions,
  values: ConnectValues,
  onopen: (ws: Connection) => void,
): Promise<void> {
  const { json, maxTime } = values;
  const stop = new AbortController();
  const timer = maxTime === undefined
    ? undefined
    : setTimeout(() => stop.abort(tooLate(maxTime)), maxTime);
  const release = onInterrupt(() => stop.abort(new Exit(ExitCode.Interrupted)));
  try {
    const ws = await connect(url, { ...options, signal: stop.signal });
    const tally: Tally = { sent: 0, times: [] };
    try {
      onopen(ws);
      await repeat(ws, values, tally, stop.signal, (ms) => {
        print(
          json
            ? JSON.stringify({ seq: tally.sent, ms: rounded(ms) })
            : `answer from ${shownUrl(url)}: ${tally.sent} in ${
              milliseconds(ms)
            }`,
        );
      });
    } finally {
      if (tally.sent > 0) print(summary(tally, json));
      await sayGoodbye(ws);
    }
    // Ctrl-C, or the end of its time.
    stop.signal.throwIfAborted();
  } finally {
    clearTimeout(timer);
    release();
  }
}

/** Pings until it is enough, or is stopped. */
async function repeat(
  ws: Connection,
  { count = Infinity, interval = 1000 }: ConnectValues,
  tally: Tally,
  signal: AbortSignal,
  tell: (ms: number) => void,
): Promise<void> {
  dropMessages(ws);
  const stopped = Promise.withResolvers<undefined>();
  signal.addEventListener("abort", () => stopped.resolve(undefined));
  while (!signal.aborted) {
    const asked = performance.now();
    tally.sent++;
    const ms = await Promise.race([ws.ping(), stopped.promise]);
    if (ms === undefined) return;
    tally.times.push(ms);
    tell(ms);
    if (tally.sent === count) return;
    const left = interval - (performance.now() - asked);
    await sleep(left, AbortSignal.any([signal, ws.signal]));
  }
}

/** Takes what comes, so that the answers behind it do. */
async function dropMessages(ws: Connection): Promise<void> {
  try {
    for await (const _ of ws);
  } catch {
    // The ping that is under way tells.
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => {
    clearTimeout(timer);
    resolve();
  };
  const timer = setTimeout(done, Math.max(0, ms));
  signal.addEventListener("abort", done, { once: true });
  if (signal.aborted) done();
  return promise;
}

function summary({ sent, times }: Tally, json: true | undefined): string {
  const answered = times.length;
  if (answered === 0) {
    return json
      ? JSON.stringify({ sent, answered })
      : `${sent} sent, none answered`;
  }
  const mean = times.reduce((sum, ms) => sum + ms, 0) / answered;
  const min = Math.min(...times);
  const max = Math.max(...times);
  const deviation = Math.sqrt(
    times.reduce((sum, ms) => sum + (ms - mean) ** 2, 0) / answered,
  );
  if (json) {
    return JSON.stringify({
      sent,
      answered,
      min: rounded(min),
      mean: rounded(mean),
      max: rounded(max),
      deviation: rounded(deviation),
    });
  }
  return `${sent} sent, ${answered} answered; least ${
    milliseconds(min)
  }, mean ${milliseconds(mean)}, most ${milliseconds(max)}, deviation ${
    milliseconds(deviation)
  }`;
}

/** To microseconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
