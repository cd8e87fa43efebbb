/**
 * The greeting client: it asks for a name, sends it and prints the answer.
 *
 * @module
 */

import { connect, loadCaCerts } from "../../../client.ts";
import { UsageError } from "../failure.ts";
import { print, visible } from "../output.ts";
import { needPermissions } from "../permissions.ts";
import { readTarget } from "../target_url.ts";
import type { GreetValues } from "./command.ts";

/** How long the server may take to answer, in milliseconds. */
const PATIENCE = 10_000;

/** Runs the command. */
export async function runGreet(values: GreetValues): Promise<void> {
  const url = serverUrl(values);
  const port = url.port || (url.protocol === "ws:" ? 80 : 443);
  await needPermissions(
    { name: "net", host: `${url.hostname}:${port}` },
    { name: "read", path: values.ca },
  );
  await getGreeting(url, values.ca, () => values.name ?? askName());
}

function serverUrl({ url, port }: GreetValues): URL {
  if (url !== undefined) return readTarget(url);
  if (port > 0) return new URL(`wss://localhost:${port}`);
  throw new UsageError("--port 0 is no port to connect to");
}

/** Connects, tells the name and prints the greeting. */
export async function getGreeting(
  url: string | URL,
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
  print(`>>> ${visible(answer)}`);
  const greeting = await ws.receive({ signal: AbortSignal.timeout(PATIENCE) });
  print(`<<< ${typeof greeting === "string" ? visible(greeting) : "(bytes)"}`);
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
