/**
 * A WebSocket of the web platform as a channel: what the default engine has on
 * both sides, and browsers have.
 *
 * @module
 */

import type { Channel, MessageLike } from "../channel.ts";
import { CloseCode } from "../close_code.ts";
import {
  Connection,
  deliver,
  finish,
  type Opening,
  type Shared,
} from "../connection.ts";

/** What the runtime says when its ping was not answered. */
const NO_PONG = "No response from ping frame.";

/**
 * A WebSocket as a channel, which also hears all that happens to it:
 * one object for an idle connection takes less than one and three closures.
 */
class WebChannel implements Channel, EventListenerObject {
  readonly #socket: WebSocket;
  #connection: Connection<unknown> | undefined;
  #fault: string | undefined;

  constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  send(data: MessageLike): void {
    if (data instanceof Uint8Array) {
      // Each look at it is a call into the engine.
      const { buffer } = data;
      // A whole buffer goes out faster than a view of it.
      if (
        buffer.byteLength === data.byteLength && buffer instanceof ArrayBuffer
      ) return this.#socket.send(buffer);
    }
    this.#socket.send(data as string | ArrayBuffer);
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
      const { data } = event as MessageEvent<string | ArrayBuffer>;
      deliver(
        connection,
        typeof data === "string" ? data : new Uint8Array(data),
      );
    } else if (event.type === "error") {
      // Deno says what is wrong, a browser does not.
      this.#fault = (event as ErrorEvent).message ?? "";
    } else {
      this.#end(connection, event as CloseEvent);
    }
  }

  #end(connection: Connection<unknown>, { code, reason }: CloseEvent): void {
    // A timer of the runtime keeps the socket, and with it this, for a while.
    this.#connection = undefined;
    const fault = this.#fault;
    // A browser may tell no more than the code, which no close frame can have.
    const isLost = code === CloseCode.Abnormal && connection.open;
    if (fault === undefined && !isLost) {
      const known = code === CloseCode.Abnormal ? 0 : code;
      return finish(connection, { code: known, reason });
    }
    // The runtime gives its own code to what no close frame said.
    finish(connection, {
      code: 0,
      reason: "",
      detail: fault === NO_PONG
        ? "the peer did not answer a ping"
        : "the peer was lost",
      cause: fault ? new Error(fault) : undefined,
    });
  }
}

/** Makes a connection of a WebSocket that is open. */
export function attach<Context>(
  socket: WebSocket,
  shared: Shared,
  opening: Opening<Context>,
): Connection<Context> {
  const channel = new WebChannel(socket);
  const connection = new Connection(channel, shared, opening);
  channel.listen(connection);
  return connection;
}
