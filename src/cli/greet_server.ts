/**
 * The greeting server: it is told a name and answers "Hello NAME!".
 *
 * @module
 */

import {
  CloseCode,
  type Connection,
  loadCertChain,
  serve,
  type Server,
} from "../../server.ts";
import { readArgs, readPort, runProgram, visible } from "./program.ts";

const HELP = `The greeting server: it is told a name and answers "Hello NAME!".

Usage:
  deno run --allow-net=localhost:8765 --allow-read=certs server.ts [options]

Options:
  --port N       the port to listen on (8765)
  --hostname H   the name or address to listen on (localhost)
  --cert FILE    certificate chain and private key in PEM (certs/localhost.pem)
  --key FILE     the private key, if it is not in the file of --cert
  -h, --help     show this text

Make certificates with \`deno task certs\`. Ctrl-C shuts the server down.
Exit codes: 0 shut down, 1 failed, 2 called wrongly`;

/** Where and with what a greeting server listens. */
export interface GreetServerOptions {
  hostname: string;
  port: number;
  cert: string;
  key?: string | undefined;
}

/** Runs the program and tells its exit code. */
export function greetServer(args: string[]): Promise<number> {
  return runProgram(async () => {
    const { values } = readArgs({
      args,
      options: {
        cert: { type: "string", default: "certs/localhost.pem" },
        help: { type: "boolean", short: "h", default: false },
        hostname: { type: "string", default: "localhost" },
        key: { type: "string" },
        port: { type: "string", default: "8765" },
      },
    });
    if (values.help) return console.log(HELP);
    const { hostname, cert, key } = values;
    const port = readPort(values.port);
    const server = await startGreeting({ hostname, port, cert, key });
    const all = hostname === "0.0.0.0" || hostname === "::";
    const where = all ? `${server.url}, on all interfaces` : server.url;
    console.log(`Listening on ${where}; Ctrl-C to stop`);
    await untilStopped(server);
  }, { "no-private-key": "--key FILE" });
}

/** Starts to greet whoever connects. */
export async function startGreeting(
  { hostname, port, cert, key }: GreetServerOptions,
  print: (line: string) => void = console.log,
): Promise<Server> {
  const chain = await loadCertChain(cert, key);
  const options = { hostname, port, ...chain, maxMessageSize: 1024 };
  return await serve(options, (ws) => greet(ws, print));
}

async function greet(
  ws: Connection,
  print: (line: string) => void,
): Promise<void> {
  const name = await ws.receive();
  if (typeof name !== "string") {
    await ws.close(CloseCode.UnsupportedData, "a name is text");
    return;
  }
  print(`<<< ${visible(name)}`);
  const greeting = `Hello ${name}!`;
  await ws.send(greeting);
  print(`>>> ${visible(greeting)}`);
}

/** Waits for Ctrl-C or a termination signal, and shuts down. */
async function untilStopped(server: Server): Promise<void> {
  let stopping = false;
  const stop = () => {
    if (stopping) Deno.exit(130);
    stopping = true;
    console.log("Shutting down, in 10 s at most; Ctrl-C again ends at once");
    server.shutdown();
  };
  const signals: Deno.Signal[] = Deno.build.os === "windows"
    ? ["SIGINT", "SIGBREAK"]
    : ["SIGINT", "SIGTERM"];
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  await server.finished;
  for (const signal of signals) Deno.removeSignalListener(signal, stop);
}
