/**
 * A report in Markdown, for documents and the terminal.
 *
 * @module
 */

import type { CaseResult, Metric, Report } from "../results.ts";
import {
  basesIn,
  compare,
  measuredIn,
  type Row,
  skippedIn,
  valuesOf,
} from "./comparison.ts";
import {
  ABOUT_MEANS,
  basesOf,
  circumstancesOf,
  formatBest,
  formatComparison,
  formatMedian,
  formatNumber,
  formatShare,
  formatSpread,
  nameOf,
} from "./format.ts";
import { apart, median, spread } from "./statistics.ts";

/** Writes a report in Markdown. */
export function markdown(report: Report): string {
  return [
    `${circumstancesOf(report.about).map(plain).join("; ")}.`,
    list(report.about.method.map(plain)),
    HOW_TO_READ,
    list(basesOf(report.subjects).map((text) => `Compared ${plain(text)}.`)),
    ...sidesOf(report),
    "### Noise",
    noise(report),
    ...notMeasured(report),
  ].filter((part) => part !== "").join("\n\n") + "\n";
}

/** How figures are written, in every report. */
const HOW_TO_READ =
  `Figures are medians of the rounds, with the lowest and the highest in brackets. "To base" compares within each round: a ratio, or with a sign a difference; ${ABOUT_MEANS} "Best" compares the best rounds of both, which a noisy machine disturbs least.`;

function sidesOf(report: Report): string[] {
  return (["server", "client"] as const).flatMap((side) => {
    const cases = report.cases.filter((one) => one.side === side);
    if (cases.length === 0) return [];
    return [
      side === "server" ? "### Servers" : "### Clients",
      ...glance(report, cases),
      ...cases.flatMap((one) => [
        `#### ${plain(one.title)}`,
        plain(one.about),
        caseTable(one, measuredIn(report, one)),
        list(
          skippedIn(report, one).map(({ subject, reason }) =>
            `Not measured: ${plain(subject.name)}: ${plain(reason)}`
          ),
        ),
      ]),
    ];
  });
}

/** Ours in all cases, a table for each base. */
function glance(report: Report, cases: readonly CaseResult[]): string[] {
  const rowsOf = new Map(cases.map((one) => [one, measuredIn(report, one)]));
  const all = [...rowsOf.values()].flat().map(({ subject }) => subject);
  const ours = report.subjects.filter((subject) =>
    subject.group === "wss" && subject.base !== undefined &&
    all.includes(subject)
  );
  return [...Map.groupBy(ours, ({ base }) => base)].map(([base, subjects]) => {
    const name = report.subjects.find(({ id }) => id === base)?.name ?? "";
    const lines = cases.flatMap((one) => {
      const metric = one.metrics[0];
      const rows = rowsOf.get(one) ?? [];
      if (metric === undefined || metric.compare === "none") return [];
      const cells = subjects.map(({ id }) => {
        const row = rows.find(({ subject }) => subject.id === id);
        const found = row && compare(rows, row, metric);
        return found === undefined ? "" : formatMedian(found, metric.digits);
      });
      if (cells.every((cell) => cell === "")) return [];
      return [[`${one.title}: ${nameOf(metric)}`, ...cells].map(plain)];
    });
    const head = [`To "${name}"`, ...subjects.map(({ name }) => name)];
    return table(head.map(plain), lines);
  });
}

function caseTable({ metrics }: CaseResult, rows: readonly Row[]): string {
  if (rows.length === 0) return "Nobody was measured.";
  const columns = metrics.flatMap((metric, index) =>
    columnsOf(metric, rows, index === 0)
  );
  return table(
    ["Subject", ...columns.map(({ head }) => plain(head))],
    rows.map((row) => [
      plain(row.subject.name),
      ...columns.map(({ cell }) => cell(row)),
    ]),
  );
}

interface Column {
  readonly head: string;
  readonly cell: (row: Row) => string;
}

/** What a metric shows: the first one all that there is, others what fits. */
function columnsOf(
  metric: Metric,
  rows: readonly Row[],
  first: boolean,
): Column[] {
  const { digits } = metric;
  const columns: Column[] = [{
    head: nameOf(metric),
    cell: ({ result }) => {
      const values = valuesOf(result, metric);
      return first
        ? formatSpread(spread(values), digits)
        : formatNumber(median(values), digits);
    },
  }];
  const found = new Map(rows.map((row) => [row, compare(rows, row, metric)]));
  if ([...found.values()].every((one) => one === undefined)) return columns;
  const cell = (format: typeof formatBest) => (row: Row) => {
    const comparison = found.get(row);
    return comparison === undefined ? "" : format(comparison, digits);
  };
  columns.push({
    head: "To base",
    cell: cell(first ? formatComparison : formatMedian),
  });
  if (first) columns.push({ head: "Best", cell: cell(formatBest) });
  return columns;
}

/** The bases against themselves, case by case. */
function noise(report: Report): string {
  const lines = report.cases.flatMap((one) => {
    const metric = one.metrics[0];
    if (metric === undefined || metric.compare === "none") return [];
    return basesIn(measuredIn(report, one)).flatMap(({ subject, result }) => {
      const values = valuesOf(result, metric);
      return values.length < 2 ? [] : [[
        one.title,
        nameOf(metric),
        subject.name,
        formatSpread(spread(values), metric.digits),
        formatShare(apart(values)),
      ].map(plain)];
    });
  });
  const steal = formatShare(report.about.steal, 1);
  return `The hypervisor took away at most ${steal} of a core during a measurement. ` +
    (lines.length === 0
      ? "With one round there is nothing to tell noise by."
      : "What others are compared with differed from itself, over the rounds:\n\n" +
        table(["Case", "Measured", "Subject", "Figure", "Apart"], lines));
}

function notMeasured({ subjects }: Report): string[] {
  const skipped = subjects.flatMap(({ name, skipped }) =>
    skipped === undefined ? [] : [`${plain(name)}: ${plain(skipped)}`]
  );
  return skipped.length === 0 ? [] : ["### Not measured", list(skipped)];
}

function list(items: readonly string[]): string {
  return items.map((item) => `- ${item}`).join("\n");
}

/** A table with columns as wide as what is in them. */
function table(head: readonly string[], rows: readonly string[][]): string {
  const widths = head.map((title, column) =>
    Math.max(3, title.length, ...rows.map((row) => row[column]?.length ?? 0))
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

/** Text that nothing of Markdown or HTML is in, on one line. */
function plain(text: string): string {
  return text.replace(/\p{Cc}+/gu, " ").replace(/[\\*|<[\]]/g, "\\$&");
}
