/**
 * The declaration of `wss connect`.
 *
 * @module
 */

import { type Command, InvalidArgumentError, Option } from "commander";
import { forExperts, newCommand } from "../command.ts";
import { addTargetOptions } from "../target.ts";
import { URL_HELP } from "../target_url.ts";
import { readCount, readDuration, readSize } from "../values.ts";
import type { ConnectValues } from "./values.ts";

/** Declares the command. */
export function connectCommand(): Command {
  const command = newCommand("connect", "talk to a server", {
    examples: [
      ["wss connect localhost:8765 --cacert certs/ca.pem", "type, and read"],
      [
        `echo '{"op":"time"}' | wss connect wss://api.example --once --json`,
        "ask one question",
      ],
      ["wss connect wss://chat.example --ping --count 5", "how far is it?"],
    ],
    permissions: [
      ["--allow-net=HOST:PORT", "the server, or the proxy on the way"],
      ["--allow-read=FILE", "the files of --cacert, --cert, --key, file:…"],
      ["--allow-env=NAME", "the secret of env:NAME"],
    ],
    notes: NOTES,
  });
  command.argument("<url>", URL_HELP);
  addOwnOptions(command);
  addTargetOptions(command);
  return command.action(async (url: string, values: ConnectValues) => {
    const { runConnect } = await import("./run.ts");
    await runConnect(url, values);
  });
}

const NOTES = [
  "At a terminal each line that is typed is a message; Ctrl-D closes the connection, and /help lists what else can be done. Piped input is sent line by line, without the line ends; what comes is printed, a message a line. All but messages goes to standard error.",
  "When piped input has ended, messages are received until none came for --wait, which may be 0, or forever; then the connection is closed. With --count or --once it lasts until they have come.",
  "With --binary, piped input is sent as it comes, at most 64 KiB a message, and what comes is written without anything in between. With --null, messages end with a NUL instead of a line end, in both directions; with --one, all of the input is one message.",
  "With --json, a terminal shows JSON indented and in colour; elsewhere each message is a line of JSON, and text that is none is printed as a JSON string. Numbers keep all their digits.",
  "A terminal is shown 2048 characters of a text, 64 bytes of other messages, and how large they are; --full shows all. Control characters of the server are escaped.",
];

function addOwnOptions(command: Command): void {
  command
    .addOption(
      new Option("--json", "messages as JSON: indented, or a line each"),
    )
    .addOption(
      new Option("--binary", "messages are bytes, from and to a pipe")
        .conflicts("json"),
    )
    .addOption(forExperts(
      new Option("--null", "messages end with NUL, not with a line end")
        .conflicts("json"),
    ))
    .addOption(forExperts(
      new Option("--one", "all of the piped input is one message")
        .conflicts("once"),
    ))
    .addOption(
      new Option("--once", "send one message, print one, close"),
    )
    .addOption(
      new Option("--count <n>", "close after so many messages, or pings")
        .argParser(readCount(1)).conflicts("once"),
    )
    .addOption(
      new Option(
        "--wait <time>",
        "the silence that ends it, after a pipe (default: 1s)",
      ).argParser(readWait),
    )
    .addOption(forExperts(
      new Option("--max-time <time>", "to give up all after (exit code 8)")
        .argParser(readDuration),
    ))
    .addOption(
      new Option("--ping", "measure the time to the server, once a second")
        .conflicts(["binary", "null", "one", "once", "wait", "reconnect"]),
    )
    .addOption(forExperts(
      new Option("--interval <time>", "between two pings (default: 1s)")
        .argParser(readDuration),
    ))
    .addOption(
      new Option("--reconnect", "connect again when the connection is lost"),
    )
    .addOption(forExperts(
      new Option("--history <file>", "keep what is typed, for the next time"),
    ))
    .addOption(forExperts(
      new Option("--full", "shorten nothing on a terminal"),
    ))
    .addOption(forExperts(
      new Option("--max-message <size>", "largest message to receive")
        .argParser(readSize).default(16 * 2 ** 20, "16MiB"),
    ))
    .addOption(
      new Option(
        "-v, --verbose",
        "tell of request and answer; -vv: of TLS, too",
      )
        .argParser((_: string, previous: number) => previous + 1)
        .default(0, "not"),
    );
}

/** Reads how long to wait: a duration, `0` or `forever`. */
function readWait(text: string): number {
  if (text === "forever") return Infinity;
  if (/^0(?:ms|s|m|h)?$/.test(text)) return 0;
  try {
    return readDuration(text);
  } catch {
    throw new InvalidArgumentError(
      "It must be a duration such as 250ms or 10s, 0, or forever.",
    );
  }
}
