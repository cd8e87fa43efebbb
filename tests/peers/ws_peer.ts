/**
 * The library ws of npm, client and server on the runtime's `node:https`,
 * driven from outside as `python_peer.py` is; `peer.ts` has the other end.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import process from "node:process";
// @ts-types="@types/ws"
import { WebSocket, WebSocketServer } from "ws";

/** The arguments of all commands; each takes its own. */
interface Arguments {
  do: string;
  url: string;
  cert: string;
  key?: string;
  ca?: string;
  protocols?: string[];
  refuse?: number;
  connection: number;
  text?: string;
  bytes?: string;
  kind: "text" | "binary";
  fin: boolean;
  code?: number;
  reason?: string;
}

type Reply = Record<string, unknown>;

const PATIENCE = 5000;

/** Things that come, and those who wait for one. */
class Mailbox<T> {
  readonly #here: T[] = [];
  readonly #waiting: ((value: T) => void)[] = [];

  put(value: T): void {
    const resolve = this.#waiting.shift();
    if (resolve === undefined) this.#here.push(value);
    else resolve(value);
  }

  take(): Promise<T> {
    if (this.#here.length > 0) return Promise.resolve(this.#here.shift()!);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** A connection and what came through it. */
class Tracked {
  readonly messages: Mailbox<Reply> = new Mailbox();
  readonly pongs: Mailbox<string> = new Mailbox();
  readonly pings: Mailbox<Buffer> = new Mailbox();
  readonly ended: Promise<Reply>;
  readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      this.messages.put(
        isBinary
          ? { bytes: data.toString("base64") }
          : { text: data.toString() },
      );
    });
    socket.on("pong", (data) => this.pongs.put(data.toString("base64")));
    socket.on("ping", (data) => this.pings.put(data));
    // An error is followed by the close that says the same in its code.
    socket.on("error", () => {});
    this.ended = new Promise((resolve) => {
      socket.on("close", (code, reason) => {
        resolve({ code, reason: reason.toString(), clean: code !== 1006 });
      });
    });
  }
}

const connections: Tracked[] = [];
const accepted = new Mailbox<Tracked>();
const servers: Server[] = [];

function known(tracked: Tracked): Reply {
  connections.push(tracked);
  return {
    connection: connections.length - 1,
    protocol: tracked.socket.protocol,
  };
}

const commands: Record<string, (args: Arguments) => Promise<Reply>> = {
  async serve({ cert, key = cert, protocols = [], refuse }) {
    const server = createServer({
      cert: readFileSync(cert),
      key: readFileSync(key),
    });
    const sockets = new WebSocketServer({
      server,
      verifyClient: (_info, decide) => decide(refuse === undefined, refuse),
      handleProtocols: (offered) =>
        protocols.find((protocol) => offered.has(protocol)) ?? false,
    });
    sockets.on("connection", (socket) => accepted.put(new Tracked(socket)));
    servers.push(server);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return { port: (server.address() as AddressInfo).port };
  },

  async accept() {
    return known(await accepted.take());
  },

  async stop() {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    }
    return {};
  },

  async connect({ url, ca, protocols }) {
    const options = ca === undefined ? {} : { ca: readFileSync(ca) };
    // The library itself writes no space after a comma.
    const offer = protocols?.flatMap((protocol) => protocol.split(",")) ?? [];
    const socket = new WebSocket(url, offer, options);
    const tracked = new Tracked(socket);
    await once(socket, "open");
    return known(tracked);
  },

  async send({ connection, text, bytes = "" }) {
    await send(connection, text ?? Buffer.from(bytes, "base64"), {});
    return {};
  },

  async fragment({ connection, kind, bytes = "", fin }) {
    const binary = kind === "binary";
    await send(connection, Buffer.from(bytes, "base64"), { binary, fin });
    return {};
  },

  receive({ connection }) {
    return of(connection).messages.take();
  },

  async ping({ connection, bytes = "" }) {
    const { socket, pongs } = of(connection);
    socket.ping(Buffer.from(bytes, "base64"));
    // Done when a pong of the same payload came; others don't count.
    while (await pongs.take() !== bytes);
    return {};
  },

  async pinged({ connection }) {
    await of(connection).pings.take();
    return {};
  },

  close({ connection, code, reason }) {
    const { socket, ended } = of(connection);
    socket.close(code, reason);
    return ended;
  },

  ended({ connection }) {
    return of(connection).ended;
  },

  drop({ connection }) {
    const { socket, ended } = of(connection);
    socket.terminate();
    return ended;
  },
};

function of(connection: number): Tracked {
  const tracked = connections[connection];
  if (tracked === undefined) throw new Error(`no connection ${connection}`);
  return tracked;
}

function send(
  connection: number,
  data: string | Buffer,
  options: { binary?: boolean; fin?: boolean },
): Promise<void> {
  return new Promise((resolve, reject) => {
    const { socket } = of(connection);
    socket.send(data, options, (error) => error ? reject(error) : resolve());
  });
}

async function answer(line: string): Promise<Reply> {
  const args: Arguments = JSON.parse(line);
  const { promise: late, resolve } = Promise.withResolvers<Reply>();
  const timer = setTimeout(
    () => resolve({ error: `nothing within ${PATIENCE} ms` }),
    PATIENCE,
  );
  try {
    const perform = commands[args.do];
    if (perform === undefined) throw new Error(`no command ${args.do}`);
    return await Promise.race([perform(args), late]);
  } catch (error) {
    return { error: String(error) };
  } finally {
    clearTimeout(timer);
  }
}

/** Lines that end with a line feed, and with nothing else that ends lines. */
async function* lines(
  input: AsyncIterable<Uint8Array>,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let parts: string[] = [];
  for await (const chunk of input) {
    const [end = "", ...more] = decoder.decode(chunk, { stream: true })
      .split("\n");
    parts.push(end);
    for (const part of more) {
      yield parts.join("");
      parts = [part];
    }
  }
}

for await (const line of lines(process.stdin)) {
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}
process.exit();
