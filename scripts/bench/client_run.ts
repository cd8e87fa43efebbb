/**
 * The rounds of the benchmark of clients: each of them echoes with the same
 * server, and what is measured is the CPU time of the client.
 *
 * @module
 */

import { ECHO_CASES, type Plan, type Subject } from "./plan.ts";
import { type Cores, readCpuTimes } from "./proc.ts";
import { ClientProcess, ServerProcess } from "./process.ts";
import type { Setting } from "./run.ts";

/** What a time of echoes cost a client. */
export interface ClientResult {
  /** Echoes within the time. */
  messages: number;
  /** The time, in µs. */
  time: number;
  /** CPU time of the client, in µs. */
  clientCpu: number;
  /** CPU time of the server, in µs. */
  serverCpu: number;
}

/** Results by case and client, a value for each round. */
export type ClientResults = { name: string; clients: ClientResult[][] }[];

/** Who is measured, and against which server. */
export interface ClientSetting extends Omit<Setting, "subjects"> {
  clients: readonly Subject[];
  server: Subject;
  cores: Cores | undefined;
}

/** Runs all rounds: forth in one, back in the next. */
export async function runClientBenchmark(
  plan: Plan,
  setting: ClientSetting,
): Promise<ClientResults> {
  const { clients } = setting;
  const results: ClientResults = ECHO_CASES.map(({ name }) => ({
    name,
    clients: clients.map(() => []),
  }));
  for (let round = 0; round < plan.rounds; round++) {
    const turn = [...clients.entries()];
    if (round % 2 === 1) turn.reverse();
    await runRound(turn, { plan, setting, results, round });
  }
  return results;
}

async function runRound(
  turn: readonly [number, Subject][],
  { plan, setting, results, round }: {
    plan: Plan;
    setting: ClientSetting;
    results: ClientResults;
    round: number;
  },
): Promise<void> {
  const { ca, chainFile, cores, directory, onprogress, server } = setting;
  await using stack = new AsyncDisposableStack();
  const target = stack.use(
    await ServerProcess.start(server, {
      directory,
      chainFile,
      core: cores?.load,
    }),
  );
  const url = `wss://127.0.0.1:${target.port}/`;
  const started = turn.map(([index, subject]) => ({
    index,
    subject,
    client: stack.use(new ClientProcess(subject, cores?.server)),
  }));
  for (const [i, { name, shape, connections }] of ECHO_CASES.entries()) {
    for (const { index, subject, client } of started) {
      onprogress?.(`client, ${name}, round ${round + 1}: ${subject.name}`);
      await client.start({ url, ca, shape, connections });
      await delay(plan.echo.warmUp);
      const before = await look(client, target.pid);
      await delay(plan.echo.duration);
      const after = await look(client, target.pid);
      await client.stop();
      results[i]?.clients[index]?.push({
        messages: after.messages - before.messages,
        time: after.time - before.time,
        clientCpu: after.clientCpu - before.clientCpu,
        serverCpu: after.serverCpu - before.serverCpu,
      });
    }
  }
}

/** Where the clocks and the count of a client stand. */
async function look(
  client: ClientProcess,
  server: number,
): Promise<ClientResult> {
  const messages = await client.count();
  const { cpu: clientCpu } = readCpuTimes(client.pid);
  const time = performance.now() * 1000;
  const { cpu: serverCpu } = readCpuTimes(server);
  return { messages, time, clientCpu, serverCpu };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
