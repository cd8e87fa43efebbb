/**
 * Fails where this module became much dearer than what it is made of, or does
 * not work at all: `deno task guard`.
 *
 * It compares ratios only, with margins wide enough for a noisy machine, and
 * measures again before it fails. What a few per cent are is for `deno task bench`.
 *
 * @module
 */

import { CASES } from "./cases/mod.ts";
import { measure } from "./measure.ts";
import type { Plan } from "./plan.ts";
import { judge, type Limit, type Verdict } from "./regressions.ts";
import type { Report } from "./results.ts";
import type { Step } from "./run.ts";
import { SERVERS } from "./subjects.ts";

/** How much dearer it may be: far more than it is, and less than anybody would put up with. */
export const LIMITS: readonly Limit[] = [
  { case: "echo-16", metric: "cpu", subject: "wss-iterate", most: 1.5 },
  { case: "echo-16", metric: "cpu", subject: "strict-iterate", most: 1.5 },
  { case: "echo-1k-8", metric: "cpu", subject: "wss-iterate", most: 1.5 },
  { case: "echo-1k-8", metric: "cpu", subject: "strict-iterate", most: 1.5 },
  { case: "burst", metric: "p50", subject: "wss-iterate", most: 1.5 },
  // The strict engine has no stall, which the built-in one has.
  {
    case: "burst",
    metric: "p50",
    subject: "strict-iterate",
    to: "bare",
    most: 0.25,
  },
  { case: "handshake", metric: "cpu", subject: "wss-iterate", most: 2 },
  { case: "handshake", metric: "cpu", subject: "strict-iterate", most: 2 },
  { case: "broadcast", metric: "cpu", subject: "wss-iterate", most: 1.5 },
  { case: "broadcast", metric: "cpu", subject: "strict-iterate", most: 1.5 },
  { case: "idle-1000", metric: "heap", subject: "wss-iterate", most: 8 },
  { case: "idle-1000", metric: "heap", subject: "strict-iterate", most: 8 },
  // With so few connections a few pages of memory more or less are much of it;
  // what is held outside of the heap is known by it, such as buffers.
  { case: "idle-1000", metric: "rss", subject: "wss-iterate", most: 40 },
  { case: "idle-1000", metric: "rss", subject: "strict-iterate", most: 40 },
];

/** Measures cases, so many rounds of them. */
export type Measure = (
  cases: ReadonlySet<string>,
  rounds: number,
) => Promise<Report>;

/** How many rounds there are, at first and for what looks like a regression. */
const ROUNDS = { first: 3, again: 6 } as const;

/**
 * Measures and judges; what looks like a regression is measured once again,
 * with more rounds, and only that counts then.
 *
 * @param limits The limits.
 * @param measure Measures the cases that it is given.
 * @returns A verdict for each limit.
 * @throws What `measure` throws, at once: a broken subject is no noise.
 */
export async function guard(
  limits: readonly Limit[],
  measure: Measure,
): Promise<Verdict[]> {
  const verdicts = judge(
    await measure(new Set(limits.map((limit) => limit.case)), ROUNDS.first),
    limits,
  );
  const doubtful = verdicts.filter(({ state }) => state === "regressed")
    .map(({ limit }) => limit);
  if (doubtful.length === 0) return verdicts;
  const again = judge(
    await measure(new Set(doubtful.map((limit) => limit.case)), ROUNDS.again),
    doubtful,
  );
  return verdicts.map((verdict) =>
    again.find(({ limit }) => limit === verdict.limit) ?? verdict
  );
}

/** How much is enough to see what is gross. */
export const PLAN: Plan = {
  name: "guard",
  rounds: { most: 3, few: 1, many: 1 },
  echo: { warmUp: 100, duration: 250 },
  latency: { warmUp: 50, duration: 100 },
  burst: { count: 200, duration: 250 },
  handshake: { warmUp: 100, duration: 250, atATime: 16 },
  broadcast: { connections: 250, warmUp: 2, count: 10 },
  idle: { warmUp: 50 },
};

/** Two servers of this module, one on each engine, and what they are made of. */
export const GUARDED: readonly string[] = [
  "wss-iterate",
  "bare",
  "strict-iterate",
  "bare-ws",
];

async function measureGuarded(
  cases: ReadonlySet<string>,
  rounds: number,
  onprogress: (step: Step) => void,
): Promise<Report> {
  // What hardly varies, or takes long, is measured less often.
  const few = Math.ceil(rounds / 3);
  return await measure({
    plan: { ...PLAN, rounds: { most: rounds, few, many: few } },
    cases: CASES.filter(({ id }) => cases.has(id)),
    subjects: SERVERS.filter(({ id }) => GUARDED.includes(id)),
    onprogress,
  });
}

async function main(): Promise<number> {
  if (Deno.build.os !== "linux") {
    console.error("Nothing is guarded: the benchmark needs Linux");
    return 0;
  }
  const verdicts = await guard(
    LIMITS,
    (cases, rounds) => measureGuarded(cases, rounds, ({ what }) => show(what)),
  );
  show("");
  const widest = Math.max(...verdicts.map(({ what }) => what.length));
  const marks = { kept: "ok  ", regressed: "DEAR", missing: "NONE" };
  for (const { limit, what, found, state } of verdicts) {
    console.log(
      `${marks[state]} ${what.padEnd(widest)}  ${found}; at most ${limit.most}`,
    );
  }
  const bad = verdicts.filter(({ state }) => state !== "kept").length;
  if (bad === 0) return 0;
  console.error(
    `Cannot keep ${bad} of ${verdicts.length} limits: this module became dearer than what it is made of; measure with deno task bench`,
  );
  return 1;
}

/** Shows a step, in the place of the one before; only a terminal gets it. */
function show(step: string): void {
  if (!Deno.stderr.isTerminal()) return;
  Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${step}`));
}

/** What is wrong, and why, without where in the code. */
function explain(error: unknown): string {
  const told: string[] = [];
  for (let at = error; at instanceof Error; at = at.cause) {
    told.push(at.message);
  }
  return told.length === 0 ? String(error) : told.join(": ");
}

if (import.meta.main) {
  try {
    Deno.exitCode = await main();
  } catch (error) {
    show("");
    console.error(explain(error));
    Deno.exitCode = 1;
  }
}
