/**
 * The mode `--exec`: a process for each connection. A line that it prints is a
 * message, a message is a line that it reads.
 *
 * @module
 */

import type { Connection } from "../../../server.ts";
import { messageOf, UsageError } from "../failure.ts";
import { splitCommand } from "./command_words.ts";
import {
  connectionEnvironment,
  passedEnvironment,
} from "./exec_environment.ts";
import type { Ending } from "./exec_output.ts";
import { ExecProcess } from "./exec_process.ts";
import { findProgram } from "./find_program.ts";
import type { Mode } from "./mode.ts";
import { tell } from "./tell.ts";

/** Options for {@linkcode execMode}. */
export interface ExecOptions {
  /** `--null`: messages end with NUL, so that they may have line ends in them. */
  readonly null?: boolean | undefined;
  /** `--binary`: what is printed is sent as it comes, in binary messages. */
  readonly binary?: boolean | undefined;
  /**
   * `--max-processes`: how many there may be at a time; more connections are
   * closed with 1013.
   *
   * @default {64}
   */
  readonly maxProcesses?: number | undefined;
  /**
   * `--max-message`: how large a line may be, in bytes.
   *
   * @default {1_048_576}
   */
  readonly maxMessageSize?: number | undefined;
  /** Whether tokens come in the URL (`--token-from query`), to keep them out of WSS_URL. */
  readonly tokenInQuery?: boolean | undefined;
  /** Prints what is for people; on standard error if left out. */
  readonly tell?: ((line: string) => void) | undefined;
}

const MAX_PROCESSES = 64;
const MAX_MESSAGE_SIZE = 1 << 20;

/**
 * The permissions that {@linkcode execMode} needs.
 *
 * @throws {UsageError} If there are no words in the command, or such for a shell.
 */
export function neededToRun(command: string): Deno.PermissionDescriptor[] {
  const [program = ""] = splitCommand("--exec", command);
  return [{ name: "run", command: program }];
}

/**
 * Runs a command for each connection, without a shell.
 *
 * @param command The program and its arguments, see {@linkcode splitCommand}.
 * @param options How messages are told apart, and limits.
 * @throws {UsageError} If the command cannot be understood, or there is no such program.
 * @throws {Deno.errors.NotCapable} If the program may not be run.
 */
export async function execMode(
  command: string,
  options: ExecOptions = {},
): Promise<Mode> {
  const [program = "", ...args] = splitCommand("--exec", command);
  const passed = passedEnvironment();
  if (await findProgram(program, passed.PATH) === false) {
    throw new UsageError(`--exec: there is no program ${program}`);
  }
  const {
    maxProcesses = MAX_PROCESSES,
    maxMessageSize = MAX_MESSAGE_SIZE,
    tokenInQuery = false,
    tell: say = tell,
  } = options;
  const ending: Ending = options.binary
    ? undefined
    : options.null
    ? "\0"
    : "\n";
  const processes = new Set<ExecProcess>();

  async function handler(ws: Connection): Promise<void> {
    const told = (line: string) => say(`${ws.id.slice(0, 8)}: ${line}`);
    if (processes.size >= maxProcesses) {
      told(`${maxProcesses} processes run already (--max-processes)`);
      await ws.close(1013, "too many processes");
      return;
    }
    const env = { ...passed, ...connectionEnvironment(ws, tokenInQuery) };
    const child = spawn(program, args, env, told);
    if (child === undefined) {
      await ws.close(1011);
      return;
    }
    const process = new ExecProcess(child, {
      ws,
      ending,
      maxMessageSize,
      tell: told,
    });
    processes.add(process);
    try {
      await process.converse();
    } finally {
      processes.delete(process);
    }
  }

  return {
    title: `runs ${program} for each connection`,
    handler,
    async ended() {
      await Promise.all([...processes].map((process) => process.kill()));
    },
  };
}

/** Starts a process; the peer is not told why there is none. */
function spawn(
  program: string,
  args: string[],
  env: Record<string, string>,
  told: (line: string) => void,
): Deno.ChildProcess | undefined {
  try {
    return new Deno.Command(program, {
      args,
      env,
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
  } catch (error) {
    told(`Cannot run ${program}: ${messageOf(error)}`);
    return undefined;
  }
}
