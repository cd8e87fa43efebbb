/**
 * Compiles the command `wss` into one binary, `dist/wss`.
 *
 * The compiler downloads a runtime for the binary; where that cannot be had,
 * this says so and fails. `DENORT_BIN` names a runtime that is there already.
 *
 * @module
 */

import { messageOf } from "../src/cli/failure.ts";

const OUTPUT = "dist/wss";

/**
 * What the binary may do: all that some subcommand can need, as it can't ask.
 * `deno run` is the way to allow less.
 */
const PERMISSIONS = [
  "--allow-net",
  "--allow-read",
  "--allow-write",
  "--allow-env",
  "--allow-run",
  "--allow-sys",
];

const HELP = `Compiles the command wss into a binary, ${OUTPUT}.

Usage:
  deno task compile [--target TARGET] [other options of deno compile]

DENORT_BIN names a runtime for it, where none can be downloaded.`;

/** Compiles, and tells the exit code. */
async function compile(args: string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(HELP);
    return 0;
  }
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "compile",
      ...PERMISSIONS,
      ...args,
      `--output=${OUTPUT}`,
      "src/cli/mod.ts",
    ],
    stdout: "inherit",
    stderr: "piped",
  });
  const { code, stderr } = await command.output();
  const said = new TextDecoder().decode(stderr);
  if (code === 0) {
    console.error(said);
    console.log(`Compiled ${OUTPUT}; try: ${OUTPUT} demo`);
    return 0;
  }
  // deno-lint-ignore no-control-regex
  const plain = said.replace(/\x1b\[[0-9;]*m/g, "");
  if (/error sending request for url|denort/.test(plain)) {
    console.error(
      `error: the runtime for compiled programs could not be downloaded:
${/https?:[^\s)]+/.exec(plain)?.[0] ?? plain.trim()}
Where that host is not reachable, name a runtime of the same version:
DENORT_BIN=/path/to/denort deno task compile`,
    );
  } else console.error(plain.trim());
  return 1;
}

if (import.meta.main) {
  try {
    Deno.exitCode = await compile(Deno.args);
  } catch (error) {
    console.error(`error: ${messageOf(error)}`);
    Deno.exitCode = 1;
  }
}
