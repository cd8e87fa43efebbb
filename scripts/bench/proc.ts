/**
 * What Linux knows of a process and of the machine. It is read by `cat`: the
 * runtime opens `/proc` with `--allow-all` only.
 *
 * @module
 */

/** The CPU time of a process, and that which the hypervisor took away. */
export interface CpuTimes {
  /** CPU time of all threads, in µs. */
  cpu: number;
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
  const { code, stdout } = run("ls", [`/proc/${pid}/task`]);
  if (code !== 0) {
    throw new Deno.errors.NotFound(
      `Cannot read the CPU time of process ${pid}: there is no /proc/${pid}`,
    );
  }
  const threads = stdout.trim().split("\n");
  const files = threads.map((id) => `/proc/${pid}/task/${id}/schedstat`);
  const texts = run("cat", ["/proc/stat", `/proc/${pid}/stat`, ...files]).stdout
    .split("\n");
  const steal = Number(texts[0]?.trim().split(/\s+/)[8] ?? 0) * TICK;
  const stat = texts.find((line) => line.startsWith(`${pid} (`)) ?? "";
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = (Number(fields[11]) + Number(fields[12])) * TICK;
  const nanoseconds = texts.map((line) => /^(\d+) \d+ \d+$/.exec(line)?.[1])
    .reduce((sum, running) => sum + Number(running ?? 0), 0);
  return { cpu: nanoseconds > 0 ? nanoseconds / 1000 : ticks, steal };
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

/**
 * Reads the clocks of a measurement, from within the load.
 *
 * @param pid The process of the server.
 * @returns Where they stand.
 */
export function readCosts(pid: number): Costs {
  const { cpu: serverCpu, steal } = readCpuTimes(pid);
  const { cpu: loadCpu } = readCpuTimes(Deno.pid);
  return { time: performance.now() * 1000, serverCpu, loadCpu, steal };
}

/** What it has cost since then. */
export function costsSince(before: Costs, pid: number): Costs {
  const after = readCosts(pid);
  return {
    time: after.time - before.time,
    serverCpu: after.serverCpu - before.serverCpu,
    loadCpu: after.loadCpu - before.loadCpu,
    steal: after.steal - before.steal,
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
    run("cat", [
      `/sys/devices/system/cpu/cpu${server}/topology/thread_siblings_list`,
    ]).stdout.trim(),
  );
  const load = others.find((core) => !siblings.includes(core)) ?? others[0]!;
  return { server, load };
}

/** The name of the processor, as far as it is known. */
export function processorName(): string {
  const { stdout } = run("cat", ["/proc/cpuinfo"]);
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
