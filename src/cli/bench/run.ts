/**
 * What `wss bench` does.
 *
 * @module
 */

import { onInterrupt } from "../interrupt.ts";
import { ExitCode } from "../exit_code.ts";
import { Exit, UsageError } from "../failure.ts";
import { columns, prettyJson, print, printError } from "../output.ts";
import { connectOptions } from "../target.ts";
import { needTarget } from "../target_needs.ts";
import { readTarget } from "../target_url.ts";
import { inFlags } from "../target_words.ts";
import { WrongEcho } from "./echo.ts";
import { runHandshakes } from "./handshakes.ts";
import { type LoadEnd, runLoad } from "./load.ts";
import { type BenchValues, makePlan, type Plan } from "./plan.ts";
import { Progress } from "./progress.ts";
import { makeResult, type Result } from "./result.ts";
import { summaryOf } from "./summary.ts";
import { Tally } from "./tally.ts";

/** Runs the command. */
export async function runBench(
  target: string,
  values: BenchValues,
): Promise<void> {
  const url = readTarget(target);
  const { html } = values;
  const places = html === undefined
    ? []
    : [{ name: "write" as const, path: html }];
  await needTarget(url, values, places);
  const plan = makePlan(url, await connectOptions(values), values);
  if (html !== undefined) await seeThatItCanBeWritten(html);
  using tally = new Tally();
  const result = await measured(plan, tally).catch(failed);
  if (values.json) print(prettyJson(result));
  else {
    const bars = (most: number) => tally.latency.bars(most);
    for (const line of summaryOf(result, bars, columns())) print(line);
  }
  if (html !== undefined) {
    const { htmlReport } = await import("./html.ts");
    await Deno.writeTextFile(html, htmlReport(result));
  }
  if (result.exitCode !== ExitCode.Ok) throw new Exit(result.exitCode);
}

/** Measures until it is done or Ctrl-C; a second one ends it at once. */
async function measured(plan: Plan, tally: Tally): Promise<Result> {
  const stop = new AbortController();
  const { promise: hurried, reject } = Promise.withResolvers<never>();
  const release = onInterrupt((times) => {
    if (times === 1) stop.abort();
    else reject(new Exit(ExitCode.Interrupted));
  });
  using _progress = new Progress(plan, tally);
  try {
    const end = await Promise.race([load(plan, tally, stop.signal), hurried]);
    tally[Symbol.dispose]();
    return makeResult(plan, tally, end, stop.signal.aborted);
  } finally {
    release();
  }
}

async function load(
  plan: Plan,
  tally: Tally,
  signal: AbortSignal,
): Promise<LoadEnd | undefined> {
  if (plan.mode !== "handshakes") return await runLoad(plan, tally, signal);
  await runHandshakes(plan, tally, signal);
  return undefined;
}

/** What a measurement failed with, in words of the command line. */
function failed(error: unknown): never {
  if (!(error instanceof WrongEcho)) throw inFlags(error);
  printError(`error: ${error.message}`);
  throw new Exit(ExitCode.Protocol);
}

/** Ten minutes of load are not to end in a file that can't be written. */
async function seeThatItCanBeWritten(path: string): Promise<void> {
  try {
    try {
      await Deno.writeTextFile(path, "", { createNew: true });
      // Should nothing come of it, nothing is left.
      await Deno.remove(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw error;
      await Deno.writeTextFile(path, "", { append: true });
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new UsageError(`--html: ${path} cannot be written`, { cause: error });
  }
}
