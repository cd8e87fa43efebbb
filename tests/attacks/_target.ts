/**
 * A server to be attacked, in a process of its own: one port that is plain and
 * one with TLS. What a connection is for is told by the path of its URL.
 *
 * @module
 */

import {
  type AcceptOptions,
  type Connection,
  type EngineName,
  loadCertChain,
  type Message,
  serve,
  type Server,
} from "../../server.ts";
import { orGreet } from "../_raw_peer.ts";
import { print, programOptions } from "../programs/_program.ts";

/** What the program is told. */
export interface TargetProgram {
  engine: EngineName;
  /** The file with its certificates. */
  chainFile: string;
  /** Limits and deadlines of both ports. */
  options?: AcceptOptions<undefined>;
}

/** What it prints first. */
export interface TargetReady {
  pid: number;
  plain: string;
  secure: string;
}

/** What became of a connection at `/record/…`. */
export interface TargetRecord {
  /** What was received: `"t"` or `"b"` for its kind, and its bytes in base64. */
  messages: string[];
  /** The code of `closed`. */
  code: number;
}

/** What became of a connection at `/slow/…`. */
export interface TargetTally {
  /** How many messages were received. */
  count: number;
  /** How many of them were not the next of those that were sent. */
  misplaced: number;
}

/** What it answers to ordinary requests. */
export interface TargetState {
  /** How many connections both ports have. */
  connections: number;
  /** What `onError` heard. */
  errors: string[];
  /** Of the connections that have ended since the last answer. */
  records: Record<string, TargetRecord>;
  /** Of all connections, by the last part of the path. */
  tallies: Record<string, TargetTally>;
  /** How often a decision of `authorize` at `/decide` was waited for in vain. */
  left: number;
}

const state: TargetState = {
  connections: 0,
  errors: [],
  records: {},
  tallies: {},
  left: 0,
};

const ACTS: Record<string, (ws: Connection, name: string) => unknown> = {
  /** Says what it receives. */
  async echo(ws) {
    for await (const message of ws) await ws.send(message);
  },
  /** Keeps what it receives for later. */
  async record(ws, name) {
    const messages: string[] = [];
    try {
      for await (const message of ws) messages.push(encoded(message));
    } finally {
      const { code } = await ws.closed;
      state.records[name] = { messages, code };
    }
  },
  /** Receives nothing. */
  hold: (ws) => ws.closed,
  /** Closes at once. */
  leave() {},
  /** Sends without end. */
  async pour(ws) {
    const message = new Uint8Array(65_536);
    while (true) await ws.send(message);
  },
  /** Sends short messages without end, once it was asked to. */
  async chatter(ws) {
    await ws.receive();
    while (ws.open) await ws.send("x");
  },
  /** Takes its time over each message, and counts. */
  async slow(ws, name) {
    const tally = state.tallies[name] = { count: 0, misplaced: 0 };
    for await (const message of ws) {
      if (numberOf(message) !== tally.count++) tally.misplaced++;
      await delay(10);
    }
  },
};

function encoded(message: Message): string {
  return typeof message === "string"
    ? `t${new TextEncoder().encode(message).toBase64()}`
    : `b${message.toBase64()}`;
}

/** Which of its sender a message is. */
function numberOf(message: Message): number {
  if (typeof message === "string") return -1;
  return new DataView(message.buffer, message.byteOffset).getUint32(0);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function act(ws: Connection): unknown {
  const [, what = "", name = ""] = new URL(ws.url).pathname.split("/");
  return (ACTS[what] ?? ACTS.echo)!(ws, name);
}

/** Waits at `/decide` until the client has left. */
function authorize(request: Request): Promise<undefined> | undefined {
  if (new URL(request.url).pathname !== "/decide") return undefined;
  const { promise, resolve } = Promise.withResolvers<undefined>();
  request.signal.addEventListener("abort", () => {
    state.left++;
    resolve(undefined);
  });
  return promise;
}

async function answer(
  request: Request,
  servers: readonly Server[],
): Promise<Response> {
  const { pathname } = new URL(request.url);
  if (pathname === "/late") await delay(300);
  state.connections = servers.reduce(
    (sum, { connections }) => sum + connections.size,
    0,
  );
  const body = JSON.stringify(state);
  if (pathname === "/settled") state.records = {};
  const length = new TextEncoder().encode(body).length;
  return new Response(body, { headers: { "content-length": `${length}` } });
}

if (import.meta.main) {
  const { engine, chainFile, options } = programOptions<TargetProgram>();
  const servers: Server[] = [];
  const common = {
    port: 0,
    engine,
    authorize,
    ...options,
    onError: (error: unknown) => state.errors.push(String(error)),
    fetch: (request: Request) => answer(request, servers),
  };
  const handler = orGreet(act);
  const plain = await serve(common, handler);
  const chain = await loadCertChain(chainFile);
  const secure = await serve({ ...common, ...chain }, handler);
  servers.push(plain, secure);
  const ready: TargetReady = {
    pid: Deno.pid,
    plain: plain.url,
    secure: secure.url,
  };
  print(ready);
}
