/**
 * The strict engine: `node:https` and npm:ws, for servers that strangers reach.
 *
 * @module
 */

import * as http from "node:http";
import * as https from "node:https";
import type { Duplex, Writable } from "node:stream";
import type { Opening } from "../connection.ts";
import type {
  Engine,
  Listen,
  Listener,
  ListenTask,
  TlsChange,
} from "../engine.ts";
import { refuse } from "../handshake.ts";
import type { PeerCertificate } from "../tls/peer_certificate.ts";
import { within } from "../within.ts";
import { attach } from "./node_channel.ts";
import {
  deflateOptions,
  maxCompressedSize,
  secureDeflate,
} from "./node_deflate.ts";
import { Ears } from "./node_ears.ts";
import {
  drain,
  packHeaders,
  refuseHandshake,
  sendResponse,
  toRequest,
  unpackHeaders,
} from "./node_http.ts";
import { listenOn } from "./node_listen.ts";
import {
  checkCertificates,
  resolveStrict,
  type Resources,
  type StrictSetup,
} from "./node_options.ts";
import { Sockets, type Transport, whileThere } from "./node_sockets.ts";
import { WebSocketServer } from "./node_ws.ts";
import type { NodeTls } from "./node_tls.ts";

/** How large the head of a request may be: in bytes, and in headers. */
const MAX_HEADER_SIZE = 16_384;
const MAX_HEADERS = 128;

/** How many requests of one connection may wait for their answers. */
const MAX_PIPELINED = 6;

/**
 * The strict engine for one server.
 *
 * @throws {TypeError} If options contradict each other.
 * @throws {TlsError} If a certificate or a key is not what a server needs.
 */
export async function createStrictEngine(
  where: Listen,
  setup: StrictSetup,
): Promise<Engine> {
  const resources = await resolveStrict(where, setup);
  return (task) => new StrictListener(task, resources).listen();
}

class StrictListener<Context> implements Listener {
  addr!: Deno.Addr;
  readonly #task: ListenTask<Context>;
  readonly #tls: NodeTls | undefined;
  readonly #server: http.Server | https.Server;
  readonly #sockets: Sockets;
  readonly #webSockets: WebSocketServer;
  /** The subprotocols that were agreed on, until they are answered. */
  readonly #protocols: WeakMap<http.IncomingMessage, string> = new WeakMap();
  readonly #pending: Set<Promise<void>> = new Set();
  #ears: Ears | undefined;

  constructor(
    task: ListenTask<Context>,
    { tls, maxConnections, maxPerAddress, threshold }: Resources,
  ) {
    this.#task = task;
    this.#tls = tls;
    const { openTimeout, shared: { limits } } = task;
    const options = {
      headersTimeout: openTimeout,
      connectionsCheckingInterval: Math.max(
        50,
        Math.min(1000, openTimeout / 10),
      ),
      maxHeaderSize: MAX_HEADER_SIZE,
    };
    const server = this.#server = tls === undefined
      ? http.createServer(options)
      : https.createServer({ ...options, ...tls.options(openTimeout) });
    server.maxHeadersCount = MAX_HEADERS;
    if (maxConnections !== Infinity) server.maxConnections = maxConnections;
    // The last that is told to look comes first, and that is the sockets.
    tls?.guard(
      server as https.Server,
      (socket) => this.#sockets.of(socket)?.rules,
    );
    this.#sockets = new Sockets(server, {
      openTimeout,
      secure: tls !== undefined,
      maxPerAddress,
      rules: () => tls?.authorities,
    });
    this.#webSockets = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: threshold !== undefined && deflateOptions(threshold),
      maxPayload: threshold === undefined
        ? limits.maxMessageSize
        : maxCompressedSize(limits.maxMessageSize),
      // A peer that writes byte by byte makes a buffer of each, of 170 bytes.
      maxBufferedChunks: Math.max(1024, Math.ceil(limits.maxMessageSize / 64)),
      autoPong: false,
      handleProtocols: (_offered, message) =>
        this.#protocols.get(message) || false,
      ...{ closeTimeout: limits.closeTimeout }, // Not in its types.
    });
    server.on("request", (message, response) => {
      this.#track(this.#respond(message, response), response);
    });
    server.on("upgrade", (message, socket, head) => {
      this.#track(this.#upgrade(message, socket, head), socket);
    });
  }

  async listen(): Promise<this> {
    const { where, onfail } = this.#task;
    const server = this.#server;
    this.addr = await listenOn(server, where);
    server.on("error", onfail);
    this.#ears = new Ears({
      server,
      addr: this.addr,
      // Some are counted by the runtime, and not here any more.
      full: () => this.#sockets.size + 16 >= server.maxConnections,
      onfail,
    });
    this.#sockets.onconnection = () => this.#ears?.heard();
    this.#tls?.attend(server as https.Server, this.#task);
    return this;
  }

  async stop(ms: number): Promise<void> {
    this.#ears?.stop();
    const looked = this.#tls?.stop();
    const closed = Promise.withResolvers<void>();
    this.#server.close(() => closed.resolve());
    await within(Promise.all(this.#pending), ms);
    this.#server.closeAllConnections();
    this.#sockets.destroy();
    await Promise.all([closed.promise, looked]);
  }

  async reload(change: TlsChange): Promise<void> {
    const tls = this.#tls;
    if (tls === undefined) {
      throw new TypeError("Cannot reload the certificate: the server has none");
    }
    if (change.certificates !== undefined) {
      checkCertificates("certificates", change.certificates);
    }
    await tls.change(change);
  }

  /** How long a peer may take nothing of an answer. */
  get #patience(): number {
    return this.#task.shared.limits.pongTimeout;
  }

  /** Looks after what is being answered; where that fails, nobody is left waiting. */
  #track(work: Promise<void>, to: Writable): void {
    this.#pending.add(work);
    work.catch((error) => {
      this.#task.onfail(error);
      to.destroy();
    }).then(() => this.#pending.delete(work));
  }

  /** An ordinary request. */
  async #respond(
    message: http.IncomingMessage,
    response: http.ServerResponse,
  ): Promise<void> {
    const transport = this.#sockets.of(message.socket);
    if (transport === undefined) return void response.destroy();
    if (transport.answering >= MAX_PIPELINED) {
      return void message.socket.destroy();
    }
    transport.answering++;
    response.once("close", () => transport.answering--);
    await whileThere(message.socket, transport, async (gone) => {
      const verdict = await this.#ask(message, transport, gone);
      if (verdict instanceof Response) {
        return await sendResponse(verdict, response, {
          patience: this.#patience,
          gone,
        });
      }
      // A WebSocket is only for those who came as one.
      this.#task.ongone(verdict);
      response.destroy();
    });
    drain(message);
  }

  /** A request to speak something else than HTTP. */
  async #upgrade(
    message: http.IncomingMessage,
    socket: Duplex,
    head: Buffer,
  ): Promise<void> {
    // Of this socket nobody else looks after the errors any more.
    socket.on("error", destroy);
    socket.on("end", destroy);
    const transport = this.#sockets.of(socket);
    if (transport === undefined) return void socket.destroy();
    // What is still being answered would be written into the WebSocket.
    if (transport.answering > 0) return void socket.destroy();
    const fault = faultOf(message);
    if (fault !== undefined) {
      return await refuseHandshake(fault, socket, this.#patience);
    }
    const verdict = await whileThere(
      socket,
      transport,
      (gone) => this.#ask(message, transport, gone),
    );
    if (verdict instanceof Response) {
      return await refuseHandshake(verdict, socket, this.#patience);
    }
    this.#switch(message, socket, head, verdict);
  }

  #switch(
    message: http.IncomingMessage,
    socket: Duplex,
    head: Buffer,
    opening: Opening<Context>,
  ): void {
    let opened = false;
    // ws sees to its socket itself. Of an event for which there were more than two
    // listeners at a time, a list of twenty stays behind.
    socket.off("error", destroy).off("end", destroy);
    this.#protocols.set(message, opening.protocol);
    try {
      if (socket.destroyed || !socket.writable) return;
      this.#webSockets.handleUpgrade(message, socket, head, (ws) => {
        const { shared } = this.#task;
        secureDeflate(ws, shared.limits.maxMessageSize);
        const raw = this.#sockets.of(socket)?.raw;
        if (raw === undefined) return void ws.terminate();
        opened = true;
        const kept = new KeptOpening(opening);
        this.#task.onopen(attach({ ws, socket, raw }, shared, kept));
      });
    } finally {
      // ws calls back at once, or never.
      if (!opened) this.#task.ongone(opening);
    }
  }

  /** Lets the server decide; `gone` aborts when the client leaves. */
  async #ask(
    message: http.IncomingMessage,
    transport: Transport,
    gone: AbortSignal,
  ): Promise<Response | Opening<Context>> {
    const since = this.#sockets.asked(transport);
    if (message.rawHeaders.length >= 2 * MAX_HEADERS) {
      return refuse(431, `A request may have ${MAX_HEADERS - 1} headers`);
    }
    const secure = this.#tls !== undefined;
    if (this.#tls?.accepts(message.socket) === false) {
      return refuse(403, "Your client certificate has to be looked at again", {
        connection: "close",
      });
    }
    const request = toRequest(message, secure, gone);
    if (request === undefined) return refuse(400, "The request is malformed");
    return await this.#task.answer({
      request,
      remoteAddr: this.#peerOf(transport),
      secure,
      since,
      peerCertificate: this.#tls?.certificateOf(message.socket),
    });
  }

  /** By the socket below TLS, as the one above would keep the address once more. */
  #peerOf({ address = "", raw }: Transport): Deno.Addr {
    const { where } = this.#task;
    if ("path" in where) return { transport: "unix", path: where.path };
    const port = raw?.remotePort ?? 0;
    return { transport: "tcp", hostname: address, port };
  }
}

/** An opening with its headers in one string, a quarter of what they take else. */
class KeptOpening<Context> implements Opening<Context> {
  readonly url: string;
  readonly protocol: string;
  readonly context: Context;
  readonly remoteAddr: Deno.Addr | undefined;
  readonly peerCertificate: PeerCertificate | undefined;
  readonly #headers: string;

  constructor(opening: Opening<Context>) {
    this.url = opening.url;
    this.protocol = opening.protocol;
    this.context = opening.context;
    this.remoteAddr = opening.remoteAddr;
    this.peerCertificate = opening.peerCertificate;
    this.#headers = packHeaders(opening.headers ?? []);
  }

  get headers(): Headers {
    return unpackHeaders(this.#headers);
  }
}

function destroy(this: Duplex): void {
  this.destroy();
}

/** What `node:http` lets pass although it makes no handshake (RFC 6455, section 4.1). */
function faultOf(message: http.IncomingMessage): Response | undefined {
  const { headers, httpVersionMajor, httpVersionMinor } = message;
  if (httpVersionMajor !== 1 || httpVersionMinor < 1) {
    return refuse(400, "A WebSocket handshake is in HTTP/1.1");
  }
  if (headers.host === undefined) {
    return refuse(400, "A request in HTTP/1.1 has a Host header");
  }
  if (
    headers["transfer-encoding"] !== undefined ||
    (headers["content-length"] ?? "0") !== "0"
  ) {
    return refuse(400, "A WebSocket handshake has no body");
  }
  return undefined;
}
