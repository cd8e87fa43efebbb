/**
 * Many connections: those that come, those that stay, and those that all get
 * the same.
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
import { median } from "../report/statistics.ts";
import type { Sample } from "../results.ts";
import type { Subject } from "../subjects.ts";

/** Clients that come and go. */
export const handshakes: Case = {
  id: "handshake",
  title: "Handshakes, 32 at a time",
  about:
    "Full handshakes of TLS, without resumption, and of WebSocket. Each client asks when it has the session tickets, so that no answer stalls, closes with a close frame and comes again, which the CPU time includes.",
  side: "server",
  metrics: loadMetrics("handshake"),
  process: "shared",
  rounds: "most",
  takes: ({ handshake: { warmUp, duration } }) => warmUp + duration + 100,
  async measure({ plan, load, target, server: { pid }, onCosts }) {
    const task = { ...plan.handshake, pid };
    const { handshakes, ...costs } = await load.handshake(target, task);
    onCosts(costs);
    return loadSample(handshakes, costs);
  },
};

/** One message for all. */
export const broadcast: Case = {
  id: "broadcast",
  title: "Broadcast to 1,000",
  about:
    "A message of 256 bytes from one client is sent to a thousand, itself included; the next one follows when all have it.",
  side: "server",
  metrics: [
    cost("cpu", "Server CPU", "µs a delivery"),
    cost("p50", "Until all have it", "ms", { digits: 1 }),
    cost("load", "Load busy", "%", { compare: "none", digits: 0 }),
  ],
  process: "shared",
  rounds: "few",
  takes: ({ broadcast: { count } }) => 2500 + count * 30,
  skips: onlyOnce("broadcasts"),
  async measure({ plan, load, target, server: { pid }, onCosts }) {
    const { connections, count } = plan.broadcast;
    const task = { ...plan.broadcast, pid };
    const { times, ...costs } = await load.broadcast(target, task);
    onCosts(costs);
    return {
      cpu: costs.serverCpu / (count * connections),
      p50: median(times) / 1000,
      load: costs.loadCpu / costs.time * 100,
    };
  },
};

/** Connections that do nothing. */
export const idle: Case = idleCase(1_000, "few");

/** Ten times as many, of which the server's own share is less. */
export const idleCrowd: Case = {
  ...idleCase(10_000, "once"),
  fullOnly: true,
};

function idleCase(count: number, rounds: Case["rounds"]): Case {
  const kib = { compare: "difference", digits: 1 } as const;
  const unit = "KiB a connection";
  return {
    id: `idle-${count}`,
    title: `${count.toLocaleString("en")} idle connections`,
    about:
      "What connections hold that have echoed one message: resident memory after a garbage collection (which compacts under Deno and Node), what of it is JavaScript's heap, and what it was with the garbage of the handshakes.",
    side: "server",
    metrics: [
      cost("rss", "RSS", unit, kib),
      cost("heap", "JavaScript heap", unit, kib),
      cost("loose", "RSS with garbage", unit, kib),
    ],
    process: "fresh",
    rounds,
    takes: ({ idle: { warmUp } }) => 1000 + (warmUp * 2 + count) * 1.6,
    skips: onlyOnce("holds connections"),
    measure: (context) => measureIdle(count, context),
  };
}

async function measureIdle(
  count: number,
  { plan, load, server, target }: CaseContext,
): Promise<Sample> {
  const { warmUp } = plan.idle;
  // What the first connections make grow is not theirs, and what closed ones
  // leave behind would hide the cost of others: so some are opened and closed,
  // as many are opened again, and those that follow are measured.
  await load.open(target, warmUp);
  await load.close();
  await load.open(target, warmUp);
  const before = await server.memory();
  await load.open(target, count);
  const after = await server.memory();
  await load.close();
  const kib = (from: number, to: number) => (to - from) / count / 1024;
  return {
    rss: kib(before.rss, after.rss),
    loose: kib(before.rss, after.loose),
    // Python does not tell.
    ...before.heap !== undefined && after.heap !== undefined &&
      { heap: kib(before.heap, after.heap) },
  };
}

/** Leaves out what differs by its handler only. */
function onlyOnce(does: string): NonNullable<Case["skips"]> {
  return ({ id }: Subject) => {
    if (id === "bare-no-delay") return `it ${does} as "Deno.serve, bare" does`;
    return /-(?:receive|streams|no-delay)$/.test(id)
      ? `it ${does} as "for await" does`
      : undefined;
  };
}
