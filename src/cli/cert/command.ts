/**
 * The declaration of `wss cert`.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { forExperts, newCommand } from "../command.ts";
import { readCount } from "../values.ts";

/** The values of its options, as commander reads them. */
export interface CertValues {
  out: string;
  days?: number;
  force?: boolean;
  client?: string;
  show?: string;
  cacert?: string;
  trust?: true;
  untrust?: true;
  yes?: true;
  dryRun?: true;
  json?: true;
}

/** Declares the command. */
export function certCommand(): Command {
  const command = newCommand(
    "cert",
    "make, show and trust certificates for development",
    {
      examples: [
        ["wss cert", "certs/ for localhost; what is there and good is kept"],
        ["wss cert dev.example.test 192.168.1.20", "for these hosts, too"],
        ["wss cert --client robot-7", "with which a client shows who it is"],
        ["wss cert --show wss://chat.example", "what a server presents"],
        ["wss cert --trust --dry-run", "how browsers would come to trust it"],
      ],
      permissions: [
        ["--allow-read=certs --allow-write=certs", "the directory of --out"],
        ["--allow-read=FILE", "--show FILE, --cacert FILE"],
        ["--allow-net=HOST:PORT", "--show URL"],
        [
          "--allow-run=certutil,update-ca-certificates",
          "--trust, --untrust; Fedora has update-ca-trust, Arch trust",
        ],
        [
          "--allow-env=HOME --allow-sys=uid",
          "--trust, --untrust: whose browsers, and whether root runs it",
        ],
        [
          "--allow-read=/etc/os-release,$HOME/.pki,$HOME/.mozilla,$HOME/.config/mozilla,$HOME/snap",
          "--trust, --untrust: where the stores are",
        ],
        [
          "--allow-write=$HOME/.pki",
          "--trust, if Chromium has no store there yet",
        ],
        [
          "--allow-read=DIR",
          "--trust, --untrust: the store of the system, as on Debian /usr/local/share/ca-certificates",
        ],
        ["--allow-write=DIR", "--trust, --untrust as root: the same"],
      ],
      notes: NOTES,
      // What a file lacks is mended by other flags here than where it is used.
      tlsRemedies: {},
    },
  );
  addOptions(command);
  return command.action(async (hosts: string[], values: CertValues) => {
    const { runCert } = await import("./run.ts");
    await runCert(hosts, values);
  });
}

function addOptions(command: Command): void {
  command
    .argument("[host...]", "besides localhost, 127.0.0.1 and ::1")
    .addOption(
      new Option("--out <dir>", "where the files are, and go").default("certs"),
    )
    .addOption(
      new Option("--days <n>", "how long it is valid, at most 398 (397)")
        .argParser(readCount(1, 398)),
    )
    .addOption(new Option("--force", "overwrite what is there"))
    .addOption(
      new Option("--client <name>", "make a client's certificate")
        .conflicts(["show", "trust", "untrust"]),
    )
    .addOption(
      new Option("--show <file|url>", "describe certificates")
        .conflicts(["days", "force", "trust", "untrust", "yes", "dryRun"]),
    )
    .addOption(forExperts(
      new Option("--cacert <file>", "with --show URL: trust these (PEM), too"),
    ))
    .addOption(
      new Option("--trust", "add ca.pem to the stores of system and browsers")
        .conflicts(["days", "force", "untrust"]),
    )
    .addOption(
      new Option("--untrust", "take it out of them again")
        .conflicts(["days", "force"]),
    )
    .addOption(new Option("--dry-run", "only say what --trust would do"))
    .addOption(new Option("-y, --yes", "do it without asking"))
    .addOption(new Option("--json", "print one JSON document"));
}

const NOTES = [
  "The authority can issue for the hosts it was made for only, and what it issues expires; what is there and good is kept, what is about to expire is renewed. --force makes a new authority, which clients then have to trust; if the old one was trusted with --trust, take it out with --untrust first.",
  '--client makes NAME.pem, of the same authority, with its private key: for --cert of the client. The server is told clientCa: await loadCaCerts("certs/ca.pem"). With --force, it is NAME.pem that is made anew.',
  "--show tells what certificates claim, and of a URL what its server presents, also where that would not be trusted; it is data, so the exit code is 0, and 4 if nothing can be read. Private keys are mentioned, never shown.",
  "--trust says each command line first, and asks; without a terminal it needs --yes. On Linux it goes to the store of the system, for which it must be root and otherwise prints the lines for sudo, and to those of Chromium and Firefox of this user. On macOS and Windows it prints the commands. What is not its own it does not touch. The exit code is 1 if a store failed.",
  "With --json, dates are in ISO 8601; --trust and --untrust print {authority, stores}, where the state of a store is done, already, planned, left-to-root, skipped or failed.",
];
