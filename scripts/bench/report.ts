/**
 * Results as tables in Markdown.
 *
 * @module
 */

import type { EchoResult } from "./load.ts";
import type { Plan, Subject } from "./plan.ts";
import type { IdleResult, Results } from "./run.ts";

/** Where and how the results came to be. */
export interface Circumstances {
  plan: Plan;
  subjects: readonly Subject[];
  processor: string;
  kernel: string;
  deno: string;
  date: string;
}

/** Writes the tables, and how far to trust them. */
export function report(results: Results, about: Circumstances): string {
  return [
    introduction(results, about),
    "### Messages",
    echoTable(results, about),
    "### Idle connections",
    idleTable(results, about),
    "### Start-up",
    startUpTable(results, about),
    "### Noise",
    noise(results),
  ].join("\n\n");
}

function introduction(results: Results, about: Circumstances): string {
  const { plan, processor, kernel, deno, date } = about;
  const { echo, idle, startUp } = plan;
  const where = results.cores === undefined
    ? "nothing pinned"
    : `server on core ${results.cores.server}, load on core ${results.cores.load}`;
  return `Deno ${deno}, Linux ${kernel}, ${processor}; ${where}; ${date}. ` +
    `Medians (lowest–highest) of ${echo.rounds} rounds of ${
      echo.duration / 1000
    } s, ${idle.rounds} of ${idle.connections} idle connections, ` +
    `${startUp.rounds} starts; ratios and differences are taken within each round.`;
}

function echoTable({ echo }: Results, { subjects }: Circumstances): string {
  const rows = echo.flatMap(({ name, subjects: all }) =>
    subjects.map((subject, i) => {
      const own = all[i]!;
      const cost = own.map(cpuPerMessage);
      const bare = all[0]!.map(cpuPerMessage);
      return [
        name,
        subject.name,
        spread(cost, 2),
        i === 0 ? "1" : spread(ratios(cost, bare), 2),
        i === 0 ? "1" : (Math.min(...cost) / Math.min(...bare)).toFixed(2),
        median(own.map(({ messages, time }) => messages / time * 1e6))
          .toFixed(0),
        percent(own.map(({ serverCpu, time }) => serverCpu / time)),
        percent(own.map(({ loadCpu, time }) => loadCpu / time)),
      ];
    })
  );
  return table([
    "Case",
    "Subject",
    "Server CPU, µs a message",
    "To bare",
    "Lowest to lowest",
    "Messages/s",
    "Server busy",
    "Load busy",
  ], rows);
}

function idleTable({ idle }: Results, { subjects }: Circumstances): string {
  const rows = subjects.map(({ name }, i) => {
    const kib = (key: keyof IdleResult, index: number) =>
      idle[index]!.map((result) => result[key] / 1024);
    const overBare = (key: keyof IdleResult) =>
      i === 0 ? "" : signed(differences(kib(key, i), kib(key, 0)));
    return [
      name,
      spread(kib("rss", i), 1),
      overBare("rss"),
      spread(kib("heap", i), 1),
      spread(kib("loose", i), 1),
      overBare("loose"),
    ];
  });
  return table([
    "Subject",
    "RSS, KiB a connection",
    "Over bare",
    "Of it JavaScript heap",
    "RSS with garbage, KiB",
    "Over bare",
  ], rows);
}

function startUpTable(
  { startUp }: Results,
  { subjects }: Circumstances,
): string {
  const rows = subjects.map(({ name }, i) => [
    name,
    spread(startUp[i]!, 0),
    i === 0 ? "" : signed(differences(startUp[i]!, startUp[0]!)),
  ]);
  return table(["Subject", "First echo after, ms", "Over bare"], rows);
}

function noise({ echo }: Results): string {
  const all = echo.flatMap(({ subjects }) => subjects.flat());
  const steal = Math.max(0, ...all.map(({ steal, time }) => steal / time));
  const apart = Math.max(
    0,
    ...echo.map(({ subjects }) => {
      const bare = subjects[0]!.map(cpuPerMessage);
      return (Math.max(...bare) - Math.min(...bare)) / median(bare);
    }),
  );
  return `The bare server against itself, over the rounds of the worst case: ${
    (100 * apart).toFixed(0)
  } % between its lowest and its highest cost a message. A ratio within that of 1 says nothing. ` +
    `Of the cores the hypervisor took away at most ${
      (100 * steal).toFixed(1)
    } % during a measurement. ` +
    "Where the load is as busy as the server, messages/s say as much about it as about the server; the CPU a message does not depend on it so.";
}

/** What a message costs the server, in µs. */
function cpuPerMessage({ serverCpu, messages }: EchoResult): number {
  return serverCpu / messages;
}

function ratios(values: number[], base: number[]): number[] {
  return values.map((value, i) => value / base[i]!);
}

function differences(values: number[], base: number[]): number[] {
  return values.map((value, i) => value - base[i]!);
}

/** The value in the middle. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function spread(values: number[], digits: number): string {
  const [middle, low, high] = [
    median(values),
    Math.min(...values),
    Math.max(...values),
  ].map((value) => value.toFixed(digits));
  return `${middle} (${low}–${high})`;
}

function signed(values: number[]): string {
  const [middle, low, high] = [
    median(values),
    Math.min(...values),
    Math.max(...values),
  ].map((value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`);
  return `${middle} (${low} to ${high})`;
}

function percent(values: number[]): string {
  return `${(100 * median(values)).toFixed(0)} %`;
}

/** A table with columns as wide as what is in them. */
function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length))
  );
  const line = (cells: string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}
