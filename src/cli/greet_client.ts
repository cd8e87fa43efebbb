/**
 * The greeting client: it asks for a name, sends it and prints the answer.
 *
 * @module
 */

import { connect, loadCaCerts } from "../../client.ts";
import {
  readArgs,
  readPort,
  runProgram,
  UsageError,
  visible,
} from "./program.ts";

const HELP =
  `The greeting client: it asks for a name, sends it and prints the answer.

Usage:
  deno run --allow-net=localhost:8765 --allow-read=certs client.ts [options]

Options:
  --name NAME    the name; otherwise it is asked for, or read from piped input
  --port N       the port of the server on this machine (8765)
  --url URL      the server, if it is another one (wss://localhost:8765)
  --ca FILE      certificates in PEM to trust besides those of the system
                 (certs/ca.pem)
  -h, --help     show this text

Exit codes: 0 greeted, 1 failed, with the reason, 2 called wrongly`;

/** Runs the program and tells its exit code. */
export function greetClient(args: string[]): Promise<number> {
  return runProgram(async () => {
    const { values } = readArgs({
      args,
      options: {
        ca: { type: "string", default: "certs/ca.pem" },
        help: { type: "boolean", short: "h", default: false },
        name: { type: "string" },
        port: { type: "string" },
        url: { type: "string" },
      },
    });
    if (values.help) return console.log(HELP);
    const url = serverUrl(values);
    await getGreeting(url, values.ca, () => values.name ?? askName());
  }, { "unknown-issuer": "--ca FILE" });
}

function serverUrl({ url, port }: { url?: string; port?: string }): string {
  if (url === undefined) {
    const number = readPort(port ?? "8765");
    if (number > 0) return `wss://localhost:${number}`;
    throw new UsageError("--port 0 is no port to connect to");
  }
  if (port !== undefined) {
    throw new UsageError("--url has a port of its own; leave out --port");
  }
  if (URL.canParse(url) && /^wss?:$/.test(new URL(url).protocol)) return url;
  throw new UsageError(
    `--url must be like wss://localhost:8765, and is ${JSON.stringify(url)}`,
  );
}

/** Connects, tells the name and prints the greeting. */
export async function getGreeting(
  url: string,
  caFile: string,
  name: () => string | Promise<string>,
): Promise<void> {
  const caCerts = await loadCaCerts(caFile);
  await using ws = await connect(url, { caCerts });
  const answer = await name();
  if (answer.trim() === "") {
    throw new UsageError("a name is needed: --name NAME");
  }
  await ws.send(answer);
  console.log(`>>> ${visible(answer)}`);
  const greeting = await ws.receive({ signal: AbortSignal.timeout(10_000) });
  console.log(
    `<<< ${typeof greeting === "string" ? visible(greeting) : "(bytes)"}`,
  );
}

async function askName(): Promise<string> {
  const question = "What's your name?";
  if (Deno.stdin.isTerminal()) return prompt(question) ?? "";
  return await firstLine(Deno.stdin.readable);
}

async function firstLine(
  input: ReadableStream<Uint8Array<ArrayBuffer>>,
): Promise<string> {
  let text = "";
  for await (const chunk of input.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const end = text.search(/\r?\n/);
    if (end >= 0) return text.slice(0, end);
  }
  return text;
}
