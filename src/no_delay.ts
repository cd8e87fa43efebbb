/**
 * TCP_NODELAY for servers of the runtime that others started.
 *
 * @module
 */

/**
 * Sends small messages over TLS at once (TCP_NODELAY) on the connections of a
 * server of `Deno.serve`: those that it has, and those that come from then on.
 *
 * What `noDelay` of `serve()` does, for servers around `upgrade()`. Call it when
 * the server listens, and again after it was started anew. It needs Linux and
 * `--allow-ffi`, with which a program can do whatever its user can.
 *
 * @param addr The address of the server: `addr` of what `Deno.serve()` returned.
 * @returns A promise that resolves when it is set.
 * @throws {TypeError} If it is not an address of TCP, or the system is not Linux.
 * @throws {NetworkError} If no server of this process listens there.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 *
 * @example Before the first client comes
 * ```ts
 * import { loadCertChain, setNoDelay, upgrade } from "@wss/wss";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const { chainFile } = await ensureDevCertificates({
 *   directory: await Deno.makeTempDir(),
 * });
 * const { cert, key } = await loadCertChain(chainFile);
 * const options = {};
 * await using http = Deno.serve({ port: 0, cert, key, onListen() {} }, (request, info) =>
 *   upgrade(request, info, options, async (ws) => {
 *     for (const part of ["one", "two", "three"]) await ws.send(part);
 *   }));
 * if (Deno.build.os === "linux") await setNoDelay(http.addr);
 * ```
 */
export async function setNoDelay(addr: Deno.Addr): Promise<void> {
  const { setNoDelayAt } = await import("./engines/deno_no_delay.ts");
  await setNoDelayAt(addr);
}
