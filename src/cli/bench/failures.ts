/**
 * What went wrong, in groups: ten thousand connections fail in a few ways.
 *
 * @module
 */

import {
  ConnectionClosedError,
  HandshakeError,
  NetworkError,
  TlsError,
} from "../../../client.ts";
import { messageOf } from "../failure.ts";
import { WrongEcho } from "./echo.ts";

/** A way in which connections failed. */
export interface Failure {
  /** Whether they did not open, or ended. */
  readonly stage: "open" | "load";
  /** In short: `HTTP 503`, `closed with 1008 "no"`. */
  readonly what: string;
  /** The whole message of the first. */
  readonly message: string;
  readonly count: number;
}

/** How many groups are told apart; what a server can make up is without end. */
const MOST = 20;

/** The groups. */
export class Failures {
  readonly #groups = new Map<string, Failure>();
  /** The first error that there was. */
  first: unknown;
  /** Whether a server sent something else than it was sent. */
  wrongEcho = false;
  /** Whether it looks as if this process may not open more files. */
  outOfFiles = false;

  /** Adds one. */
  add(stage: "open" | "load", error: unknown): void {
    this.first ??= error;
    this.wrongEcho ||= error instanceof WrongEcho;
    this.outOfFiles ||= stage === "open" && isOutOfFiles(error);
    const short = whatFailed(error);
    const known = this.#groups.has(`${stage} ${short}`) ||
      this.#groups.size < MOST;
    const what = known ? short : "otherwise";
    const key = `${stage} ${what}`;
    const { message = messageOf(error), count = 0 } = this.#groups.get(key) ??
      {};
    this.#groups.set(key, { stage, what, message, count: count + 1 });
  }

  /** The groups, the largest first. */
  get list(): Failure[] {
    return [...this.#groups.values()].sort((a, b) => b.count - a.count);
  }
}

/**
 * Where other connections opened, a name that is not found, or a socket that
 * does not open, is one for which there was no file any more; only the strict
 * engine says so.
 */
function isOutOfFiles(error: unknown): boolean {
  if (error instanceof NetworkError) return error.reason === "unknown-host";
  const cause = error instanceof Error ? error.cause : undefined;
  return cause instanceof Error &&
    /\bEMFILE\b|tcp open error/.test(cause.message);
}

function whatFailed(error: unknown): string {
  if (error instanceof ConnectionClosedError) {
    const { code, reason } = error;
    if (code === 1006) return "lost, without a close frame (1006)";
    return `closed with ${code}${reason === "" ? "" : ` "${reason}"`}`;
  }
  if (error instanceof HandshakeError && error.status !== undefined) {
    return `HTTP ${error.status}${
      error.statusText === "" ? "" : ` ${error.statusText}`
    }`;
  }
  if (error instanceof NetworkError) return `network: ${error.reason}`;
  if (error instanceof TlsError) return `TLS: ${error.reason}`;
  if (error instanceof WrongEcho) return "sent back something else";
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return "took too long";
  }
  return messageOf(error);
}
