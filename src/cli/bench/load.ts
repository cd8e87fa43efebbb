/**
 * The load: connections that are opened, and messages that come back over them.
 *
 * @module
 */

import type { Connection } from "../../../client.ts";
import { Line } from "./line.ts";
import { openAll, passed } from "./opener.ts";
import { FullWindows, type Lines, type Pace, SteadyRate } from "./pace.ts";
import type { Plan } from "./plan.ts";
import type { Tally } from "./tally.ts";

/** How often it is looked whether the server still answers, in milliseconds. */
const LOOK = 250;

/** What is to be said of a load when it has ended. */
export interface LoadEnd {
  /** Messages that were sent, and did not come back. */
  readonly unanswered: number;
  /** Messages that were due, and were not sent. */
  readonly unsent: number;
  /** Whether the server fell silent. */
  readonly stalled: boolean;
}

/**
 * Loads a server as planned.
 *
 * @param signal Ends it before its time.
 * @throws What the first connection failed with, if none opened.
 */
export async function runLoad(
  plan: Plan,
  tally: Tally,
  signal: AbortSignal,
): Promise<LoadEnd> {
  return await new Load(plan, tally, signal).run();
}

class Load {
  readonly #plan: Plan;
  readonly #tally: Tally;
  readonly #lines: Line[] = [];
  readonly #ended: Promise<void>[] = [];
  /** Aborts when there is nothing more to wait for. */
  readonly #over = new AbortController();
  readonly #stopped: AbortSignal;
  #pace: Pace | undefined;
  #closing = false;
  #underWay = 0;
  /** Of lines that ended. */
  #unanswered = 0;
  #stalled = false;

  constructor(plan: Plan, tally: Tally, signal: AbortSignal) {
    this.#plan = plan;
    this.#tally = tally;
    this.#stopped = AbortSignal.any([signal, this.#over.signal]);
  }

  async run(): Promise<LoadEnd> {
    let unsent = 0;
    const look = setInterval(() => this.#look(), LOOK);
    try {
      await openAll(
        this.#plan,
        this.#tally,
        this.#stopped,
        (ws, number) => this.#opened(ws, number),
      );
      if (this.#tally.open === 0) this.#over.abort();
      unsent = await this.#measure();
      await this.#answers();
    } finally {
      clearInterval(look);
      this.#tally.end();
      await this.#close();
    }
    return {
      unanswered: this.#unanswered + this.#underWay,
      unsent,
      stalled: this.#stalled,
    };
  }

  /** Warms up and measures; tells how many messages were due and not sent. */
  async #measure(): Promise<number> {
    const { warmup, duration } = this.#plan;
    const tally = this.#tally;
    using pace = this.#makePace();
    this.#pace = pace;
    if (warmup > 0) {
      tally.phase = "warming up";
      pace?.start();
      await passed(warmup, this.#stopped);
    }
    if (!this.#stopped.aborted) {
      tally.begin();
      pace?.start();
      await passed(duration, this.#stopped);
    }
    const unsent = pace?.end() ?? 0;
    tally.end();
    this.#pace = undefined;
    return unsent;
  }

  /** Whether no line has room for one more message. */
  get #full(): boolean {
    return this.#underWay >= this.#tally.open * this.#plan.window;
  }

  #makePace(): Pace | undefined {
    const { mode, rate, count = Infinity } = this.#plan;
    if (mode !== "echo") return undefined;
    const isFull = () => this.#full;
    const lines: Lines = {
      all: this.#lines,
      get full() {
        return isFull();
      },
      send: (line, due) => this.#send(line, due),
    };
    return rate === undefined
      ? new FullWindows(lines)
      : new SteadyRate(lines, rate, count);
  }

  async #opened(ws: Connection, number: number): Promise<void> {
    const line = new Line(ws, number, this.#plan);
    if (this.#plan.mode === "echo") await line.probe(this.#plan.timeout);
    this.#lines.push(line);
    this.#ended.push(this.#listen(line));
  }

  /** Listens to a line until it ends; never rejects. */
  async #listen(line: Line): Promise<void> {
    try {
      if (this.#plan.mode === "echo") {
        await line.listen((line, due) => this.#answered(line, due));
      } else await line.drain((bytes) => this.#heard(bytes));
    } catch (error) {
      this.#tally.open--;
      if (this.#closing) return;
      line.terminate();
      this.#unanswered += line.underWay;
      this.#underWay -= line.underWay;
      this.#tally.lost++;
      this.#tally.failures.add("load", error);
      this.#checkCount();
      const all = this.#tally.phase !== "connecting" && this.#tally.open === 0;
      if (all) this.#over.abort();
    }
  }

  #send(line: Line, due: number): boolean {
    const { count } = this.#plan;
    const tally = this.#tally;
    if (count !== undefined && tally.sent >= count) return false;
    if (tally.measuring) tally.sent++;
    this.#underWay++;
    line.send(due);
    return true;
  }

  #answered(line: Line, due: number): void {
    const tally = this.#tally;
    const now = performance.now();
    const wasFull = this.#full;
    this.#underWay--;
    tally.count(now, this.#plan.size);
    if (tally.from !== 0 && due >= tally.from) tally.latency.add(now - due);
    this.#pace?.answered(line, now, wasFull);
    this.#checkCount();
  }

  #heard(bytes: number): void {
    this.#tally.count(performance.now(), bytes);
    this.#checkCount();
  }

  /** Ends it when so many messages came back, or none is left that could. */
  #checkCount(): void {
    const { messages, sent } = this.#tally;
    const { count } = this.#plan;
    if (count === undefined) return;
    if (messages < count && !(sent >= count && this.#underWay === 0)) return;
    this.#tally.end();
    this.#over.abort();
  }

  /** Gives up a server that owes answers and is silent. */
  #look(): void {
    const now = performance.now();
    if (this.#tally.phase === "connecting" || this.#underWay === 0) {
      this.#tally.lastSign = now;
      return;
    }
    if (now - this.#tally.lastSign < this.#plan.timeout) return;
    this.#stalled = true;
    this.#over.abort();
  }

  /** Waits for what is under way, for a while. */
  async #answers(): Promise<void> {
    const deadline = performance.now() + this.#plan.timeout;
    while (!this.#stopped.aborted && this.#underWay > 0) {
      this.#stalled = performance.now() > deadline;
      if (this.#stalled) return;
      await passed(5, this.#stopped);
    }
  }

  async #close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#lines.map((line) => line.close()));
    await Promise.all(this.#ended);
  }
}
