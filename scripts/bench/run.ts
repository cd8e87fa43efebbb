/**
 * The rounds of the benchmark.
 *
 * @module
 */

import type { BurstResult } from "./burst.ts";
import type { EchoResult } from "./echo.ts";
import { makeFrames } from "./frames.ts";
import type { HandshakeResult } from "./handshake.ts";
import { ECHO_CASES, type Plan, type Subject } from "./plan.ts";
import { chooseCores, type Cores } from "./proc.ts";
import { LoadProcess, ServerProcess } from "./process.ts";
import { newLoad, RawClient, type Target } from "./raw_client.ts";

/** Where the benchmark runs. */
export interface Setting {
  /** The directory of the certificates. */
  directory: string;
  /** The server's chain and key. */
  chainFile: string;
  /** The certificate authority, in PEM. */
  ca: string;
  subjects: readonly Subject[];
  /** Hears of each step. */
  onprogress?: (step: string) => void;
}

/** What an idle connection costs, in bytes. */
export interface IdleResult {
  /** Of RSS, after a garbage collection that compacts. */
  rss: number;
  /** Of that, in the JavaScript heap. */
  heap: number;
  /** Of RSS, with the garbage of the handshakes. */
  loose: number;
}

/** Results by case and subject, a value for each round. */
export interface Results {
  cores: Cores | undefined;
  echo: { name: string; subjects: EchoResult[][] }[];
  burst: BurstResult[][];
  handshake: HandshakeResult[][];
  idle: IdleResult[][];
  /** Until the first echo, in ms. */
  startUp: number[][];
}

/** Runs all rounds. */
export async function runBenchmark(
  plan: Plan,
  setting: Setting,
): Promise<Results> {
  const cores = chooseCores();
  const empty = <T>(): T[][] => setting.subjects.map(() => []);
  const results: Results = {
    cores,
    echo: ECHO_CASES.map(({ name }) => ({ name, subjects: empty() })),
    burst: empty(),
    handshake: empty(),
    idle: empty(),
    startUp: empty(),
  };
  for (let round = 0; round < plan.startUp.rounds; round++) {
    setting.onprogress?.(`start-up, round ${round + 1}`);
    for (const [subject, index] of inTurn(setting.subjects, round)) {
      results.startUp[index]!.push(await measureStartUp(subject, setting));
    }
  }
  for (let round = 0; round < plan.rounds; round++) {
    await runLoads({ plan, setting, results, round });
  }
  for (let round = 0; round < plan.idle.rounds; round++) {
    for (const [subject, index] of inTurn(setting.subjects, round)) {
      setting.onprogress?.(
        `idle connections, round ${round + 1}: ${subject.name}`,
      );
      results.idle[index]!.push(
        await measureIdle(subject, { plan, setting, cores }),
      );
    }
  }
  return results;
}

/** Each subject with its index: forth in one round, back in the next. */
function inTurn(
  subjects: readonly Subject[],
  round: number,
): [Subject, number][] {
  const turn = subjects.map((subject, index): [Subject, number] => [
    subject,
    index,
  ]);
  return round % 2 === 0 ? turn : turn.reverse();
}

/** Measures every load of every subject, in processes of their own. */
async function runLoads(
  options: { plan: Plan; setting: Setting; results: Results; round: number },
): Promise<void> {
  const { plan, setting, results, round } = options;
  const { cores } = results;
  await using stack = new AsyncDisposableStack();
  const load = stack.use(new LoadProcess(cores?.load));
  const turn: [Subject, number, ServerProcess][] = [];
  for (const [subject, index] of inTurn(setting.subjects, round)) {
    const server = await startServer(subject, setting, cores);
    turn.push([subject, index, stack.use(server)]);
  }
  const measure = async <T>(
    name: string,
    all: T[][],
    work: (target: Target, pid: number) => Promise<T>,
  ) => {
    for (const [subject, index, { port, pid }] of turn) {
      setting.onprogress?.(`${name}, round ${round + 1}: ${subject.name}`);
      try {
        all[index]!.push(await work({ port, ca: setting.ca }, pid));
      } catch (cause) {
        const message = `${subject.name}, ${name}: the subject is broken`;
        throw new Error(message, { cause });
      }
    }
  };
  for (const [i, { name, shape, connections }] of ECHO_CASES.entries()) {
    await measure(
      name,
      results.echo[i]!.subjects,
      (target, pid) =>
        load.echo(target, { ...plan.echo, shape, connections, pid }),
    );
  }
  await measure(
    "bursts",
    results.burst,
    (target) => load.burst(target, plan.burst),
  );
  await measure(
    "handshakes",
    results.handshake,
    (target, pid) => load.handshake(target, { ...plan.handshake, pid }),
  );
}

/** Measures what an idle connection costs, in fresh processes. */
async function measureIdle(
  subject: Subject,
  options: { plan: Plan; setting: Setting; cores: Cores | undefined },
): Promise<IdleResult> {
  const { plan, setting, cores } = options;
  const { warmUp, connections } = plan.idle;
  await using server = await startServer(subject, setting, cores);
  await using load = new LoadProcess(cores?.load);
  const target: Target = { port: server.port, ca: setting.ca };
  // What the first connections make grow is not theirs, and what closed ones
  // leave behind would hide the cost of others: so some are opened and closed,
  // as many are opened again, and those that follow are measured.
  await load.open(target, warmUp);
  await load.close();
  await load.open(target, warmUp);
  const before = await server.memory();
  await load.open(target, connections);
  const after = await server.memory();
  await load.close();
  return {
    rss: (after.rss - before.rss) / connections,
    heap: (after.heap - before.heap) / connections,
    loose: (after.loose - before.rss) / connections,
  };
}

/** Measures the time from the start of the process to the first echo. */
async function measureStartUp(
  subject: Subject,
  setting: Setting,
): Promise<number> {
  const begin = performance.now();
  await using server = await startServer(subject, setting, undefined);
  const load = newLoad(makeFrames({ size: 16, text: true, window: 1 }));
  const target: Target = { port: server.port, ca: setting.ca };
  const client = await RawClient.open(target, load);
  try {
    await client.echo("once");
    const time = performance.now() - begin;
    await client.close();
    return time;
  } finally {
    client.cut();
  }
}

async function startServer(
  subject: Subject,
  { directory, chainFile }: Setting,
  cores: Cores | undefined,
): Promise<ServerProcess> {
  const core = cores?.server;
  return await ServerProcess.start(subject, { directory, chainFile, core });
}
