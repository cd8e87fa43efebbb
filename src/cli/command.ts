/**
 * How a command is declared: with commander, and with the examples, permissions
 * and notes of which its help, the man page and the completions are made.
 *
 * @module
 */

import { Command, type Option } from "commander";
import type { TlsRemedies } from "./failure.ts";

/** What a command tells of itself besides its options. */
export interface Details {
  /** Command lines, and what each does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** The narrowest permissions: the flag, and what for. */
  readonly permissions: readonly (readonly [flag: string, what: string])[];
  /** Paragraphs for the man page and `--help-all`. */
  readonly notes?: readonly string[];
  /** What mends what a certificate was refused for, if it has its own words. */
  readonly tlsRemedies?: TlsRemedies;
}

const details = new WeakMap<Command, Details>();
const advanced = new WeakSet<Option>();

/** Begins the declaration of a command. */
export function newCommand(
  name: string,
  summary: string,
  its: Details,
): Command {
  const command = new Command(name).description(summary);
  details.set(command, its);
  return command;
}

/** What a command tells of itself; `undefined` if it was not declared here. */
export function detailsOf(command: Command): Details | undefined {
  return details.get(command);
}

/** Keeps an option out of the short help: `--help-all`, the man page and completions have it. */
export function forExperts(option: Option): Option {
  advanced.add(option);
  return option;
}

/** Whether an option is kept out of the short help. */
export function isForExperts(option: Option): boolean {
  return advanced.has(option);
}
