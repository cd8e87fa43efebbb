/**
 * The URL of a server, as people type it.
 *
 * @module
 */

import { UsageError } from "./failure.ts";
import { printError } from "./output.ts";

/** How a URL may be given, for help. */
export const URL_HELP = "wss://host:port/path, or host, or :port (localhost)";

/**
 * Reads the URL of a server; `chat.example`, `localhost:8765` and `:8765` mean
 * `wss://`.
 *
 * @throws {UsageError} That does not show the URL, in which may be a secret.
 */
export function readTarget(text: string): URL {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
  if (scheme === "http" || scheme === "https") {
    throw new UsageError(
      `the URL of a WebSocket begins with ${
        scheme === "http" ? "ws" : "wss"
      }://, not with ${scheme}://`,
    );
  }
  if (scheme !== undefined && scheme !== "ws" && scheme !== "wss") {
    throw new UsageError("the URL must begin with wss:// or ws://");
  }
  const host = text.startsWith(":") ? `localhost${text}` : text;
  const full = scheme === undefined ? `wss://${host}` : text;
  if (/\s/.test(text) || !URL.canParse(full)) {
    throw new UsageError(
      "the URL is malformed; it must be like wss://chat.example/room or localhost:8765",
    );
  }
  const url = new URL(full);
  if (url.hash !== "") {
    throw new UsageError(
      "the URL must not have a #fragment (RFC 6455, section 3); write %23 for a #",
    );
  }
  if (url.password !== "") {
    printError(
      "warning: others on this machine can read the password in the URL; --auth env:NAME hides it",
    );
  }
  return url;
}

/** A URL as it may be shown: tokens travel in queries and user names. */
export function shownUrl({ protocol, host, pathname }: URL): string {
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
