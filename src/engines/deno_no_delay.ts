/**
 * TCP_NODELAY for TLS servers of the runtime, which have no option for it. It is
 * set on the listening socket by FFI; on Linux the accepted ones inherit it.
 *
 * @module
 */

import type { Engine, Listen, Listener, ListenTask } from "../engine.ts";
import { NetworkError } from "../errors.ts";
import { until } from "../within.ts";
import { listen } from "./deno_server.ts";
import { LinuxSockets, requestLibrary } from "./linux_sockets.ts";

/** When to look for those that came early, in milliseconds after one another. */
const PAUSES = [1, 10, 100, 1000];

/**
 * Makes the engine for `noDelay`.
 *
 * @param where Where it is to listen.
 * @param os The system it is for.
 * @throws {TypeError} Where it cannot be, or need not.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 */
export async function createNoDelayEngine(
  where: Listen,
  os: string = Deno.build.os,
): Promise<Engine> {
  const action = "Cannot use noDelay";
  if (!("cert" in where)) {
    throw new TypeError(
      `${action}: without TLS the built-in engine sends without delay anyway; leave it out`,
    );
  }
  await requestLibrary(action, os);
  // What is wrong with the library is told before anything listens.
  using _sockets = new LinuxSockets(action);
  return listenWithoutDelay;
}

/** Sets it for a server that listens already; see `setNoDelay()`. */
export async function setNoDelayAt(
  addr: Deno.Addr,
  os: string = Deno.build.os,
): Promise<void> {
  const action = "Cannot set TCP_NODELAY";
  if (addr?.transport !== "tcp") {
    throw new TypeError(
      `${action}: that is not the address of a TCP server; pass the addr of what Deno.serve() returned`,
    );
  }
  await requestLibrary(action, os);
  using sockets = new LinuxSockets(action);
  const early = disableNagle(sockets, addr);
  setForAccepted(sockets, addr);
  await catchUp(sockets, addr, early, new AbortController().signal);
}

function listenWithoutDelay<Context>(task: ListenTask<Context>): Listener {
  // Open until the end: when it has to listen anew, there may be no descriptor
  // left to open it with.
  const sockets = new LinuxSockets("Cannot use noDelay");
  const stopping = new AbortController();
  let caughtUp = Promise.resolve();
  try {
    const listener = listen(task, (where) => {
      // There is a certificate, so it is TCP.
      const addr = where as Deno.NetAddr;
      const early = disableNagle(sockets, addr);
      caughtUp = catchUp(sockets, addr, early, stopping.signal);
    });
    return {
      ...listener,
      async stop(ms) {
        try {
          await listener.stop(ms);
        } finally {
          stopping.abort();
          await caughtUp;
          sockets[Symbol.dispose]();
        }
      },
    };
  } catch (error) {
    sockets[Symbol.dispose]();
    throw error;
  }
}

/**
 * Has the connections to come inherit TCP_NODELAY from the socket that listens.
 *
 * @returns How many may have come before that: the system answers for a socket
 *   that listens before the runtime accepts.
 */
function disableNagle(sockets: LinuxSockets, addr: Deno.NetAddr): number {
  const listener = sockets.listener(addr);
  if (listener !== undefined && sockets.setNoDelay(listener)) {
    return sockets.waiting(listener);
  }
  throw new NetworkError(
    `Cannot set TCP_NODELAY: this process does not listen on ${addr.hostname}:${addr.port}`,
    {
      reason: "other",
      remedy: "pass the addr of a server of this process that is not shut down",
    },
  );
}

/** Sets it for those that came early, up to so many, when they are accepted. */
async function catchUp(
  sockets: LinuxSockets,
  addr: Deno.NetAddr,
  early: number,
  stopping: AbortSignal,
): Promise<void> {
  for (const pause of PAUSES) {
    if (early <= 0 || stopping.aborted) return;
    await until(stopping, pause);
    early -= setForAccepted(sockets, addr);
  }
}

/** Sets it for those that are accepted and do not have it, and counts them. */
function setForAccepted(sockets: LinuxSockets, addr: Deno.NetAddr): number {
  let count = 0;
  for (const fd of sockets.accepted(addr)) {
    if (!sockets.hasNoDelay(fd) && sockets.setNoDelay(fd)) count++;
  }
  return count;
}
