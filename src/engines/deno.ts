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
import type { Acceptor, Listen, Listener, ListenTask } from "../engine.ts";
import { HandshakeError } from "../errors.ts";
import { refuse } from "../handshake.ts";
import { explain, explainConfig } from "../tls/explain.ts";
import { until, within } from "../within.ts";

/** What the runtime says when its ping was not answered. */
const NO_PONG = "No response from ping frame.";

/**
 * A built-in WebSocket as a channel, which also hears all that happens to it:
 * one object for an idle connection takes less than one and three closures.
 */
class BuiltInChannel implements Channel, EventListenerObject {
  readonly #socket: WebSocket;
  #connection: Connection<unknown> | undefined;
  #fault: string | undefined;

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

  /** Tells `connection` what happens from now on. */
  listen(connection: Connection<unknown>): void {
    this.#connection = connection;
    this.#socket.addEventListener("message", this);
    this.#socket.addEventListener("error", this);
    this.#socket.addEventListener("close", this);
  }

  handleEvent(event: Event): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    if (event.type === "message") {
      deliver(connection, (event as MessageEvent).data);
    } else if (event.type === "error") {
      this.#fault = (event as ErrorEvent).message;
    } else {
      this.#end(connection, event as CloseEvent);
    }
  }

  #end(connection: Connection<unknown>, { code, reason }: CloseEvent): void {
    // A timer of the runtime keeps the socket, and with it this, for a while.
    this.#connection = undefined;
    const fault = this.#fault;
    if (fault === undefined) return finish(connection, { code, reason });
    // The runtime gives its own code to what no close frame said.
    finish(connection, {
      code: 0,
      reason: "",
      detail: fault === NO_PONG
        ? "the peer did not answer a ping"
        : "the peer was lost",
      cause: new Error(fault),
    });
  }
}

/** Makes a connection of a built-in WebSocket that is open. */
export function attach<Context>(
  socket: WebSocket,
  shared: Shared,
  opening: Opening<Context>,
): Connection<Context> {
  const channel = new BuiltInChannel(socket);
  const connection = new Connection(channel, shared, opening);
  channel.listen(connection);
  return connection;
}

/** Answers a handshake with the switch to WebSocket. */
export function upgradeRequest<Context>(
  request: Request,
  opening: Opening<Context>,
  acceptor: Acceptor<Context>,
): Response {
  const { shared } = acceptor;
  const { pongTimeout } = shared.limits;
  const { pingInterval } = shared;
  let upgrade: Deno.WebSocketUpgrade;
  try {
    upgrade = Deno.upgradeWebSocket(request, {
      // Of this time the runtime takes half to ping and half to wait.
      idleTimeout: pingInterval === 0 ? 0 : (pingInterval + pongTimeout) / 1000,
    });
  } catch (error) {
    acceptor.onfail(error);
    acceptor.ongone(opening);
    return refuse(400, "The handshake cannot be answered");
  }
  const { socket, response } = upgrade;
  // By option the runtime knows a subprotocol only in a list with ", ".
  if (opening.protocol !== "") {
    response.headers.set("sec-websocket-protocol", opening.protocol);
  }
  socket.binaryType = "arraybuffer";
  const settled = (event?: Event) => {
    clearTimeout(timer);
    socket.removeEventListener("open", settled);
    socket.removeEventListener("error", settled);
    if (event?.type === "open") {
      acceptor.onopen(attach(socket, shared, opening));
    } else {
      acceptor.ongone(opening);
    }
  };
  // Of a client that resets right behind its handshake the runtime says nothing.
  const timer = setTimeout(settled, acceptor.openTimeout);
  Deno.unrefTimer(Number(timer));
  socket.addEventListener("open", settled);
  socket.addEventListener("error", settled);
  return response;
}

/** How long to wait before listening anew, in milliseconds: at first, and at most. */
const FIRST_PAUSE = 100;
const LAST_PAUSE = 5_000;

/**
 * Listens, with TLS where there is a certificate. The runtime's server ends when
 * it cannot accept, such as for want of file descriptors; then this one listens
 * anew, after a pause that grows.
 */
export function listen<Context>(task: ListenTask<Context>): Listener {
  const { where } = task;
  const secure = "cert" in where;
  const pending = new Set<Promise<unknown>>();
  const stopping = new AbortController();
  // Of the server that runs: one that has ended takes abort() ill.
  let controller: AbortController | undefined;
  const start = (where: Listen): Deno.HttpServer => {
    const own = controller = new AbortController();
    const options = { ...where, signal: own.signal, onListen() {} };
    const answer: Deno.ServeHandler = async (request, info) => {
      // It rejects where the client did not take the answer.
      const completed = info.completed.catch(() => {});
      pending.add(completed);
      completed.then(() => pending.delete(completed));
      const { remoteAddr } = info;
      const verdict = await task.answer({ request, remoteAddr, secure });
      return verdict instanceof Response
        ? verdict
        : upgradeRequest(request, verdict, task);
    };
    const server = Deno.serve(options as Deno.ServeTcpOptions, answer);
    const ended = () => {
      if (controller === own) controller = undefined;
    };
    server.finished.then(ended, ended);
    return server;
  };
  const first = start(where);
  const addr: Deno.Addr = first.addr;
  const again = "port" in addr && "port" in where
    ? { ...where, port: addr.port }
    : where;
  const running = keepUp(first, () => start(again), task, stopping.signal);
  return {
    addr,
    async stop(ms) {
      await within(Promise.all(pending), ms);
      stopping.abort();
      // The server's own shutdown() would wait for whoever says nothing, and
      // cannot be cut short once it is begun.
      controller?.abort();
      await running;
    },
  };
}

/** Starts a server anew as often as it fails; never rejects. */
async function keepUp(
  first: Deno.HttpServer,
  start: () => Deno.HttpServer,
  task: { onfail(error: unknown): void },
  stopping: AbortSignal,
): Promise<void> {
  let server: Deno.HttpServer | undefined = first;
  let pause = FIRST_PAUSE;
  while (!stopping.aborted) {
    const since = performance.now();
    try {
      server ??= start();
      await server.finished;
    } catch (error) {
      if (!stopping.aborted) task.onfail(error);
    }
    server = undefined;
    if (performance.now() - since > LAST_PAUSE) pause = FIRST_PAUSE;
    if (!stopping.aborted) await until(stopping, pause);
    pause = Math.min(2 * pause, LAST_PAUSE);
  }
}

/** What it takes to open a connection. */
export interface OpenTask {
  readonly url: string;
  readonly options: {
    readonly caCerts?: readonly string[] | undefined;
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
    readonly protocols?: readonly string[] | undefined;
    readonly headers?: HeadersInit | undefined;
    readonly signal?: AbortSignal | undefined;
  };
  readonly shared: Shared;
  readonly openTimeout: number;
}

/** Opens a connection to a server. */
export async function open(task: OpenTask): Promise<Connection> {
  const { options, shared, openTimeout } = task;
  const action = `Cannot connect to ${withoutSecrets(task.url)}`;
  const { promise, resolve, reject } = Promise.withResolvers<Connection>();
  const client = createClient(action, options);
  const timer = setTimeout(() => {
    const message = `${action}: no answer within ${openTimeout} ms`;
    reject(new DOMException(message, "TimeoutError"));
  }, openTimeout);
  const abort = () => reject(options.signal?.reason);
  options.signal?.addEventListener("abort", abort, { once: true });
  const settled = new AbortController();
  let socket: WebSocket | undefined;
  try {
    const opening = socket = new WebSocket(task.url, {
      ...(client === undefined ? {} : { client }),
      protocols: [...options.protocols ?? []],
      ...(options.headers === undefined ? {} : { headers: options.headers }),
    });
    opening.binaryType = "arraybuffer";
    opening.onopen = () => {
      opening.onopen = opening.onerror = null;
      const { url, protocol } = opening;
      if (protocol !== "" && !options.protocols?.includes(protocol)) {
        const message =
          `${action}: the server chose a subprotocol that was not offered`;
        return reject(new HandshakeError(message, { status: 101 }));
      }
      resolve(attach(opening, shared, { url, protocol, context: undefined }));
    };
    opening.onerror = async (event) => {
      const { error, message } = event as ErrorEvent;
      const cause = error ?? new Error(message);
      const hidden = await hiddenFailure(task, cause, settled.signal);
      reject(explain(action, hidden ?? cause));
    };
    return await promise;
  } catch (error) {
    // This cancels the attempt.
    socket?.close();
    throw error;
  } finally {
    settled.abort();
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", abort);
    // An open connection lives on without it.
    client?.close();
  }
}

/**
 * What a failed handshake failed of, where the runtime hides it: it tries again
 * over HTTP/2, and a server that knows none refuses that in TLS already. So a
 * third TLS handshake, without a request, has to tell whether the server is
 * trusted.
 */
async function hiddenFailure(
  { url, options }: OpenTask,
  cause: Error,
  settled: AbortSignal,
): Promise<unknown> {
  if (!cause.message.includes("NoApplicationProtocol")) return undefined;
  const { hostname, port } = new URL(url);
  let conn: Deno.TlsConn | undefined;
  const close = () => conn && tryClose(conn);
  try {
    conn = await Deno.connectTls({
      hostname: hostname.replace(/^\[(.*)\]$/, "$1"),
      port: Number(port || 443),
      ...(options.caCerts === undefined
        ? {}
        : { caCerts: [...options.caCerts] }),
    });
    // Nobody waits for it any more once the deadline has passed.
    if (settled.aborted) return undefined;
    settled.addEventListener("abort", close, { once: true });
    await conn.handshake();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    settled.removeEventListener("abort", close);
    if (conn !== undefined) tryClose(conn);
  }
}

function tryClose(conn: Deno.Conn): void {
  try {
    conn.close();
  } catch {
    // It was closed at the deadline.
  }
}

function createClient(
  action: string,
  { caCerts, cert, key }: OpenTask["options"],
): Deno.HttpClient | undefined {
  if (caCerts === undefined && cert === undefined) return undefined;
  try {
    return Deno.createHttpClient({
      ...(caCerts === undefined ? {} : { caCerts: [...caCerts] }),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    });
  } catch (error) {
    throw explainConfig(action, error);
  }
}

/** The URL as it may be shown: tokens travel in queries and user names. */
function withoutSecrets(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
