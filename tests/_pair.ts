/**
 * A server and a client that are connected over TLS, for tests.
 *
 * @module
 */

import {
  connect,
  type Connection,
  type ConnectOptions,
  type Handler,
  serve,
  type ServeOptions,
  type Server,
} from "../mod.ts";
import { devCertificates } from "./_certs.ts";
import { clientEngine } from "./_engines.ts";

/** Starts a server over TLS on a free port. */
export async function serveTls<Context = undefined>(
  options: ServeOptions<Context>,
  handler: Handler<Context>,
): Promise<Server<Context>> {
  const { chain } = await devCertificates();
  return await serve({ port: 0, logger: {}, ...chain, ...options }, handler);
}

/** Connects to a server of {@linkcode serveTls}. */
export async function connectTls(
  server: { url: string },
  options: ConnectOptions = {},
  path: string = "",
): Promise<Connection> {
  const { ca } = await devCertificates();
  const usual = { engine: clientEngine(), caCerts: [ca] };
  const all = { ...usual, ...options } as ConnectOptions;
  return await connect(server.url + path, all);
}

/** Both ends of one connection, and what ends them. */
export interface Pair extends AsyncDisposable {
  client: Connection;
  /** The server's end; its handler runs until it is closed. */
  peer: Connection;
  server: Server;
}

/** Connects a client to a server whose handler does nothing. */
export async function pair(
  serveOptions: ServeOptions = {},
  connectOptions: ConnectOptions = {},
): Promise<Pair> {
  const { promise, resolve } = Promise.withResolvers<Connection>();
  const server = await serveTls(serveOptions, async (ws) => {
    resolve(ws);
    await ws.closed;
  });
  const client = await connectTls(server, connectOptions);
  const peer = await promise;
  return {
    client,
    peer,
    server,
    async [Symbol.asyncDispose]() {
      await client.close();
      await server.shutdown();
    },
  };
}
