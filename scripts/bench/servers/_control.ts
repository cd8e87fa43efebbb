/**
 * What every server of the benchmark does besides serving: it says where it
 * listens, tells its memory when asked, and ends when its standard input does.
 *
 * @module
 */

/** Where a server answers each message with {@linkcode BURST} of the same. */
export const BURST_PATH = "/burst";

/** How many messages those are. */
export const BURST = 3;

/** Where a server sends each message to all connections. */
export const BROADCAST_PATH = "/broadcast";

/** What a server says first, on a line of JSON. */
export interface Ready {
  /** The port it listens on. */
  port: number;
}

/** What a server answers to the line `memory`, in bytes. */
export interface Memory {
  /** All that it takes of the machine's memory, with its garbage. */
  loose: number;
  /** The same, after garbage was collected and the heap compacted. */
  rss: number;
  /** What its JavaScript objects take, after that; some runtimes do not tell. */
  heap?: number;
}

/** The file of the certificate chain and its key, from the command line. */
export function chainFile(): string {
  const [file] = Deno.args;
  if (file === undefined) throw new TypeError("usage: SERVER CHAIN_FILE");
  return file;
}

/** Says that the server listens, and obeys until standard input ends. */
export async function obey(port: number): Promise<never> {
  say({ port } satisfies Ready);
  const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const text of lines) {
    for (const line of text.split("\n")) {
      if (line === "memory") say(measureMemory());
    }
  }
  Deno.exit(0);
}

/** What `--expose-gc` offers. */
type CollectGarbage = (
  options: { type: "major"; execution: "sync"; flavor: "last-resort" },
) => void;

function measureMemory(): Memory {
  const { gc } = globalThis as { gc?: CollectGarbage };
  const { rss: loose } = Deno.memoryUsage();
  // This flavor compacts: pages of the heap that are half empty would say more
  // about the handshakes that filled them than about what connections hold.
  gc?.({ type: "major", execution: "sync", flavor: "last-resort" });
  const { rss, heapUsed } = Deno.memoryUsage();
  return { loose, rss, heap: heapUsed };
}

function say(what: Ready | Memory): void {
  console.log(JSON.stringify(what));
}
