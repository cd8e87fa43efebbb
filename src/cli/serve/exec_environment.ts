/**
 * What a process of `--exec` finds in its environment.
 *
 * @module
 */

import type { Connection } from "../../../server.ts";
import { userOf } from "./access_log.ts";

/** What a process gets of the server's own environment, if that may be read. */
const PASSED: readonly string[] = [
  "PATH",
  "HOME",
  "USER",
  "LANG",
  "LC_ALL",
  "TZ",
  "TMPDIR",
  "SystemRoot",
];

/**
 * What each process gets of the server's environment: no more than a few names,
 * since tokens and passwords of the server may be there too.
 */
export function passedEnvironment(): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const variable of PASSED) {
    const { state } = Deno.permissions.querySync({ name: "env", variable });
    const value = state === "granted" ? Deno.env.get(variable) : undefined;
    if (value !== undefined) passed[variable] = value;
  }
  return passed;
}

/**
 * What a process is told of its connection; empty is what is not known.
 *
 * @param ws The connection.
 * @param tokenInQuery Whether the server took a token from the URL, which is
 * none of the process's business.
 */
export function connectionEnvironment(
  ws: Connection,
  tokenInQuery: boolean,
): Record<string, string> {
  const { remoteAddr } = ws;
  const isNet = remoteAddr !== undefined && "hostname" in remoteAddr;
  return {
    WSS_ID: ws.id,
    WSS_URL: tokenInQuery ? withoutToken(ws.url) : ws.url,
    WSS_REMOTE_ADDR: isNet ? remoteAddr.hostname : "",
    WSS_REMOTE_PORT: isNet ? `${remoteAddr.port}` : "",
    WSS_SUBPROTOCOL: ws.protocol,
    WSS_ORIGIN: ws.request?.headers.get("origin") ?? "",
    WSS_USER: userOf(ws) ?? "",
  };
}

function withoutToken(text: string): string {
  const url = new URL(text);
  url.searchParams.delete("access_token");
  return url.href;
}
