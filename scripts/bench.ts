/**
 * Compares servers of this module with the bare ones that they are made of, a
 * `Deno.serve` and an npm:ws on `node:https`, and its clients with a `WebSocket`
 * and an npm:ws: `deno task bench`.
 *
 * The table goes to standard output, progress to standard error. Any echo that
 * is wrong, missing or too many ends it with exit code 1.
 *
 * @module
 */

import { ensureDevCertificates } from "../certs/mod.ts";
import { type ClientResults, runClientBenchmark } from "./bench/client_run.ts";
import {
  CLIENTS,
  CLIENTS_SERVER,
  FULL,
  QUICK,
  SUBJECTS,
} from "./bench/plan.ts";
import { chooseCores, processorName } from "./bench/proc.ts";
import { type Circumstances, report, reportClients } from "./bench/report.ts";
import { type Results, runBenchmark } from "./bench/run.ts";

const HELP =
  `Compares servers of this module with bare ones of Deno.serve and npm:ws, and
its clients with bare ones of WebSocket and npm:ws, on Linux.

Usage: deno task bench [options]

  --quick      under three and a half minutes (default)
  --full       under twenty minutes, for figures to publish
  --clients    measures the clients only
  --json FILE  writes all that was measured to FILE, too
  --help       shows this

The processes talk over loopback only. Where taskset is installed, server and
load, or client, run on a core each.`;

interface Options {
  full: boolean;
  clientsOnly: boolean;
  json: string | undefined;
  help: boolean;
}

/** Reads the command line. */
function parseOptions(args: readonly string[]): Options {
  const options: Options = {
    full: false,
    clientsOnly: false,
    json: undefined,
    help: false,
  };
  const rest = args.values();
  for (const arg of rest) {
    switch (arg) {
      case "--quick":
        options.full = false;
        break;
      case "--full":
        options.full = true;
        break;
      case "--clients":
        options.clientsOnly = true;
        break;
      case "--json":
        options.json = rest.next().value;
        if (options.json === undefined) {
          throw new TypeError("Cannot read options: --json needs a file");
        }
        break;
      case "--help":
        options.help = true;
        break;
      default:
        throw new TypeError(
          `Cannot read options: ${arg} is none of them; see --help`,
        );
    }
  }
  return options;
}

async function main(options: Options): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "wss-bench-" });
  try {
    const { chainFile, caFile } = await ensureDevCertificates({ directory });
    const about: Circumstances = {
      plan: options.full ? FULL : QUICK,
      subjects: SUBJECTS,
      processor: processorName(),
      kernel: Deno.osRelease(),
      deno: Deno.version.deno,
      date: new Date().toISOString().slice(0, 10),
    };
    const setting = {
      directory,
      chainFile,
      ca: await Deno.readTextFile(caFile),
      onprogress: showProgress,
    };
    let results: Results | undefined;
    if (!options.clientsOnly) {
      results = await runBenchmark(about.plan, {
        ...setting,
        subjects: SUBJECTS,
      });
      showProgress("");
      console.log(`${report(results, about)}\n`);
    }
    const clients: ClientResults = await runClientBenchmark(about.plan, {
      ...setting,
      clients: CLIENTS,
      server: CLIENTS_SERVER,
      cores: chooseCores(),
    });
    showProgress("");
    console.log(reportClients(clients, CLIENTS));
    if (options.json !== undefined) {
      const json = JSON.stringify({ ...about, results, clients }, null, 2);
      await Deno.writeTextFile(options.json, `${json}\n`);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Shows one line, in the place of the one before where that is a terminal. */
function showProgress(step: string): void {
  const terminal = Deno.stderr.isTerminal();
  if (!terminal && step === "") return;
  const text = terminal ? `\r\x1b[K${step}` : `${step}\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(text));
}

if (import.meta.main) {
  try {
    const options = parseOptions(Deno.args);
    if (options.help) console.log(HELP);
    else await main(options);
  } catch (error) {
    console.error(error instanceof TypeError ? error.message : error);
    Deno.exit(error instanceof TypeError ? 2 : 1);
  }
}
