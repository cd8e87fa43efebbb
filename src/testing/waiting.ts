/**
 * Waiting for the other side, which may be gone, or never come.
 *
 * @module
 */

/**
 * Options for what a test waits for.
 *
 * @example Not for long
 * ```ts
 * import { misbehave, type WaitOptions } from "@wss/wss/testing";
 *
 * const options: WaitOptions = { timeout: 100 };
 * await using server = await misbehave({ kind: "silent" });
 * await server.idle(options); // nobody is there
 * ```
 */
export interface WaitOptions {
  /**
   * How long it waits at most, in milliseconds.
   *
   * @default {5000}
   */
  timeout?: number | undefined;
}

/** How long is waited at most, in milliseconds. */
export const PATIENCE = 5000;

/** That it took too long. */
export function late(message: string): DOMException {
  return new DOMException(message, "TimeoutError");
}

/** Whether an error says that the other side has gone, or makes no sense. */
export function isGone(error: unknown): boolean {
  return error instanceof Deno.errors.UnexpectedEof ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.InvalidData;
}
