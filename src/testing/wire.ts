/**
 * Sockets of node:net, which unlike those of Deno can be reset: as a wire for a
 * peer by hand, over TLS or not.
 *
 * @module
 */

import { once } from "node:events";
import {
  connect,
  createServer,
  isIP,
  type Server,
  type Socket,
} from "node:net";
import type { Duplex } from "node:stream";
import {
  connect as connectTls,
  createSecureContext,
  TLSSocket,
} from "node:tls";
import type { Wire } from "./raw_peer.ts";

/** A certificate chain and its private key, in PEM. */
export interface Chain {
  readonly cert: string;
  readonly key: string;
}

/**
 * A listener on a free port of loopback, and all connections that it took.
 * They are paused: nothing is read of them until somebody does.
 */
export class Listener {
  readonly #onconnection: (socket: Socket) => void;
  readonly #open: Set<Socket> = new Set();
  #server: Server | undefined;
  #accepted = 0;
  #port = 0;

  constructor(onconnection: (socket: Socket) => void) {
    this.#onconnection = onconnection;
  }

  /** Listens: at first on any free port, then again on the same. */
  async listen(): Promise<void> {
    if (this.#server !== undefined) return;
    const server = createServer({
      allowHalfOpen: true,
      noDelay: true,
      pauseOnConnect: true,
    }, (socket) => {
      this.#accepted++;
      keep(socket, this.#open);
      this.#onconnection(socket);
    });
    // By its address: node:net looks a name up, and then throws past everybody
    // where that address is not allowed.
    server.listen(this.#port, "127.0.0.1");
    await once(server, "listening");
    this.#server = server;
    const address = server.address();
    if (address !== null && typeof address === "object") {
      this.#port = address.port;
    }
  }

  /** Refuses connections from now on; those that there are stay. */
  async refuse(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    // Deaf at once; "close" comes when the last connection is gone.
    server.close();
    await Promise.resolve();
  }

  get port(): number {
    return this.#port;
  }

  get accepted(): number {
    return this.#accepted;
  }

  /** The connections that are open. */
  get open(): ReadonlySet<Socket> {
    return this.#open;
  }

  /** Ends all, and waits until nothing is left. */
  async close(): Promise<void> {
    const refused = this.refuse();
    await endAll(this.#open, (socket) => socket.destroy());
    await refused;
  }
}

/** Has `sockets` hold a socket for as long as it is open. */
export function keep(socket: Socket, sockets: Set<Socket>): void {
  sockets.add(socket);
  socket.once("close", () => sockets.delete(socket));
  // A reset by the other side is nothing that a test must hear of.
  socket.on("error", () => {});
}

/** Ends sockets, and waits until they are closed. */
export async function endAll(
  sockets: ReadonlySet<Socket>,
  end: (socket: Socket) => void,
): Promise<void> {
  await Promise.all([...sockets].map((socket) => {
    const closed = new Promise((resolve) => socket.once("close", resolve));
    end(socket);
    return closed;
  }));
}

/**
 * The URL of a server.
 *
 * @throws {TypeError} If it is none.
 */
export function parseTarget(action: string, target: string | URL): URL {
  const url = URL.parse(target);
  if (url?.protocol === "wss:" || url?.protocol === "ws:") return url;
  const state = url === null
    ? "the URL is malformed"
    : `the scheme of the URL must be wss or ws, current value is ${
      url.protocol.slice(0, -1)
    }`;
  throw new TypeError(`Cannot ${action} a server: ${state}`);
}

/** Connects to the host of a URL. */
export function dial({ hostname, port, protocol }: URL): Socket {
  return connect({
    host: bare(hostname),
    port: Number(port) || (protocol === "wss:" ? 443 : 80),
    allowHalfOpen: true,
    noDelay: true,
  });
}

/** A socket as a client's end of TLS, with the host of a URL. */
export function securedFor(
  socket: Socket,
  { hostname }: URL,
  caCerts: readonly string[],
): Duplex {
  const host = bare(hostname);
  const tls = connectTls({
    socket,
    host,
    // An address is no name to ask for (RFC 6066, section 3).
    ...(isIP(host) === 0 && { servername: host }),
    ca: [...caCerts],
    ALPNProtocols: ["http/1.1"],
  });
  tls.on("error", () => {});
  return tls;
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

/** A socket as a server's end of TLS. */
export function secured(socket: Socket, chain: Chain): Duplex {
  const tls = new TLSSocket(socket, {
    isServer: true,
    secureContext: createSecureContext({ cert: chain.cert, key: chain.key }),
    ALPNProtocols: ["http/1.1"],
  });
  tls.on("error", () => {});
  return tls;
}

/** How the runtime lets a TCP socket be left unread; `pause()` stops only TLS. */
interface Stoppable {
  readonly _handle?: { readStop?(): void } | null;
}

/** A stream as the wire of a peer by hand. */
export class StreamWire implements Wire {
  readonly #stream: Duplex;
  readonly #raw: Socket;

  constructor(stream: Duplex, raw: Socket) {
    this.#stream = stream;
    this.#raw = raw;
  }

  async read(into: Uint8Array<ArrayBuffer>): Promise<number | null> {
    const stream = this.#stream;
    while (true) {
      const chunk: Uint8Array | null = stream.read();
      if (chunk !== null) {
        const taken = chunk.subarray(0, into.length);
        into.set(taken);
        if (taken.length < chunk.length) {
          stream.unshift(chunk.subarray(taken.length));
        }
        return taken.length;
      }
      if (stream.readableEnded || stream.destroyed) return null;
      await moved(stream, ["readable", "end", "close"]);
    }
  }

  async write(data: Uint8Array): Promise<number> {
    const stream = this.#stream;
    if (stream.destroyed || stream.writableEnded) {
      throw new Deno.errors.BrokenPipe("hung up");
    }
    if (!stream.write(data)) await moved(stream, ["drain", "close"]);
    return data.length;
  }

  /** Says goodbye as TCP does, but not as TLS does. */
  close(): void {
    this.#raw.destroy();
  }

  /** Leaves in the system what comes from now on. */
  stop(): void {
    (this.#raw as Stoppable)._handle?.readStop?.();
  }

  /** Has the system reset the connection. */
  reset(): void {
    this.#raw.resetAndDestroy();
  }
}

/** Waits for the first of some events. */
function moved(stream: Duplex, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      for (const event of events) stream.off(event, done);
      resolve();
    };
    for (const event of events) stream.on(event, done);
  });
}
