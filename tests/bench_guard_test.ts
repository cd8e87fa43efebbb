import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { CASES } from "../scripts/bench/cases/mod.ts";
import {
  guard,
  GUARDED,
  LIMITS,
  type Measure,
  PLAN,
} from "../scripts/bench/guard.ts";
import { measure } from "../scripts/bench/measure.ts";
import { judge, type Limit } from "../scripts/bench/regressions.ts";
import type { Report } from "../scripts/bench/results.ts";
import type { Step } from "../scripts/bench/run.ts";
import { SERVERS } from "../scripts/bench/subjects.ts";
import { caseOf, CPU, reportOf, RSS } from "./_bench_report.ts";

const LIMIT: Limit = { case: "cpu", metric: "cpu", subject: "ours", most: 1.5 };

/** Holds what was measured against one limit. */
function judged(report: Report, limit: Limit = LIMIT) {
  const [verdict] = judge(report, [limit]);
  assert(verdict !== undefined);
  return verdict;
}

Deno.test("judge() keeps quiet about what is no dearer than it may be", () => {
  const report = reportOf(
    caseOf(CPU, { bare: [10, 12, 11], ours: [14, 16, 15] }),
    caseOf(RSS, { bare: [20], ours: [27] }),
  );

  const { state, what, found } = judged(report);
  assertEquals(state, "kept");
  assertEquals(what, "cpu, ours: Server CPU, to bare");
  assertEquals(found, "1.36 (1.33–1.40), best 1.40");
  const limit = { ...LIMIT, case: "rss", metric: "rss", most: 8 };
  assertEquals(judged(report, limit).state, "kept");
  assertEquals(judged(report, { ...limit, most: 6 }).state, "regressed");
});

Deno.test("judge() tells a regression", () => {
  const report = reportOf(caseOf(CPU, {
    bare: [10, 12, 11],
    ours: [19, 22, 20],
  }));

  assertEquals(judged(report).state, "regressed");
});

Deno.test("judge() takes neither one bad round nor a bad best one for a regression", () => {
  const noisyRound = caseOf(CPU, { bare: [10, 10, 10], ours: [11, 90, 12] });
  assertEquals(judged(reportOf(noisyRound)).state, "kept");
  // Two of three rounds were disturbed, but the best of both are alike.
  const noisyMiddle = caseOf(CPU, { bare: [10, 10, 10], ours: [11, 90, 80] });
  assertEquals(judged(reportOf(noisyMiddle)).state, "kept");
  // The bare one was lucky once.
  const lucky = caseOf(CPU, { bare: [10, 5, 10], ours: [11, 11, 12] });
  assertEquals(judged(reportOf(lucky)).state, "kept");
});

Deno.test("judge() compares with whom the limit says", () => {
  const report = reportOf(caseOf(CPU, { bare: [10], ours: [4] }));

  const limit: Limit = { ...LIMIT, subject: "bare", to: "ours", most: 2 };
  assertEquals(judged(report, limit).state, "regressed");
  assertEquals(judged(report, { ...limit, most: 3 }).state, "kept");
});

Deno.test("judge() says what was not measured, or can't be judged", () => {
  const whole = caseOf(CPU, { bare: [10, 10], ours: [11, 11] });
  const [bare, ours] = whole.subjects;
  assert(bare !== undefined && ours !== undefined);
  const report = reportOf(whole);
  const told: [Report, Partial<Limit>, RegExp][] = [
    [report, { case: "burst" }, /^there is no such case$/],
    [report, { metric: "p50" }, /^there is no such metric$/],
    [report, { metric: "rate" }, /^this metric can't be limited$/],
    [report, { subject: "nobody" }, /^nobody was not measured$/],
    [report, { subject: "bun" }, /^bun was not measured: there is no bun/],
    [report, { subject: "bare" }, /^its base was not measured$/],
    [
      reportOf({ ...whole, subjects: [ours] }),
      {},
      /^bare was not measured$/,
    ],
    [
      reportOf({
        ...whole,
        subjects: [{ ...bare, samples: [{ cpu: 9 }] }, ours],
      }),
      {},
      /^not all rounds have figures of both$/,
    ],
    [
      reportOf(caseOf(CPU, { bare: [10, 10], ours: [NaN, 10] })),
      {},
      /^not all rounds have figures of both$/,
    ],
    [
      reportOf(caseOf(CPU, { bare: [0, 0], ours: [10, 10] })),
      {},
      /^not all rounds have figures of both$/,
    ],
  ];
  for (const [report, part, why] of told) {
    const { state, found } = judged(report, { ...LIMIT, ...part });
    assertMatch(found, why);
    assertEquals(state, "missing");
  }
});

/** Measures what stands in a list, and remembers what it was asked for. */
function measureInTurn(...reports: Report[]) {
  const asked: [cases: string[], rounds: number][] = [];
  const measure: Measure = (cases, rounds) => {
    asked.push([[...cases], rounds]);
    const report = reports.shift();
    return report === undefined
      ? Promise.reject(new Error("Nothing is left"))
      : Promise.resolve(report);
  };
  return { asked, measure };
}

const DEAR = caseOf(CPU, { bare: [10, 10], ours: [20, 21] });
const CHEAP = caseOf(CPU, { bare: [10, 10], ours: [11, 11] });
const LEAN = caseOf(RSS, { bare: [20], ours: [21] });
const LIMIT_RSS: Limit = { ...LIMIT, case: "rss", metric: "rss", most: 8 };

Deno.test("guard() measures once what is no dearer than it may be", async () => {
  const { asked, measure } = measureInTurn(reportOf(CHEAP, LEAN));

  const verdicts = await guard([LIMIT, LIMIT_RSS], measure);
  assertEquals(verdicts.map(({ state }) => state), ["kept", "kept"]);
  assertEquals(asked.map(([cases]) => cases), [["cpu", "rss"]]);
});

Deno.test("guard() measures again, with more rounds, what looks like a regression", async () => {
  const { asked, measure } = measureInTurn(
    reportOf(DEAR, LEAN),
    reportOf(CHEAP),
  );

  const verdicts = await guard([LIMIT_RSS, LIMIT], measure);
  assertEquals(verdicts.map(({ state }) => state), ["kept", "kept"]);
  assertEquals(verdicts.map(({ limit }) => limit), [LIMIT_RSS, LIMIT]);
  const [[, first] = [], [cases, again] = []] = asked;
  assertEquals(cases, ["cpu"]);
  assert(first !== undefined && again !== undefined && again > first);
});

Deno.test("guard() tells of a regression that stays", async () => {
  const { measure } = measureInTurn(reportOf(DEAR, LEAN), reportOf(DEAR));

  const verdicts = await guard([LIMIT, LIMIT_RSS], measure);
  assertEquals(verdicts.map(({ state }) => state), ["regressed", "kept"]);
});

Deno.test("guard() tells what is missing without measuring again", async () => {
  const { asked, measure } = measureInTurn(reportOf(LEAN));

  const verdicts = await guard([LIMIT, LIMIT_RSS], measure);
  assertEquals(verdicts.map(({ state }) => state), ["missing", "kept"]);
  assertEquals(asked.length, 1);
});

Deno.test("guard() fails at once when a subject is broken", async () => {
  const { asked, measure } = measureInTurn();

  await assertRejects(() => guard([LIMIT], measure), Error, "Nothing is left");
  assertEquals(asked.length, 1);
});

Deno.test({
  name: "measure() measures something for every limit, of each subject",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const limited = new Set(LIMITS.map((limit) => limit.case));
    const steps: Step[] = [];
    const report = await measure({
      plan: {
        ...PLAN,
        rounds: { most: 1, few: 1, many: 1 },
        echo: { warmUp: 20, duration: 50 },
        burst: { count: 1, duration: 20 },
        handshake: { warmUp: 20, duration: 100, atATime: 4 },
        broadcast: { connections: 5, warmUp: 1, count: 2 },
        idle: { warmUp: 5 },
      },
      // A thousand idle connections to each take too long for a test.
      cases: CASES.filter(({ id }) => limited.has(id) && id !== "idle-1000"),
      subjects: SERVERS.filter(({ id }) => GUARDED.includes(id)),
      onprogress: (step) => void steps.push(step),
    });

    const missing = judge(report, LIMITS).filter(({ state }) =>
      state === "missing"
    );
    assertEquals(
      [...new Set(missing.map(({ limit }) => limit.case))],
      ["idle-1000"],
    );
    for (const { id, metrics, subjects } of report.cases) {
      assertEquals(subjects.map(({ subject }) => subject), GUARDED);
      for (const { samples } of subjects) {
        assertEquals(samples.length, 1, id);
        for (const metric of metrics) {
          assert(samples.every((sample) => Number.isFinite(sample[metric.id])));
        }
      }
    }
    const done = steps.map((step) => step.done);
    assertEquals(done, done.toSorted((a, b) => a - b));
    assert(done[0] === 0 && (done.at(-1) ?? 1) < 1);
  },
});
