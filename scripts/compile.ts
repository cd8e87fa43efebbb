/**
 * Compiles all programs into one binary, `dist/wss`.
 *
 * The compiler downloads a runtime for the binary; where that cannot be had,
 * this says so and fails. `DENORT_BIN` names a runtime that is there already.
 *
 * @module
 */

import { messageOf } from "../src/cli/program.ts";

const OUTPUT = "dist/wss";

/** What the binary may do; just what `demo` and its parts need. */
const PERMISSIONS = [
  "--allow-net=localhost",
  "--allow-read=certs",
  "--allow-write=certs",
];

const HELP = `Compiles all programs into one binary, ${OUTPUT}.

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
      "src/cli/main.ts",
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
