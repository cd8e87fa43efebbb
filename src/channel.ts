/**
 * The port between a connection and the engine that moves its bytes.
 *
 * @module
 */

/** A message: text is a string, binary is bytes. */
export type Message = string | Uint8Array<ArrayBuffer>;

/** What can be sent as one message: text as a string, binary as bytes. */
export type MessageLike = string | ArrayBuffer | ArrayBufferView;

/**
 * What an engine does for a connection. The engine in turn tells the connection
 * of messages and of the end, see `deliver` and `finish` in `connection.ts`.
 */
export interface Channel {
  /** Bytes handed over that the operating system has not taken yet. */
  readonly bufferedAmount: number;
  /** Hands over one message; its bytes are copied before this returns. */
  send(data: MessageLike): void;
  /** Starts the closing handshake. */
  close(code: number, reason: string): void;
}
