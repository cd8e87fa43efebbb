/**
 * The peer by hand of `src/testing`, for servers and clients that trust the
 * certificates of the tests, and what tests of servers have in common.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "../client.ts";
import type { Connection } from "../src/connection.ts";
import {
  type DialOptions,
  RawPeer as UntrustingPeer,
} from "../src/testing/raw_peer.ts";
import type { CertChain } from "../src/tls/pem.ts";
import { devCertificates } from "./_certs.ts";

export {
  type Answer,
  closePayload,
  type DialOptions,
  encodeFrame,
  type Frame,
  type FrameShape,
  handshake,
  joined,
  Opcode,
} from "../src/testing/raw_peer.ts";

/** One end of a connection that can speak WebSocket by hand. */
export class RawPeer extends UntrustingPeer {
  /** Connects to the server at `url`, and says nothing yet. */
  static override async dial(
    url: string,
    options: DialOptions = {},
  ): Promise<RawPeer> {
    const { ca } = await devCertificates();
    return await UntrustingPeer.dial(url, { caCerts: [ca], ...options });
  }

  /** Connects to the server at `url`, and opens a WebSocket. */
  static override async open(
    url: string,
    options: DialOptions = {},
  ): Promise<RawPeer> {
    const { ca } = await devCertificates();
    return await UntrustingPeer.open(url, { caCerts: [ca], ...options });
  }
}

/** A server of which every connection follows a script. */
export class RawServer implements AsyncDisposable {
  readonly #listener: Deno.Listener;
  readonly #peers: RawPeer[] = [];
  readonly #running: Promise<void>[] = [];
  /** The URL to connect to. */
  readonly url: string;

  /** Listens; `script` gets each connection, which stays open until the end. */
  constructor(
    script: (peer: RawPeer) => Promise<void> | void,
    chain?: CertChain,
  ) {
    const where = { hostname: "localhost", port: 0 };
    this.#listener = chain === undefined
      ? Deno.listen(where)
      : Deno.listenTls({ ...where, ...chain });
    const { port } = this.#listener.addr as Deno.NetAddr;
    this.url = `${chain === undefined ? "ws" : "wss"}://localhost:${port}`;
    this.#running.push(this.#acceptAll(script));
  }

  async #acceptAll(
    script: (peer: RawPeer) => Promise<void> | void,
  ): Promise<void> {
    for await (const conn of this.#listener) {
      const peer = new RawPeer(conn, "server");
      this.#peers.push(peer);
      this.#running.push(follow(script, peer));
    }
  }

  /** How many connections came. */
  get accepted(): number {
    return this.#peers.length;
  }

  /** Hangs up on all, and waits until that is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const peer of this.#peers) peer[Symbol.dispose]();
    await Promise.all(this.#running);
  }
}

/** What a script meets when the other side is gone, or the test over. */
const GONE = [
  Deno.errors.BadResource,
  Deno.errors.BrokenPipe,
  Deno.errors.ConnectionAborted,
  Deno.errors.ConnectionReset,
  Deno.errors.Interrupted,
  Deno.errors.InvalidData,
  Deno.errors.UnexpectedEof,
];

async function follow(
  script: (peer: RawPeer) => Promise<void> | void,
  peer: RawPeer,
): Promise<void> {
  try {
    await script(peer);
  } catch (error) {
    if (!GONE.some((type) => error instanceof type)) throw error;
  }
}

/** A handler that greets on `/greet`, and hands all others to `handler`. */
export function orGreet(
  handler: (ws: Connection) => unknown,
): (ws: Connection) => unknown {
  return (ws) =>
    new URL(ws.url).pathname === "/greet" ? greet(ws) : handler(ws);
}

async function greet(ws: Connection): Promise<void> {
  await ws.send(`Hello ${await ws.receive()}!`);
}

/** Waits for the end of the connections that a server has left, and fails if there are others. */
export async function assertEmpty(
  server: { connections: ReadonlySet<Connection> },
): Promise<void> {
  await Promise.all([...server.connections].map(({ closed }) => closed));
  assertEquals(server.connections.size, 0);
}

/** Fails unless the server greets a new client. */
export async function assertGreets(url: string): Promise<void> {
  const { ca } = await devCertificates();
  await using ws = await connect(`${url}/greet`, {
    ...(url.startsWith("wss:") ? { caCerts: [ca] } : {}),
    openTimeout: 5000,
  });
  await ws.send("Ada");
  assertEquals(await ws.receive(), "Hello Ada!");
}
