/**
 * Connections of TCP, or of a unix socket, along a route.
 *
 * @module
 */

import type { Route } from "./route.ts";

/**
 * Connects along a route; what is read and written then is between this program
 * and the server.
 *
 * @throws What `Deno.connect` throws, and `NetworkError` where a proxy refuses.
 */
export async function dial(
  route: Route,
  signal: AbortSignal,
): Promise<Deno.Conn> {
  if (route.kind === "unix") {
    return await Deno.connect({ transport: "unix", path: route.path });
  }
  const { hostname, port } = route;
  return await Deno.connect({ hostname, port, signal });
}
