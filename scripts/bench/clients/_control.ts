/**
 * What the clients under test have in common: they open connections when asked
 * to, echo over them, tell how many echoes came, and end with standard input.
 *
 * @module
 */

import type { Shape } from "../frames.ts";

/** What a client is asked to do. */
export type ClientOrder =
  | { do: "start"; task: ClientTask }
  | { do: "count" }
  | { do: "stop" };

/** What a client is to load a server with. */
export interface ClientTask {
  url: string;
  /** The certificate authority, in PEM. */
  ca: string;
  shape: Shape;
  connections: number;
}

/** What a client answers to an order: how many echoes came so far. */
export type ClientAnswer = { echoes: number } | { error: string };

/** What is sent, as an application has it. */
export type Payload = string | Uint8Array<ArrayBuffer>;

/**
 * Opens a connection that sends `payload` as often as `window` says, and then
 * after each echo for which `lane` says so; resolves with what closes it.
 */
export type Dial = (
  task: ClientTask,
  payload: Payload,
  lane: Lane,
) => Promise<() => Promise<unknown>>;

let echoes = 0;
let stopping = false;

/** The echoes of one connection. */
export class Lane {
  readonly #size: number;
  readonly #done = Promise.withResolvers<void>();
  #underWay: number;

  constructor({ size, window }: Shape) {
    this.#size = size;
    this.#underWay = window;
  }

  /** Resolves when no echo is owed any more; rejects if one was wrong. */
  get done(): Promise<void> {
    return this.#done.promise;
  }

  /** Takes an echo of so many bytes; whether to send once more. */
  take(size: number): boolean {
    echoes++;
    if (size !== this.#size) this.fail(`an echo has ${size} bytes`);
    if (!stopping) return true;
    if (--this.#underWay === 0) this.#done.resolve();
    return false;
  }

  /** Ends the measurement. */
  fail(reason: unknown): void {
    this.#done.reject(new Error(`Cannot measure the client: ${reason}`));
  }
}

/** Obeys until standard input ends. */
export async function obey(dial: Dial): Promise<never> {
  let lanes: Lane[] = [];
  let closers: (() => Promise<unknown>)[] = [];
  const start = async (task: ClientTask) => {
    const { shape: { text, size }, connections } = task;
    const payload = text ? "c".repeat(size) : new Uint8Array(size).fill(99);
    stopping = false;
    lanes = Array.from({ length: connections }, () => new Lane(task.shape));
    for (const lane of lanes) lane.done.catch(() => {});
    closers = await Promise.all(
      lanes.map((lane) => dial(task, payload, lane)),
    );
  };
  const stop = async () => {
    stopping = true;
    await Promise.all(lanes.map(({ done }) => done));
    await Promise.all(closers.map((close) => close()));
  };
  for await (const order of orders()) {
    try {
      if (order.do === "start") await start(order.task);
      else if (order.do === "stop") await stop();
      say({ echoes });
    } catch (error) {
      say({ error: String(error) });
    }
  }
  Deno.exit(0);
}

async function* orders(): AsyncGenerator<ClientOrder, void> {
  let text = "";
  const input = Deno.stdin.readable.pipeThrough(new TextDecoderStream());
  for await (const chunk of input) {
    const lines = (text + chunk).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) yield JSON.parse(line);
  }
}

function say(answer: ClientAnswer): void {
  console.log(JSON.stringify(answer));
}
