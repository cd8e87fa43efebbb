/**
 * Runs `wss` in a process of its own, in the manner of a person: with flags of
 * Deno and an argument list.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";

/** The checkout. */
export const root: string = fromFileUrl(new URL("../..", import.meta.url));

/** The program, as Deno is told. */
export const entry: string = fromFileUrl(
  new URL("../../src/cli/mod.ts", import.meta.url),
);

/** How a run ended. */
export interface Ended {
  code: number;
  out: string;
  err: string;
}

/** Of a run. */
export interface RunOptions {
  /** The flags of Deno, such as `--allow-net=localhost`; none if left out. */
  permissions?: readonly string[];
  /** What is piped in; nothing comes in if left out. */
  stdin?: string | Uint8Array<ArrayBuffer>;
  cwd?: string;
  env?: Record<string, string>;
  /** After how long it is ended, in milliseconds. */
  timeout?: number;
  /** Another program of the checkout, such as `server.ts`. */
  program?: string;
}

/** The arguments for Deno that run `wss`. */
export function wssArgs(
  args: readonly string[],
  permissions: readonly string[] = [],
  program: string = entry,
): string[] {
  const config = `--config=${root}deno.json`;
  return [
    "run",
    "--no-prompt",
    "--quiet",
    config,
    ...permissions,
    program,
    ...args,
  ];
}

/** Runs `wss` to its end. */
export async function wss(
  args: readonly string[],
  options: RunOptions = {},
): Promise<Ended> {
  const { stdin } = options;
  await using running = startWss(args, options);
  if (stdin !== undefined) await running.write(stdin);
  await running.endInput();
  return await running.ended;
}

/** A run that goes on. */
export interface RunningWss extends AsyncDisposable {
  readonly pid: number;
  /** What came on standard output so far. */
  readonly out: string;
  /** What came on standard error so far. */
  readonly err: string;
  /** Writes to its standard input. */
  write(text: string | Uint8Array<ArrayBuffer>): Promise<void>;
  /** Ends its standard input. */
  endInput(): Promise<void>;
  /** Waits until something stands in its output, and tells what matched. */
  seen(what: RegExp, stream?: "out" | "err"): Promise<RegExpExecArray>;
  kill(signal?: Deno.Signal): void;
  readonly ended: Promise<Ended>;
}

/** Starts `wss`; disposing of it ends it. */
export function startWss(
  args: readonly string[],
  { permissions, cwd = root, env = {}, timeout = 30_000, program }: RunOptions =
    {},
): RunningWss {
  const child = new Deno.Command(Deno.execPath(), {
    args: wssArgs(args, permissions, program),
    cwd,
    env: { NO_COLOR: "1", ...env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const text = { out: "", err: "" };
  const watchers = new Set<() => void>();
  const gather = async (
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    name: "out" | "err",
  ) => {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
      text[name] += chunk;
      for (const watcher of watchers) watcher();
    }
  };
  const gathered = Promise.all([
    gather(child.stdout, "out"),
    gather(child.stderr, "err"),
  ]);
  const timer = setTimeout(() => child.kill("SIGKILL"), timeout);
  let over = false;
  const ended = (async (): Promise<Ended> => {
    const [{ code }] = await Promise.all([child.status, gathered]);
    clearTimeout(timer);
    over = true;
    for (const watcher of watchers) watcher();
    return { code, ...text };
  })();
  const writer = child.stdin.getWriter();
  let inputEnded = false;
  const endInput = async () => {
    if (inputEnded) return;
    inputEnded = true;
    await writer.close().catch(() => {});
  };
  return {
    pid: child.pid,
    get out() {
      return text.out;
    },
    get err() {
      return text.err;
    },
    write: async (data) => {
      const bytes = typeof data === "string"
        ? new TextEncoder().encode(data)
        : data;
      await writer.write(bytes).catch(() => {});
    },
    endInput,
    seen: (what, stream = "out") =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = what.exec(text[stream]);
          if (match !== null) resolve(match);
          else if (over) {
            reject(
              new Error(`It ended without ${what}:\n${text.out}\n${text.err}`),
            );
          } else return;
          watchers.delete(look);
        };
        watchers.add(look);
        look();
      }),
    kill: (signal = "SIGTERM") => {
      if (!over) child.kill(signal);
    },
    ended,
    [Symbol.asyncDispose]: async () => {
      await endInput();
      if (!over) {
        try {
          child.kill("SIGKILL");
        } catch {
          // It has just ended.
        }
      }
      await ended;
    },
  };
}
