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
import type { MaxTime } from "./max_time.ts";
import type { ConnectValues } from "./values.ts";

/** What was asked, and what the answers took, in milliseconds. */
class Tally {
  sent = 0;
  answered = 0;
  least = Infinity;
  most = 0;
  mean = 0;
  #squares = 0;

  /** Counts an answer, and keeps no more of it (Welford's method). */
  add(ms: number): void {
    this.answered++;
    this.least = Math.min(this.least, ms);
    this.most = Math.max(this.most, ms);
    const off = ms - this.mean;
    this.mean += off / this.answered;
    this.#squares += off * (ms - this.mean);
  }

  /** The standard deviation. */
  get deviation(): number {
    return Math.sqrt(this.#squares / this.answered);
  }
}

/** Pings a server until it is enough, and sums it up. */
export async function ping(
  url: URL,
  options: ConnectOptions,
  values: ConnectValues,
  time: MaxTime,
  onopen: (ws: Connection) => void,
): Promise<void> {
  const { json } = values;
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, time.signal]);
  const release = onInterrupt(() => stop.abort(new Exit(ExitCode.Interrupted)));
  try {
    const ws = await connect(url, { ...options, signal });
    const tally = new Tally();
    try {
      onopen(ws);
      await repeat(ws, values, tally, signal, (ms) => {
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
    signal.throwIfAborted();
  } finally {
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
  const ended = AbortSignal.any([signal, ws.signal]);
  while (!signal.aborted) {
    const asked = performance.now();
    tally.sent++;
    const ms = await Promise.race([ws.ping(), stopped.promise]);
    if (ms === undefined) return;
    tally.add(ms);
    tell(ms);
    if (tally.sent === count) return;
    const left = interval - (performance.now() - asked);
    await sleep(left, ended);
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
    signal.removeEventListener("abort", done);
    resolve();
  };
  const timer = setTimeout(done, Math.max(0, ms));
  signal.addEventListener("abort", done);
  if (signal.aborted) done();
  return promise;
}

function summary(tally: Tally, json: true | undefined): string {
  const { sent, answered, least, mean, most, deviation } = tally;
  if (answered === 0) {
    return json
      ? JSON.stringify({ sent, answered })
      : `${sent} sent, none answered`;
  }
  if (json) {
    return JSON.stringify({
      sent,
      answered,
      min: rounded(least),
      mean: rounded(mean),
      max: rounded(most),
      deviation: rounded(deviation),
    });
  }
  return `${sent} sent, ${answered} answered; least ${
    milliseconds(least)
  }, mean ${milliseconds(mean)}, most ${milliseconds(most)}, deviation ${
    milliseconds(deviation)
  }`;
}

/** To microseconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
