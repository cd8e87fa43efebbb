/**
 * What a benchmark results in, as it is written to a file and told in reports.
 * Reports know nothing of a particular case: they show what stands here.
 *
 * @module
 */

/** Something that a case measures. */
export interface Metric {
  /** Its key in every {@linkcode Sample}. */
  readonly id: string;
  /** What it is, such as `Server CPU`. */
  readonly title: string;
  /** In what it is measured, such as `µs a message`. */
  readonly unit: string;
  /** Which one is better. */
  readonly better: "less" | "more";
  /**
   * How subjects are compared: by their ratio, by their difference, or not at
   * all, where the figure only helps to judge the others.
   */
  readonly compare: "ratio" | "difference" | "none";
  /** How many digits are shown after the point. */
  readonly digits: number;
}

/** What one measurement found, by the `id` of the metric. */
export type Sample = Readonly<Record<string, number>>;

/** Who was measured. */
export interface SubjectInfo {
  readonly id: string;
  readonly name: string;
  /** Ours, what ours is made of, or somebody else's. */
  readonly group: "wss" | "bare" | "peer";
  readonly side: "server" | "client";
  /** The `id` of the one that it is compared with. */
  readonly base?: string;
  /** What it ran on, such as `Deno 2.9.6`. */
  readonly runtime: string;
  /** Why it was not measured at all, and what to do about it. */
  readonly skipped?: string;
}

/** What one subject got in one case. */
export interface SubjectResult {
  readonly subject: string;
  /** One a round; a round in which it failed would have ended the benchmark. */
  readonly samples: Sample[];
  /** Why it has none. */
  readonly skipped?: string;
}

/** What was measured in one case. */
export interface CaseResult {
  readonly id: string;
  readonly title: string;
  /** What is done and measured, in a sentence. */
  readonly about: string;
  readonly side: "server" | "client";
  /** The first one is what is compared, and plotted. */
  readonly metrics: readonly Metric[];
  readonly subjects: SubjectResult[];
}

/** Where, when and how the benchmark ran. */
export interface Circumstances {
  /** `quick` or `full`. */
  readonly plan: string;
  /** How many rounds, and how long a measurement takes, in words. */
  readonly method: readonly string[];
  readonly processor: string;
  readonly kernel: string;
  /** The cores of server and load, where they were pinned. */
  readonly cores?: { readonly server: number; readonly load: number };
  /** When it began, in ISO 8601. */
  readonly date: string;
  /** How long it took, in s. */
  readonly took: number;
  /** The largest share of a core that the hypervisor took away in a measurement. */
  readonly steal: number;
}

/** All that a benchmark found. */
export interface Report {
  readonly about: Circumstances;
  readonly subjects: readonly SubjectInfo[];
  readonly cases: readonly CaseResult[];
}
