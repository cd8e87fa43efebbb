/**
 * One connection, few messages: how long they take.
 *
 * @module
 */

import { type Case, cost } from "../case.ts";
import { percentile } from "../report/statistics.ts";
import type { Metric, Sample } from "../results.ts";
import { BURST } from "../servers/_control.ts";

/** One message at a time. */
export const latency: Case = {
  id: "latency",
  title: "Latency, one connection",
  about:
    "Echoes of 16 bytes over one connection, one after the other, from the sending of a message to the arrival of its echo.",
  side: "server",
  metrics: percentiles("ms"),
  process: "shared",
  rounds: "most",
  takes: ({ latency: { warmUp, duration } }) => warmUp + duration + 100,
  async measure({ plan, load, target }) {
    const { times } = await load.latency(target, plan.latency);
    return inMilliseconds(times);
  },
};

/** Several messages in a row, which finds Nagle's algorithm (RFC 896). */
export const burst: Case = {
  id: "burst",
  title: "Three messages in a row",
  about:
    `The server answers each message of 16 bytes with ${BURST}: from the sending of it to the arrival of the last, over one connection that does nothing else. Of servers that stall there are few a second, so that their last percents are the longest.`,
  side: "server",
  metrics: percentiles("ms"),
  process: "shared",
  rounds: "most",
  takes: ({ burst: { duration } }) => duration * 1.1 + 100,
  async measure({ plan, load, target }) {
    const { times } = await load.burst(target, plan.burst);
    return inMilliseconds(times);
  },
};

function percentiles(unit: string): Metric[] {
  const help = { compare: "none", digits: 3 } as const;
  return [
    cost("p50", "Half within", unit, { digits: 3 }),
    cost("p99", "99 % within", unit, help),
    cost("p999", "99.9 % within", unit, help),
  ];
}

function inMilliseconds(times: readonly number[]): Sample {
  const within = (share: number) => percentile(times, share) / 1000;
  return { p50: within(0.5), p99: within(0.99), p999: within(0.999) };
}
