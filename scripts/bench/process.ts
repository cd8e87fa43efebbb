/**
 * The processes of the benchmark: each talks in lines of JSON, is pinned to a
 * core where that is possible, and ends when its standard input does.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";
import type { BroadcastResult, BroadcastTask } from "./broadcast.ts";
import type { BurstResult, BurstTask } from "./burst.ts";
import { inTime } from "./clients.ts";
import type {
  ClientAnswer,
  ClientOrder,
  ClientTask,
} from "./clients/_control.ts";
import type { EchoResult, EchoTask } from "./echo.ts";
import type { HandshakeResult, HandshakeTask } from "./handshake.ts";
import type { LatencyResult } from "./latency.ts";
import type { Answer, Order, Result } from "./load.ts";
import type { Times } from "./plan.ts";
import type { Target } from "./raw_client.ts";
import { probe } from "./runtimes.ts";
import type { Memory, Ready } from "./servers/_control.ts";
import type { Subject } from "./subjects.ts";

/** How to start a process. */
interface StartOptions {
  /** What runs the script, and its flags. */
  command: readonly string[];
  /** The script, beside this one. */
  script: string;
  args?: readonly string[];
  /** The core to pin it to. */
  core: number | undefined;
}

const DENO = ["deno", "run", "--quiet", "--no-prompt"] as const;

/** How long a process may take to end by itself, in ms. */
const PATIENCE = 5_000;

class Process implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #script: string;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor({ command, script, args = [], core }: StartOptions) {
    const file = fromFileUrl(new URL(script, import.meta.url));
    const pinned = core === undefined ? [] : ["taskset", "-c", String(core)];
    const [program = "", ...rest] = [...pinned, ...command, file, ...args];
    this.#script = script;
    this.#child = new Deno.Command(program, {
      args: rest,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#output = this.#child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The next line, as what it must be. */
  async read<T>(): Promise<T> {
    let end: number;
    while ((end = this.#text.indexOf("\n")) < 0) {
      const { done, value } = await this.#output.read();
      if (done) {
        throw new Error(`Cannot go on: ${this.#script} ended before its time`);
      }
      this.#text += value;
    }
    const line = this.#text.slice(0, end);
    this.#text = this.#text.slice(end + 1);
    return JSON.parse(line) as T;
  }

  async write(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Ends the process, by its id if it doesn't end by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), PATIENCE);
    // It may have ended already.
    await this.#input.close().catch(() => {});
    await this.#output.cancel();
    await this.#child.status;
    clearTimeout(timer);
  }
}

/** A server under test. */
export class ServerProcess extends Process {
  #port = 0;

  /** Where it listens. */
  get port(): number {
    return this.#port;
  }

  /** Starts a server, and waits until it listens. */
  static async start(
    { runtime, script, flags = [] }: Subject,
    options: { directory: string; chainFile: string; core: number | undefined },
  ): Promise<ServerProcess> {
    const { directory, chainFile, core } = options;
    const probed = probe(runtime);
    if ("skipped" in probed) throw new Error(probed.skipped);
    const permissions = runtime !== "deno" ? [] : [
      "--v8-flags=--expose-gc",
      "--allow-net=127.0.0.1",
      `--allow-read=${directory}`,
      ...flags,
    ];
    const server = new ServerProcess({
      command: [...probed.command, ...permissions],
      script: `servers/${script}`,
      args: [...probed.args, chainFile],
      core,
    });
    try {
      const { port } = await server.read<Ready>();
      server.#port = port;
      return server;
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Asks for its memory after a garbage collection. */
  async memory(): Promise<Memory> {
    await this.write("memory");
    return await this.read<Memory>();
  }
}

/** A client under test. */
export class ClientProcess extends Process {
  /** Starts it. */
  constructor({ script, flags = [] }: Subject, core: number | undefined) {
    super({
      command: [...DENO, "--allow-net=127.0.0.1", ...flags],
      script: `clients/${script}`,
      core,
    });
  }

  /** Opens connections, and begins to echo over them. */
  async start(task: ClientTask): Promise<void> {
    await this.#order({ do: "start", task });
  }

  /** How many echoes have come since it was started. */
  async count(): Promise<number> {
    return await this.#order({ do: "count" });
  }

  /** Waits for the echoes that are under way, and closes the connections. */
  async stop(): Promise<void> {
    await this.#order({ do: "stop" });
  }

  async #order(order: ClientOrder): Promise<number> {
    await this.write(JSON.stringify(order));
    const answer = await inTime(this.read<ClientAnswer>());
    if ("error" in answer) throw new Error(answer.error);
    return answer.echoes;
  }
}

/** The process that loads servers. */
export class LoadProcess extends Process {
  /** Starts it. */
  constructor(core: number | undefined) {
    super({
      command: [...DENO, "--allow-net=127.0.0.1", "--allow-run=grep,ls"],
      script: "load.ts",
      core,
    });
  }

  /** Loads a server with echoes. */
  async echo(target: Target, task: EchoTask): Promise<EchoResult> {
    return await this.#order({ do: "echo", target, task }) as EchoResult;
  }

  /** Asks a server for bursts. */
  async burst(target: Target, task: BurstTask): Promise<BurstResult> {
    return await this.#order({ do: "burst", target, task }) as BurstResult;
  }

  /** Asks a server for echoes, one after the other. */
  async latency(target: Target, task: Times): Promise<LatencyResult> {
    return await this.#order({ do: "latency", target, task }) as LatencyResult;
  }

  /** Has a server send messages to many. */
  async broadcast(
    target: Target,
    task: BroadcastTask,
  ): Promise<BroadcastResult> {
    const order: Order = { do: "broadcast", target, task };
    return await this.#order(order) as BroadcastResult;
  }

  /** Loads a server with handshakes. */
  async handshake(
    target: Target,
    task: HandshakeTask,
  ): Promise<HandshakeResult> {
    const order: Order = { do: "handshake", target, task };
    return await this.#order(order) as HandshakeResult;
  }

  /** Opens connections that then do nothing. */
  async open(target: Target, count: number): Promise<void> {
    await this.#order({ do: "open", target, count });
  }

  /** Closes all of them. */
  async close(): Promise<void> {
    await this.#order({ do: "close" });
  }

  async #order(order: Order): Promise<Result> {
    await this.write(JSON.stringify(order));
    const answer = await this.read<Answer>();
    if ("error" in answer) throw new Error(answer.error);
    return answer.result;
  }
}
