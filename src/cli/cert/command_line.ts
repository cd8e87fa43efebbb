/**
 * Command lines: as a person sees them, and as they are run.
 *
 * @module
 */

/** One of them, and what does the same. */
export interface CommandLine {
  readonly words: readonly string[];
  run(): Promise<void>;
}

/** How long a command may take, in milliseconds. */
const TIMEOUT = 60_000;

/** What it says at most when it fails. */
const MAX_OUTPUT = 300;

/**
 * Runs a command to its end.
 *
 * @param input What it reads; nothing if left out.
 * @throws {Error} If it fails, or takes too long, with what it said.
 */
export async function run(
  command: string,
  args: readonly string[],
  input = "",
): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT);
  const child = new Deno.Command(command, {
    args: [...args],
    env: { LC_ALL: "C" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal,
  }).spawn();
  // Who does not read it says why by the exit code.
  await new Blob([input]).stream().pipeTo(child.stdin).catch(() => {});
  const { success, stderr, stdout, code } = await child.output();
  if (success) return;
  if (signal.aborted) throw new Error(`${command} took too long`);
  const said =
    [stderr, stdout].map((bytes) =>
      new TextDecoder().decode(bytes).trim().replace(/\s+/g, " ")
    ).find((text) => text !== "") ?? `exit code ${code}`;
  throw new Error(`${command}: ${said.slice(0, MAX_OUTPUT)}`);
}

/** Whether a command is installed, and this program may run it. */
export async function commandState(
  command: string,
): Promise<"ready" | "missing" | "forbidden"> {
  // At a terminal the runtime would ask, before it is known what else to ask for.
  const { state } = await Deno.permissions.query({ name: "run", command });
  if (state !== "granted" && Deno.stdin.isTerminal()) return "forbidden";
  try {
    const child = new Deno.Command(command, {
      args: ["--help"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
      signal: AbortSignal.timeout(TIMEOUT),
    }).spawn();
    await child.status;
    return "ready";
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "missing";
    if (error instanceof Deno.errors.NotCapable) return "forbidden";
    throw error;
  }
}
