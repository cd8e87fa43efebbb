/**
 * The declaration of `wss demo`.
 *
 * @module
 */

import { type Command, Option } from "commander";
import { newCommand } from "../command.ts";
import { readPort } from "../values.ts";

/** The values of its options, as commander reads them. */
export interface DemoValues {
  name: string;
  port: number;
}

/** Declares the command. */
export function demoCommand(): Command {
  const command = newCommand(
    "demo",
    "an encrypted greeting: certificates, server and client in one",
    {
      examples: [
        ["wss demo", "makes certs/ if need be"],
        ["wss demo --name Grace --port 0", "on any free port"],
      ],
      permissions: [
        ["--allow-net=localhost", "server and client"],
        [
          "--allow-read=certs --allow-write=certs",
          "the certificates; writing only to make or renew them",
        ],
      ],
    },
  );
  return command
    .addOption(new Option("--name <name>", "who is greeted").default("Ada"))
    .addOption(
      new Option("--port <port>", "of the server; 0 is any")
        .argParser(readPort).default(8765),
    )
    .action(async (values: DemoValues) => {
      const { runDemo } = await import("./run.ts");
      await runDemo(values);
    });
}
