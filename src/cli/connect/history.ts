/**
 * Lines that were typed, kept in a file that only its owner can read.
 *
 * @module
 */

import { messageOf } from "../failure.ts";

/** How many lines are offered, and kept when there are too many. */
const KEPT = 1000;

/** How many are too many. */
const MOST = 10 * KEPT;

/** Lines that are kept. */
export interface History {
  /** Those of former times, the latest first. */
  readonly lines: readonly string[];
  /** Keeps one more. */
  add(line: string): void;
}

/** A history in a file; without a path, it lasts as long as the command. */
export async function openHistory(path: string | undefined): Promise<History> {
  if (path === undefined) return { lines: [], add() {} };
  const all = await readLines(path);
  const kept = all.slice(-KEPT);
  if (all.length > MOST) await replace(path, kept);
  // What keeps it from being written is told before there is something to keep.
  // A mode would count for a file that is there, too.
  (await Deno.open(path, {
    append: true,
    create: true,
    mode: 0o600,
  })).close();
  const append = (text: string) =>
    Deno.writeTextFileSync(path, text, { append: true });
  let last = kept.at(-1);
  return {
    lines: kept.toReversed(),
    add(line) {
      if (line.trim() === "" || line === last) return;
      last = line;
      append(`${line}\n`);
    },
  };
}

/** Writes a file anew: whoever appends to it meanwhile, or stops this, leaves one whole. */
async function replace(path: string, lines: readonly string[]): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}.tmp`;
  try {
    await Deno.writeTextFile(
      temporary,
      lines.map((line) => `${line}\n`).join(""),
      { mode: 0o600, createNew: true },
    );
    await Deno.rename(temporary, path);
  } catch {
    // It stays long: a directory in which nothing may be made is no reason to fail.
    await Deno.remove(temporary).catch(() => {});
  }
}

async function readLines(path: string): Promise<string[]> {
  try {
    const text = await Deno.readTextFile(path);
    return text.split("\n").filter((line) => line !== "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw new Error(`Cannot read the history: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
