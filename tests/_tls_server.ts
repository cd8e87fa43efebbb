/**
 * A server of `node:tls` that shows any certificates, also such as the module
 * itself refuses to serve with.
 *
 * @module
 */

import type { AddressInfo } from "node:net";
import * as tls from "node:tls";
import type { CertChain } from "../src/tls/pem.ts";

/** A server that says nothing, and notes what it is told. */
export interface TlsServer extends AsyncDisposable {
  /** Its URL, for localhost. */
  url: string;
  /** How many bytes it was told. */
  readonly heard: number;
}

/** Starts a server on a free port. */
export async function tlsServer(
  { cert, key }: CertChain,
  options: tls.TlsOptions = {},
): Promise<TlsServer> {
  let heard = 0;
  const sockets = new Set<tls.TLSSocket>();
  const server = tls.createServer({ cert, key, ...options }, (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("data", ({ length }) => heard += length);
  });
  server.on("tlsClientError", () => {});
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  return {
    url: `wss://localhost:${port}`,
    get heard() {
      return heard;
    },
    async [Symbol.asyncDispose]() {
      const { promise, resolve } = Promise.withResolvers<void>();
      server.close(() => resolve());
      for (const socket of sockets) socket.destroy();
      await promise;
    },
  };
}
