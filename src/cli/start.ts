/**
 * The greeting server and client together, with certificates made on first run.
 *
 * @module
 */

import { ensureDevCertificates } from "../../certs/mod.ts";
import { getGreeting } from "./greet_client.ts";
import { greetServer, startGreeting } from "./greet_server.ts";
import { readArgs, readPort, runProgram, visible } from "./program.ts";

const START_HELP =
  `The greeting server, on certificates that are made, or renewed, if need be.

Usage:
  deno task start [--port N]

Other options are those of server.ts, see deno run server.ts --help.`;

/** Runs the server on certificates that are made, or renewed, if need be. */
export async function start(args: string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(START_HELP);
    return 0;
  }
  const code = await runProgram(async () => void await announceCertificates());
  return code === 0 ? await greetServer(args) : code;
}

const HELP =
  `Shows an encrypted greeting: makes certificates for development if there are
none, starts the server on wss://localhost:8765 and lets the client greet.

Usage:
  deno task demo [--name NAME] [--port N]

Exit codes: 0 greeted, 1 failed, with the reason, 2 called wrongly`;

/** Runs server and client, and tells the exit code. */
export function demo(args: string[]): Promise<number> {
  return runProgram(async () => {
    const { values } = readArgs({
      args,
      options: {
        help: { type: "boolean", short: "h", default: false },
        name: { type: "string", default: "Ada" },
        port: { type: "string", default: "8765" },
      },
    });
    if (values.help) return console.log(HELP);
    const port = readPort(values.port);
    const { caFile, chainFile } = await announceCertificates();
    const where = { hostname: "localhost", port, cert: chainFile };
    await using server = await startGreeting(where, (line) => {
      console.log(`              server ${line}`);
    });
    console.log(`The server listens on ${server.url}`);
    await getGreeting(server.url, caFile, () => {
      console.log(`What's your name? ${visible(values.name)}`);
      return values.name;
    });
  });
}

async function announceCertificates(): Promise<
  { caFile: string; chainFile: string }
> {
  const { action, caFile, chainFile, notAfter } = await ensureDevCertificates();
  const until = notAfter.toISOString().slice(0, 10);
  const done = { created: "Made", renewed: "Renewed", kept: "Using" }[action];
  console.log(
    `${done} ${chainFile}, valid until ${until}; clients trust ${caFile}`,
  );
  return { caFile, chainFile };
}
