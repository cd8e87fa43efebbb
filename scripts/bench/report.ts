/**
 * Results as tables in Markdown.
 *
 * @module
 */

import type { ClientResults } from "./client_run.ts";
import type { Plan, Subject } from "./plan.ts";
import type { Costs } from "./proc.ts";
import type { IdleResult, Results } from "./run.ts";
import {
  differences,
  median,
  percent,
  percentile,
  ratios,
  signed,
  spread,
  table,
} from "./tables.ts";

/** Where and how the results came to be. */
export interface Circumstances {
  plan: Plan;
  subjects: readonly Subject[];
  processor: string;
  kernel: string;
  deno: string;
  date: string;
}

/** Writes the tables, and how far to trust them. */
export function report(results: Results, about: Circumstances): string {
  return [
    introduction(results, about),
    "### Messages",
    echoTable(results, about),
    "### Three messages in a row",
    burstTable(results, about),
    "### Handshakes",
    handshakeTable(results, about),
    "### Idle connections",
    idleTable(results, about),
    "### Start-up",
    startUpTable(results, about),
    "### Noise",
    noise(results, about),
  ].join("\n\n");
}

/** Writes the table of clients. */
export function reportClients(
  results: ClientResults,
  clients: readonly Subject[],
): string {
  const rows = results.flatMap(({ name, clients: all }) => {
    const costs = all.map((rounds) =>
      rounds.map(({ clientCpu, messages }) => clientCpu / messages)
    );
    return clients.map((client, i) => [
      name,
      client.name,
      spread(costs[i]!, 2),
      ...toBare(clients, i, costs),
      rate(all[i]!.map(({ messages, time }) => messages / time)),
      percent(all[i]!.map(({ clientCpu, time }) => clientCpu / time)),
      percent(all[i]!.map(({ serverCpu, time }) => serverCpu / time)),
    ]);
  });
  return "### Clients\n\n" + table([
    "Case",
    "Client",
    "Client CPU, µs a message",
    "To bare",
    "Lowest to lowest",
    "Messages/s",
    "Client busy",
    "Server busy",
  ], rows);
}

function introduction(results: Results, about: Circumstances): string {
  const { plan, processor, kernel, deno, date, subjects } = about;
  const { rounds, echo, handshake, idle, startUp } = plan;
  const where = results.cores === undefined
    ? "nothing pinned"
    : `server on core ${results.cores.server}, load on core ${results.cores.load}`;
  const seconds = (ms: number) => `${ms / 1000} s`;
  return `Deno ${deno}, Linux ${kernel}, ${processor}; ${where}; ${date}. ` +
    `Medians (lowest–highest) of ${rounds} rounds of ${
      seconds(echo.duration)
    }, of handshakes ${
      seconds(handshake.duration)
    }, ${idle.rounds} of ${idle.connections} idle connections, ` +
    `${startUp.rounds} starts; ratios and differences are taken within each round. ` +
    `"Bare" is, ${bareOnes(subjects)}.`;
}

/** Tells who is compared with whom. */
function bareOnes(subjects: readonly Subject[]): string {
  const byBase = Map.groupBy(
    subjects.filter(({ base }) => base !== undefined),
    ({ base }) => base!,
  );
  return [...byBase].map(([base, all]) =>
    `for ${all.map(({ name }) => `"${name}"`).join(" and ")}, "${base}"`
  ).join("; ");
}

function echoTable({ echo }: Results, { subjects }: Circumstances): string {
  const rows = echo.flatMap(({ name, subjects: all }) =>
    subjects.map((subject, i) => {
      const own = all[i]!;
      const cost = own.map(cpuPerMessage);
      return [
        name,
        subject.name,
        spread(cost, 2),
        ...toBare(subjects, i, all.map((one) => one.map(cpuPerMessage))),
        rate(own.map(({ messages, time }) => messages / time)),
        ...busy(own),
      ];
    })
  );
  return table([
    "Case",
    "Subject",
    "Server CPU, µs a message",
    "To bare",
    "Lowest to lowest",
    "Messages/s",
    "Server busy",
    "Load busy",
  ], rows);
}

function burstTable({ burst }: Results, { subjects }: Circumstances): string {
  const medians = burst.map((rounds) =>
    rounds.map(({ times }) => median(times) / 1000)
  );
  const rows = subjects.map(({ name }, i) => {
    const all = burst[i]!.flatMap(({ times }) => times);
    return [
      name,
      spread(medians[i]!, 3),
      ...toBare(subjects, i, medians, 3),
      (percentile(all, 0.99) / 1000).toFixed(3),
      String(all.length),
    ];
  });
  return table([
    "Subject",
    "Until the third, ms",
    "To bare",
    "Lowest to lowest",
    "99 % within, ms",
    "Of",
  ], rows);
}

function handshakeTable(
  { handshake }: Results,
  { subjects }: Circumstances,
): string {
  const costs = handshake.map((rounds) =>
    rounds.map(({ serverCpu, handshakes }) => serverCpu / handshakes)
  );
  const rows = subjects.map(({ name }, i) => {
    const own = handshake[i]!;
    return [
      name,
      spread(costs[i]!, 0),
      ...toBare(subjects, i, costs),
      rate(own.map(({ handshakes, time }) => handshakes / time)),
      ...busy(own),
    ];
  });
  return table([
    "Subject",
    "Server CPU, µs a handshake",
    "To bare",
    "Lowest to lowest",
    "Handshakes/s",
    "Server busy",
    "Load busy",
  ], rows);
}

function idleTable({ idle }: Results, { subjects }: Circumstances): string {
  const rows = subjects.map(({ name }, i) => {
    const base = baseOf(subjects, i);
    const kib = (key: keyof IdleResult, index: number) =>
      idle[index]!.map((result) => result[key] / 1024);
    const overBare = (key: keyof IdleResult) =>
      base < 0 ? "" : signed(differences(kib(key, i), kib(key, base)));
    return [
      name,
      spread(kib("rss", i), 1),
      overBare("rss"),
      spread(kib("heap", i), 1),
      spread(kib("loose", i), 1),
      overBare("loose"),
    ];
  });
  return table([
    "Subject",
    "RSS, KiB a connection",
    "Over bare",
    "Of it JavaScript heap",
    "RSS with garbage, KiB",
    "Over bare",
  ], rows);
}

function startUpTable(
  { startUp }: Results,
  { subjects }: Circumstances,
): string {
  const rows = subjects.map(({ name }, i) => {
    const base = baseOf(subjects, i);
    return [
      name,
      spread(startUp[i]!, 0),
      base < 0 ? "" : signed(differences(startUp[i]!, startUp[base]!)),
    ];
  });
  return table(["Subject", "First echo after, ms", "Over bare"], rows);
}

function noise(
  { echo, handshake }: Results,
  { subjects }: Circumstances,
): string {
  const all: Costs[] = echo.flatMap(({ subjects }) => subjects.flat());
  const steal = Math.max(
    0,
    ...all.concat(handshake.flat()).map(({ steal, time }) => steal / time),
  );
  const bases = new Set(subjects.map(({ base }) => base));
  const apart = (i: number) =>
    Math.max(
      0,
      ...echo.map(({ subjects: all }) => {
        const bare = all[i]!.map(cpuPerMessage);
        return (Math.max(...bare) - Math.min(...bare)) / median(bare);
      }),
    );
  const itself = subjects.flatMap(({ name }, i) =>
    bases.has(name) ? [`"${name}" ${(100 * apart(i)).toFixed(0)} %`] : []
  ).join(", ");
  return `The bare servers against themselves, over the rounds of the worst case, between their lowest and their highest cost a message: ${itself}. A ratio within that of 1 says nothing. ` +
    `Of the cores the hypervisor took away at most ${
      (100 * steal).toFixed(1)
    } % during a measurement. ` +
    "Where the load is as busy as the server, messages/s say as much about it as about the server; the CPU a message does not depend on it so.";
}

/** The index of the subject that this one is compared with, or -1. */
function baseOf(subjects: readonly Subject[], index: number): number {
  const { base } = subjects[index]!;
  return subjects.findIndex(({ name }) => name === base);
}

/** A subject compared with its base: round by round, and the best of both. */
function toBare(
  subjects: readonly Subject[],
  index: number,
  all: readonly number[][],
  digits: number = 2,
): [string, string] {
  const base = all[baseOf(subjects, index)];
  if (base === undefined) return ["1", "1"];
  const own = all[index]!;
  return [
    spread(ratios(own, base), digits),
    (Math.min(...own) / Math.min(...base)).toFixed(digits),
  ];
}

/** How many a second, of how many a µs. */
function rate(values: number[]): string {
  return (median(values) * 1e6).toFixed(0);
}

/** How busy server and load were. */
function busy(costs: readonly Costs[]): [string, string] {
  return [
    percent(costs.map(({ serverCpu, time }) => serverCpu / time)),
    percent(costs.map(({ loadCpu, time }) => loadCpu / time)),
  ];
}

/** What a message costs the server, in µs. */
function cpuPerMessage(
  { serverCpu, messages }: { serverCpu: number; messages: number },
): number {
  return serverCpu / messages;
}
