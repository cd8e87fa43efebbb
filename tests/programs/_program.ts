/**
 * Programs of this directory as subprocesses, that can be watched and killed.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";

/** Where a program runs. */
export interface ProgramPlace {
  /** How many files it may have open. */
  files?: number;
  /** The network namespace of Linux. */
  namespace?: string;
  /** The hosts that it may speak to, besides this machine. */
  hosts?: string[];
  /** Flags of permissions that it has besides. */
  flags?: readonly string[];
}

/** A running program that prints lines of JSON. */
export class Program implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #said: Promise<string>;

  /** Starts `name` of this directory, and passes it `options`. */
  constructor(name: string, options: object, place: ProgramPlace = {}) {
    const path = fromFileUrl(new URL(`./${name}.ts`, import.meta.url));
    const { files, namespace, hosts = [], flags = [] } = place;
    const words = [
      ...namespace === undefined ? [] : ["ip", "netns", "exec", namespace],
      Deno.execPath(),
      "run",
      "--quiet",
      "--no-check",
      `--allow-net=${["localhost", "127.0.0.1", ...hosts].join()}`,
      "--allow-read",
      ...flags,
      path,
      JSON.stringify(options),
    ];
    const limited = `ulimit -n ${files}; exec "$0" "$@"`;
    const [program, ...args] = files === undefined
      ? words
      : ["sh", "-c", limited, ...words];
    this.#child = new Deno.Command(program!, {
      args,
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#lines = linesOf(this.#child.stdout);
    this.#said = new Response(this.#child.stderr).text();
  }

  /** The next line that it prints. */
  async next<T>(): Promise<T> {
    const { done, value } = await this.#lines.next();
    if (done) throw new Error(`it ended, and said: ${await this.#said}`);
    return JSON.parse(value);
  }

  /** Resolves when it has ended, with its exit code and what it said in trouble. */
  async ended(): Promise<{ code: number; said: string }> {
    const { code } = await this.#child.status;
    return { code, said: await this.#said };
  }

  /** Asks it to stop. */
  stop(): void {
    this.#child.kill("SIGTERM");
  }

  /** Kills it: it has no time to say goodbye. */
  kill(): void {
    this.#child.kill("SIGKILL");
  }

  /** Kills it, unless it has ended, and waits for that. */
  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended.
    }
    while (!(await this.#lines.next()).done) { /* It may have said more. */ }
    await this.ended();
  }
}

async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  return undefined;
}

/** The options that the program was started with. */
export function programOptions<T>(): T {
  return JSON.parse(Deno.args[0] ?? "{}");
}

/** Prints a line of JSON. */
export function print(value: unknown): void {
  console.log(JSON.stringify(value));
}

/** Watches the memory of this process until its scope ends. */
export class MemoryWatch implements Disposable {
  readonly #before = Deno.memoryUsage().rss;
  readonly #timer = setInterval(() => this.#look(), 10);
  #peak = this.#before;

  #look(): void {
    this.#peak = Math.max(this.#peak, Deno.memoryUsage().rss);
  }

  /** By how many MiB it has grown at most. */
  get peak(): number {
    this.#look();
    return (this.#peak - this.#before) / 2 ** 20;
  }

  /** Stops watching. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}
