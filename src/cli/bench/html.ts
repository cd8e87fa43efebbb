/**
 * The result as a page that needs nothing else: to look at, to keep, to send.
 *
 * @module
 */

import {
  type Axis,
  drawChart,
  escaped,
  linearAxis,
  logAxis,
  type Point,
} from "./chart.ts";
import {
  formatCount,
  formatRate,
  formatShare,
  formatSize,
  formatTime,
} from "./format.ts";
import type { Result } from "./result.ts";
import { parametersOf } from "./summary.ts";

/** Makes the page. */
export function htmlReport(result: Result): string {
  const title = `${result.target}: ${
    formatRate(result.perSecond)
  } ${result.unit}/s`;
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
<p>wss bench · ${escaped(result.started.slice(0, 16).replace("T", " "))} UTC</p>
<h1>${escaped(result.target)}</h1>
<p>${escaped(parametersOf(result).join(" · "))}</p>
</header>
${warningsOf(result)}
<section class="tiles">
${tilesOf(result).map(tile).join("\n")}
</section>
${chartsOf(result).join("\n")}
<section class="tables">
${tablesOf(result).join("\n")}
</section>
</body>
</html>
`;
}

function warningsOf({ warnings }: Result): string {
  if (warnings.length === 0) return "";
  const items = warnings.map((text) => `<li>${escaped(text)}</li>`).join("");
  return `<ul class="warnings">${items}</ul>`;
}

type Row = readonly [name: string, value: string];

function tile([name, value]: Row): string {
  return `<div><b>${escaped(value)}</b><span>${escaped(name)}</span></div>`;
}

function tilesOf(result: Result): Row[] {
  const { unit, perSecond, bytesPerSecond, latency, connections } = result;
  const rows: Row[] = [[`${unit}/s`, formatRate(perSecond)]];
  if (unit === "messages") {
    const way = result.mode === "echo" ? "each way" : "received";
    rows.push([way, `${formatSize(bytesPerSecond)}/s`]);
  }
  if (latency !== null) {
    rows.push(
      ["latency, p50", formatTime(latency.p50)],
      ["latency, p99", formatTime(latency.p99)],
      ["latency, max", formatTime(latency.max)],
    );
  }
  rows.push(["connections", formatCount(connections.opened)]);
  const bad = connections.failed + connections.lost;
  if (bad > 0) rows.push(["failed or lost", formatCount(bad)]);
  return rows;
}

function chartsOf(result: Result): string[] {
  const charts: string[] = [];
  const { latency, percentiles, histogram, samples, measured } = result;
  if (latency !== null) {
    const y = logAxis(latency.min, latency.max, formatTime);
    charts.push(drawChart({
      title: "Latency by percentile",
      caption: "how much of all was answered within which time",
      points: percentiles.map(({ share, ms }) => [nines(share), ms]),
      shape: "line",
      x: ninesAxis(nines(percentiles.at(-1)?.share ?? 0)),
      y,
    }));
    const shares = histogram.map(({ from, count }): Point => [
      from,
      count / latency.count,
    ]);
    const from = histogram[0]?.from ?? 1;
    const to = histogram.at(-1)?.to ?? 1;
    charts.push(drawChart({
      title: "Latencies",
      caption: "how much of all took how long",
      points: [...shares, [to, 0]],
      shape: "blocks",
      x: logAxis(from, to, formatTime),
      y: linearAxis(
        Math.max(...shares.map(([, share]) => share)),
        formatShare,
      ),
    }));
  }
  const last = samples.at(-1)?.at ?? 0;
  if (last === 0) return charts;
  const x = linearAxis(last, formatTime, { about: 5 });
  const marked = [measured.from, Math.min(measured.to, last)] as const;
  const rates = samples.map(({ at, span, messages }): Point => [
    at - span,
    messages * 1000 / span,
  ]);
  charts.push(drawChart({
    title: `${result.unit === "messages" ? "Messages" : "Handshakes"}/s`,
    caption: "over time; what was measured is set off",
    points: [...rates, [last, rates.at(-1)?.[1] ?? 0]],
    shape: "blocks",
    x,
    y: linearAxis(Math.max(...rates.map(([, rate]) => rate)), formatRate),
    marked,
  }));
  const open = samples.map(({ at, span, open }): Point => [at - span, open]);
  charts.push(drawChart({
    title: "Open connections",
    caption: "over time",
    points: [...open, [last, open.at(-1)?.[1] ?? 0]],
    shape: "blocks",
    x,
    y: linearAxis(Math.max(...open.map(([, count]) => count)), formatCount, {
      finest: 1,
    }),
    marked,
  }));
  return charts;
}

/** How many nines a share has: 0.99 has two. */
function nines(share: number): number {
  return -Math.log10(1 - share);
}

/** The shares that are told apart best by their nines. */
const SHARES = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999, 0.999999];

function ninesAxis(most: number): Axis {
  const top = Math.max(most, 0.1);
  const place = (value: number) => value / top;
  // Where there is little room, 0 and 50 % are too close to each other.
  const shares = SHARES.filter((share) =>
    nines(share) <= top && (share > 0 || top < 2)
  );
  const ticks = shares.map((share) => ({
    at: place(nines(share)),
    text: `${parseFloat((share * 100).toFixed(4))} %`,
  }));
  return { place, ticks };
}

function tablesOf(result: Result): string[] {
  const { latency, connections, failures, client, environment } = result;
  const { opening } = connections;
  const tables: string[] = [];
  if (latency !== null) {
    tables.push(table("Latency", durationRows(latency)));
  }
  tables.push(table("Connections", [
    ["opened", formatCount(connections.opened)],
    ["failed to open", formatCount(connections.failed)],
    ["lost", formatCount(connections.lost)],
    ...opening === null ? [] : [
      ["opening, p50", formatTime(opening.p50)],
      ["opening, p99", formatTime(opening.p99)],
      ["opening, max", formatTime(opening.max)],
    ] as const,
  ]));
  if (failures.length > 0) {
    tables.push(table(
      "Failures",
      failures.map(({ stage, what, count }) => [
        `${stage === "open" ? "did not open" : "ended"}: ${what}`,
        formatCount(count),
      ]),
    ));
  }
  tables.push(
    table("Exchanged", [
      [result.unit, formatCount(result.count)],
      ["in", formatTime(result.elapsed)],
      ["unanswered", formatCount(result.unanswered)],
      ["not sent in time", formatCount(result.unsent)],
    ]),
    table("Parameters", parameterRows(result)),
    table("Client", [
      ["share of a core", formatShare(client.cpuShare)],
      ["timers late by, p50", formatTime(client.lag.p50)],
      ["timers late by, p99", formatTime(client.lag.p99)],
      ["cores", formatCount(environment.cores)],
      ["system", `${environment.os} ${environment.arch}`],
      ["wss", environment.wss],
      ["Deno", environment.deno],
      ["V8", environment.v8],
    ]),
  );
  return tables;
}

function durationRows(latency: NonNullable<Result["latency"]>): Row[] {
  const { min, mean, p50, p75, p90, p99, p999, p9999, max } = latency;
  return Object.entries({
    min,
    mean,
    p50,
    p75,
    p90,
    p99,
    "p99.9": p999,
    "p99.99": p9999,
    max,
  }).map(([name, ms]) => [name, formatTime(ms)]);
}

function parameterRows({ mode, parameters }: Result): Row[] {
  const { connections, window, size, binary, duration } = parameters;
  const { count, rate, ramp, warmup, timeout, engine } = parameters;
  return [
    ["mode", mode],
    ["connections", formatCount(connections)],
    ["window", formatCount(window)],
    ["size", `${formatSize(size)}, ${binary ? "binary" : "text"}`],
    ["duration", formatTime(duration)],
    ["count", count === null ? "–" : formatCount(count)],
    ["rate", rate === null ? "as fast as it goes" : `${formatCount(rate)}/s`],
    ["ramp", ramp === 0 ? "–" : formatTime(ramp)],
    ["warm-up", warmup === 0 ? "–" : formatTime(warmup)],
    ["timeout", formatTime(timeout)],
    ["engine", engine],
  ];
}

function table(title: string, rows: readonly Row[]): string {
  const lines = rows.map(([name, value]) =>
    `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`
  );
  return `<table><caption>${escaped(title)}</caption>${lines.join("")}</table>`;
}

const STYLE = `
:root { color-scheme: light dark; --text: #1c2024; --dim: #60646c; --back: #fff; --card: #f6f7f9; --grid: #dfe2e6; --line: #0b68cb; --area: #0b68cb1f; --mark: #0b68cb12; --warn: #8a4b00; --warnback: #fff4e0; }
@media (prefers-color-scheme: dark) { :root { --text: #edeef0; --dim: #a9adb5; --back: #111214; --card: #1b1d21; --grid: #34373d; --line: #63b0ff; --area: #63b0ff2e; --mark: #63b0ff14; --warn: #ffc878; --warnback: #332508; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 2.5rem) 3rem; max-width: 68rem; color: var(--text); background: var(--back); font: 16px/1.45 system-ui, sans-serif; }
header p { margin: .2rem 0; color: var(--dim); }
h1 { margin: .2rem 0; font-size: clamp(1.25rem, 4vw, 1.9rem); overflow-wrap: anywhere; }
.warnings { margin: 1rem 0; padding: .7rem 1rem .7rem 2rem; border-radius: .5rem; color: var(--warn); background: var(--warnback); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.8rem, 1fr)); gap: .7rem; margin: 1.3rem 0; }
.tiles div { padding: .7rem; border-radius: .5rem; background: var(--card); }
.tiles b { display: block; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
.tiles span, figcaption, caption { color: var(--dim); }
figure { margin: 1.8rem 0; }
figcaption b, caption { color: var(--text); font-weight: 600; }
.plot { position: relative; height: 15rem; margin: 1rem .9rem 3rem 5rem; }
.plot svg { width: 100%; height: 100%; display: block; overflow: visible; }
.plot path { vector-effect: non-scaling-stroke; }
.grid { stroke: var(--grid); stroke-width: 1; fill: none; }
.line { stroke: var(--line); stroke-width: 2; fill: none; stroke-linejoin: round; }
.area { fill: var(--area); }
.mark { fill: var(--mark); }
.plot span { position: absolute; font-size: .8rem; color: var(--dim); white-space: nowrap; font-variant-numeric: tabular-nums; }
.plot .y { right: calc(100% + .5rem); transform: translateY(-50%); }
.plot .x { top: calc(100% + .35rem); transform: translateX(-50%); }
.tables { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(17rem, 100%), 1fr)); gap: 1.8rem 2.5rem; align-items: start; }
table { width: 100%; border-collapse: collapse; }
caption { text-align: left; padding-bottom: .3rem; }
th, td { padding: .22rem 0; border-top: 1px solid var(--grid); text-align: left; font-weight: 400; vertical-align: top; overflow-wrap: anywhere; }
th { color: var(--dim); padding-right: 1rem; }
td { text-align: right; font-variant-numeric: tabular-nums; }
@media (max-width: 30rem) { .plot { margin-left: 4.2rem; height: 12rem; } .plot span { font-size: .72rem; } }
`;
