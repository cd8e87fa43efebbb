/**
 * Reading files that are small, if they are what they should be.
 *
 * @module
 */

import { UsageError } from "./failure.ts";

/** How large a file of certificates or secrets may be, in bytes. */
const MOST = 2 ** 20;

/**
 * Reads a file, also one of unknown size, like a pipe.
 *
 * @param path The file.
 * @param what What it holds, for the error.
 * @throws {UsageError} If it has more than 1 MiB.
 * @throws {Deno.errors.NotFound} And its like, as `Deno.open()` does.
 */
export async function readSmallFile(
  path: string,
  what: string,
): Promise<Uint8Array<ArrayBuffer>> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(MOST + 1);
  let size = 0;
  while (size <= MOST) {
    const read = await file.read(bytes.subarray(size));
    if (read === null) return bytes.slice(0, size);
    size += read;
  }
  throw new UsageError(`${path} has more than 1 MiB, and holds no ${what}`);
}
