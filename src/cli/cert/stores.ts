/**
 * What all stores of authorities have in common.
 *
 * @module
 */

import type { CommandLine } from "./command_line.ts";

/** The authority that is to be trusted, or no longer. */
export interface TrustedAuthority {
  /** The file with its certificate, and nothing else. */
  readonly file: string;
  /** The certificate in PEM. */
  readonly pem: string;
  /** Digits of its SHA-256, by which it is told from others in a store. */
  readonly id: string;
}

/** Whether to have it trusted, or no longer. */
export type TrustAction = "trust" | "untrust";

/** A store, and what is to be done there. */
export interface StoreWork {
  /** The store, for people. */
  readonly store: string;
  /** Where it is. */
  readonly path: string | null;
  /** What is left out, and why; with it, nothing is done. */
  readonly state: "planned" | "already" | "left-to-root" | "skipped" | "failed";
  readonly reason?: string;
  /** What is done, one after the other. */
  readonly lines: readonly CommandLine[];
  /** Whether it has come about. */
  confirm(): Promise<boolean>;
}

/** Whether there is a file. */
export async function exists(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isFile;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

/** Reads a text; `undefined` if there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw error;
  }
}

/** Whether what was looked for is not there. */
export function isAbsent(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory;
}

/** Where nothing is to be done. */
export function undone(
  store: string,
  path: string | null,
  state: StoreWork["state"],
  reason?: string,
): StoreWork {
  return {
    store,
    path,
    state,
    ...reason !== undefined && { reason },
    lines: [],
    confirm: () => Promise.resolve(false),
  };
}
