/**
 * The declaration of `wss doctor`.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { forExperts, newCommand } from "../command.ts";
import { addTargetOptions, type TargetValues } from "../target.ts";
import { URL_HELP } from "../target_url.ts";
import { collect, readCount, readDuration } from "../values.ts";

/** The options that an examination can honour, and what it is told besides. */
export type DoctorValues =
  & Pick<TargetValues, (typeof HONOURED)[number]>
  & {
    server?: string[];
    name?: string[];
    json?: true;
    fix?: true;
    quiet?: true;
    strict?: true;
    idle?: number;
    pings?: number;
    timeout?: number;
  };

const HONOURED = [
  "header",
  "token",
  "auth",
  "subprotocol",
  "cacert",
  "cert",
  "key",
  "resolve",
] as const;

/** Declares the command. */
export function doctorCommand(): Command {
  const command = newCommand(
    "doctor",
    "examine a server, or its certificates offline",
    {
      examples: [
        ["wss doctor wss://chat.example", "what works, what not, what to do"],
        ["wss doctor --server certs", "the files, before a server loads them"],
        ["wss doctor chat.example --fix", "command lines that mend it"],
        ["wss doctor chat.example -q --strict", "for cron: warnings fail, too"],
      ],
      permissions: [
        ["--allow-net=HOST:PORT,HOST", "the server, and its addresses"],
        ["--allow-read=PATH", "the files of --server, --key, --cacert, --cert"],
        ["--allow-env=NAME", "the secret of env:NAME"],
        ["--allow-sys", "with --server, whom the runtime trusts; optional"],
      ],
      notes: NOTES,
    },
  );
  command.argument("[url]", URL_HELP)
    .addOption(
      new Option("--server <path>", "look at this file or directory, offline")
        .argParser(collect),
    )
    .addOption(
      new Option("--name <host>", "with --server: a name that it must be for")
        .argParser(collect),
    )
    .addOption(
      new Option("--idle <time>", "see whether silence ends the connection")
        .argParser(readDuration),
    )
    .addOption(forExperts(
      new Option(
        "--timeout <time>",
        "to give up each step after (default: 10s)",
      ).argParser(readDuration),
    ))
    .addOption(forExperts(
      new Option("--pings <n>", "how many pings to measure (default: 10)")
        .argParser(readCount(1, 1000)),
    ))
    .addOption(new Option("--strict", "let warnings fail, too"))
    .addOption(
      new Option("-q, --quiet", "print only what is wrong"),
    )
    .addOption(new Option("--json", "print one JSON document"))
    .addOption(
      new Option("--fix", "print command lines that mend it")
        .conflicts(["json", "quiet"]),
    );
  addTargetOptions(command, HONOURED);
  return command.action(async (url: string | undefined, values) => {
    const { runDoctor } = await import("./run.ts");
    await runDoctor(url, values as DoctorValues);
  });
}

const NOTES = [
  "The findings come layer by layer: name, TCP, TLS, HTTP, WebSocket, closing, and with --idle, silence. Each has a mark: ✓ as it should be, ✗ keeps clients out, ! worth mending, · good to know, – not looked at, and why.",
  "The exit code names the lowest layer that failed: 3 for name and TCP, 4 for TLS and all of --server, 5 for HTTP, 6 for the WebSocket, 7 for closing and silence; 0 if none did. With --strict, a warning counts as a failure.",
  "The server is spoken to itself: without a proxy, and by the engine that sees most. Credentials go to it alone.",
  "--json prints {target, verdict, exitCode, counts, first, findings}. verdict is ok, warning or failure; counts has the number of findings of each verdict; first is the finding to mend first, or null. A finding has layer, check, verdict and summary, and may have reason, remedy, fix (command lines) and data. The names of layers and checks stay the same.",
  "With --server, certificates and keys are looked at in their files, and nothing is connected to. --key names the file of the key if it is neither in that of the certificate nor in the directory; --cacert those whom clients trust.",
];
