/**
 * Finds the files that are to be looked at.
 *
 * @module
 */

import { join } from "@std/path";
import { type LintFile, readLintFile } from "./lint_file.ts";

/** How many files of a directory are looked at. */
const MAX_FILES = 200;

/** How files end that no server is given, such as those that were mended. */
const BACKUP = ".bak";

/** What files are called that are looked at even if they have no PEM in them. */
const TELLING = /\.(?:pem|crt|cer|der|key|p12|pfx|p7b|jks)$/i;

/** Reads the files, and those in the directories, each once. */
export async function readAll(paths: readonly string[]): Promise<LintFile[]> {
  const files: LintFile[] = [];
  for (const path of paths) {
    const entries = await entriesOf(path);
    if (entries === undefined) files.push(await readLintFile(path, true));
    else files.push(...await readDirectory(path, entries));
  }
  return unique(files);
}

/** The names in a directory; `undefined` if it is none. */
async function entriesOf(path: string): Promise<string[] | undefined> {
  try {
    if (!(await Deno.stat(path)).isDirectory) return undefined;
    const names = (await Array.fromAsync(Deno.readDir(path)))
      .filter(({ isDirectory, name }) =>
        !isDirectory && !name.startsWith(".") && !name.endsWith(BACKUP)
      )
      .map(({ name }) => name);
    return names.sort().slice(0, MAX_FILES);
  } catch (error) {
    // What can't be read is told where it is read.
    if (error instanceof Deno.errors.NotCapable) throw error;
    return undefined;
  }
}

/** The names of the directories in a directory. */
export async function directoriesIn(path: string): Promise<string[]> {
  const entries = await Array.fromAsync(Deno.readDir(path)).catch(() => []);
  return entries.filter(({ isDirectory }) => isDirectory)
    .map(({ name }) => name).sort();
}

async function readDirectory(
  path: string,
  names: readonly string[],
): Promise<LintFile[]> {
  const files = await Promise.all(
    names.map((name) => readLintFile(join(path, name), false)),
  );
  // What is no certificate by its content need not be one; by its name it must.
  return files.filter((file) =>
    file.certificates.length + file.keys.length > 0 || TELLING.test(file.path)
  );
}

/** Each file once. */
export function unique(files: readonly LintFile[]): LintFile[] {
  const byPath = new Map<string, LintFile>();
  for (const file of files) {
    const path = join(file.path);
    if (!byPath.has(path) || file.named) byPath.set(path, file);
  }
  return [...byPath.values()];
}
