/**
 * Debian's Chromium without a window and without a network of its own.
 *
 * @module
 */

import { succeeds } from "./peers/suite.ts";

/** Flags to print the page of a URL, which is to follow; nothing is read from other profiles. */
export function chromiumFlags(profile: string): string[] {
  return [
    "headless",
    "no-sandbox",
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
    "no-proxy-server",
    `user-data-dir=${profile}`,
    "dump-dom",
  ].map((flag) => `--${flag}`);
}

/** What of Chromium and of the tool for its certificates is not installed, if anything. */
export function missingChromium(): string | undefined {
  return !succeeds("chromium", "--version")
    ? "chromium"
    : !isInstalled("certutil")
    ? "certutil"
    : undefined;
}

function isInstalled(command: string): boolean {
  try {
    new Deno.Command(command, { stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
