/**
 * The mode `--handler`: what a module of the user's exports serves connections.
 *
 * @module
 */

import { resolve, toFileUrl } from "@std/path";
import type { FetchHandler } from "../../../server.ts";
import { messageOf, UsageError } from "../failure.ts";
import type { Mode } from "./mode.ts";

/** What a module has to say. */
export interface Handled {
  readonly mode: Mode;
  readonly fetch: FetchHandler | undefined;
}

/**
 * Loads a module, relative to the working directory.
 *
 * @throws {UsageError} If there is none, or it exports no handler.
 */
export async function loadHandler(file: string): Promise<Handled> {
  const exported = await importModule(file);
  const { default: handler, fetch } = exported;
  if (typeof handler !== "function") {
    throw new UsageError(
      `--handler: ${file} has no function as its default export; begin it with "export default async function (ws) {"`,
    );
  }
  if (fetch !== undefined && typeof fetch !== "function") {
    throw new UsageError(`--handler: fetch of ${file} is no function`);
  }
  return {
    mode: {
      title: `runs ${file}`,
      handler: async (ws) => void await handler(ws),
    },
    fetch: fetch as FetchHandler | undefined,
  };
}

async function importModule(file: string): Promise<Record<string, unknown>> {
  try {
    const { isFile } = await Deno.stat(file);
    // What never ends would be read until there is no memory left.
    if (!isFile) throw new UsageError(`--handler: ${file} is no file`);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(`--handler: there is no file ${file}`);
  }
  try {
    return await import(toFileUrl(resolve(file)).href);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    // The runtime colours it, over several lines.
    // deno-lint-ignore no-control-regex
    const plain = messageOf(cause).replace(/\x1b\[[\d;]*m/g, "");
    const said = plain.split("\n").map((line) => line.trim()).join(" ");
    throw new Error(`Cannot load ${file}: ${said}`, { cause });
  }
}
