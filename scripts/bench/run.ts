/**
 * The rounds of the benchmark.
 *
 * @module
 */

import type { Case, CaseContext } from "./case.ts";
import type { Plan } from "./plan.ts";
import { chooseCores, type Cores } from "./proc.ts";
import { ClientProcess, LoadProcess, ServerProcess } from "./process.ts";
import type { CaseResult, Sample, SubjectInfo } from "./results.ts";
import { probe } from "./runtimes.ts";
import { CLIENTS_SERVER, type Subject } from "./subjects.ts";

/** What is measured, and where. */
export interface Setting {
  readonly plan: Plan;
  readonly cases: readonly Case[];
  readonly subjects: readonly Subject[];
  /** The directory of the certificates. */
  readonly directory: string;
  /** The server's chain and key. */
  readonly chainFile: string;
  /** The certificate authority, in PEM. */
  readonly ca: string;
  /** Hears of each measurement, before it begins. */
  readonly onprogress?: ((step: Step) => void) | undefined;
  /** Ends it before the next measurement. */
  readonly signal?: AbortSignal | undefined;
}

/** A measurement that begins. */
export interface Step {
  readonly what: string;
  /** How much is done, of 0 to 1. */
  readonly done: number;
}

/** What was measured. */
export interface Results {
  readonly subjects: readonly SubjectInfo[];
  readonly cases: readonly CaseResult[];
  readonly cores: Cores | undefined;
  /** The largest share of a core that the hypervisor took away in a measurement. */
  readonly steal: number;
}

/**
 * Runs all rounds.
 *
 * @throws {Error} If a subject is broken, or could not be started: it says which one, in which case.
 */
export async function runBenchmark(setting: Setting): Promise<Results> {
  return await new Benchmark(setting).run();
}

/** A case, and what became of it so far. */
interface Course {
  readonly one: Case;
  readonly rounds: number;
  /** Who takes part, with a sample for each round. */
  readonly samples: Map<Subject, Sample[]>;
  /** Who does not, and why. */
  readonly skipped: Map<Subject, string>;
}

/** What a measurement has, where it has it. */
type Processes = Partial<
  Pick<CaseContext, "server" | "client" | "load" | "began">
>;

class Benchmark {
  readonly #setting: Setting;
  readonly #cores: Cores | undefined = chooseCores();
  readonly #courses: readonly Course[];
  /** Why a subject does not take part at all. */
  readonly #absent: Map<Subject, string> = new Map();
  readonly #toDo: number;
  #done = 0;
  #steal = 0;

  constructor(setting: Setting) {
    this.#setting = setting;
    for (const subject of setting.subjects) {
      const probed = probe(subject.runtime);
      if ("skipped" in probed) this.#absent.set(subject, probed.skipped);
    }
    this.#courses = setting.cases.map((one) => this.#courseOf(one));
    this.#toDo = this.#courses.reduce(
      (sum, { one, rounds, samples }) =>
        sum + one.takes(setting.plan) * rounds * samples.size,
      0,
    );
  }

  async run(): Promise<Results> {
    const most = Math.max(0, ...this.#courses.map(({ rounds }) => rounds));
    for (let round = 0; round < most; round++) {
      const due = this.#courses.filter(({ rounds }) => round < rounds);
      const of = (process: Case["process"], side: Case["side"]) =>
        due.filter(({ one }) => one.process === process && one.side === side);
      await this.#alone(round, of("none", "server"));
      await this.#fresh(round, of("fresh", "server"));
      await this.#servers(round, of("shared", "server"));
      await this.#clients(round, of("shared", "client"));
    }
    return this.#results();
  }

  #courseOf(one: Case): Course {
    const { plan, subjects } = this.#setting;
    const samples = new Map<Subject, Sample[]>();
    const skipped = new Map<Subject, string>();
    for (const subject of subjects) {
      if (subject.side !== one.side || this.#absent.has(subject)) continue;
      const reason = one.skips?.(subject);
      if (reason === undefined) samples.set(subject, []);
      else skipped.set(subject, reason);
    }
    const rounds = one.rounds === "once" ? 1 : plan.rounds[one.rounds];
    return { one, rounds, samples, skipped };
  }

  /** Those of a case: forth in one round, back in the next. */
  #inTurn({ samples }: Course, round: number): Subject[] {
    const turn = [...samples.keys()];
    return round % 2 === 0 ? turn : turn.reverse();
  }

  async #alone(round: number, courses: readonly Course[]): Promise<void> {
    for (const course of courses) {
      for (const subject of this.#inTurn(course, round)) {
        await this.#measure(course, subject, round, {});
      }
    }
  }

  async #fresh(round: number, courses: readonly Course[]): Promise<void> {
    for (const course of courses) {
      for (const subject of this.#inTurn(course, round)) {
        await using load = new LoadProcess(this.#cores?.load);
        const began = performance.now();
        await using server = await this.#start(subject, this.#cores?.server);
        await this.#measure(course, subject, round, { load, server, began });
      }
    }
  }

  async #servers(round: number, courses: readonly Course[]): Promise<void> {
    if (courses.length === 0) return;
    await using stack = new AsyncDisposableStack();
    const load = stack.use(new LoadProcess(this.#cores?.load));
    const servers = new Map<Subject, ServerProcess>();
    for (const course of courses) {
      for (const subject of this.#inTurn(course, round)) {
        let server = servers.get(subject);
        if (server === undefined) {
          server = await this.#start(subject, this.#cores?.server);
          servers.set(subject, stack.use(server));
        }
        await this.#measure(course, subject, round, { load, server });
      }
    }
  }

  async #clients(round: number, courses: readonly Course[]): Promise<void> {
    if (courses.length === 0) return;
    await using stack = new AsyncDisposableStack();
    const core = this.#cores?.load;
    const server = stack.use(await this.#start(CLIENTS_SERVER, core));
    const clients = new Map<Subject, ClientProcess>();
    for (const course of courses) {
      for (const subject of this.#inTurn(course, round)) {
        let client = clients.get(subject);
        if (client === undefined) {
          client = new ClientProcess(subject, this.#cores?.server);
          clients.set(subject, stack.use(client));
        }
        await this.#measure(course, subject, round, { client, server });
      }
    }
  }

  async #start(
    subject: Subject,
    core: number | undefined,
  ): Promise<ServerProcess> {
    this.#setting.signal?.throwIfAborted();
    const { directory, chainFile } = this.#setting;
    try {
      return await ServerProcess.start(subject, { directory, chainFile, core });
    } catch (cause) {
      throw new Error(`Cannot start ${subject.name}`, { cause });
    }
  }

  async #measure(
    { one, samples }: Course,
    subject: Subject,
    round: number,
    processes: Processes,
  ): Promise<void> {
    const { plan, ca, signal, onprogress } = this.#setting;
    signal?.throwIfAborted();
    onprogress?.({
      what: `${one.title}, round ${round + 1}: ${subject.name}`,
      done: this.#done / this.#toDo,
    });
    const target = { port: processes.server?.port ?? 0, ca };
    const onCosts: CaseContext["onCosts"] = ({ steal, time }) => {
      if (time > 0) this.#steal = Math.max(this.#steal, steal / time);
    };
    // Each case knows which processes it has.
    const context = { ...processes, plan, subject, target, onCosts };
    try {
      const sample = await one.measure(context as CaseContext);
      samples.get(subject)?.push(sample);
    } catch (cause) {
      const message =
        `Cannot go on: ${subject.name} is broken in "${one.title}"`;
      throw new Error(message, { cause });
    }
    this.#done += one.takes(plan);
  }

  #results(): Results {
    const subjects = this.#setting.subjects.map((subject): SubjectInfo => {
      const { id, name, group, side, base, runtime } = subject;
      const skipped = this.#absent.get(subject);
      const probed = probe(runtime);
      return {
        ...{ id, name, group, side },
        ...base !== undefined && { base },
        runtime: "title" in probed ? probed.title : runtime,
        ...skipped !== undefined && { skipped },
      };
    });
    const cases = this.#courses.map(({ one, samples, skipped }): CaseResult => {
      const { id, title, about, side, metrics } = one;
      const measured = [...samples].map(([subject, samples]) => ({
        subject: subject.id,
        samples,
      }));
      const left = [...skipped].map(([subject, reason]) => ({
        subject: subject.id,
        samples: [],
        skipped: reason,
      }));
      const result = { id, title, about, side, metrics };
      return { ...result, subjects: [...measured, ...left] };
    });
    return { subjects, cases, cores: this.#cores, steal: this.#steal };
  }
}
