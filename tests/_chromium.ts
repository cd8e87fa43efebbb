/**
 * Debian's Chromium without a window and without a network of its own.
 *
 * @module
 */

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
