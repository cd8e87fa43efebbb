/**
 * What came out, as `--json` prints it and the report shows it.
 *
 * @module
 */

import config from "../../../deno.json" with { type: "json" };
import { ExitCode } from "../exit_code.ts";
import { shownUrl } from "../target_url.ts";
import type { Failure } from "./failures.ts";
import { formatCount, formatShare, formatTime } from "./format.ts";
import type { Bar, Histogram } from "./histogram.ts";
import type { LoadEnd } from "./load.ts";
import type { Plan } from "./plan.ts";
import type { Sample, Tally } from "./tally.ts";

/** The shares of which the quantiles are told. */
export const QUANTILES = {
  p50: 0.5,
  p75: 0.75,
  p90: 0.9,
  p99: 0.99,
  p999: 0.999,
  p9999: 0.9999,
} as const;

/** Durations, in milliseconds. */
export type Durations =
  & Record<keyof typeof QUANTILES | "mean" | "min" | "max", number>
  & { readonly count: number };

/** The latency, in milliseconds, that a share of all did not exceed. */
export interface Percentile {
  readonly share: number;
  readonly ms: number;
}

/** The outcome of a measurement; times are in milliseconds. */
export interface Result {
  readonly target: string;
  readonly mode: Plan["mode"];
  /** What is counted. */
  readonly unit: "messages" | "handshakes";
  /** When it began, as ISO 8601 has it. */
  readonly started: string;
  readonly parameters: {
    readonly connections: number;
    readonly window: number;
    readonly size: number;
    readonly binary: boolean;
    readonly duration: number;
    readonly count: number | null;
    readonly rate: number | null;
    readonly ramp: number;
    readonly warmup: number;
    readonly timeout: number;
    readonly engine: string;
  };
  /** How long was measured. */
  readonly elapsed: number;
  readonly count: number;
  readonly perSecond: number;
  /** Of payload, in one direction. */
  readonly bytesPerSecond: number;
  /** From when a message was due until it was back, or how long a handshake took; null if there was none. */
  readonly latency: Durations | null;
  /** Messages that were sent and did not come back. */
  readonly unanswered: number;
  /** With a rate: messages that were due and not sent. */
  readonly unsent: number;
  readonly connections: {
    readonly opened: number;
    readonly failed: number;
    readonly lost: number;
    /** How long opening took, of all that opened. */
    readonly opening: Durations | null;
  };
  readonly failures: readonly Failure[];
  /** What measuring took of the client. */
  readonly client: {
    /** Of one core. */
    readonly cpuShare: number;
    /** How late its timers were. */
    readonly lag: { p50: number; p99: number; max: number };
    /** Whether the client was the limit, and not the server. */
    readonly isLimit: boolean;
  };
  readonly environment: {
    readonly wss: string;
    readonly deno: string;
    readonly v8: string;
    readonly os: string;
    readonly arch: string;
    readonly cores: number;
  };
  /** What whoever reads the figures must know. */
  readonly warnings: readonly string[];
  readonly exitCode: ExitCode;
  /** The latencies that shares of all did not exceed, as far as there are enough. */
  readonly percentiles: readonly Percentile[];
  /** Latencies, on a scale of magnitudes. */
  readonly histogram: readonly Bar[];
  /** What happened when, from the beginning on, also while it was not measured. */
  readonly samples: readonly Sample[];
  /** Between which times of the samples was measured. */
  readonly measured: { readonly from: number; readonly to: number };
}

/** How late timers are of a client that has no time for them, in milliseconds. */
const LATE = 5;

/** How many bars the histogram has. */
const BARS = 100;

/** Makes the result of what was counted. */
export function makeResult(
  plan: Plan,
  tally: Tally,
  end: LoadEnd | undefined,
  interrupted: boolean,
): Result {
  const { mode, connections, window, size, binary, duration } = plan;
  const { count = null, rate = null, ramp, warmup, timeout } = plan;
  const { cpuShare, lag, isLimit } = tally.cost;
  const from = tally.from === 0 ? 0 : tally.from - tally.began;
  const { unanswered = 0, unsent = 0 } = interrupted ? {} : end ?? {};
  return {
    target: shownUrl(plan.url),
    mode,
    unit: mode === "handshakes" ? "handshakes" : "messages",
    started: new Date(performance.timeOrigin + tally.began).toISOString(),
    parameters: {
      connections,
      window,
      size,
      binary,
      duration,
      count,
      rate,
      ramp,
      warmup,
      timeout,
      engine: plan.options.engine ?? "deno",
    },
    elapsed: tally.elapsed,
    count: tally.messages,
    perSecond: tally.messageRate,
    bytesPerSecond: tally.elapsed === 0
      ? 0
      : tally.bytes * 1000 / tally.elapsed,
    latency: durationsOf(tally.latency),
    unanswered,
    unsent,
    connections: {
      opened: tally.opened,
      failed: tally.failed,
      lost: tally.lost,
      opening: durationsOf(tally.connecting),
    },
    failures: tally.failures.list,
    client: { cpuShare, lag, isLimit },
    environment: {
      wss: config.version,
      deno: Deno.version.deno,
      v8: Deno.version.v8,
      os: Deno.build.os,
      arch: Deno.build.arch,
      cores: navigator.hardwareConcurrency,
    },
    warnings: warningsOf(plan, tally, end, interrupted),
    exitCode: exitCodeOf(plan, tally, end, interrupted),
    percentiles: percentilesOf(tally.latency),
    histogram: tally.latency.bars(BARS),
    samples: tally.samples,
    measured: { from, to: from + tally.elapsed },
  };
}

function durationsOf(histogram: Histogram): Durations | null {
  const { count, mean, min, max } = histogram;
  if (count === 0) return null;
  const quantiles = Object.entries(QUANTILES).map(([name, share]) =>
    [name, histogram.quantile(share)] as const
  );
  return {
    count,
    mean,
    min,
    ...Object.fromEntries(quantiles) as Record<keyof typeof QUANTILES, number>,
    max,
  };
}

/** Ten for each nine. */
function percentilesOf(histogram: Histogram): Percentile[] {
  const percentiles: Percentile[] = [];
  for (let step = 0; step <= 60; step++) {
    const rest = 10 ** (-step / 10);
    if (rest * histogram.count < 1) break;
    const share = 1 - rest;
    percentiles.push({ share, ms: histogram.quantile(share) });
  }
  return percentiles;
}

function exitCodeOf(
  { mode }: Plan,
  tally: Tally,
  end: LoadEnd | undefined,
  interrupted: boolean,
): ExitCode {
  if (interrupted) return ExitCode.Interrupted;
  if (end?.stalled) return ExitCode.Timeout;
  if (tally.failures.wrongEcho) return ExitCode.Protocol;
  if (tally.failed + tally.lost > 0) return ExitCode.Closed;
  // Nothing was measured.
  return mode === "receive" && tally.messages === 0
    ? ExitCode.Timeout
    : ExitCode.Ok;
}

function warningsOf(
  plan: Plan,
  tally: Tally,
  end: LoadEnd | undefined,
  interrupted: boolean,
): string[] {
  const warnings: string[] = [];
  const { cost } = tally;
  if (interrupted) warnings.push("it was ended by Ctrl-C, before its time");
  if (cost.isLimit) warnings.push(limitWarning(plan, cost.cpuShare));
  if (tally.failures.outOfFiles && tally.opened > 0) {
    warnings.push(
      `this process may not have open as many files, it seems: raise its limit, \`ulimit -n ${
        plan.connections + 200
      }\`, or give fewer --connections`,
    );
  }
  if (cost.lag.p50 > LATE && !cost.isLimit) {
    warnings.push(
      `the client's machine was busy: its timers were ${
        formatTime(cost.lag.p50)
      } late (p50), and latencies hold as much`,
    );
  }
  if (end?.stalled) {
    warnings.push(
      `the server owed answers for ${
        formatTime(plan.timeout)
      }, and was given up (--timeout)`,
    );
  }
  if (end !== undefined && end.unsent > plan.connections * plan.window) {
    warnings.push(
      `${
        formatCount(end.unsent)
      } messages that were due were not sent: --rate is more than the server, or the client, can; or give more --connections, or a larger --window`,
    );
  }
  if (plan.mode === "receive" && tally.messages === 0) {
    warnings.push(
      "the server sent nothing within the time: nothing was measured; --receive is for servers that send by themselves",
    );
  }
  if (tally.elapsed > 0 && tally.elapsed < 1000 && plan.mode !== "receive") {
    warnings.push("less than a second was measured: figures will vary");
  }
  return warnings;
}

/** From where to where a message of the built-in engine is held up, in bytes. */
const HELD_UP = [1_000, 65_536] as const;

/** What to do where the client was the limit. */
function limitWarning(
  { size, options, mode }: Plan,
  cpuShare: number,
): string {
  const cheaper = options.engine === "node" && mode === "echo" &&
    (size <= HELD_UP[0] || size >= HELD_UP[1]);
  const remedy = cheaper
    ? "run several at once, or try --engine deno, which takes less of it"
    : "run several at once";
  return `the client took ${
    formatShare(cpuShare)
  } of a core: it was the limit, and the figures are a lower bound of what the server can; ${remedy}`;
}
