/**
 * What a case of the benchmark is.
 *
 * @module
 */

import type { Plan } from "./plan.ts";
import type { Costs } from "./proc.ts";
import type { ClientProcess, LoadProcess, ServerProcess } from "./process.ts";
import type { Target } from "./raw_client.ts";
import type { CaseResult, Metric, Sample } from "./results.ts";
import type { Subject } from "./subjects.ts";

/** Something that is measured of each subject. */
export interface Case
  extends Pick<CaseResult, "id" | "title" | "about" | "side" | "metrics"> {
  /**
   * In which processes: of all subjects at once, which take turns; in fresh
   * ones for each measurement; or in none.
   */
  readonly process: "shared" | "fresh" | "none";
  /** How often. */
  readonly rounds: keyof Plan["rounds"] | "once";
  /** Whether only a full benchmark has it. */
  readonly fullOnly?: boolean;
  /** About how long a measurement takes, in ms, for the progress. */
  readonly takes: (plan: Plan) => number;
  /** Why a subject does not take part. */
  readonly skips?: (subject: Subject) => string | undefined;
  readonly measure: (context: CaseContext) => Promise<Sample>;
}

/** What a measurement has to do with. */
export interface CaseContext {
  readonly plan: Plan;
  readonly subject: Subject;
  /** The server under test, or that of the client under test. */
  readonly server: ServerProcess;
  /** The client under test, where a client is. */
  readonly client: ClientProcess;
  readonly load: LoadProcess;
  readonly target: Target;
  /** When the process of a fresh server was started, by `performance.now()`. */
  readonly began: number;
  /** Is told what every measurement cost, for the noise. */
  readonly onCosts: (costs: Pick<Costs, "steal" | "time">) => void;
}

/** A metric of which less is better, and ratios are told. */
export function cost(
  id: string,
  title: string,
  unit: string,
  more: Partial<Metric> = {},
): Metric {
  const shape = { better: "less", compare: "ratio", digits: 2 } as const;
  return { id, title, unit, ...shape, ...more };
}

/** The metrics of a load: the CPU time of the server for each of what it did, and how busy both were. */
export function loadMetrics(what: string): Metric[] {
  const plural = `${what}s/s`;
  const help = { compare: "none", digits: 0 } as const;
  return [
    cost("cpu", "Server CPU", `µs a ${what}`),
    cost("rate", "Rate", plural, { ...help, better: "more" }),
    cost("busy", "Server busy", "%", help),
    cost("load", "Load busy", "%", help),
  ];
}

/** The sample for {@linkcode loadMetrics}. */
export function loadSample(count: number, costs: Costs): Sample {
  const { serverCpu, loadCpu, time } = costs;
  return {
    cpu: serverCpu / count,
    rate: count * 1e6 / time,
    busy: serverCpu / time * 100,
    load: loadCpu / time * 100,
  };
}
