/**
 * The declaration of `wss bench`.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { forExperts, newCommand } from "../command.ts";
import { addTargetOptions } from "../target.ts";
import { URL_HELP } from "../target_url.ts";
import { readCount, readDuration, readSize } from "../values.ts";
import type { BenchValues } from "./plan.ts";

/** More would use up the ports of one address. */
const MAX_CONNECTIONS = 20_000;

/** The largest message. */
const MAX_SIZE = 64 * 2 ** 20;

/** Declares the command. */
export function benchCommand(): Command {
  const command = newCommand("bench", "load a server, and measure it", {
    examples: [
      ["wss bench localhost:8765 --cacert certs/ca.pem", "an echo server"],
      ["wss bench chat.example -c 500 -r 2000", "latency at a known rate"],
      ["wss bench wss://chat.example --handshakes", "how many can connect?"],
    ],
    permissions: [
      ["--allow-net=HOST:PORT", "the server, or the proxy on the way"],
      ["--allow-read=FILE", "the files of --cacert, --cert, --key, file:…"],
      ["--allow-env=NAME", "the secret of env:NAME"],
      ["--allow-write=FILE", "the report of --html"],
    ],
    notes: NOTES,
  });
  command.argument("<url>", URL_HELP);
  addLoadOptions(command);
  addTimeOptions(command);
  addOutputOptions(command);
  addTargetOptions(command);
  return command.action(async (url: string, values: BenchValues) => {
    const { runBench } = await import("./run.ts");
    await runBench(url, values);
  });
}

function addLoadOptions(command: Command): void {
  command
    .addOption(
      new Option("-c, --connections <n>", "how many connections")
        .argParser(readCount(1, MAX_CONNECTIONS)).default(10),
    )
    .addOption(
      new Option(
        "-w, --window <n>",
        "messages under way on each (default: 1)",
      ).argParser(readCount(1, 10_000)),
    )
    .addOption(
      new Option("-s, --size <size>", "of a message (default: 64 bytes)")
        .argParser(readMessageSize),
    )
    .addOption(forExperts(new Option("--binary", "send bytes instead of text")))
    .addOption(
      new Option(
        "-r, --rate <n>",
        "messages/s over all (default: no limit)",
      ).argParser(readCount(1, 10_000_000)).conflicts([
        "handshakes",
        "receive",
      ]),
    )
    .addOption(
      new Option("--handshakes", "open and close connections instead")
        .conflicts("receive"),
    )
    .addOption(forExperts(
      new Option("--receive", "send nothing, count what the server sends"),
    ));
}

function addTimeOptions(command: Command): void {
  command
    .addOption(
      new Option("-d, --duration <time>", "how long (default: 10s)")
        .argParser(readDuration),
    )
    .addOption(
      new Option("-n, --count <n>", "stop after so many messages or handshakes")
        .argParser(readCount(1)),
    )
    .addOption(forExperts(
      new Option("--ramp <time>", "open the connections over this time")
        .argParser(readDuration),
    ))
    .addOption(forExperts(
      new Option(
        "--warmup <time>",
        "load it so long before measuring; 0 for none (default: 1s)",
      ).argParser(readWarmup),
    ))
    .addOption(forExperts(
      new Option("--timeout <time>", "how long an echo may take (default: 10s)")
        .argParser(readDuration),
    ));
}

function addOutputOptions(command: Command): void {
  command
    .addOption(new Option("--json", "print one JSON document"))
    .addOption(
      new Option("--html <file>", "write a report with charts, too"),
    );
}

function readWarmup(text: string): number {
  return /^0(ms|s)?$/.test(text) ? 0 : readDuration(text);
}

function readMessageSize(text: string): number {
  const size = readSize(text);
  if (size <= MAX_SIZE) return size;
  throw new InvalidArgumentError("It must be 64MiB at most.");
}

const NOTES = [
  "The server is to send every message back, as `wss serve --echo` does. Each connection makes sure of that before it counts as open; what the server greets with is passed over. --receive and --handshakes ask for no echo.",
  "Without --rate a connection sends as soon as a message is back (closed loop): a server that stalls is asked less, and the stall is seen in one message of each connection only. With --rate messages are due at fixed times (open loop), and their latency counts from then, also where no connection was free to send them (no coordinated omission); only where a timer of the client was up to 2 ms late does it count from the sending.",
  "Messages/s are those that came back within the time. Latencies are of those that were due within it; up to --timeout is waited for the last of them.",
  "The client is one thread. When it takes 90 % of a core or more, it says that the figures are a lower bound; run several at once then. --engine deno takes a third less of it, of messages of 64 KiB half; but those from about 1 KiB on, up to the size of a segment, it holds up by 44 ms each on Linux, which --engine node does not.",
  "Where connections fail or are lost, there is a report nevertheless, and the exit code is 7; 6 if the server sent back something else than it was sent; 8 if it fell silent, or --receive got nothing; 130 after Ctrl-C, which ends it with the results so far. If no connection opens, the exit code tells why.",
  "--json prints {target, mode, unit, started, parameters, elapsed, count, perSecond, bytesPerSecond, latency, unanswered, unsent, connections, failures, client, environment, warnings, exitCode, percentiles, histogram, samples, measured}. Times are in milliseconds; latency and connections.opening have count, mean, min, p50, p75, p90, p99, p999, p9999 and max, within 0.4 %, or are null; a failure has stage (open or load), what, message and count; client has cpuShare (of one core), lag and isLimit.",
];
