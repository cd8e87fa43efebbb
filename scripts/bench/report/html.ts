/**
 * A report as a page that needs nothing else: to look at, to keep, to print.
 *
 * @module
 */

import { escaped } from "../../../src/cli/bench/chart.ts";
import type { CaseResult, Metric, Report, SubjectInfo } from "../results.ts";
import {
  basesIn,
  compare,
  type Comparison,
  measuredIn,
  type Row,
  skippedIn,
  valuesOf,
} from "./comparison.ts";
import {
  ABOUT_MEANS,
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
import { STYLE } from "./style.ts";
import { drawRow, drawTicks, scaleOf } from "./svg.ts";

/** Makes the page. */
export function html(report: Report): string {
  const { about } = report;
  const title = `Secure WebSockets, measured side by side, ${
    about.date.slice(0, 10)
  }`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="color-scheme" content="light dark">
<title>${escaped(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Secure WebSockets, measured side by side</h1>
<p>${circumstancesOf(about).map(text).join(" · ")}</p>
</header>
${LEGEND}
${(["server", "client"] as const).map((side) => sideOf(report, side)).join("")}
<section>
<h2>How it was measured</h2>
<ul>${about.method.map((line) => `<li>${text(line)}</li>`).join("")}</ul>
${subjectsTable(report)}
</section>
<section>
<h2>Noise</h2>
${noise(report)}
</section>
</body>
</html>
`;
}

const LEGEND = `<p class="legend">
<span><i class="key wss"></i> this module</span>
<span><i class="key bare"></i> what it is made of</span>
<span><i class="key peer"></i> others</span>
<span><i class="key line"></i> what a row is compared with</span>
<span><i class="key whisker"></i> lowest to highest round</span>
</p>
<p class="hint">Figures are medians of the rounds. The ratio, or with a sign the difference, to what a row is compared with is taken within each round; ${
  text(ABOUT_MEANS)
}</p>`;

function sideOf(report: Report, side: CaseResult["side"]): string {
  const cases = report.cases.filter((one) => one.side === side);
  if (cases.length === 0) return "";
  return `<section>
<h2>${side === "server" ? "Servers" : "Clients"}</h2>
${glance(report, cases)}
<div class="plots">
${cases.map((one) => caseCard(report, one)).join("\n")}
</div>
</section>
`;
}

/** Ours in all cases, each compared with its base. */
function glance(report: Report, cases: readonly CaseResult[]): string {
  const ours = report.subjects.filter(({ id, group, base }) =>
    group === "wss" && base !== undefined &&
    cases.some((one) =>
      measuredIn(report, one).some((row) => row.subject.id === id)
    )
  );
  if (ours.length === 0) return "";
  const nameById = (id: string | undefined) =>
    report.subjects.find((subject) => subject.id === id)?.name ?? "";
  const rows = cases.flatMap((one) => {
    const metric = one.metrics[0];
    if (metric === undefined || metric.compare === "none") return [];
    const measured = measuredIn(report, one);
    const cells = ours.map(({ id }) => {
      const row = measured.find(({ subject }) => subject.id === id);
      const found = row && compare(measured, row, metric);
      return found === undefined ? "<td></td>" : comparedCell(found, metric);
    });
    return [
      `<tr><th>${text(one.title)}<small>${text(nameOf(metric))}</small></th>${
        cells.join("")
      }</tr>`,
    ];
  });
  const head = ours.map(({ name, base }) =>
    `<th>${text(name)}<small>to ${text(nameById(base))}</small></th>`
  );
  return `<div class="scroll"><table class="glance"><thead><tr><th>Case</th>${
    head.join("")
  }</tr></thead><tbody>${rows.join("")}</tbody></table></div>`;
}

function comparedCell(found: Comparison, metric: Metric): string {
  return `<td class="${found.verdict}">${
    text(formatMedian(found, metric.digits))
  }</td>`;
}

function caseCard(report: Report, one: CaseResult): string {
  const rows = measuredIn(report, one);
  const skipped = skippedIn(report, one).map(({ subject, reason }) =>
    `<li>${text(subject.name)}: ${text(reason)}</li>`
  );
  return `<figure>
<figcaption><h3>${text(one.title)}</h3><p>${text(one.about)}</p></figcaption>
${plot(one, rows)}
${
    skipped.length === 0
      ? ""
      : `<ul class="skipped"><li>Not measured:</li>${skipped.join("")}</ul>`
  }
${
    rows.length === 0
      ? ""
      : `<details><summary>All figures</summary><div class="scroll">${
        caseTable(one, rows)
      }</div></details>`
  }
</figure>`;
}

function plot({ metrics }: CaseResult, rows: readonly Row[]): string {
  const metric = metrics[0];
  const figures = metric === undefined ? [] : rows.flatMap((row) => {
    const values = valuesOf(row.result, metric);
    return values.length === 0 ? [] : [{ row, figure: spread(values) }];
  });
  if (metric === undefined || figures.length === 0) {
    return "<p>Nobody was measured.</p>";
  }
  const { digits } = metric;
  const scale = scaleOf(
    figures.map(({ figure }) => figure),
    metric.compare,
    formatTick,
  );
  const lines = figures.map(({ row, figure }) => {
    const { subject } = row;
    const found = compare(rows, row, metric);
    const base = figures.find((other) =>
      other.row.subject.id === found?.base.id
    );
    const drawn = drawRow(scale, figure, base?.figure.median);
    return `<div class="row ${subject.group}"><b>${
      text(subject.name)
    }</b>${drawn}<span>${text(formatNumber(figure.median, digits))}</span>${
      comparedText(found, digits)
    }</div>`;
  });
  const cut = figures.some(({ figure }) => figure.median > scale.top);
  const direction = metric.better === "less" ? "less" : "more";
  return `<p class="unit">${text(nameOf(metric))}; ${direction} is better${
    scale.logarithmic
      ? "; each step of the scale is a multiple"
      : cut
      ? "; the longest is cut off"
      : ""
  }</p>
<div class="plot">
${lines.join("\n")}
<div class="row ticks"><b></b>${drawTicks(scale)}<span></span><em></em></div>
</div>`;
}

function comparedText(
  found: Comparison | undefined,
  digits: number,
): string {
  if (found === undefined) return "<em></em>";
  const sign = found.kind === "ratio" ? "×" : "";
  return `<em class="${found.verdict}">${
    text(`${formatMedian(found, digits)}${sign}`)
  }</em>`;
}

function caseTable({ metrics }: CaseResult, rows: readonly Row[]): string {
  const heads: string[] = [];
  const cells: string[][] = rows.map(() => []);
  for (const metric of metrics) {
    const { digits } = metric;
    const found = rows.map((row) => compare(rows, row, metric));
    heads.push(nameOf(metric));
    const compared = found.some((one) => one !== undefined);
    if (compared) heads.push("to base", "best");
    for (const [i, { result }] of rows.entries()) {
      const comparison = found[i];
      cells[i]?.push(formatSpread(spread(valuesOf(result, metric)), digits));
      if (!compared) continue;
      cells[i]?.push(
        comparison === undefined ? "" : formatComparison(comparison, digits),
        comparison === undefined ? "" : formatBest(comparison, digits),
      );
    }
  }
  return table(
    ["Subject", ...heads],
    rows.map(({ subject }, i) => [subject.name, ...cells[i] ?? []]),
  );
}

function subjectsTable({ subjects }: Report): string {
  const nameById = (id: string | undefined) =>
    subjects.find((subject) => subject.id === id)?.name ?? "";
  const told = ({ name, runtime, base, skipped }: SubjectInfo) => [
    name,
    runtime,
    nameById(base),
    skipped === undefined ? "yes" : `no: ${skipped}`,
  ];
  return `<div class="scroll">${
    table(
      ["Subject", "Runs on", "Compared with", "Measured"],
      subjects.map(told),
    )
  }</div>`;
}

function noise(report: Report): string {
  const rows = report.cases.flatMap((one) => {
    const metric = one.metrics[0];
    if (metric === undefined || metric.compare === "none") return [];
    return basesIn(measuredIn(report, one)).flatMap(({ subject, result }) => {
      const values = valuesOf(result, metric);
      return values.length < 2 ? [] : [[
        `${one.title} (${one.side}s)`,
        subject.name,
        `${formatShare(apart(values))} of ${
          formatNumber(median(values), metric.digits)
        } ${metric.unit}`,
      ]];
    });
  });
  const steal = formatShare(report.about.steal, 1);
  return `<p>The hypervisor took away at most ${steal} of a core during a measurement. ${
    rows.length === 0
      ? "With one round there is nothing to tell noise by.</p>"
      : `So far apart were the lowest and the highest round of what others are compared with:</p>
<details><summary>Case by case</summary><div class="scroll">${
        table(["Case", "Subject", "Apart"], rows)
      }</div></details>`
  }`;
}

function table(head: readonly string[], rows: readonly string[][]): string {
  const heads = head.map((cell) => `<th>${text(cell)}</th>`).join("");
  const lines = rows.map(([first = "", ...others]) =>
    `<tr><th>${text(first)}</th>${
      others.map((cell) => `<td>${text(cell)}</td>`).join("")
    }</tr>`
  );
  return `<table><thead><tr>${heads}</tr></thead><tbody>${
    lines.join("")
  }</tbody></table>`;
}

/** A number at an axis, without digits that say nothing. */
function formatTick(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}

/** Text of anybody, fit for HTML; what is in backticks is code. */
function text(value: string): string {
  return escaped(value).replace(/`([^`]+)`/g, "<code>$1</code>");
}
