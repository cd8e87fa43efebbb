/**
 * Echoes: what a message costs a server, and a client.
 *
 * @module
 */

import {
  type Case,
  type CaseContext,
  cost,
  loadMetrics,
  loadSample,
} from "../case.ts";
import type { Shape } from "../frames.ts";
import { cpuSince, readCpuTimes } from "../proc.ts";
import type { Sample } from "../results.ts";

interface Load {
  readonly id: string;
  readonly title: string;
  readonly shape: Shape;
  readonly connections: number;
  readonly fullOnly?: boolean;
}

const LOADS: readonly Load[] = [
  {
    id: "16",
    title: "16 B text, 64 × 1",
    shape: { size: 16, text: true, window: 1 },
    connections: 64,
  },
  {
    id: "1k",
    title: "1 KiB binary, 64 × 1",
    shape: { size: 1024, text: false, window: 1 },
    connections: 64,
    fullOnly: true,
  },
  {
    id: "1k-8",
    title: "1 KiB binary, 64 × 8",
    shape: { size: 1024, text: false, window: 8 },
    connections: 64,
  },
  {
    id: "64k",
    title: "64 KiB binary, 16 × 4",
    shape: { size: 65_536, text: false, window: 4 },
    connections: 16,
  },
  {
    id: "1m",
    title: "1 MiB binary, 4 × 1",
    // Its last segment is a small one.
    shape: { size: 1_048_576, text: false, window: 1 },
    connections: 4,
    fullOnly: true,
  },
];

/** How many connections have how many messages on their way. */
function manner({ shape: { window }, connections }: Load): string {
  return `${connections} connections, each with ${window} ${
    window === 1 ? "message" : "messages"
  } on the way`;
}

/** The echoes of servers. */
export const serverEchoes: readonly Case[] = LOADS.map((load) => ({
  id: `echo-${load.id}`,
  title: load.title,
  about: `The server sends back what it gets: ${manner(load)}.`,
  side: "server",
  metrics: loadMetrics("message"),
  process: "shared",
  rounds: "most",
  ...load.fullOnly && { fullOnly: true },
  takes: ({ echo: { warmUp, duration } }) => warmUp + duration + 250,
  async measure({ plan, load: process, target, server, onCosts }) {
    const { shape, connections } = load;
    const { pid } = server;
    const task = { ...plan.echo, shape, connections, pid };
    const { messages, ...costs } = await process.echo(target, task);
    onCosts(costs);
    return loadSample(messages, costs);
  },
}));

/** The echoes of clients; those of large messages are the server's. */
export const clientEchoes: readonly Case[] = LOADS.filter(({ id }) =>
  id !== "1m"
).map((load) => ({
  id: `client-echo-${load.id}`,
  title: load.title,
  about:
    `The client sends, and once more for every echo, to a bare npm:ws server: ${
      manner(load)
    }.`,
  side: "client",
  metrics: [
    cost("cpu", "Client CPU", "µs a message"),
    ...loadMetrics("message").filter(({ id }) => id === "rate"),
    cost("busy", "Client busy", "%", { compare: "none", digits: 0 }),
    cost("load", "Server busy", "%", { compare: "none", digits: 0 }),
  ],
  process: "shared",
  rounds: "most",
  ...load.fullOnly && { fullOnly: true },
  takes: ({ echo: { warmUp, duration } }) => warmUp + duration + 150,
  measure: (context) => measureClient(load, context),
}));

async function measureClient(
  { shape, connections }: Load,
  { plan, client, server, target, onCosts }: CaseContext,
): Promise<Sample> {
  const url = `wss://127.0.0.1:${target.port}/`;
  await client.start({ url, ca: target.ca, shape, connections });
  await delay(plan.echo.warmUp);
  const look = async () => {
    const messages = await client.count();
    const own = readCpuTimes(client.pid);
    const time = performance.now() * 1000;
    return { messages, own, time, theirs: readCpuTimes(server.pid) };
  };
  const before = await look();
  await delay(plan.echo.duration);
  const after = await look();
  await client.stop();
  const time = after.time - before.time;
  const cpu = cpuSince(before.own, after.own);
  const messages = after.messages - before.messages;
  onCosts({ time, steal: after.own.steal - before.own.steal });
  return {
    cpu: cpu / messages,
    rate: messages * 1e6 / time,
    busy: cpu / time * 100,
    load: cpuSince(before.theirs, after.theirs) / time * 100,
  };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
