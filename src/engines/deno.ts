/**
 * The default engine: the runtime's own WebSocket, over `Deno.serve` and
 * `Deno.upgradeWebSocket` on the server's side.
 *
 * @module
 */

import type { Channel, MessageLike } from "../channel.ts";
import {
  Connection,
  deliver,
  finish,
  type Opening,
  type Shared,
} from "../connection.ts";
import { explain } from "../tls/explain.ts";

/** A built-in WebSocket as a channel. */
class BuiltInChannel implements Channel {
  readonly #socket: WebSocket;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  send(data: MessageLike): void {
    // A whole buffer goes out faster than a view of it.
    if (
      data instanceof Uint8Array &&
      data.byteLength === data.buffer.byteLength &&
      data.buffer instanceof ArrayBuffer
    ) {
      this.#socket.send(data.buffer);
    } else {
      this.#socket.send(data as string | ArrayBuffer);
    }
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }
}

/** What the runtime says when its ping was not answered. */
const NO_PONG = "No response from ping frame.";

/** Makes a connection of a built-in WebSocket that is open. */
export function attach<Context>(
  socket: WebSocket,
  shared: Shared,
  opening: Opening<Context>,
): Connection<Context> {
  const connection = new Connection(
    new BuiltInChannel(socket),
    shared,
    opening,
  );
  const target = connection as Connection<unknown>;
  let fault: string | undefined;
  socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) =>
    deliver(target, event.data);
  socket.onerror = (event) => {
    fault = (event as ErrorEvent).message;
  };
  socket.onclose = ({ code, reason }) => {
    if (fault === undefined) return finish(target, { code, reason });
    // The runtime gives its own code to what no close frame said.
    finish(target, {
      code: 0,
      reason: "",
      detail: fault === NO_PONG
        ? "the peer did not answer a ping"
        : "the peer was lost",
      cause: new Error(fault),
    });
  };
  return connection;
}

/** What a handshake needs besides the opening. */
export interface UpgradeTask<Context> {
  readonly request: Request;
  readonly shared: Shared;
  readonly pingInterval: number;
  readonly opening: Opening<Context>;
  /** Called when the connection is open. */
  readonly onopen: (connection: Connection<Context>) => void;
  /** Called when the client is gone before it was. */
  readonly onfail: () => void;
}

/** Answers a handshake with the switch to WebSocket. */
export function upgradeRequest<Context>(task: UpgradeTask<Context>): Response {
  const { shared, opening, pingInterval } = task;
  const { pongTimeout } = shared.limits;
  const { socket, response } = Deno.upgradeWebSocket(task.request, {
    // Of this time the runtime takes half to ping and half to wait.
    idleTimeout: pingInterval === 0 ? 0 : (pingInterval + pongTimeout) / 1000,
  });
  // By option the runtime knows a subprotocol only in a list with ", ".
  if (opening.protocol !== "") {
    response.headers.set("sec-websocket-protocol", opening.protocol);
  }
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    socket.onopen = null;
    task.onopen(attach(socket, shared, opening));
  };
  socket.onerror = task.onfail;
  return response;
}

/** Where to listen. */
export type Listen =
  | { hostname: string; port: number }
  | { hostname: string; port: number; cert: string; key: string }
  | { path: string };

/** A listener that answers requests. */
export interface Listener {
  readonly addr: Deno.Addr;
  /** Resolves when the listener and all its connections are gone. */
  readonly finished: Promise<void>;
  /** Ends when the requests under way are answered. */
  shutdown(): Promise<void>;
  /** Ends at once. */
  abort(): void;
}

/** Listens, with TLS where there is a certificate. */
export function listen(
  where: Listen,
  answer: (request: Request, remoteAddr: Deno.Addr) => Promise<Response>,
): Listener {
  const controller = new AbortController();
  const options = { ...where, signal: controller.signal, onListen() {} };
  const server = Deno.serve(
    options as Deno.ServeTcpOptions,
    (request, info) => answer(request, info.remoteAddr),
  );
  return {
    addr: server.addr,
    finished: server.finished,
    shutdown: () => server.shutdown(),
    abort: () => controller.abort(),
  };
}

/** What it takes to open a connection. */
export interface OpenTask {
  readonly url: string;
  readonly options: {
    caCerts?: string[];
    cert?: string;
    key?: string;
    protocols?: string[];
    headers?: HeadersInit;
    signal?: AbortSignal;
  };
  readonly shared: Shared;
  readonly openTimeout: number;
}

/** Opens a connection to a server. */
export async function open(task: OpenTask): Promise<Connection> {
  const { options, shared, openTimeout } = task;
  const name = withoutSecrets(task.url);
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  const client = createClient(name, options);
  const timer = setTimeout(() => {
    const message =
      `Cannot connect to ${name}: no answer within ${openTimeout} ms`;
    reject(new DOMException(message, "TimeoutError"));
  }, openTimeout);
  const abort = () => reject(options.signal?.reason);
  options.signal?.addEventListener("abort", abort, { once: true });
  let socket: WebSocket | undefined;
  try {
    const opening = socket = new WebSocket(task.url, {
      ...(client === undefined ? {} : { client }),
      protocols: options.protocols ?? [],
      ...(options.headers === undefined ? {} : { headers: options.headers }),
    });
    opening.binaryType = "arraybuffer";
    opening.onopen = () => {
      const { url, protocol } = opening;
      resolve(attach(opening, shared, { url, protocol, context: undefined }));
    };
    opening.onerror = (event) => {
      const { error, message } = event as ErrorEvent;
      reject(explain(`Cannot connect to ${name}`, error ?? new Error(message)));
    };
    return await promise;
  } catch (error) {
    // This cancels the attempt.
    socket?.close();
    throw error;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", abort);
    // An open connection lives on without it.
    client?.close();
  }
}

function createClient(
  name: string,
  { caCerts, cert, key }: OpenTask["options"],
): Deno.HttpClient | undefined {
  if (caCerts === undefined && cert === undefined) return undefined;
  try {
    return Deno.createHttpClient({
      ...(caCerts === undefined ? {} : { caCerts }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    });
  } catch (error) {
    throw explain(`Cannot connect to ${name}`, error);
  }
}

/** The URL as it may be shown: tokens travel in queries and user names. */
function withoutSecrets(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
