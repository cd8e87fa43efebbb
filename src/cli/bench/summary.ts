/**
 * The result as text, as wide as there is room.
 *
 * @module
 */

import { styled, visible } from "../output.ts";
import type { Failure } from "./failures.ts";
import {
  formatCount,
  formatRate,
  formatShare,
  formatSize,
  formatTime,
} from "./format.ts";
import type { Bar } from "./histogram.ts";
import type { Durations, Result } from "./result.ts";

/** How wide the labels are. */
const LABEL = 13;
/** How many bars the histogram has. */
const BARS = 12;
/** How wide the whole is at most. */
const WIDTH = 100;

/**
 * Says what came out.
 *
 * @param bars The latencies, for so many bars at most.
 * @param columns How many there are.
 */
export function summaryOf(
  result: Result,
  bars: (most: number) => Bar[],
  columns: number,
): string[] {
  const width = Math.min(columns, WIDTH) - 1;
  const lines = [
    styled("bold", visible(result.target)),
    ...paragraph("", parametersOf(result), width),
    "",
    ...paragraph(titleOf(result), countsOf(result), width),
    ...paragraph("Connections", connectionsOf(result), width),
  ];
  const { latency, client } = result;
  const cost = [`${formatShare(client.cpuShare)} of a core`];
  cost.push(`timers ${formatTime(client.lag.p99)} late (p99)`);
  lines.push(...paragraph("Client", cost, width));
  if (latency !== null) {
    lines.push(
      ...paragraph("Latency", quantilesOf(latency), width),
      "",
      ...histogramOf(bars(BARS), latency.count, width),
    );
  }
  if (result.failures.length > 0) {
    lines.push("", styled("bold", "Failures"));
    lines.push(...result.failures.flatMap((one) => failureOf(one, width)));
  }
  if (result.warnings.length > 0) lines.push("");
  for (const warning of result.warnings) {
    const [first = "", ...rest] = wrapped(warning.split(" "), " ", width - 2);
    lines.push(`${styled("yellow", "!")} ${first}`);
    lines.push(...rest.map((line) => `  ${line}`));
  }
  return lines;
}

function titleOf({ unit }: Result): string {
  return unit === "messages" ? "Messages" : "Handshakes";
}

/** What was asked for, in words. */
export function parametersOf({ mode, parameters }: Result): string[] {
  const { connections, window, size, binary, duration } = parameters;
  const { count, rate, ramp, warmup, engine } = parameters;
  const words = [
    `${formatCount(connections)} ${
      connections === 1 ? "connection" : "connections"
    }`,
  ];
  if (mode === "echo") {
    words.push(`window ${formatCount(window)}`);
    words.push(`${formatSize(size)} of ${binary ? "binary" : "text"}`);
  } else words.push(mode === "receive" ? "receiving only" : "handshakes");
  if (rate !== null) words.push(`${formatCount(rate)}/s asked for`);
  if (ramp > 0) words.push(`opened over ${formatTime(ramp)}`);
  words.push(
    count === null
      ? `for ${formatTime(duration)}`
      : `${formatCount(count)} in all`,
  );
  if (warmup > 0) words.push(`warmed up for ${formatTime(warmup)}`);
  words.push(`engine ${engine}`);
  return words;
}

function countsOf(result: Result): string[] {
  const { mode, perSecond, bytesPerSecond, count, elapsed } = result;
  const { unanswered, unsent } = result;
  const words = [`${formatRate(perSecond)}/s`];
  if (mode !== "handshakes") {
    const way = mode === "echo" ? " each way" : "";
    words.push(`${formatSize(bytesPerSecond)}/s${way}`);
  }
  words.push(`${formatCount(count)} in ${formatTime(elapsed)}`);
  if (unanswered > 0) words.push(`${formatCount(unanswered)} unanswered`);
  if (unsent > 0) words.push(`${formatCount(unsent)} not sent in time`);
  return words;
}

function connectionsOf({ connections, mode }: Result): string[] {
  const { opened, failed, lost, opening } = connections;
  const words = [`${formatCount(opened)} opened`];
  if (failed > 0) words.push(`${formatCount(failed)} failed to open`);
  if (lost > 0) words.push(`${formatCount(lost)} lost`);
  if (opening !== null && mode !== "handshakes") {
    words.push(`each in ${formatTime(opening.p50)} (p50)`);
    words.push(`${formatTime(opening.max)} (max)`);
  }
  return words;
}

function quantilesOf(latency: Durations): string[] {
  const { mean, min, p50, p90, p99, p999, max } = latency;
  return Object.entries({
    min,
    mean,
    p50,
    p90,
    p99,
    "p99.9": p999,
    max,
  }).map(([name, ms]) => `${name} ${formatTime(ms)}`);
}

function failureOf(failure: Failure, width: number): string[] {
  const { stage, what, message, count } = failure;
  const how = stage === "open" ? "did not open" : "ended";
  const short = `  ${formatCount(count)} × ${how}: ${visible(what)}`;
  const first = visible(message);
  const words = wrapped(first.split(" "), " ", width - 4);
  return [short, ...words.map((line) => styled("dim", `    ${line}`))];
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/** The histogram, a line for each bar. */
export function histogramOf(
  bars: readonly Bar[],
  count: number,
  width: number,
): string[] {
  const labels = bars.map(({ from }) => formatTime(from));
  const shares = bars.map((bar) =>
    bar.count === 0 ? "" : shortShare(bar.count / count)
  );
  const left = longest(labels);
  const right = longest(shares);
  const room = Math.max(8, width - left - right - 6);
  const most = Math.max(...bars.map((bar) => bar.count));
  return bars.map((bar, index) => {
    const eighths = Math.round(bar.count / most * room * 8);
    // What is there is seen, however little.
    const shown = bar.count === 0 ? 0 : Math.max(1, eighths);
    const blocks = "█".repeat(shown >> 3) + (EIGHTHS[shown & 7] ?? "");
    const label = labels[index]?.padStart(left) ?? "";
    const share = shares[index]?.padStart(right) ?? "";
    return `  ${label} ${styled("cyan", blocks.padEnd(room))} ${share}`
      .trimEnd();
  });
}

/** A share for a column, in which they are easily compared. */
function shortShare(share: number): string {
  return share < 0.0005 ? "<0.1 %" : `${(share * 100).toFixed(1)} %`;
}

function longest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => text.length));
}

/** A label, and words beside it, in lines. */
function paragraph(
  label: string,
  words: readonly string[],
  width: number,
): string[] {
  const indent = label === "" ? 0 : LABEL;
  return wrapped(words, " · ", width - indent).map((line, index) => {
    const begin = index === 0 ? label : "";
    return `${styled("bold", begin.padEnd(indent))}${line}`;
  });
}

/** Words in lines; none is cut. */
function wrapped(
  words: readonly string[],
  separator: string,
  width: number,
): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    const longer = line === "" ? word : `${line}${separator}${word}`;
    if (line !== "" && longer.length > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return line === "" ? lines : [...lines, line];
}
