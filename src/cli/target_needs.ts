/**
 * The permissions that a client needs, asked for before it begins.
 *
 * @module
 */

import { needPermissions } from "./permissions.ts";
import { neededForSecrets } from "./secret.ts";
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
  ].filter((path): path is string => path !== undefined && path !== "");
  await needPermissions(
    ...placesOf(url, values),
    ...files.map((path) => ({ name: "read", path }) as const),
    ...neededForSecrets(values),
    ...more,
  );
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
  // With a proxy that the environment names, the connection itself tells what it
  // may not reach.
  if (proxy === "environment") return [];
  if (proxy === undefined || !URL.canParse(proxy)) {
    return [{ name: "net", host: placeOf(url, resolve) }];
  }
  const way: Deno.PermissionDescriptor = {
    name: "net",
    host: hostOf(new URL(proxy)),
  };
  return engine === "deno" ? [way, { name: "net", host }] : [way];
}

/** Where the server is: its host, or what `--resolve` has instead, and the port. */
function placeOf(url: URL, resolve: readonly string[] = []): string {
  const place = hostOf(url);
  const given = resolve.find((entry) =>
    entry.toLowerCase().startsWith(`${place}:`)
  );
  if (given === undefined) return place;
  const address = given.slice(place.length + 1);
  const bare = address.includes(":") && !address.startsWith("[");
  const port = place.slice(place.lastIndexOf(":"));
  return `${bare ? `[${address}]` : address}${port}`;
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
