/**
 * The TCP connections below a server of `node:http` or `node:https`: until when
 * a peer must have asked for something, and what cuts them all.
 *
 * @module
 */

import type { Server, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { Tally } from "../admission.ts";

/** What is known of one TCP connection. */
export interface Transport {
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

/** The TCP connections of one server. */
export class Sockets {
  readonly #openTimeout: number;
  readonly #rules: () => string | undefined;
  readonly #tally: Tally;
  readonly #transports: Set<Transport> = new Set();
  readonly #bySocket: WeakMap<Duplex, Transport> = new WeakMap();
  // Of those whose TLS handshake is under way, by the address of the peer.
  readonly #inHandshake: Map<string, Transport> = new Map();
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
    server.prependListener("secureConnection", (socket: Socket) => {
      const peer = peerOf(socket);
      const transport = this.#inHandshake.get(peer);
      this.#inHandshake.delete(peer);
      if (transport === undefined) return void socket.destroy();
      this.#bySocket.set(socket, transport);
      socket.once("close", () => this.#forget(transport));
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
    return this.#bySocket.get(socket);
  }

  /** The peer has asked: the time for the head of its request is over. */
  asked(transport: Transport): number | undefined {
    clearTimeout(transport.deadline);
    const { since } = transport;
    transport.since = undefined;
    return since;
  }

  /** Cuts all. */
  destroy(): void {
    for (const { raw } of this.#transports) raw?.destroy();
  }

  #add(raw: Socket, secure: boolean): void {
    this.onconnection?.();
    const address = raw.remoteAddress;
    if (!this.#tally.enter(address)) return void raw.destroy();
    const transport: Transport = {
      raw,
      address,
      rules: this.#rules(),
      since: performance.now(),
      answering: 0,
      deadline: undefined,
    };
    this.#transports.add(transport);
    const peer = peerOf(raw);
    raw.once("close", () => {
      this.#forget(transport);
      if (this.#inHandshake.get(peer) === transport) {
        this.#inHandshake.delete(peer);
      }
    });
    if (secure) this.#inHandshake.set(peer, transport);
    else this.#bySocket.set(raw, transport);
    this.#expect(transport, secure ? undefined : raw);
  }

  /** Over TLS it is told twice, by both sockets. */
  #forget(transport: Transport): void {
    clearTimeout(transport.deadline);
    // What a set forgets may live on for a while, see `roster.ts`: without this.
    transport.raw = transport.deadline = undefined;
    if (this.#transports.delete(transport)) {
      this.#tally.leave(transport.address);
    }
  }

  /** Gives the peer what is left of its time; `socket` can be written to. */
  #expect(transport: Transport, socket: Socket | undefined): void {
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

function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}|${remotePort}`;
}
