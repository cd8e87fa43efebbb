/**
 * The permissions that a client needs, asked for before it begins.
 *
 * @module
 */

import { needPermissions } from "./permissions.ts";
import type { TargetValues } from "./target.ts";

/**
 * Asks for what connecting takes, so that all flags that are missing are named
 * at once.
 *
 * @param url The server.
 * @param values What the command line says.
 * @param more What the command needs besides.
 */
export async function needTarget(
  url: URL,
  values: TargetValues,
  more: readonly Deno.PermissionDescriptor[] = [],
): Promise<void> {
  const { cacert, cert, key, header = [] } = values;
  const files = [
    cacert,
    cert,
    key,
    ...header.filter((line) => line.startsWith("@")).map((line) =>
      line.slice(1)
    ),
    ...secretOf(values, "file"),
  ].filter((path): path is string => path !== undefined && path !== "");
  await needPermissions(
    ...placesOf(url, values),
    ...files.map((path) => ({ name: "read", path }) as const),
    ...secretOf(values, "env").map((variable) =>
      ({ name: "env", variable }) as const
    ),
    ...more,
  );
}

/** The variables or the files in which the secrets are. */
function secretOf(
  { token, auth }: TargetValues,
  kind: "env" | "file",
): string[] {
  return [token, auth].flatMap((source) =>
    source?.startsWith(`${kind}:`) ? [source.slice(kind.length + 1)] : []
  ).filter((name) => name !== "");
}

/** Where it connects to. */
function placesOf(
  url: URL,
  { engine, proxy, resolve, unixSocket }: TargetValues,
): Deno.PermissionDescriptor[] {
  const host = hostOf(url);
  if (unixSocket !== undefined) {
    return [
      { name: "read", path: unixSocket },
      { name: "write", path: unixSocket },
    ];
  }
  // With a name for another place, or a proxy that the environment names, the
  // connection itself tells what it may not reach.
  if (resolve !== undefined || proxy === "environment") return [];
  if (proxy === undefined || !URL.canParse(proxy)) {
    return [{ name: "net", host }];
  }
  const way: Deno.PermissionDescriptor = {
    name: "net",
    host: hostOf(new URL(proxy)),
  };
  return engine === "deno" ? [way, { name: "net", host }] : [way];
}

const PORTS: Readonly<Record<string, number>> = {
  "ws:": 80,
  "wss:": 443,
  "http:": 80,
  "https:": 443,
  "socks5:": 1080,
};

/** Host and port, as the flag has it. */
function hostOf({ hostname, port, protocol }: URL): string {
  return `${hostname}:${port || PORTS[protocol] || 443}`;
}
