/**
 * All programs in one, for `deno compile`.
 *
 * @module
 */

import { certs } from "./certs.ts";
import { greetClient } from "./greet_client.ts";
import { greetServer } from "./greet_server.ts";
import { demo, start } from "./start.ts";

const HELP = `wss: encrypted WebSocket connections

Usage:
  wss demo                 server and client greet each other
  wss start [options]      the greeting server; makes certificates if need be
  wss server [options]     the greeting server
  wss client [options]     the greeting client
  wss certs [host…]        make certificates for development

Each has --help.`;

const PROGRAMS: Record<string, (args: string[]) => Promise<number>> = {
  certs,
  client: greetClient,
  demo,
  server: greetServer,
  start,
};

/** Runs the program that the first argument names, and tells its exit code. */
export async function main(args: string[]): Promise<number> {
  const [name = "--help", ...rest] = args;
  if (name === "--help" || name === "-h") {
    console.log(HELP);
    return 0;
  }
  const program = Object.hasOwn(PROGRAMS, name) ? PROGRAMS[name] : undefined;
  if (program !== undefined) return await program(rest);
  console.error(`error: there is no ${JSON.stringify(name)}\nTry --help`);
  return 2;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
