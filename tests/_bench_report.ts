/**
 * Small reports of made-up measurements.
 *
 * @module
 */

import type {
  CaseResult,
  Metric,
  Report,
  SubjectInfo,
} from "../scripts/bench/results.ts";

export const CPU: Metric = {
  id: "cpu",
  title: "Server CPU",
  unit: "µs a message",
  better: "less",
  compare: "ratio",
  digits: 2,
};
const RATE: Metric = {
  id: "rate",
  title: "Messages",
  unit: "a second",
  better: "more",
  compare: "none",
  digits: 0,
};
export const RSS: Metric = {
  id: "rss",
  title: "RSS",
  unit: "KiB",
  better: "less",
  compare: "difference",
  digits: 1,
};
export const SUBJECTS: readonly SubjectInfo[] = [
  {
    id: "bare",
    name: "Deno.serve",
    group: "bare",
    side: "server",
    runtime: "Deno 2.9.6",
  },
  {
    id: "ours",
    name: "serve()",
    group: "wss",
    side: "server",
    base: "bare",
    runtime: "Deno 2.9.6",
  },
  {
    id: "bun",
    name: "Bun.serve",
    group: "peer",
    side: "server",
    base: "bare",
    runtime: "Bun",
    skipped: "there is no bun; install it with `npm install -g bun`",
  },
];

/** A case of two subjects, with a value of the metric for each round. */
export function caseOf(
  metric: Metric,
  { bare, ours }: { bare: number[]; ours: number[] },
): CaseResult {
  const samplesOf = (values: number[]) =>
    values.map((value) => ({ [metric.id]: value, rate: 1000 / value }));
  return {
    id: metric.id,
    title: `Case of ${metric.id}`,
    about: "What is done.",
    side: "server",
    metrics: [metric, RATE],
    subjects: [
      { subject: "bare", samples: samplesOf(bare) },
      { subject: "ours", samples: samplesOf(ours) },
    ],
  };
}

/** A report of cases. */
export function reportOf(...cases: CaseResult[]): Report {
  return {
    about: {
      plan: "quick",
      method: ["2 rounds of 1 s"],
      processor: "Some CPU",
      kernel: "6.1.0",
      cores: { server: 0, load: 1 },
      date: "2026-11-23T05:02:11.000Z",
      took: 125,
      steal: 0.004,
    },
    subjects: SUBJECTS,
    cases,
  };
}
