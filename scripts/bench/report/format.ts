/**
 * Figures as people read them.
 *
 * @module
 */

import type { Circumstances, Metric, SubjectInfo } from "../results.ts";
import type { Comparison } from "./comparison.ts";
import type { Spread } from "./statistics.ts";

/** Before a comparison that is within noise. */
export const ABOUT = "≈";

/** What {@linkcode ABOUT} means. */
export const ABOUT_MEANS: string =
  `"${ABOUT}" is before what is within noise: the rounds do not agree which one is better or, where they are fewer than five, what it is compared with differs more from itself.`;

/**
 * A number with commas, as `1,234`.
 *
 * @param digits How many after the point; fewer from a hundred on.
 * @param like The number that decides how many are fewer; by default this one.
 */
export function formatNumber(
  value: number,
  digits: number,
  like: number = value,
): string {
  if (!Number.isFinite(value)) return "–";
  const whole = Math.abs(like);
  digits = Math.min(digits, whole >= 1000 ? 0 : whole >= 100 ? 1 : digits);
  const text = Math.abs(value).toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
  return value < 0 && /[1-9]/.test(text) ? `−${text}` : text;
}

/** The value in the middle and, of several, the lowest and the highest. */
export function formatSpread(values: Spread, digits: number): string {
  const { median } = values;
  return join(values, (value) => formatNumber(value, digits, median), "–");
}

/** A comparison by its middle, as `≈1.02` or `+4.1`. */
export function formatMedian(
  { kind, spread, uncertain }: Comparison,
  digits: number,
): string {
  const text = formatterOf(kind, spread.median, digits)(spread.median);
  return uncertain ? `${ABOUT}${text}` : text;
}

/** A comparison with its lowest and highest. */
export function formatComparison(
  { kind, spread, uncertain }: Comparison,
  digits: number,
): string {
  const to = kind === "ratio" ? "–" : " to ";
  const text = join(spread, formatterOf(kind, spread.median, digits), to);
  return uncertain ? `${ABOUT}${text}` : text;
}

/** The best of both compared. */
export function formatBest(
  { kind, best }: Comparison,
  digits: number,
): string {
  return formatterOf(kind, best, digits)(best);
}

/** What is measured, and in what. */
export function nameOf({ title, unit }: Metric): string {
  return unit === "" ? title : `${title}, ${unit}`;
}

/** A share, as `12 %`. */
export function formatShare(share: number, digits: number = 0): string {
  return `${formatNumber(share * 100, digits)} %`;
}

/** A duration in s, as `2 min 5 s`. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  const minutes = Math.floor(whole / 60);
  return minutes === 0 ? `${whole} s` : `${minutes} min ${whole % 60} s`;
}

/** Where, when and how the benchmark ran, in a few words each. */
export function circumstancesOf(about: Circumstances): string[] {
  const { plan, processor, kernel, cores, date, took } = about;
  return [
    processor,
    `Linux ${kernel}`,
    cores === undefined
      ? "nothing pinned to a core"
      : `server on core ${cores.server}, load on core ${cores.load}`,
    date.slice(0, 16).replace("T", " "),
    `plan "${plan}", ${formatDuration(took)}`,
  ];
}

/** Who is compared with whom, in a sentence for each base. */
export function basesOf(subjects: readonly SubjectInfo[]): string[] {
  const nameOf = (id: string) =>
    subjects.find((subject) => subject.id === id)?.name ?? id;
  const byBase = Map.groupBy(
    subjects.filter(({ skipped }) => skipped === undefined),
    ({ base }) => base,
  );
  return [...byBase].flatMap(([base, all]) =>
    base === undefined
      ? []
      : [`with "${nameOf(base)}": ${all.map(({ name }) => name).join("; ")}`]
  );
}

type Formatter = (value: number) => string;

/** How to write comparisons, with as many digits as say something of the middle one. */
function formatterOf(
  kind: Comparison["kind"],
  middle: number,
  digits: number,
): Formatter {
  if (kind === "difference") {
    return (value) => {
      const text = formatNumber(value, digits, middle);
      return value > 0 ? `+${text}` : text;
    };
  }
  const few = middle >= 100 ? 0 : middle >= 10 ? 1 : middle >= 0.1 ? 2 : 4;
  return (value) => formatNumber(value, few, middle);
}

function join({ median, low, high }: Spread, text: Formatter, to: string) {
  return low === high
    ? text(median)
    : `${text(median)} (${text(low)}${to}${text(high)})`;
}
