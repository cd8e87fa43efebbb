/**
 * Findings as a person reads them.
 *
 * @module
 */

import type { Finding, Layer, Verdict } from "../../doctor/mod.ts";
import { ExitCode } from "../exit_code.ts";
import { inFlagWords } from "../flag_words.ts";
import { columns, print, type Style, styled, visible } from "../output.ts";
import type { Outcome } from "./verdict.ts";

const TITLES: Readonly<Record<Layer, string>> = {
  name: "Name",
  tcp: "TCP",
  tls: "TLS",
  http: "HTTP",
  websocket: "WebSocket",
  close: "Closing",
  idle: "Idle",
};

const MARKS: Readonly<Record<Verdict, readonly [string, Style]>> = {
  ok: ["✓", "green"],
  info: ["·", "dim"],
  warning: ["!", "yellow"],
  failure: ["✗", "red"],
  skipped: ["–", "dim"],
};

/** No line is longer, however wide the terminal. */
const MOST_COLUMNS = 100;

/** Prints findings one by one, under the heading of what they are about. */
export class Report {
  readonly #quiet: boolean;
  #heading: string | undefined;
  #printed = 0;
  /** Whether a whole layer was not looked at. */
  #unseen = false;
  /** Layers that were not looked at, all for one reason. */
  readonly #left: Finding[] = [];

  /** @param quiet Whether only failures and warnings are printed. */
  constructor(quiet: boolean) {
    this.#quiet = quiet;
  }

  /** Prints a finding. */
  add(finding: Finding): void {
    const { verdict, check, layer } = finding;
    const unseen = verdict === "skipped" && check === layer;
    this.#unseen ||= unseen;
    if (this.#quiet && verdict !== "failure" && verdict !== "warning") return;
    if (unseen) {
      this.#left.push(finding);
      return;
    }
    this.#print(headingOf(finding), finding);
  }

  #print(heading: string, finding: Finding): void {
    const { verdict, summary, reason, remedy } = finding;
    this.#head(heading);
    const [mark, style] = MARKS[verdict];
    const loud = verdict === "failure" || verdict === "warning" ||
      verdict === "ok";
    const [first = "", ...rest] = wrap(summary, 4);
    const colored = (line: string) =>
      verdict === "ok" ? line : styled(style, line);
    print(`  ${loud ? styled(style, mark) : colored(mark)} ${colored(first)}`);
    for (const line of rest) print(`    ${colored(line)}`);
    for (const line of reason === undefined ? [] : wrap(reason, 6)) {
      print(`      ${styled("dim", line)}`);
    }
    if (remedy === undefined) return;
    const [todo = "", ...more] = wrap(remedy, 8);
    print(`      → ${todo}`);
    for (const line of more) print(`        ${line}`);
  }

  /** Prints what came of it all. */
  end({ verdict, counts, exitCode, first }: Outcome): void {
    const [left] = this.#left;
    if (left !== undefined) {
      const layers = this.#left.map(({ layer }) => TITLES[layer]);
      this.#print(layers.join(", "), left);
    }
    if (this.#quiet && verdict === "ok") return;
    if (this.#printed > 0) print("");
    const found = countsOf(counts);
    const text = first === null
      ? `Healthy: ${found}`
      // What ends with a failure, or was not seen, is not called healthy.
      : verdict === "warning" && exitCode === ExitCode.Ok && !this.#unseen
      ? `Healthy, but worth mending: ${summaryOf(first)} (${found})`
      : `The first thing to mend: ${summaryOf(first)} (${found})`;
    const style = verdict === "ok" ? "green" : MARKS[verdict][1];
    for (const line of wrap(text, 0)) print(styled(style, line));
  }

  #head(heading: string): void {
    if (heading === this.#heading) return;
    if (this.#printed++ > 0) print("");
    this.#heading = heading;
    print(styled("bold", visible(heading)));
  }
}

/** The layer; of what was looked at offline, the file. */
function headingOf({ layer, data }: Finding): string {
  return typeof data?.file === "string" ? data.file : TITLES[layer];
}

/** What was found, where no heading says in which file. */
export function summaryOf({ summary, data }: Finding): string {
  return typeof data?.file === "string" && !summary.includes(data.file)
    ? `${data.file}: ${summary}`
    : summary;
}

function countsOf(counts: Outcome["counts"]): string {
  const { failure, warning, ok, skipped } = counts;
  const parts = [
    [failure, failure === 1 ? "failure" : "failures"],
    [warning, warning === 1 ? "warning" : "warnings"],
    [ok, "ok"],
    [skipped, "skipped"],
  ] as const;
  return parts.filter(([count]) => count > 0)
    .map(([count, what]) => `${count} ${what}`).join(", ") || "nothing found";
}

/** A text in lines that fit behind an indentation; words that do not are broken. */
export function wrap(
  text: string,
  indent: number,
  width: number = Math.min(columns(), MOST_COLUMNS),
): string[] {
  const room = Math.max(width - indent, 20);
  const lines: string[] = [];
  let line = "";
  for (const word of visible(inFlagWords(text)).split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length <= room) {
      line = longer;
      continue;
    }
    if (line !== "") lines.push(line);
    line = word;
    while (line.length > room) {
      lines.push(line.slice(0, room));
      line = line.slice(room);
    }
  }
  return [...lines, line];
}
