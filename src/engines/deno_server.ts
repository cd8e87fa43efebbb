/**
 * The default engine of servers: `Deno.serve` and `Deno.upgradeWebSocket`.
 *
 * @module
 */

import type { Opening } from "../connection.ts";
import type { Acceptor, Listen, Listener, ListenTask } from "../engine.ts";
import { refuse } from "../handshake.ts";
import { unwatch, watch, type Watched } from "../watch.ts";
import { until, whenKnown, within } from "../within.ts";
import { attach } from "./web_channel.ts";

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
  new Opener(socket, opening, acceptor);
  return response;
}

/**
 * A WebSocket that opens, or does not. One object that hears all takes less than
 * closures, and one timer for all that open less than one each.
 */
class Opener<Context> implements EventListenerObject, Watched {
  readonly #socket: WebSocket;
  readonly #opening: Opening<Context>;
  readonly #acceptor: Acceptor<Context>;
  readonly #deadline: number;
  place = 0;

  constructor(
    socket: WebSocket,
    opening: Opening<Context>,
    acceptor: Acceptor<Context>,
  ) {
    this.#socket = socket;
    this.#opening = opening;
    this.#acceptor = acceptor;
    this.#deadline = performance.now() + acceptor.openTimeout;
    socket.addEventListener("open", this);
    socket.addEventListener("error", this);
    const timer = watch(this, acceptor.openTimeout);
    // The socket keeps the process up, as long as there is one.
    if (this.place === 0) Deno.unrefTimer(Number(timer));
  }

  handleEvent({ type }: Event): void {
    this.#settle();
    if (type !== "open") return this.#acceptor.ongone(this.#opening);
    const { shared } = this.#acceptor;
    this.#acceptor.onopen(attach(this.#socket, shared, this.#opening));
  }

  /** Of a client that resets right behind its handshake the runtime says nothing. */
  check(now: number): void {
    if (now < this.#deadline) return;
    this.#settle();
    // Nobody would hear it any more, should it open after all.
    const socket = this.#socket;
    socket.addEventListener("open", () => socket.close(), { once: true });
    this.#acceptor.ongone(this.#opening);
  }

  #settle(): void {
    unwatch(this, this.#acceptor.openTimeout);
    this.#socket.removeEventListener("open", this);
    this.#socket.removeEventListener("error", this);
  }
}

/** How long to wait before listening anew, in milliseconds: at first, and at most. */
const FIRST_PAUSE = 100;
const LAST_PAUSE = 5_000;

/**
 * Listens, with TLS where there is a certificate. The runtime's server ends when
 * it cannot accept, such as for want of file descriptors; then this one listens
 * anew, after a pause that grows.
 *
 * @param task What to do with what comes.
 * @param onlisten Hears each time where it listens, before anybody is accepted.
 */
export function listen<Context>(
  task: ListenTask<Context>,
  onlisten?: (addr: Deno.Addr) => void,
): Listener {
  const { where } = task;
  const secure = "cert" in where;
  // Answers that their clients did not take yet, and who waits for the last.
  let pending = 0;
  let settled: (() => void) | undefined;
  const settle = () => {
    if (--pending === 0) settled?.();
  };
  const stopping = new AbortController();
  // Of the server that runs: one that has ended takes abort() ill.
  let controller: AbortController | undefined;
  const start = (where: Listen): Deno.HttpServer => {
    const own = controller = new AbortController();
    const options = { ...where, signal: own.signal, onListen() {} };
    const answer: Deno.ServeHandler = (request, info) => {
      pending++;
      const { remoteAddr } = info;
      return whenKnown(
        task.answer({ request, remoteAddr, secure }),
        (verdict) => {
          if (verdict instanceof Response) {
            // It rejects where the client did not take the answer.
            info.completed.then(settle, settle);
            return verdict;
          }
          // The runtime calls an upgrade completed at once. To ask for that
          // makes a promise that lasts as long as the connection.
          settle();
          return upgradeRequest(request, verdict, task);
        },
      );
    };
    const server = Deno.serve(options as Deno.ServeTcpOptions, answer);
    const ended = () => {
      if (controller === own) controller = undefined;
    };
    server.finished.then(ended, ended);
    try {
      onlisten?.(server.addr);
    } catch (error) {
      own.abort();
      throw error;
    }
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
      if (pending > 0) {
        await within(new Promise<void>((all) => settled = all), ms);
      }
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
