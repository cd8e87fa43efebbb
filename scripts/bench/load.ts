/**
 * The load of the benchmark, as a process of its own. It takes orders, a line of
 * JSON each, on standard input, answers each with a line, and ends with it.
 *
 * @module
 */

import { makeFrames, type Shape } from "./frames.ts";
import { readCpuTimes } from "./proc.ts";
import {
  BrokenSubjectError,
  type Load,
  newLoad,
  RawClient,
  type Target,
} from "./raw_client.ts";

/** What the load is asked to do. */
export type Order =
  | { do: "echo"; target: Target; echo: EchoTask }
  | { do: "open"; target: Target; count: number }
  | { do: "close" };

/** How to load a server with echoes. */
export interface EchoTask {
  shape: Shape;
  connections: number;
  /** The process of the server. */
  pid: number;
  /** How long to go before measuring, in ms. */
  warmUp: number;
  /** How long to measure, in ms. */
  duration: number;
}

/** What was measured. */
export interface EchoResult {
  /** Echoes within the time. */
  messages: number;
  /** The time, in µs. */
  time: number;
  /** CPU time of the server, in µs. */
  serverCpu: number;
  /** CPU time of the load, in µs. */
  loadCpu: number;
  /** Time that the hypervisor gave to others, in µs. */
  steal: number;
}

/** What is answered to an order. */
export type Answer = { result: EchoResult | { open: number } } | {
  error: string;
};

/** How many connections are opened, or closed, at a time. */
const AT_A_TIME = 64;

/** How long a server may take for what it owes, in ms. */
const PATIENCE = 20_000;

/** An idle connection has echoed one such message. */
const IDLE_SHAPE: Shape = { size: 16, text: true, window: 1 };

/**
 * Loads a server with echoes and measures it.
 *
 * @param target The server.
 * @param task The load.
 * @returns What was measured.
 * @throws {BrokenSubjectError} If one echo was wrong, missing or too many.
 */
export async function measureEcho(
  target: Target,
  task: EchoTask,
): Promise<EchoResult> {
  const load = newLoad(makeFrames(task.shape));
  const clients = await openAll(target, load, task.connections);
  const failed = new AbortController();
  try {
    const [result] = await inTime(
      Promise.all([
        measure(load, task, failed.signal),
        ...clients.map((client) => client.echo("stopped")),
      ]),
      task.warmUp + task.duration + PATIENCE,
    );
    const whole = load.echoed * load.frames.reply.length;
    if (load.echoed !== load.sent || load.bytes !== whole) {
      throw new BrokenSubjectError(
        `Cannot measure the server: ${load.sent} messages were sent, ${load.echoed} came back`,
      );
    }
    await inTime(Promise.all(clients.map((client) => client.close())));
    return result;
  } finally {
    failed.abort();
    for (const client of clients) client.cut();
  }
}

/** Opens connections, each of which has echoed one message. */
export async function openIdle(
  target: Target,
  count: number,
): Promise<RawClient[]> {
  const load = newLoad(makeFrames(IDLE_SHAPE));
  const clients = await openAll(target, load, count);
  try {
    await inTime(eachOf(clients, (client) => client.echo("once")));
    return clients;
  } catch (error) {
    for (const client of clients) client.cut();
    throw error;
  }
}

/** Closes connections, and waits until the server has closed them too. */
export async function closeIdle(clients: RawClient[]): Promise<void> {
  try {
    await inTime(eachOf(clients, (client) => client.close()));
  } finally {
    for (const client of clients) client.cut();
  }
}

/** Measures while the echoes go on, and then makes them stop. */
async function measure(
  load: Load,
  task: EchoTask,
  signal: AbortSignal,
): Promise<EchoResult> {
  await delay(task.warmUp, signal);
  load.thorough = false;
  const before = now(load, task.pid);
  await delay(task.duration, signal);
  const after = now(load, task.pid);
  load.stopping = true;
  return {
    messages: after.messages - before.messages,
    time: after.time - before.time,
    serverCpu: after.serverCpu - before.serverCpu,
    loadCpu: after.loadCpu - before.loadCpu,
    steal: after.steal - before.steal,
  };
}

function now(load: Load, pid: number): EchoResult {
  const { cpu: serverCpu, steal } = readCpuTimes(pid);
  const { cpu: loadCpu } = readCpuTimes(Deno.pid);
  return {
    messages: load.echoed,
    time: performance.now() * 1000,
    serverCpu,
    loadCpu,
    steal,
  };
}

async function openAll(
  target: Target,
  load: Load,
  count: number,
): Promise<RawClient[]> {
  const clients: RawClient[] = [];
  const places = Array.from({ length: count });
  try {
    await inTime(eachOf(places, async () => {
      clients.push(await RawClient.open(target, load));
    }));
    return clients;
  } catch (error) {
    for (const client of clients) client.cut();
    throw error;
  }
}

/** Does something for each item, for some at a time. */
async function eachOf<T>(
  items: T[],
  fn: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const work = async () => {
    for (const item of rest) await fn(item);
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
}

/** Waits for a server, but not for ever. */
async function inTime<T>(promise: Promise<T>, ms = PATIENCE): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(
      new BrokenSubjectError(
        `Cannot measure the server: it owes an answer for ${ms} ms`,
      ),
    );
  }, ms);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits; rejects once `signal` aborts. */
function delay(ms: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => {
    clearTimeout(timer);
    reject(signal.reason);
  });
  return promise;
}

async function takeOrders(): Promise<void> {
  let idle: RawClient[] = [];
  const obey = async (order: Order) => {
    switch (order.do) {
      case "echo":
        return await measureEcho(order.target, order.echo);
      case "open":
        idle = idle.concat(await openIdle(order.target, order.count));
        return { open: idle.length };
      case "close":
        await closeIdle(idle.splice(0));
        return { open: 0 };
    }
  };
  let text = "";
  const input = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const chunk of input) {
    const lines = (text + chunk).split("\n");
    text = lines.pop()!;
    for (const line of lines) {
      const answer: Answer = await obey(JSON.parse(line)).then(
        (result) => ({ result }),
        (error: unknown) => ({ error: String(error) }),
      );
      console.log(JSON.stringify(answer));
    }
  }
  Deno.exit(0);
}

if (import.meta.main) await takeOrders();
