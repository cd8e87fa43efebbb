/**
 * The declaration of `wss greet`.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { newCommand } from "../command.ts";
import { URL_HELP } from "../target_url.ts";
import { readPort } from "../values.ts";

/** The values of its options, as commander reads them. */
export interface GreetValues {
  name?: string;
  port: number;
  url?: string;
  ca: string;
}

/** Declares the command. */
export function greetCommand(): Command {
  const command = newCommand(
    "greet",
    "the greeting client: tells a name, is greeted",
    {
      examples: [
        ["wss greet", "asks for the name"],
        ["wss greet --name Ada", "does not"],
        ["echo Ada | wss greet --port 4433", "a server on another port"],
      ],
      permissions: [
        ["--allow-net=localhost:8765", "the server"],
        ["--allow-read=certs", "the file of --ca"],
      ],
      notes: [
        "The server is `wss serve`, or any that answers a message with another. It is waited for 10 seconds.",
      ],
      tlsRemedies: {
        "missing-file":
          "start `wss serve` in this directory, which makes it, or name another by --ca FILE",
        "unknown-issuer": "trust that authority by --ca FILE",
      },
    },
  );
  return command
    .addOption(
      new Option("--name <name>", "else it is asked for, or read from a pipe"),
    )
    .addOption(
      new Option("--port <port>", "of the server on this machine")
        .argParser(readPort).default(8765),
    )
    .addOption(
      new Option("--url <url>", URL_HELP).conflicts("port"),
    )
    .addOption(
      new Option("--ca <file>", "trust these authorities (PEM), too")
        .default("certs/ca.pem"),
    )
    .action(async (values: GreetValues) => {
      const { runGreet } = await import("./run.ts");
      await runGreet(values);
    });
}
