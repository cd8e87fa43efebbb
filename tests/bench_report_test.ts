import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { html } from "../scripts/bench/report/html.ts";
import { markdown } from "../scripts/bench/report/markdown.ts";
import {
  apart,
  differences,
  likelyRange,
  median,
  percentile,
  ratios,
  spread,
} from "../scripts/bench/report/statistics.ts";
import type { SubjectInfo } from "../scripts/bench/results.ts";
import { caseOf, CPU, reportOf, RSS, SUBJECTS } from "./_bench_report.ts";

Deno.test("median(), spread() and percentile() take no value twice, and none of the side", () => {
  assertEquals(median([3, 1, 2]), 2);
  assertEquals(median([4, 1, 3, 2]), 2.5);
  assertEquals(median([]), NaN);
  assertEquals(spread([10, 9, 30]), { median: 10, low: 9, high: 30 });
  assertEquals(spread([]), { median: NaN, low: NaN, high: NaN });
  assertEquals(apart([8, 10, 13]), 0.5);
  const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
  assertEquals(
    [0, 0.5, 0.99, 0.999, 1].map((share) => percentile(hundred, share)),
    [1, 50, 99, 100, 100],
  );
  assertEquals(percentile([], 0.5), NaN);
});

Deno.test("ratios() and differences() are taken within each round", () => {
  assertEquals(ratios([[11, 10], [20, 40], [1, 0]]), [1.1, 0.5]);
  assertEquals(differences([[11, 10], [20, 40]]), [1, -20]);
});

Deno.test("likelyRange() leaves out what is improbable, and never with few rounds", () => {
  const upTo = (count: number) =>
    Array.from({ length: count }, (_, i) => count - i);
  // Of the binomial distribution: (8) 1 − 2 · 9/256, (11) 1 − 2 · 67/2048.
  assertEquals(
    [1, 3, 5, 7, 8, 11, 15].map((count) => likelyRange(upTo(count))),
    [[1, 1], [1, 3], [1, 5], [1, 7], [2, 7], [3, 9], [4, 12]],
  );
});

Deno.test("markdown() tells all of a report", () => {
  const report = reportOf(
    caseOf(CPU, { bare: [10, 11], ours: [12, 14.3] }),
    caseOf(RSS, { bare: [20, 21], ours: [21, 20] }),
  );
  assertEquals(
    markdown(report),
    `Some CPU; Linux 6.1.0; server on core 0, load on core 1; 2026-11-23 05:02; plan "quick", 2 min 5 s.

- 2 rounds of 1 s

Figures are medians of the rounds, with the lowest and the highest in brackets. "To base" compares within each round: a ratio, or with a sign a difference; "≈" is before what is within noise: the rounds do not agree which one is better or, where they are fewer than five, what it is compared with differs more from itself. "Best" compares the best rounds of both, which a noisy machine disturbs least.

- Compared with "Deno.serve": serve().

### Servers

| To "Deno.serve"                       | serve() |
| ------------------------------------- | ------- |
| Case of cpu: Server CPU, µs a message | 1.25    |
| Case of rss: RSS, KiB                 | ≈0.0    |

#### Case of cpu

What is done.

| Subject    | Server CPU, µs a message | To base          | Best | Messages, a second |
| ---------- | ------------------------ | ---------------- | ---- | ------------------ |
| Deno.serve | 10.50 (10.00–11.00)      |                  |      | 95                 |
| serve()    | 13.15 (12.00–14.30)      | 1.25 (1.20–1.30) | 1.20 | 77                 |

#### Case of rss

What is done.

| Subject    | RSS, KiB         | To base             | Best | Messages, a second |
| ---------- | ---------------- | ------------------- | ---- | ------------------ |
| Deno.serve | 20.5 (20.0–21.0) |                     |      | 49                 |
| serve()    | 20.5 (20.0–21.0) | ≈0.0 (−1.0 to +1.0) | 0.0  | 49                 |

### Noise

The hypervisor took away at most 0.4 % of a core during a measurement. What others are compared with differed from itself, over the rounds:

| Case        | Measured                 | Subject    | Figure              | Apart |
| ----------- | ------------------------ | ---------- | ------------------- | ----- |
| Case of cpu | Server CPU, µs a message | Deno.serve | 10.50 (10.00–11.00) | 10 %  |
| Case of rss | RSS, KiB                 | Deno.serve | 20.5 (20.0–21.0)    | 5 %   |

### Not measured

- Bun.serve: there is no bun; install it with \`npm install -g bun\`
`,
  );
});

Deno.test("markdown() marks what is within noise", () => {
  const shown = (bare: number[], ours: number[]) => {
    const text = markdown(reportOf(caseOf(CPU, { bare, ours })));
    return /^\| serve\(\) .*?\| +.*?\| (\S+)/m.exec(text)?.[1];
  };

  // The rounds do not agree.
  assertEquals(shown([10, 10, 10], [11, 11, 9.9]), "≈1.10");
  // They do, but are few, and the base differs more from itself.
  assertEquals(shown([10, 12, 11], [11, 13.2, 12.1]), "≈1.10");
  assertEquals(shown([10, 10.4, 10], [11, 11.44, 11]), "1.10");
  // With more rounds that is no chance, nor is one of eight that disagrees.
  assertEquals(shown([10, 12, 10, 12, 10], [11, 13.2, 11, 13.2, 11]), "1.10");
  const seven = Array.from({ length: 7 }, () => 11);
  assertEquals(
    shown(Array.from({ length: 8 }, () => 10), [...seven, 9]),
    "1.10",
  );
});

Deno.test("markdown() keeps what others are called from being more than text", () => {
  const report = reportOf({
    ...caseOf(CPU, { bare: [1], ours: [1] }),
    title: "a | b\n# c",
    about: "<script>x</script> [y](z) *w*",
  });
  const text = markdown(report);

  assertStringIncludes(text, "\n#### a \\| b # c\n");
  assertStringIncludes(text, "\\<script>x\\</script> \\[y\\](z) \\*w\\*");
  assertStringIncludes(text, "| a \\| b # c: Server CPU");
});

/** The elements of a page, in order; throws where tags do not match. */
function elementsOf(page: string): string[] {
  const names: string[] = [];
  const open: string[] = [];
  const shapes = ["line", "rect", "circle", "path"];
  for (
    const [, end, name = "", whole] of page.matchAll(
      /<(\/?)([a-z][a-z0-9]*)(?:\s+[a-z0-9-]+(?:="[^"<>]*")?)*(\/?)>/gi,
    )
  ) {
    if (end === "/") assertEquals(name, open.pop());
    else {
      names.push(name);
      assertEquals(whole === "/", shapes.includes(name), name);
      if (whole !== "/" && name !== "meta") open.push(name);
    }
  }
  assertEquals(open, []);
  return names;
}

Deno.test("html() makes a page of whole elements that needs nothing else", () => {
  const page = html(reportOf(
    caseOf(CPU, { bare: [10, 11], ours: [12, 14.3] }),
    caseOf(RSS, { bare: [20, 21], ours: [21, 20] }),
  ));
  const names = elementsOf(page);

  assertEquals(names.filter((name) => name === "figure").length, 2);
  assertEquals(names.filter((name) => name === "rect").length, 4);
  assertEquals(names.filter((name) => name === "script").length, 0);
  // Every "<" begins or ends one of the elements.
  assertEquals(
    page.replace("<!doctype html>", "").match(/<(?!\/)/g)?.length,
    names.length,
  );
  assert(!/https?:|\burl\(|@import|\s(?:src|href|on\w+)=/i.test(page));
  assertStringIncludes(page, "1.25×");
  assertStringIncludes(page, "install it with <code>npm install -g bun</code>");
  assertStringIncludes(page, "prefers-color-scheme: dark");
});

Deno.test("html() shows hostile text, and lets it do nothing", () => {
  const hostile =
    `"><script>alert(1)</script><img src=x onerror='alert(2)'>&amp;`;
  const { about, ...plain } = reportOf();
  const [cpu] = [caseOf(CPU, { bare: [1], ours: [2] })];
  const page = html({
    ...plain,
    about: {
      ...about,
      plan: hostile,
      method: [hostile],
      processor: hostile,
      kernel: hostile,
      date: hostile,
    },
    subjects: SUBJECTS.map((subject) => ({
      ...subject,
      name: hostile,
      runtime: hostile,
      skipped: hostile,
    })),
    cases: [{
      ...cpu,
      id: hostile,
      title: hostile,
      about: hostile,
      metrics: [{ ...CPU, title: hostile, unit: hostile }],
    }],
  });
  const names = elementsOf(page);

  assert(!names.includes("script") && !names.includes("img"));
  assertStringIncludes(page, "&#38;amp;");
});

Deno.test("html() draws magnitudes where values differ by them, and cuts off one that is out of proportion", () => {
  const shown = (...medians: number[]) => {
    const subjects = medians.map((_, i): SubjectInfo => ({
      id: `${i}`,
      name: `Subject ${i}`,
      group: "peer",
      side: "server",
      runtime: "",
    }));
    const results = medians.map((cpu, i) => ({
      subject: `${i}`,
      samples: [{ cpu }],
    }));
    const one = caseOf(CPU, { bare: [], ours: [] });
    return html({
      ...reportOf(),
      subjects,
      cases: [{ ...one, subjects: results }],
    });
  };
  const MANY = "each step of the scale is a multiple";
  const CUT = "the longest is cut off";

  const alike = shown(10, 12, 14, 16, 18);
  assert(!alike.includes(MANY) && !alike.includes(CUT));
  assertEquals(alike.match(/class="bar"/g)?.length, 5);
  const stalled = shown(44, 44, 0.1, 0.1, 0.1);
  assertStringIncludes(stalled, MANY);
  assertEquals(stalled.match(/class="dot"/g)?.length, 5);
  assertStringIncludes(shown(44, 44, 0.1, 0.1), MANY);
  const outlier = shown(10, 12, 14, 16, 180);
  assertStringIncludes(outlier, CUT);
  assertEquals(outlier.match(/class="cut"/g)?.length, 1);
});

Deno.test("reports tell who was not measured, and why", () => {
  const one = caseOf(CPU, { bare: [10, 10], ours: [] });
  const [bare, ours] = one.subjects;
  assert(bare !== undefined && ours !== undefined);
  const report = reportOf({
    ...one,
    subjects: [bare, { ...ours, skipped: "too few files may be open" }],
  }, { ...one, id: "none", title: "Of nobody", subjects: [] });

  const text = markdown(report);
  assertStringIncludes(
    text,
    "- Not measured: serve(): too few files may be open\n",
  );
  assertStringIncludes(
    text,
    "### Not measured\n\n- Bun.serve: there is no bun; install it with",
  );
  assertStringIncludes(text, "Nobody was measured.");
  const page = html(report);
  elementsOf(page);
  assertStringIncludes(page, "<li>serve(): too few files may be open</li>");
  assertStringIncludes(page, "Nobody was measured.");
});
