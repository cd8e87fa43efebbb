/**
 * Where a server says what nobody asked for.
 *
 * @module
 */

import { quoted } from "./peer_text.ts";

/**
 * Takes the lines of a server's log; `console` is one. What it lacks is not logged.
 *
 * @example Keep warnings in a list
 * ```ts
 * import { type Logger, serve } from "@wss/wss";
 *
 * const warnings: string[] = [];
 * const logger: Logger = { warn: (message) => warnings.push(message) };
 * await using server = await serve({ port: 0, logger, insecureAnyOrigin: true }, (ws) => ws.closed);
 * console.log(warnings.length); // 1
 * ```
 */
export interface Logger {
  /** What only helps to find a fault: who came, who was refused, who left. */
  debug?(message: string): void;
  /** What goes on in the ordinary course of things. */
  info?(message: string): void;
  /** What works but should be looked at. */
  warn?(message: string): void;
  /** What went wrong; `error` is what was thrown. */
  error?(message: string, error?: unknown): void;
}

const encoder = new TextEncoder();

function write(message: string): void {
  Deno.stderr.writeSync(encoder.encode(`wss: ${message}\n`));
}

/** Warnings and errors to standard error. */
export const stderrLogger: Logger = {
  warn: write,
  error: (message, error) =>
    write(error === undefined ? message : `${message}\n${Deno.inspect(error)}`),
};

/** Text from outside, made fit for a log line: no control characters, not long. */
export function printable(text: string): string {
  return quoted(text, 200);
}
