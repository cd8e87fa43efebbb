/**
 * A WebSocket library of somebody else's in a process of its own, client and
 * server, driven by commands: one JSON object a line in, one a line out.
 *
 * Each command is answered before the next is sent, so nothing is read when
 * nobody waits, and every test step ends with what it began.
 *
 * @module
 */

import type { Message } from "../../src/channel.ts";

/**
 * A command with its arguments. Binary data is in base64.
 *
 * - `serve {cert, key?, protocols?, refuse?}`, `accept`, `stop`
 * - `connect {url, ca?, protocols?}`
 * - of a connection: `send {text | bytes}`, `fragment {kind, bytes, fin}`,
 *   `receive`, `ping {bytes}`, `pinged`, `close {code?, reason?}`, `ended`, `drop`
 */
interface Command {
  do:
    | "serve"
    | "accept"
    | "stop"
    | "connect"
    | "send"
    | "fragment"
    | "receive"
    | "ping"
    | "pinged"
    | "close"
    | "ended"
    | "drop";
  [argument: string]: unknown;
}

/** What the peer's process answers; each command has its own part of it. */
interface Reply {
  error?: string;
  port?: number;
  connection?: number;
  protocol?: string;
  text?: string;
  bytes?: string;
  code?: number;
  reason?: string;
  clean?: boolean;
}

/** How a connection ended, as the peer tells it. */
export interface PeerEnd {
  code: number;
  reason: string;
  clean: boolean;
}

/** Where the peer serves, and with what. */
export interface PeerServeOptions {
  /** The file with the certificate chain. */
  cert: string;
  /** The file with the private key, unless it is in `cert`. */
  key?: string;
  protocols?: string[];
  /** The status that every handshake is refused with. */
  refuse?: number;
}

/** Whom the peer trusts, and what it offers. */
export interface PeerConnectOptions {
  /** The file with the certificates to trust. */
  ca?: string;
  protocols?: string[];
}

/** The library in its process. */
export class Peer implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #unread = "";

  /** Starts the process. */
  constructor([command, ...args]: readonly [string, ...string[]]) {
    this.#process = new Deno.Command(command, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#reader = this.#process.stdout.getReader();
    this.#writer = this.#process.stdin.getWriter();
  }

  /** Lets the peer serve on a free port of 127.0.0.1, with TLS. */
  async serve(options: PeerServeOptions): Promise<number> {
    const { port = 0 } = await this.command({ do: "serve", ...options });
    return port;
  }

  /** The connection that the peer's server accepted next. */
  async accept(): Promise<PeerConnection> {
    return new PeerConnection(this, await this.command({ do: "accept" }));
  }

  /** Stops the peer's servers. */
  async stop(): Promise<void> {
    await this.command({ do: "stop" });
  }

  /** Lets the peer connect; rejects with what its library says. */
  async connect(
    url: string,
    options: PeerConnectOptions,
  ): Promise<PeerConnection> {
    const reply = await this.command({ do: "connect", url, ...options });
    return new PeerConnection(this, reply);
  }

  /** Sends a command and waits for the answer to it. */
  async command(command: Command): Promise<Reply> {
    const line = `${JSON.stringify(command)}\n`;
    await this.#writer.write(new TextEncoder().encode(line));
    const reply: Reply = JSON.parse(await this.#readLine());
    if (reply.error !== undefined) {
      throw new Error(`The peer failed to ${command.do}: ${reply.error}`);
    }
    return reply;
  }

  async #readLine(): Promise<string> {
    const parts = [this.#unread];
    while (!parts.at(-1)?.includes("\n")) {
      const { done, value } = await this.#reader.read();
      if (done) throw new Error("The peer's process has ended");
      parts.push(this.#decoder.decode(value, { stream: true }));
    }
    const [line = "", ...rest] = parts.join("").split("\n");
    this.#unread = rest.join("\n");
    return line;
  }

  /** Ends the process: at the end of its input it goes by itself. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close().catch(() => {});
    const late = setTimeout(() => this.#process.kill("SIGKILL"), 3000);
    await this.#process.status;
    clearTimeout(late);
    await this.#reader.cancel();
  }
}

/** The peer's end of a connection. */
export class PeerConnection {
  readonly #peer: Peer;
  readonly #connection: number;
  /** The subprotocol that the peer understands was agreed on. */
  readonly protocol: string;

  constructor(peer: Peer, { connection = -1, protocol = "" }: Reply) {
    this.#peer = peer;
    this.#connection = connection;
    this.protocol = protocol;
  }

  /** Sends a message. */
  async send(data: Message): Promise<void> {
    const message = typeof data === "string"
      ? { text: data }
      : { bytes: data.toBase64() };
    await this.#command({ do: "send", ...message });
  }

  /** Sends a piece of a message; with `fin` it is the last one. */
  async fragment(
    kind: "text" | "binary",
    data: Uint8Array,
    fin: boolean,
  ): Promise<void> {
    await this.#command({ do: "fragment", kind, bytes: data.toBase64(), fin });
  }

  /** The next message that came to the peer. */
  async receive(): Promise<Message> {
    const { text, bytes = "" } = await this.#command({ do: "receive" });
    return text ?? Uint8Array.fromBase64(bytes);
  }

  /** Pings, and waits for a pong with the same payload. */
  async ping(payload: Uint8Array): Promise<void> {
    await this.#command({ do: "ping", bytes: payload.toBase64() });
  }

  /** Waits for the next ping that comes to the peer, which answers it by itself. */
  async pinged(): Promise<void> {
    await this.#command({ do: "pinged" });
  }

  /** Closes the connection; without a code, by an empty close frame. */
  close(code?: number, reason = ""): Promise<PeerEnd> {
    return this.#end(
      code === undefined ? { do: "close" } : { do: "close", code, reason },
    );
  }

  /** Waits for the end of the connection. */
  ended(): Promise<PeerEnd> {
    return this.#end({ do: "ended" });
  }

  /** Cuts the connection without a close frame. */
  async drop(): Promise<void> {
    await this.#command({ do: "drop" });
  }

  async #end(command: Command): Promise<PeerEnd> {
    const { code = 0, reason = "", clean = false } = await this.#command(
      command,
    );
    return { code, reason, clean };
  }

  #command(command: Command): Promise<Reply> {
    return this.#peer.command({ ...command, connection: this.#connection });
  }
}
