/**
 * Messages on standard output: as they are, in a pipe; fit for a person, on a
 * terminal.
 *
 * @module
 */

import type { Message } from "../../../client.ts";
import { printError } from "../output.ts";
import { joined } from "./bytes.ts";
import { compactJson, isJson } from "./json.ts";
import { shown } from "./show.ts";

/**
 * Where received messages go; resolves when there is room for the next. Where
 * more are there already, it may keep one until they come.
 */
export type Output = (message: Message, more: boolean) => Promise<void>;

/** How they are written. */
export interface OutputOptions {
  readonly binary: boolean;
  readonly json: boolean;
  /** Ends with NUL instead of a line end. */
  readonly nul: boolean;
  readonly full: boolean;
}

const encoder = new TextEncoder();

/** How much is kept to be written at once, in bytes. */
const BATCH = 65_536;

/** Writes to standard output. */
export function standardOutput(options: OutputOptions): Output {
  const { full, json } = options;
  if (!Deno.stdout.isTerminal()) return batched(options);
  return async (message) => {
    await writeAll(encoder.encode(`${shown(message, { full, json })}\n`));
  };
}

/** Writes messages that come together at once. */
function batched(options: OutputOptions): Output {
  let kept: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  return async (message, more) => {
    const bytes = written(message, options);
    if (bytes !== undefined) {
      kept.push(bytes);
      size += bytes.length;
    }
    if (size === 0 || more && size < BATCH) return;
    const batch = joined(kept);
    kept = [];
    size = 0;
    await writeAll(batch);
  };
}

/** A message as it goes into a pipe; `undefined` if it is none for that. */
function written(
  message: Message,
  { binary, json, nul }: OutputOptions,
): Uint8Array<ArrayBuffer> | undefined {
  const end = nul ? "\0" : binary ? "" : "\n";
  if (typeof message === "string") {
    const text = !json
      ? message
      : isJson(message)
      ? compactJson(message)
      : JSON.stringify(message);
    return encoder.encode(text + end);
  }
  if (!binary) {
    printError(
      `note: a binary message of ${message.length} bytes was left out; --binary writes it`,
    );
    return undefined;
  }
  if (end === "") return message;
  const bytes = new Uint8Array(message.length + 1);
  bytes.set(message);
  return bytes;
}

async function writeAll(bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    at += await Deno.stdout.write(bytes.subarray(at));
  }
}
