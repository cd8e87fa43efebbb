/**
 * Shows at a terminal how far a measurement is.
 *
 * @module
 */

import { columns } from "../output.ts";
import { formatCount, formatRate } from "./format.ts";
import type { Plan } from "./plan.ts";
import type { Tally } from "./tally.ts";

/** How often it is drawn, in milliseconds. */
const INTERVAL = 200;

/** How wide the bar is, at least and at most. */
const BAR = [8, 30] as const;

const encoder = new TextEncoder();

/** A line on standard error that moves; nothing where that is no terminal. */
export class Progress implements Disposable {
  readonly #plan: Plan;
  readonly #tally: Tally;
  readonly #timer: ReturnType<typeof setInterval> | undefined;

  constructor(plan: Plan, tally: Tally) {
    this.#plan = plan;
    this.#tally = tally;
    if (Deno.noColor || !Deno.stderr.isTerminal()) return;
    this.#timer = setInterval(() => this.#draw(), INTERVAL);
  }

  [Symbol.dispose](): void {
    if (this.#timer === undefined) return;
    clearInterval(this.#timer);
    write("\r\x1b[K");
  }

  #draw(): void {
    const line = progressLine(this.#plan, this.#tally, columns("stderr") - 1);
    write(`\r${line}\x1b[K`);
  }
}

/** The line, no wider than that. */
export function progressLine(plan: Plan, tally: Tally, width: number): string {
  const { phase } = tally;
  const open = `${formatCount(tally.open)} open`;
  const words = phase === "connecting"
    ? [`${formatCount(tally.open)}/${formatCount(plan.connections)} open`]
    : phase === "measuring"
    ? [`${formatRate(tally.messageRate)}/s`, open, timeLeft(plan, tally)]
    : [open];
  const failed = tally.failed + tally.lost;
  if (failed > 0) words.push(`${formatCount(failed)} failed`);
  const text = words.join(" · ");
  const room = width - phase.length - text.length - 2;
  const bar = room < BAR[0]
    ? ""
    : ` ${barOf(shareOf(plan, tally), Math.min(room, BAR[1]))}`;
  return `${phase}${bar} ${text}`.slice(0, width);
}

function barOf(share: number, width: number): string {
  const full = Math.round(Math.min(1, share) * width);
  return "█".repeat(full) + "░".repeat(width - full);
}

/** How much of the phase is done. */
function shareOf(plan: Plan, tally: Tally): number {
  switch (tally.phase) {
    case "connecting":
      return (tally.open + tally.failed) / plan.connections;
    case "measuring":
      return Math.max(
        tally.elapsed / plan.duration,
        tally.messages / (plan.count ?? Infinity),
      );
    default:
      return tally.phase === "ending" ? 1 : 0;
  }
}

function timeLeft(plan: Plan, tally: Tally): string {
  if (plan.count !== undefined) {
    return `${formatCount(plan.count - tally.messages)} left`;
  }
  const seconds = Math.ceil((plan.duration - tally.elapsed) / 1000);
  return `${formatCount(Math.max(0, seconds))} s left`;
}

function write(text: string): void {
  Deno.stderr.writeSync(encoder.encode(text));
}
