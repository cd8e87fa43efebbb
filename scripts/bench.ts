/**
 * Measures this module side by side with what it is made of and with others:
 * `deno task bench`.
 *
 * The figures go to standard output, in Markdown, progress to standard error,
 * and a report with plots to a file. Any answer that is wrong, missing or too
 * many ends it with exit code 1.
 *
 * @module
 */

import {
  Command,
  CommanderError,
  InvalidArgumentError,
  Option,
} from "commander";
import type { Case } from "./bench/case.ts";
import { CASES } from "./bench/cases/mod.ts";
import { measure } from "./bench/measure.ts";
import { FULL, type Plan, QUICK } from "./bench/plan.ts";
import { Progress } from "./bench/progress.ts";
import { html } from "./bench/report/html.ts";
import { markdown } from "./bench/report/markdown.ts";
import type { Report } from "./bench/results.ts";
import { CLIENTS, SERVERS, type Subject } from "./bench/subjects.ts";

interface Options {
  readonly full?: boolean;
  readonly only?: readonly string[];
  readonly subjects?: readonly string[];
  readonly rounds?: number;
  readonly out: string;
  readonly list?: boolean;
}

const SUBJECTS = [...SERVERS, ...CLIENTS];

const EPILOGUE = `
A quick benchmark takes less than three minutes, and leaves out what differs
little; a full one, for figures to publish, less than half an hour. --only and
--subjects name what they leave out, too: --list has the names. What is compared
with a bare one takes that along.

It runs on Linux and talks over loopback only. Where taskset is installed, server
and load, or client, run on a core each. What is not installed is left out, and
the report says how to get it. Ctrl-C ends it and leaves nothing behind.`;

function command(): Command {
  return new Command("deno task bench")
    .description(
      "Measures wss side by side with the bare runtime, ws, Bun and Python.",
    )
    .addOption(new Option("--quick", "under three minutes (default)"))
    .addOption(
      new Option("--full", "under half an hour, for figures to publish")
        .conflicts("quick"),
    )
    .addOption(
      new Option("--only <cases>", "these cases, separated by commas")
        .argParser((text) => readNames(text, CASES)),
    )
    .addOption(
      new Option("--subjects <names>", "these subjects, separated by commas")
        .argParser((text) => readNames(text, SUBJECTS)),
    )
    .addOption(
      new Option("--rounds <n>", "so many rounds of everything")
        .argParser(readRounds),
    )
    .addOption(
      new Option("--out <directory>", "where the reports go")
        .default("bench-results"),
    )
    .addOption(new Option("--list", "list cases and subjects"))
    .addHelpText("after", EPILOGUE)
    .helpOption("--help", "show this")
    .allowExcessArguments(false)
    .configureOutput({
      // What it would look up itself takes permissions.
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      getOutHelpWidth: () => 80,
      getErrHelpWidth: () => 80,
      writeOut: (text) => console.log(text.trimEnd()),
      writeErr: (text) => console.error(text.trimEnd()),
    })
    .exitOverride();
}

function readNames(
  text: string,
  known: readonly { readonly id: string }[],
): string[] {
  const names = text.split(",").map((name) => name.trim());
  const stray = names.find((name) => known.every(({ id }) => id !== name));
  if (stray === undefined) return names;
  throw new InvalidArgumentError(
    `"${stray}" is none of ${known.map(({ id }) => id).join(", ")}.`,
  );
}

function readRounds(text: string): number {
  if (/^[1-9]\d?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number from 1 to 99.");
}

/** The plan, cases and subjects that were asked for. */
function choose(
  { full = false, only, subjects, rounds }: Options,
): { plan: Plan; cases: readonly Case[]; subjects: readonly Subject[] } {
  const plan = full ? FULL : QUICK;
  const fits = ({ fullOnly = false }: { readonly fullOnly?: boolean }) =>
    full || !fullOnly;
  const cases = CASES.filter((one) =>
    only === undefined ? fits(one) : only.includes(one.id)
  );
  const named = new Set(subjects);
  // A base may have one of its own.
  for (const { id, base } of [...SUBJECTS, ...SUBJECTS]) {
    if (base !== undefined && named.has(id)) named.add(base);
  }
  return {
    plan: rounds === undefined
      ? plan
      : { ...plan, rounds: { most: rounds, few: rounds, many: rounds } },
    cases,
    subjects: SUBJECTS.filter((subject) =>
      (subjects === undefined ? fits(subject) : named.has(subject.id)) &&
      cases.some(({ side }) => side === subject.side)
    ),
  };
}

function list(): void {
  const lines = (
    title: string,
    all: readonly { id: string; text: string; fullOnly?: boolean }[],
  ) => [
    title,
    ...all.map(({ id, text, fullOnly }) =>
      `  ${id.padEnd(18)}${text}${fullOnly ? " (with --full)" : ""}`
    ),
  ];
  const cases = CASES.map(({ title, side, ...one }) => ({
    ...one,
    text: side === "client" ? `client, ${title}` : title,
  }));
  const subjects = SUBJECTS.map(({ name, ...one }) => ({ ...one, text: name }));
  console.log(
    [...lines("Cases", cases), ...lines("Subjects", subjects)].join("\n"),
  );
}

/** How it was done, for the report. */
function methodOf({ rounds, echo, handshake, broadcast }: Plan): string[] {
  const s = (ms: number) => `${ms / 1000} s`;
  return [
    `all take turns, forth in one round and back in the next: ${
      count(rounds.most, "round")
    }, of broadcasts and idle connections ${rounds.few}, and ${
      count(rounds.many, "start")
    }`,
    `each measurement after a warm-up: echoes ${s(echo.warmUp)} and then ${
      s(echo.duration)
    }, handshakes ${s(handshake.warmUp)} and ${
      s(handshake.duration)
    }, ${broadcast.count} broadcasts`,
    "servers and load in processes of their own; CPU time of all threads, of the measured time only",
    "every byte of the warm-up is compared, and after it where the frames begin",
  ];
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

async function measured(
  options: Options,
  signal: AbortSignal,
): Promise<Report> {
  const chosen = choose(options);
  using progress = new Progress();
  return await measure({
    ...chosen,
    method: methodOf(chosen.plan),
    signal,
    onprogress: (step) => progress.show(step),
  });
}

async function main(options: Options): Promise<void> {
  if (options.list) return list();
  const { out } = options;
  // Half an hour is not to end in a directory that can't be written.
  await Deno.mkdir(out, { recursive: true });
  const stop = new AbortController();
  const signals: Deno.Signal[] = ["SIGINT", "SIGTERM"];
  const listener = () => stop.abort(new Stopped());
  for (const name of signals) Deno.addSignalListener(name, listener);
  try {
    const report = await measured(options, stop.signal).catch((error) => {
      // A terminal tells the children, too, which then fail in their own way.
      throw stop.signal.aborted ? stop.signal.reason : error;
    });
    const text = markdown(report);
    await Deno.writeTextFile(`${out}/report.json`, JSON.stringify(report));
    await Deno.writeTextFile(`${out}/report.md`, text);
    await Deno.writeTextFile(`${out}/report.html`, html(report));
    console.log(text);
    console.error(`Written: ${out}/report.html, report.md and report.json`);
  } finally {
    for (const name of signals) Deno.removeSignalListener(name, listener);
  }
}

/** It was ended from outside. */
class Stopped extends Error {
  override name = "Stopped";
}

/** What is wrong, and why, without where in the code. */
function explain(error: unknown): string {
  const told: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    told.push(at.message);
  }
  return told.join(": ") || String(error);
}

if (import.meta.main) {
  const program = command();
  try {
    program.parse(Deno.args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // What is wrong, it has said.
    Deno.exit(error.exitCode === 0 ? 0 : 2);
  }
  try {
    await main(program.opts<Options>());
  } catch (error) {
    if (error instanceof Stopped) {
      console.error("Stopped");
      Deno.exit(130);
    }
    console.error(explain(error));
    Deno.exit(1);
  }
}
