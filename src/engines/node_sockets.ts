/**
 * The TCP connections below a server of `node:http` or `node:https`: until when
 * a peer must have asked for something, and what cuts them all.
 *
 * @module
 */

import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Tally } from "../admission.ts";
import { NO_SEAT, Roster } from "../roster.ts";

/** What is known of one TCP connection. */
export interface Transport {
  /** Its seat among those of its server. */
  seat: number;
  /** Whose it is. */
  readonly owner: Sockets;
  /** The TCP socket itself, below TLS, until it is gone. */
  raw: Socket | undefined;
  /** The address of the peer, which the socket forgets when it ends. */
  readonly address: string | undefined;
  /** What its TLS handshake is judged by: the runtime settles that when it comes. */
  readonly rules: string | undefined;
  /** When it came, in milliseconds, until its first request. */
  since: number | undefined;
  /** How many ordinary requests are being answered. */
  answering: number;
  /** What its leaving calls off, while there is something. */
  asking: Set<AbortController> | undefined;
  deadline: ReturnType<typeof setTimeout> | undefined;
}

const TOO_LATE = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\n" +
  "content-length: 0\r\n\r\n";

/** What holds for them. */
export interface SocketRules {
  /** How long a peer has to ask for something, in milliseconds. */
  readonly openTimeout: number;
  /** Whether TLS is spoken on them. */
  readonly secure: boolean;
  /** How many there may be of one address. */
  readonly maxPerAddress: number;
  /** What a TLS handshake that begins now is judged by. */
  rules(): string | undefined;
}

/**
 * Where a socket has what is known of its connection. That, and listeners that
 * all sockets share: a map, and closures, would be most of what is held for an
 * idle connection here.
 */
const TRANSPORT = Symbol("transport");

interface Carrier extends Duplex {
  [TRANSPORT]?: Transport;
}

/** How the runtime tells, as Node does, which socket TLS is spoken on. */
interface Secured extends Carrier {
  readonly _parent?: Carrier | null;
}

/** The TCP connections of one server. */
export class Sockets {
  readonly #openTimeout: number;
  readonly #rules: () => string | undefined;
  readonly #tally: Tally;
  readonly #transports: Roster<"seat", Transport> = new Roster("seat");
  /** Called with each TCP connection. */
  onconnection: (() => void) | undefined;

  constructor(
    server: Server,
    { openTimeout, secure, maxPerAddress, rules }: SocketRules,
  ) {
    this.#rules = rules;
    this.#openTimeout = openTimeout;
    this.#tally = new Tally(maxPerAddress);
    server.prependListener(
      "connection",
      (raw: Socket) => this.#add(raw, secure),
    );
    if (!secure) return;
    server.prependListener("secureConnection", (socket: Secured) => {
      const transport = socket._parent?.[TRANSPORT];
      if (transport?.raw === undefined) return void socket.destroy();
      socket[TRANSPORT] = transport;
      clearTimeout(transport.deadline);
      this.#expect(transport, socket);
    });
  }

  /** How many there are. */
  get size(): number {
    return this.#transports.size;
  }

  /** What is below a socket; `undefined` if it is gone. */
  of(socket: Duplex): Transport | undefined {
    return (socket as Carrier)[TRANSPORT];
  }

  /** The peer has asked: the time for the head of its request is over. */
  asked(transport: Transport): number | undefined {
    const { since } = transport;
    clearTimeout(transport.deadline);
    transport.deadline = transport.since = undefined;
    return since;
  }

  /** Looks after one no more: it is gone. */
  forget(transport: Transport): void {
    clearTimeout(transport.deadline);
    transport.raw = transport.deadline = undefined;
    this.#transports.delete(transport);
    this.#tally.leave(transport.address);
  }

  /** Cuts all. */
  destroy(): void {
    for (const { raw } of this.#transports) raw?.destroy();
  }

  #add(raw: Socket & Carrier, secure: boolean): void {
    this.onconnection?.();
    const address = raw.remoteAddress;
    if (!this.#tally.enter(address)) return void raw.destroy();
    const transport: Transport = {
      seat: NO_SEAT,
      owner: this,
      raw,
      address,
      rules: this.#rules(),
      since: performance.now(),
      answering: 0,
      asking: undefined,
      deadline: undefined,
    };
    raw[TRANSPORT] = transport;
    this.#transports.add(transport);
    raw.on("close", forget);
    this.#expect(transport, secure ? undefined : raw);
  }

  /** Gives the peer what is left of its time; `socket` can be written to. */
  #expect(transport: Transport, socket: Duplex | undefined): void {
    const passed = performance.now() - (transport.since ?? 0);
    transport.deadline = setTimeout(() => {
      if (socket === undefined) {
        transport.raw?.destroy();
        return;
      }
      socket.once("finish", () => transport.raw?.destroy());
      socket.end(TOO_LATE);
      // A peer that takes not even that is cut all the same.
      transport.deadline = setTimeout(() => transport.raw?.destroy(), 1000);
    }, Math.max(1, this.#openTimeout - passed));
  }
}

/**
 * Does something for a peer, and tells it when that leaves meanwhile. All that
 * is done at a time for one peer has one listener.
 */
export async function whileThere<T>(
  socket: Duplex,
  transport: Transport,
  work: (gone: AbortSignal) => Promise<T>,
): Promise<T> {
  const gone = new AbortController();
  if (socket.destroyed) gone.abort();
  if (transport.asking === undefined) {
    transport.asking = new Set();
    socket.on("close", callOff);
  }
  const { asking } = transport;
  asking.add(gone);
  try {
    return await work(gone.signal);
  } finally {
    asking.delete(gone);
    if (asking.size === 0) {
      transport.asking = undefined;
      socket.off("close", callOff);
    }
  }
}

function callOff(this: Carrier): void {
  for (const gone of this[TRANSPORT]?.asking ?? []) gone.abort();
}

function forget(this: Carrier): void {
  const transport = this[TRANSPORT];
  transport?.owner.forget(transport);
}
