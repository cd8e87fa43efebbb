/**
 * Who was how dear compared with whom: the model, as reports and the guard need it.
 *
 * @module
 */

import type {
  CaseResult,
  Metric,
  Report,
  Sample,
  SubjectInfo,
  SubjectResult,
} from "../results.ts";
import {
  differences,
  likelyRange,
  type Pair,
  ratios,
  type Spread,
  spread,
} from "./statistics.ts";

/** Of fewer rounds even all that agree may do so by chance. */
const FEW = 5;

/** A subject compared with its base. */
export interface Comparison {
  readonly kind: "ratio" | "difference";
  readonly base: SubjectInfo;
  /** Of what was found within each round. */
  readonly spread: Spread;
  /** The best rounds of both compared, which noise disturbs least. */
  readonly best: number;
  /**
   * Whether it is within noise: the rounds do not agree about which one is
   * better, or they are few, and the base differs more from itself.
   */
  readonly uncertain: boolean;
  /** Which one is better, where they agree. */
  readonly verdict: "better" | "worse" | "even";
}

/** A subject in a case. */
export interface Row {
  readonly subject: SubjectInfo;
  readonly result: SubjectResult;
}

/** Those who were measured in a case, in the order of the report. */
export function measuredIn(report: Report, { subjects }: CaseResult): Row[] {
  return report.subjects.flatMap((subject) => {
    const result = subjects.find((one) => one.subject === subject.id);
    return result === undefined || result.samples.length === 0
      ? []
      : [{ subject, result }];
  });
}

/** Those who were not, and why. */
export function skippedIn(
  report: Report,
  { subjects }: CaseResult,
): { subject: SubjectInfo; reason: string }[] {
  return report.subjects.flatMap((subject) => {
    // Whoever was skipped as a whole is told of once.
    if (subject.skipped !== undefined) return [];
    const result = subjects.find((one) => one.subject === subject.id);
    return result?.skipped === undefined
      ? []
      : [{ subject, reason: result.skipped }];
  });
}

/** All that was measured of it, whatever the round. */
export function valuesOf(result: SubjectResult, metric: Metric): number[] {
  return result.samples.map((sample) => valueOf(sample, metric))
    .filter(Number.isFinite);
}

/** Compares a subject with its base; `undefined` where that can't be done. */
export function compare(
  rows: readonly Row[],
  row: Row,
  metric: Metric,
): Comparison | undefined {
  const base = rows.find(({ subject }) => subject.id === row.subject.base);
  return base && compareWith(base, row, metric);
}

/** Compares a subject with any; `undefined` where that can't be done. */
export function compareWith(
  base: Row,
  { result }: Row,
  metric: Metric,
): Comparison | undefined {
  const kind = metric.compare;
  if (kind === "none") return undefined;
  const pairs = pairsOf(result, base.result, metric);
  const values = kind === "ratio" ? ratios(pairs) : differences(pairs);
  if (values.length === 0) return undefined;
  const best = metric.better === "less" ? Math.min : Math.max;
  const bests: Pair = [
    best(...pairs.map(([own]) => own)),
    best(...pairs.map(([, base]) => base)),
  ];
  const even = kind === "ratio" ? 1 : 0;
  const [low, high] = likelyRange(values);
  const all = spread(values);
  const itself = spread(pairs.map(([, base]) => base));
  const apart = (itself.high - itself.low) /
    (kind === "ratio" ? itself.median : 1);
  const uncertain = (low <= even && high >= even) ||
    (values.length < FEW && Math.abs(all.median - even) < apart);
  return {
    kind,
    base: base.subject,
    spread: all,
    best: kind === "ratio" ? bests[0] / bests[1] : bests[0] - bests[1],
    uncertain,
    verdict: uncertain
      ? "even"
      : (all.median < even) === (metric.better === "less")
      ? "better"
      : "worse",
  };
}

/** The subjects that others are compared with in a case. */
export function basesIn(rows: readonly Row[]): Row[] {
  const bases = new Set(rows.map(({ subject }) => subject.base));
  return rows.filter(({ subject }) => bases.has(subject.id));
}

function pairsOf(
  own: SubjectResult,
  base: SubjectResult,
  metric: Metric,
): Pair[] {
  const pairs = own.samples.map((sample, round): Pair => [
    valueOf(sample, metric),
    valueOf(base.samples[round] ?? {}, metric),
  ]);
  return pairs.filter((pair) => pair.every(Number.isFinite));
}

function valueOf(sample: Sample, { id }: Metric): number {
  return sample[id] ?? NaN;
}
