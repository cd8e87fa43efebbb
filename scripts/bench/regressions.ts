/**
 * What a change made dearer than it may be: a report, held against limits of
 * what this module may add to what it is made of. There are none of time, which
 * differs from machine to machine.
 *
 * @module
 */

import {
  compareWith,
  type Comparison,
  measuredIn,
  valuesOf,
} from "./report/comparison.ts";
import { formatBest, formatComparison } from "./report/format.ts";
import type { CaseResult, Metric, Report } from "./results.ts";

/** How much dearer than another one a subject may be. */
export interface Limit {
  /** The `id` of the case. */
  readonly case: string;
  /** The `id` of the metric. */
  readonly metric: string;
  /** The `id` of the subject. */
  readonly subject: string;
  /** The `id` of the one that it is compared with, by default its base. */
  readonly to?: string;
  /** The largest ratio or, if the metric is compared by it, difference. */
  readonly most: number;
}

/** What a limit was held against. */
export interface Verdict {
  readonly limit: Limit;
  /** What was measured, for people. */
  readonly what: string;
  /** What was found, or why there is nothing. */
  readonly found: string;
  /**
   * `missing` is what was not measured, or can't be compared: a guard that
   * looks away keeps nothing.
   */
  readonly state: "kept" | "regressed" | "missing";
}

/**
 * Holds a report against limits.
 *
 * A limit is broken if both the rounds in the middle and the best ones of both
 * exceed it: noise disturbs one of them, a regression shows in both.
 *
 * @param report What was measured.
 * @param limits The limits.
 * @returns A verdict for each limit.
 */
export function judge(report: Report, limits: readonly Limit[]): Verdict[] {
  return limits.map((limit) => {
    const { subject, metric } = limit;
    const found = lookUp(report, limit);
    const place = `${limit.case}, ${subject}`;
    if (typeof found === "string") {
      return { limit, what: `${place}, ${metric}`, found, state: "missing" };
    }
    const { comparison, of } = found;
    const { best, spread } = comparison;
    const text = formatComparison(comparison, of.digits);
    return {
      limit,
      what: `${place}: ${of.title}, to ${comparison.base.id}`,
      found: `${text}, best ${formatBest(comparison, of.digits)}`,
      state: Math.min(spread.median, best) <= limit.most ? "kept" : "regressed",
    };
  });
}

/** Finds what is limited, or why it can't be. */
function lookUp(
  report: Report,
  limit: Limit,
): { comparison: Comparison; of: Metric } | string {
  const one = report.cases.find(({ id }) => id === limit.case);
  if (one === undefined) return "there is no such case";
  const of = one.metrics.find(({ id }) => id === limit.metric);
  if (of === undefined) return "there is no such metric";
  if (of.better !== "less" || of.compare === "none") {
    return "this metric can't be limited";
  }
  const rows = measuredIn(report, one);
  const row = rows.find(({ subject }) => subject.id === limit.subject);
  if (row === undefined) return reason(report, one, limit.subject);
  const to = limit.to ?? row.subject.base;
  const base = rows.find(({ subject }) => subject.id === to);
  if (base === undefined) return reason(report, one, to ?? "its base");
  const comparison = compareWith(base, row, of);
  const rounds = [row, base].map(({ result }) => valuesOf(result, of).length);
  if (
    comparison === undefined || !Number.isFinite(comparison.best) ||
    rounds.some((count) => count !== row.result.samples.length)
  ) {
    return "not all rounds have figures of both";
  }
  return { comparison, of };
}

function reason(
  report: Report,
  { subjects }: CaseResult,
  id: string,
): string {
  const skipped =
    report.subjects.find((subject) => subject.id === id)?.skipped ??
      subjects.find(({ subject }) => subject === id)?.skipped;
  const why = skipped === undefined ? "" : `: ${skipped}`;
  return `${id} was not measured${why}`;
}
