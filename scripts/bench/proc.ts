/**
 * What Linux knows of a process and of the machine. It is read by `grep`: the
 * runtime opens `/proc` with `--allow-all` only.
 *
 * @module
 */

/** The CPU time of a process, and that which the hypervisor took away. */
export interface CpuTimes {
  /** CPU time of each thread by its number, in µs. */
  threads: ReadonlyMap<string, number>;
  /** Time that the machine was given to others, in µs, all cores together. */
  steal: number;
}

/** The length of a tick in `/proc/stat`, in µs; the same on every architecture. */
const TICK = 10_000;

/**
 * Reads the CPU times of a process. It blocks, so that nothing is counted
 * meanwhile.
 *
 * @param pid The process.
 * @returns The times, of `schedstat` in ns where there is one, else in ticks.
 */
export function readCpuTimes(pid: number): CpuTimes {
  const { stdout } = run("ls", [`/proc/${pid}/task`]);
  const files = stdout.trim().split("\n").map((id) =>
    `/proc/${pid}/task/${id}/schedstat`
  );
  // With the name of each: a thread may end before its turn comes.
  const text = run("grep", [
    "-Hs",
    "",
    "/proc/stat",
    `/proc/${pid}/stat`,
    ...files,
  ]).stdout;
  const steal = Number(
    /^\/proc\/stat:cpu +(.*)$/m.exec(text)?.[1]?.split(" ")[7],
  );
  const threads = [...text.matchAll(/\/task\/(\d+)\/schedstat:(\d+) /g)].map(
    ([, id = "", nanoseconds]) => [id, Number(nanoseconds) / 1000] as const,
  );
  if (threads.length === 0) {
    const stat = /^\/proc\/\d+\/stat:(.*)$/m.exec(text)?.[1];
    if (stat === undefined) {
      throw new Deno.errors.NotFound(
        `Cannot read the CPU time of process ${pid}: /proc/${pid} is not there, or grep and ls may not read it`,
      );
    }
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = Number(fields[11]) + Number(fields[12]);
    threads.push(["all", ticks * TICK]);
  }
  return { threads: new Map(threads), steal: (steal || 0) * TICK };
}

/**
 * What was spent between two readings, in µs. A thread that ended meanwhile does
 * not count: its whole life would be taken off.
 */
export function cpuSince(before: CpuTimes, after: CpuTimes): number {
  return [...after.threads].reduce(
    (sum, [id, time]) => sum + time - (before.threads.get(id) ?? 0),
    0,
  );
}

/** What a time of load costs. */
export interface Costs {
  /** The time, in µs. */
  time: number;
  /** CPU time of the server, in µs. */
  serverCpu: number;
  /** CPU time of the load, in µs. */
  loadCpu: number;
  /** Time that the hypervisor gave to others, in µs. */
  steal: number;
}

/** The clocks of a measurement. */
export interface Clocks {
  /** The time, in µs. */
  time: number;
  server: CpuTimes;
  load: CpuTimes;
}

/**
 * Reads the clocks of a measurement, from within the load.
 *
 * @param pid The process of the server.
 * @returns Where they stand.
 */
export function readClocks(pid: number): Clocks {
  const server = readCpuTimes(pid);
  const load = readCpuTimes(Deno.pid);
  return { time: performance.now() * 1000, server, load };
}

/** What it has cost since then. */
export function costsSince(before: Clocks, pid: number): Costs {
  const after = readClocks(pid);
  return {
    time: after.time - before.time,
    serverCpu: cpuSince(before.server, after.server),
    loadCpu: cpuSince(before.load, after.load),
    steal: after.server.steal - before.server.steal,
  };
}

/** The cores that a server and its load run on. */
export interface Cores {
  server: number;
  load: number;
}

/**
 * Chooses two cores that share nothing if they can.
 *
 * @returns The cores; `undefined` where there is only one, or no `taskset`.
 */
export function chooseCores(): Cores | undefined {
  const { code, stdout } = run("taskset", ["-pc", String(Deno.pid)]);
  if (code !== 0) return undefined;
  const all = parseList(stdout.slice(stdout.lastIndexOf(":") + 1).trim());
  const [server, ...others] = all;
  if (server === undefined || others.length === 0) return undefined;
  const siblings = parseList(
    run("grep", [
      "",
      `/sys/devices/system/cpu/cpu${server}/topology/thread_siblings_list`,
    ]).stdout.trim(),
  );
  const load = others.find((core) => !siblings.includes(core)) ?? others[0]!;
  return { server, load };
}

/** The name of the processor, as far as it is known. */
export function processorName(): string {
  const { stdout } = run("grep", ["model name", "/proc/cpuinfo"]);
  return /^model name\s*:\s*(.+)$/m.exec(stdout)?.[1] ?? "unknown processor";
}

/** Reads a list like `0-3,6`. */
function parseList(text: string): number[] {
  return text.split(",").filter((part) => part !== "").flatMap((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

/** Runs a command; one that is not installed, or may not run, fails like any other. */
export function run(
  command: string,
  args: string[],
): { code: number; stdout: string } {
  try {
    const { code, stdout } = new Deno.Command(command, {
      args,
      stderr: "null",
    }).outputSync();
    return { code, stdout: new TextDecoder().decode(stdout) };
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotCapable
    ) return { code: 127, stdout: "" };
    throw error;
  }
}
