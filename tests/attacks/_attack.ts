/**
 * Servers to attack in processes of their own, and what is to be seen of them
 * from outside.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import type { AcceptOptions, EngineName } from "../../server.ts";
import { devCertificates } from "../_certs.ts";
import { assertGreets, RawPeer } from "../_raw_peer.ts";
import type { TargetReady, TargetState } from "./_target.ts";

export type { TargetRecord, TargetState, TargetTally } from "./_target.ts";

/** Memory and open files of another process are in /proc. */
export const ignore: boolean = Deno.build.os !== "linux";

/** Options for {@linkcode Target.start}. */
export interface TargetOptions {
  engine: EngineName;
  /** Limits and deadlines, over JSON. */
  options?: AcceptOptions<undefined>;
  /** How many files it may open. */
  files?: number;
}

/** What a process holds. */
export interface Held {
  /** Memory in MiB. */
  memory: number;
  /** How many files are open. */
  files: number;
}

/** A server to attack. */
export class Target implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #said: Promise<string>;
  readonly #reader: ReadableStreamDefaultReader<string>;
  /** The engine of both its ports. */
  readonly engine: EngineName;
  #ready!: TargetReady;

  private constructor(child: Deno.ChildProcess, engine: EngineName) {
    this.#child = child;
    this.#said = new Response(child.stderr).text();
    this.#reader = child.stdout.pipeThrough(new TextDecoderStream())
      .getReader();
    this.engine = engine;
  }

  /** Starts one; it listens when this resolves. */
  static async start(
    { engine, options = {}, files }: TargetOptions,
  ): Promise<Target> {
    const { dir } = await devCertificates();
    const told = { engine, chainFile: `${dir}/localhost.pem`, options };
    const words = [
      Deno.execPath(),
      "run",
      "--quiet",
      "--no-check",
      "--allow-net=localhost,127.0.0.1,[::1]",
      "--allow-read",
      fromFileUrl(new URL("_target.ts", import.meta.url)),
      JSON.stringify(told),
    ];
    const [program, ...args] = files === undefined
      ? words
      : ["sh", "-c", `ulimit -n ${files}; exec "$0" "$@"`, ...words];
    const target = new Target(
      new Deno.Command(program!, { args, stdout: "piped", stderr: "piped" })
        .spawn(),
      engine,
    );
    target.#ready = await target.#readLine();
    return target;
  }

  /** The URL of its plain port. */
  get plain(): string {
    return this.#ready.plain;
  }

  /** The URL of its port with TLS. */
  get secure(): string {
    return this.#ready.secure;
  }

  /** What it holds now. */
  get held(): Held {
    const files = [...Deno.readDirSync(`/proc/${this.#ready.pid}/fd`)].length;
    return { memory: this.#memory("VmRSS"), files };
  }

  /** The most memory that it had since {@linkcode forgetPeak}, in MiB. */
  get peak(): number {
    return this.#memory("VmHWM");
  }

  /** Begins to look for the most memory anew. */
  forgetPeak(): void {
    Deno.writeTextFileSync(`/proc/${this.#ready.pid}/clear_refs`, "5");
  }

  /** What it tells of itself once no connection is left; records are told once. */
  async settled(timeout = 3000): Promise<TargetState> {
    const deadline = performance.now() + timeout;
    while ((await this.state()).connections > 0) {
      assert(performance.now() < deadline, "connections are left");
    }
    return await this.state("/settled");
  }

  /** What it tells of itself. */
  async state(path = "/state"): Promise<TargetState> {
    using peer = await RawPeer.dial(this.plain);
    const { status, body } = await peer.ask([
      `GET ${path} HTTP/1.1`,
      "Host: localhost",
      "Connection: close",
    ]);
    assertEquals(status, 200);
    return JSON.parse(body);
  }

  /** Fails unless both ports greet a new client. */
  async assertServes(): Promise<void> {
    await assertGreets(this.plain);
    await assertGreets(this.secure);
  }

  /**
   * Fails unless all files are closed again within `timeout` ms, save `slack`,
   * and the process has grown by no more than `growth` MiB.
   */
  async assertRecovers(
    before: Held,
    { growth, slack = 0, timeout = 5000 }: {
      growth: number;
      slack?: number;
      timeout?: number;
    },
  ): Promise<void> {
    const deadline = performance.now() + timeout;
    await this.assertServes();
    while (
      this.held.files > before.files + slack && performance.now() < deadline
    ) {
      await this.assertServes();
    }
    const { files, memory } = this.held;
    assert(files <= before.files + slack, `${files} files, ${before.files}`);
    const grown = memory - before.memory;
    assert(grown < growth, `${this.engine}: it has grown by ${grown} MiB`);
  }

  /** Kills it, after a look at what it said in trouble. */
  async [Symbol.asyncDispose](): Promise<void> {
    // A process that has ended by itself is what attacks are after.
    this.#child.kill("SIGKILL");
    const { signal } = await this.#child.status;
    const said = await this.#said;
    await this.#reader.cancel();
    assertEquals([signal, troubleOf(said)], ["SIGKILL", ""]);
  }

  #memory(field: string): number {
    const status = Deno.readTextFileSync(`/proc/${this.#ready.pid}/status`);
    const [, kilobytes] = new RegExp(`${field}:\\s+(\\d+) kB`).exec(status)!;
    return Number(kilobytes) / 1024;
  }

  async #readLine(): Promise<TargetReady> {
    let line = "";
    while (!line.endsWith("\n")) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error(`it ended, and said: ${await this.#said}`);
      line += value;
    }
    return JSON.parse(line);
  }
}

/** Does the same with all of them, some at a time; waits for all if one fails. */
export async function inParallel<Item>(
  items: Iterable<Item>,
  width: number,
  act: (item: Item) => Promise<void>,
): Promise<void> {
  const rest = items[Symbol.iterator]();
  const lanes = Array.from({ length: width }, async () => {
    for (let next = rest.next(); !next.done; next = rest.next()) {
      await act(next.value);
    }
  });
  for (const lane of await Promise.allSettled(lanes)) {
    if (lane.status === "rejected") throw lane.reason;
  }
}

/** What was said besides what docs/limits.md tells of. */
function troubleOf(said: string): string {
  return said
    .replace(/^Deno\.serve: request\.signal aborts on .*\n/, "")
    .replace(/^wss: closed connection .*, its handler is too slow: .*\n/, "");
}
