/**
 * A heartbeat of ordinary messages, for peers that cannot ping or do not show
 * the pongs: the built-in engine of clients, and browsers.
 *
 * @module
 */

import {
  type Channel,
  type Message,
  type MessageLike,
  mistakeIn,
  type Pinger,
} from "./channel.ts";
import { Heartbeat, type HeartbeatTimes } from "./heartbeat.ts";
import { checkTimeout, type ResolvedLimits } from "./limits.ts";
import { MessageRate } from "./message_rate.ts";
import { checkNames, type OptionNames } from "./option_names.ts";

/**
 * How a client asks its server for signs of life with ordinary messages; see
 * the option `heartbeat` of `connect()`.
 *
 * @example A server that wants JSON
 * ```ts
 * import { connect, type HeartbeatOptions, serve } from "@wss/wss";
 *
 * await using server = await serve({ port: 0 }, async (ws) => {
 *   for await (const message of ws) {
 *     if (message === '{"type":"ping"}') await ws.send('{"type":"pong"}');
 *   }
 * });
 * const heartbeat: HeartbeatOptions = {
 *   message: '{"type":"ping"}',
 *   reply: (message) => message === '{"type":"pong"}',
 *   interval: 15_000,
 * };
 * await using ws = await connect(server.url, { heartbeat });
 * console.log(await ws.ping() < 1000); // true
 * ```
 */
export interface HeartbeatOptions {
  /**
   * What is sent.
   *
   * @default {"ping"}
   */
  message?: MessageLike | undefined;
  /**
   * What the server answers: a text, or a function that knows it. Every message
   * that is one is kept from the receiver. A throw of the function closes the
   * connection and is the `cause` of its `ConnectionClosedError`.
   *
   * @default {"pong"}
   */
  reply?: string | ((message: Message) => boolean) | undefined;
  /**
   * After how long the next is sent, in milliseconds.
   *
   * @default {20_000}
   */
  interval?: number | undefined;
}

/**
 * How a server answers the heartbeat of its clients; see the option `heartbeat`
 * of `serve()`.
 *
 * @example Both sides by the same words
 * ```ts
 * import { connect, type HeartbeatReply, serve } from "@wss/wss";
 *
 * const heartbeat: HeartbeatReply = { message: "are you there?", reply: "yes" };
 * await using server = await serve({ port: 0, heartbeat }, (ws) => ws.closed);
 * await using ws = await connect(server.url, { heartbeat });
 * console.log(await ws.ping() < 1000); // true
 * ```
 */
export interface HeartbeatReply {
  /**
   * The text that clients send.
   *
   * @default {"ping"}
   */
  message?: string | undefined;
  /**
   * What they are answered.
   *
   * @default {"pong"}
   */
  reply?: string | undefined;
}

/**
 * The replies that a peer gets while much waits for it: an honest one, that only
 * reads slowly, asks less often, and with one that does not read, little piles up.
 */
const REPLIES = { perSecond: 1, burst: 64 };

const REPLY_NAMES: OptionNames<HeartbeatReply> = { message: true, reply: true };

const NAMES: OptionNames<HeartbeatOptions> = {
  message: true,
  reply: true,
  interval: true,
};

/** What of an application heartbeat a connection has. */
export interface Beat {
  /** Of the side that asks. */
  readonly heartbeat?: Heartbeat;
  /** Takes a message if it is of the heartbeat. */
  hears(message: Message): boolean;
}

/** Makes the {@linkcode Beat} of a connection. */
export type MakeBeat = (channel: Channel, limits: ResolvedLimits) => Beat;

/** What `connect()` makes of its option. */
export interface AskingHeartbeat {
  readonly pingInterval: number;
  readonly beat: MakeBeat;
}

/**
 * Checks the option `heartbeat` of a client.
 *
 * @throws {TypeError} If it is malformed.
 * @throws {RangeError} If no timer can keep the interval.
 */
export function resolveHeartbeat(
  heartbeat: boolean | HeartbeatOptions | undefined,
): AskingHeartbeat | undefined {
  const options = optionsOf(heartbeat);
  if (options === undefined) return undefined;
  const { message = "ping", reply = "pong", interval = 20_000 } = options;
  if (mistakeIn(message) !== undefined) throw malformed("message", " or bytes");
  const isReply = typeof reply === "function"
    ? reply
    : (message: Message) => message === reply;
  if (isReply !== reply) checkText("reply", reply, " or a function");
  checkTimeout("heartbeat.interval", interval);
  // The caller may reuse the bytes.
  const ping = structuredClone(message);
  return {
    pingInterval: interval,
    beat: (channel, { pongTimeout }) =>
      new AskingBeat(channel, ping, isReply, {
        pingInterval: interval,
        pongTimeout,
      }),
  };
}

/**
 * Refuses what else of a client's heartbeat is a mistake. Pages do without: it
 * would be more for each of them to load.
 *
 * @throws {TypeError} If there is no option of a name, or a word is empty.
 */
export function checkHeartbeat(
  heartbeat: boolean | HeartbeatOptions | undefined,
): void {
  checkWords(optionsOf(heartbeat) ?? {}, NAMES);
}

/**
 * Checks the option `heartbeat` of a server.
 *
 * @throws {TypeError} If it is malformed.
 */
export function resolveHeartbeatReply(
  heartbeat: boolean | HeartbeatReply | undefined,
): MakeBeat | undefined {
  const options = optionsOf(heartbeat);
  if (options === undefined) return undefined;
  checkWords(options, REPLY_NAMES);
  const { message = "ping", reply = "pong" } = options;
  checkText("message", message);
  checkText("reply", reply);
  return (channel, { sendBuffer }) => {
    let rate: MessageRate | undefined;
    return {
      hears(received) {
        if (received !== message) return false;
        const tolerated = channel.bufferedAmount <= sendBuffer ||
          (rate ??= new MessageRate(REPLIES)).take();
        if (tolerated) channel.send(reply);
        return true;
      },
    };
  };
}

/** The heartbeat of the side that asks. */
class AskingBeat implements Beat, Pinger {
  readonly heartbeat: Heartbeat;
  readonly #channel: Channel;
  readonly #ping: MessageLike;
  readonly #isReply: (message: Message) => boolean;
  #messages = 0;

  constructor(
    channel: Channel,
    ping: MessageLike,
    isReply: (message: Message) => boolean,
    times: HeartbeatTimes,
  ) {
    this.#channel = channel;
    this.#ping = ping;
    this.#isReply = isReply;
    this.heartbeat = new Heartbeat(this, times);
  }

  /** Where bytes are not counted, whole messages have to do. */
  get bytesReceived(): number {
    return this.#channel.bytesReceived ?? this.#messages;
  }

  ping(): void {
    this.#channel.send(this.#ping);
  }

  hears(message: Message): boolean {
    this.#messages++;
    if (!this.#isReply(message)) return false;
    this.heartbeat.pong();
    return true;
  }
}

/** The options that `true` stands for, or those that were given. */
function optionsOf<Options extends object>(
  heartbeat: boolean | Options | undefined,
): Partial<Options> | undefined {
  if (heartbeat === undefined || heartbeat === false) return undefined;
  if (heartbeat === true) return {};
  if (typeof heartbeat === "object" && heartbeat !== null) return heartbeat;
  throw new TypeError("Cannot use heartbeat: it must be true or options");
}

function checkWords(
  options: { message?: unknown; reply?: unknown },
  names: object,
): void {
  checkNames("heartbeat", options, names);
  for (const name of ["message", "reply"] as const) {
    const value = options[name];
    if (value !== "" && Object(value).byteLength !== 0) continue;
    throw new TypeError(`Cannot use heartbeat.${name}: it must not be empty`);
  }
}

function checkText(name: string, value: unknown, or: string = ""): void {
  if (typeof value !== "string") throw malformed(name, or);
}

function malformed(name: string, or: string): TypeError {
  return new TypeError(`Cannot use heartbeat.${name}: it must be text${or}`);
}
