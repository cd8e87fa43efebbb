/**
 * WebSockets that are encrypted: `serve()` a server, `connect()` to it.
 *
 * @example Say hello over TLS
 * ```ts
 * import { connect, loadCaCerts, loadCertChain, serve } from "@wss/wss";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const { chainFile, caFile } = await ensureDevCertificates({
 *   directory: await Deno.makeTempDir(),
 * });
 * await using server = await serve(
 *   { port: 0, ...await loadCertChain(chainFile) },
 *   async (ws) => {
 *     const name = await ws.receive();
 *     await ws.send(`Hello ${name}!`);
 *   },
 * );
 *
 * await using ws = await connect(server.url, { caCerts: await loadCaCerts(caFile) });
 * await ws.send("Ada");
 * console.log(await ws.receive()); // "Hello Ada!"
 * ```
 *
 * @module
 */

export * from "./client.ts";
export * from "./server.ts";
