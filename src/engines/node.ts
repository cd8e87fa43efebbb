/**
 * The strict engine: `node:https` and npm:ws, for servers that strangers reach.
 *
 * @module
 */

import * as http from "node:http";
import type { Buffer } from "node:buffer";
import * as https from "node:https";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import type { Opening } from "../connection.ts";
import type { Incoming, Listener, ListenTask } from "../engine.ts";
import { refuse } from "../handshake.ts";
import { within } from "../within.ts";
import { attach } from "./node_channel.ts";
import { refuseHandshake, sendResponse, toRequest } from "./node_http.ts";

/** Listens, with TLS where there is a certificate. */
export async function listen<Context>(
  task: ListenTask<Context>,
): Promise<Listener> {
  const { where, openTimeout, shared } = task;
  const secure = "cert" in where;
  const options = {
    headersTimeout: openTimeout,
    connectionsCheckingInterval: Math.min(1000, openTimeout),
    maxHeaderSize: 16_384,
  };
  const server = secure
    ? https.createServer({
      ...options,
      cert: where.cert,
      key: where.key,
      handshakeTimeout: openTimeout,
      ALPNProtocols: ["http/1.1"],
    })
    : http.createServer(options);
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: shared.limits.maxMessageSize,
    handleProtocols: (_offered, request) => chosen.get(request) || false,
    ...{ closeTimeout: shared.limits.closeTimeout }, // Not in its types.
  });
  const chosen = new WeakMap<http.IncomingMessage, string>();
  const pending = new Set<Promise<void>>();
  const track = (work: Promise<void>) => {
    pending.add(work);
    work.then(() => pending.delete(work));
  };

  const ask = async (
    message: http.IncomingMessage,
    socket: Duplex,
  ): Promise<Response | Opening<Context>> => {
    const gone = new AbortController();
    const leave = () => gone.abort();
    socket.once("close", leave);
    const request = toRequest(message, secure, gone.signal);
    if (request === undefined) {
      return refuse(400, "The request is malformed");
    }
    try {
      const remoteAddr = addressOf(message, where);
      return await task.answer({ request, remoteAddr, secure });
    } finally {
      socket.off("close", leave);
    }
  };

  const upgrade = async (
    message: http.IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> => {
    socket.on("error", () => socket.destroy());
    const verdict = await ask(message, socket);
    if (verdict instanceof Response) {
      return await refuseHandshake(verdict, socket);
    }
    if (socket.destroyed) return task.ongone(verdict);
    chosen.set(message, verdict.protocol);
    sockets.handleUpgrade(message, socket, head, (ws) => {
      task.onopen(attach(ws, socket, shared, verdict));
    });
  };

  const respond = async (
    message: http.IncomingMessage,
    response: http.ServerResponse,
  ): Promise<void> => {
    const verdict = await ask(message, message.socket);
    if (verdict instanceof Response) await sendResponse(verdict, response);
    else response.destroy();
  };

  server.on(
    "request",
    (message, response) => track(respond(message, response)),
  );
  server.on("upgrade", (message, socket, head) => {
    track(upgrade(message, socket, head));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(
      "path" in where
        ? { path: where.path }
        : { host: where.hostname, port: where.port },
      () => {
        server.off("error", reject);
        resolve();
      },
    );
  });
  server.on("error", (error) => task.onfail(error));
  return {
    addr: listenAddress(server, where),
    async stop(ms) {
      const closed = new Promise<void>((resolve) =>
        server.close(() => resolve())
      );
      await within(Promise.all(pending), ms);
      server.closeAllConnections();
      await closed;
    },
  };
}

function addressOf(
  { socket }: http.IncomingMessage,
  where: ListenTask<unknown>["where"],
): Deno.Addr {
  if ("path" in where) return { transport: "unix", path: where.path };
  const { remoteAddress = "", remotePort = 0 } = socket;
  return { transport: "tcp", hostname: remoteAddress, port: remotePort };
}

function listenAddress(
  server: http.Server | https.Server,
  where: ListenTask<unknown>["where"],
): Deno.Addr {
  if ("path" in where) return { transport: "unix", path: where.path };
  const { address, port } = server.address() as AddressInfo;
  return { transport: "tcp", hostname: address, port };
}
