/**
 * Listening with `node:net`, with the errors of the runtime.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import type { AddressInfo, Server } from "node:net";
import type { Listen } from "../engine.ts";

/**
 * Listens, and tells where; a name is resolved here, where what fails of it can be caught.
 */
export async function listenOn(
  server: Server,
  where: Listen,
): Promise<Deno.Addr> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  try {
    const place = "path" in where ? where : await resolvePlace(where);
    server.listen(place, resolve);
    await promise;
    return addressOf(server, where);
  } catch (error) {
    throw asDenoError(error);
  } finally {
    server.off("error", reject);
  }
}

/** Finds the address; without permission for it `node:net` would end the process. */
async function resolvePlace(
  { hostname, port }: { hostname: string; port: number },
): Promise<{ host: string; port: number }> {
  // That name is always this machine's (RFC 6761, section 6.3), and takes no asking.
  const { address, family } = hostname === "localhost"
    ? { address: "127.0.0.1", family: 4 }
    : await lookup(hostname);
  const host = `${family === 6 ? `[${address}]` : address}:${port}`;
  const { state } = await Deno.permissions.request({ name: "net", host });
  if (state !== "granted") {
    throw new Deno.errors.NotCapable(`Requires net access to "${host}"`);
  }
  return { host: address, port };
}

/** The runtime's own class for what `node:net` tells by a code. */
function asDenoError(error: unknown): unknown {
  const { code } = error as { code?: string };
  const { message } = error as Error;
  if (code === "EADDRINUSE") return new Deno.errors.AddrInUse(message);
  // For an address that is not this machine's, the runtime says EINVAL.
  if (code === "EADDRNOTAVAIL" || code === "EINVAL") {
    return new Deno.errors.AddrNotAvailable(message);
  }
  if (code === "ENOENT") return new Deno.errors.NotFound(message);
  if (code === "EACCES") return new Deno.errors.PermissionDenied(message);
  if (code === "EPERM") {
    return new Deno.errors.NotCapable(
      "Requires net access to the name that is listened on",
    );
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return new Error(`failed to lookup address: ${message}`);
  }
  return error;
}

function addressOf(
  server: Server,
  where: Listen,
): Deno.Addr {
  if ("path" in where) return { transport: "unix", path: where.path };
  const { address, port } = server.address() as AddressInfo;
  return { transport: "tcp", hostname: address, port };
}
