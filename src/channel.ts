/**
 * The port between a connection and the engine that moves its bytes.
 *
 * @module
 */

/**
 * A message: text is a string, binary is bytes.
 *
 * @example Tell text from bytes
 * ```ts
 * import type { Message } from "@wss/wss";
 *
 * function describe(message: Message): string {
 *   return typeof message === "string" ? message : `${message.length} bytes`;
 * }
 * console.log(describe("Hello"), describe(new Uint8Array(3)));
 * ```
 */
export type Message = string | Uint8Array<ArrayBuffer>;

/**
 * What can be sent as one message: text as a string, binary as bytes.
 *
 * @example All of these can be sent
 * ```ts
 * import type { MessageLike } from "@wss/wss";
 *
 * const messages: MessageLike[] = ["text", new Uint8Array([1, 2]), new ArrayBuffer(8)];
 * console.log(messages.length);
 * ```
 */
export type MessageLike = string | ArrayBuffer | ArrayBufferView;

/** What is wrong with what should be sent; its type is not checked at run time. */
export function mistakeIn(data: unknown): TypeError | undefined {
  if (
    typeof data === "string" || ArrayBuffer.isView(data) ||
    data instanceof ArrayBuffer
  ) return undefined;
  return new TypeError(
    `Cannot send message: expected a string or bytes (of an object, JSON.stringify() makes a string), current value is of type ${
      data === null ? "null" : typeof data
    }`,
  );
}

/** The size of a message: bytes, or UTF-16 units of text. */
export function sizeOf(message: MessageLike): number {
  return typeof message === "string" ? message.length : message.byteLength;
}

/**
 * What an engine does for a connection. The engine in turn tells the connection
 * of messages, pongs, faults and the end, see `connection.ts`.
 *
 * What not every engine can do is optional; a connection does without.
 */
export interface Channel {
  /**
   * Whether it still takes messages: not from the moment that the peer's close
   * frame or end is read, of which the connection may hear much later.
   */
  readonly open: boolean;
  /** Bytes handed over that the operating system has not taken yet. */
  readonly bufferedAmount: number;
  /** How many bytes have come, of whatever kind. */
  readonly bytesReceived?: number;
  /** Whether it may hold less of a message than its size. */
  readonly compresses?: boolean;
  /** Hands over one message; its bytes are copied before this returns. */
  send(data: MessageLike): void;
  /** Starts the closing handshake. */
  close(code: number, reason: string): void;
  /** Cuts the socket at once. */
  terminate?(): void;
  /** Takes nothing more of a peer that broke a rule and was told, and cuts it soon. */
  expel?(): void;
}

/** Backpressure: an engine that can leave on the network what nobody receives. */
export interface FlowControl {
  /** Stops reading; what is in hand is still delivered. */
  pause(): void;
  /** Goes on reading. */
  resume(): void;
}

/** Pings and pongs (RFC 6455, section 5.5.2), and other signs of life. */
export interface Pinger {
  /** How many bytes have come, of whatever kind. */
  readonly bytesReceived: number;
  /** Sends a ping; the engine tells the connection of the pong. */
  ping(payload: string): void;
}

/** What this side noticed of a peer. */
export interface Noticed {
  readonly detail?: string;
  readonly cause?: unknown;
}

/** How an engine says that its socket is gone. */
export interface ChannelEnd extends Noticed {
  /** The peer's close code; 1005 if it sent none, 0 if no close frame came. */
  readonly code: number;
  readonly reason: string;
}

/** How an engine says that it closes, since the peer broke a rule. */
export interface Fault extends Noticed {
  /** The code that the peer is told. */
  readonly code: number;
  readonly detail: string;
}
