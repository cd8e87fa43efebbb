/**
 * One connection under load.
 *
 * @module
 */

import {
  type Connection,
  ConnectionClosedError,
  type Message,
} from "../../../client.ts";
import { ExitCode, exitCodeOfClose } from "../exit_code.ts";
import { shownDuration } from "../values.ts";
import {
  describeMessage,
  IS_IT_ECHO,
  isEcho,
  makePayload,
  WrongEcho,
} from "./echo.ts";
import type { Plan } from "./plan.ts";

/** How many messages a server may greet with before it echoes. */
const GREETINGS = 8;

/** How long it may take to echo once it has sent something else, in milliseconds. */
const GRACE = 1_000;

/** Hears of an echo: on which line, and when what was sent was due. */
export type Answered = (line: Line, due: number) => void;

/** A connection, and the messages that are under way on it. */
export class Line {
  readonly #ws: Connection;
  readonly #payload: string | Uint8Array<ArrayBuffer>;
  readonly #window: number;
  /** When the messages that are under way were due, in a ring. */
  readonly #due: Float64Array;
  #oldest = 0;
  /** How many messages are under way. */
  underWay = 0;

  /** @param number Of the connection, for its messages. */
  constructor(ws: Connection, number: number, plan: Plan) {
    this.#ws = ws;
    this.#payload = makePayload(plan.size, number, plan.binary);
    this.#window = plan.window;
    this.#due = new Float64Array(plan.window);
  }

  /** Whether one more message may be sent. */
  get free(): boolean {
    return this.underWay < this.#window && this.#ws.open;
  }

  /** Whether the connection is open. */
  get open(): boolean {
    return this.#ws.open;
  }

  /**
   * Sends a message, if there is room in the window.
   *
   * @param due When it was due, as `performance.now()` tells.
   */
  send(due: number): void {
    this.#due[(this.#oldest + this.underWay) % this.#window] = due;
    this.underWay++;
    // What is under way is bounded; a failure is seen by who receives.
    this.#ws.send(this.#payload);
  }

  /**
   * Sees that the server sends back what it is sent; greetings may come before.
   *
   * @throws {WrongEcho} If it sends something else, or leaves.
   * @throws {DOMException} "TimeoutError" if it sends nothing.
   */
  async probe(timeout: number): Promise<void> {
    this.#ws.send(this.#payload);
    let other: Message | undefined;
    for (let greetings = 0; greetings < GREETINGS; greetings++) {
      const patience = other === undefined ? timeout : Math.min(timeout, GRACE);
      const message = await this.#receiveWithin(patience).catch((error) => {
        throw atEase(error)
          ? other === undefined ? left(error) : wrong(other)
          : error;
      });
      if (message === undefined) break;
      if (isEcho(this.#payload, message)) return;
      other ??= message;
    }
    if (other !== undefined) throw wrong(other);
    throw new DOMException(
      `Cannot measure: the server sent nothing back within ${
        shownDuration(timeout)
      }; ${IS_IT_ECHO}`,
      "TimeoutError",
    );
  }

  /** The next message; `undefined` if none comes in time. */
  async #receiveWithin(timeout: number): Promise<Message | undefined> {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), timeout);
    try {
      return await this.#ws.receive(controller);
    } catch (error) {
      if (controller.signal.aborted) return undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Receives echoes for as long as the connection lasts.
   *
   * @throws {WrongEcho} If the server sends something else.
   * @throws {ConnectionClosedError} Once the connection has ended.
   */
  async listen(answered: Answered): Promise<never> {
    while (true) {
      const message = await this.#ws.receive();
      if (this.underWay === 0 || !isEcho(this.#payload, message)) {
        throw wrong(message);
      }
      const due = this.#due[this.#oldest] ?? 0;
      this.#oldest = (this.#oldest + 1) % this.#window;
      this.underWay--;
      answered(this, due);
    }
  }

  /** Receives whatever comes. */
  async drain(heard: (bytes: number) => void): Promise<never> {
    while (true) heard((await this.#ws.receive()).length);
  }

  /** Closes the connection, in a bounded time. */
  async close(): Promise<void> {
    await this.#ws.close();
  }

  /** Ends the connection. */
  terminate(): void {
    this.#ws.terminate();
  }
}

/** Whether a server closed as if all were well. */
function atEase(error: unknown): error is ConnectionClosedError {
  return error instanceof ConnectionClosedError &&
    exitCodeOfClose(error.code) === ExitCode.Ok;
}

function left({ code }: ConnectionClosedError): WrongEcho {
  return new WrongEcho(
    `Cannot measure: the server closed with code ${code} and sent nothing back; ${IS_IT_ECHO}`,
  );
}

function wrong(message: Message): WrongEcho {
  return new WrongEcho(
    `Cannot measure: the server sent ${
      describeMessage(message)
    } instead of what it was sent; ${IS_IT_ECHO}`,
  );
}
