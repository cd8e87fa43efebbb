/**
 * Charts that need no script: lines in SVG that stretch, and labels beside them
 * that do not, so that they can be read at any width.
 *
 * @module
 */

import { visible } from "../output.ts";

/** A point, by the values of both axes. */
export type Point = readonly [x: number, y: number];

/** A label of an axis, and where it is: 0 at the beginning, 1 at the end. */
export interface Tick {
  readonly at: number;
  readonly text: string;
}

/** An axis: where a value is on it, and its labels. */
export interface Axis {
  readonly place: (value: number) => number;
  readonly ticks: readonly Tick[];
}

/** What is drawn. */
export interface Chart {
  readonly title: string;
  /** What the axes tell. */
  readonly caption: string;
  readonly points: readonly Point[];
  /** A line from point to point, or a block for each, up to the next. */
  readonly shape: "line" | "blocks";
  readonly x: Axis;
  readonly y: Axis;
  /** A stretch of the x axis to set off, by its values. */
  readonly marked?: readonly [from: number, to: number];
}

/** The side of the square in which it is drawn, before it is stretched. */
const SIDE = 1000;

/** Draws a chart. */
export function drawChart(chart: Chart): string {
  const { title, caption, x, y, marked } = chart;
  const line = lineOf(chart);
  const first = line[0]?.[0] ?? 0;
  const last = line.at(-1)?.[0] ?? 0;
  const path = line.map((point) => point.join(" ")).join("L");
  const mark = marked === undefined ? "" : markOf(x, marked);
  const grid = y.ticks.map(({ at }) => `M0 ${down(at)}H${SIDE}`).join("");
  return `<figure>
<figcaption><b>${escaped(title)}</b> ${escaped(caption)}</figcaption>
<div class="plot">
<svg viewBox="0 0 ${SIDE} ${SIDE}" preserveAspectRatio="none" role="img" aria-label="${
    escaped(`${title}: ${caption}`)
  }">${mark}<path class="grid" d="${grid}"/>${
    line.length === 0
      ? ""
      : `<path class="area" d="M${first} ${SIDE}L${path}L${last} ${SIDE}Z"/><path class="line" d="M${path}"/>`
  }</svg>
${y.ticks.map((tick) => labelOf("y", "top", tick, 1 - tick.at)).join("")}
${x.ticks.map((tick) => labelOf("x", "left", tick, tick.at)).join("")}
</div>
</figure>`;
}

/**
 * An axis from 0 to a most, with round numbers.
 *
 * @param finest The smallest step between labels.
 */
export function linearAxis(
  most: number,
  text: (value: number) => string,
  { about = 4, finest = 0 }: { about?: number; finest?: number } = {},
): Axis {
  const top = most > 0 ? most : 1;
  const step = Math.max(finest, roundStep(top / about));
  const ticks: Tick[] = [];
  for (let value = 0; value <= top * 1.0001; value += step) {
    ticks.push({ at: value / top, text: text(value) });
  }
  return { place: (value) => value / top, ticks };
}

/** An axis of magnitudes, with 1, 2 and 5 of each if there are few. */
export function logAxis(
  least: number,
  most: number,
  text: (value: number) => string,
): Axis {
  const low = Math.log10(least);
  const high = Math.max(Math.log10(most), low + 0.1);
  const place = (value: number) => (Math.log10(value) - low) / (high - low);
  const steps = high - low > 2.5 ? [1] : [1, 2, 5];
  const ticks: Tick[] = [];
  for (let power = Math.floor(low); power <= high; power++) {
    for (const step of steps) {
      const value = step * 10 ** power;
      const at = place(value);
      if (at >= 0 && at <= 1) ticks.push({ at, text: text(value) });
    }
  }
  return { place, ticks };
}

/** Text of anybody, fit for HTML. */
export function escaped(text: string): string {
  return visible(text).replace(
    /[&<>"']/g,
    (char) => `&#${char.charCodeAt(0)};`,
  );
}

/** The points in the square, and between them what the shape wants. */
function lineOf({ points, shape, x, y }: Chart): Point[] {
  const placed = points.map(([a, b]): Point => [
    Math.round(x.place(a) * SIDE),
    down(y.place(b)),
  ]);
  if (shape === "line") return placed;
  return placed.flatMap(([a, b], index): Point[] => {
    const [, before] = placed[index - 1] ?? [];
    const [next, after] = placed[index + 1] ?? [a];
    const begin: Point[] = b === before ? [] : [[a, b]];
    return b === after ? begin : [...begin, [next, b]];
  });
}

function markOf(x: Axis, [from, to]: readonly [number, number]): string {
  const left = Math.round(x.place(from) * SIDE);
  const width = Math.round(x.place(to) * SIDE) - left;
  return `<rect class="mark" x="${left}" y="0" width="${width}" height="${SIDE}"/>`;
}

/** Where it is in SVG, which counts from the top. */
function down(at: number): number {
  return Math.round((1 - at) * SIDE);
}

function labelOf(
  axis: "x" | "y",
  side: string,
  { text }: Tick,
  at: number,
): string {
  const percent = (at * 100).toFixed(2);
  return `<span class="${axis}" style="${side}:${percent}%">${
    escaped(text)
  }</span>`;
}

function roundStep(about: number): number {
  const power = 10 ** Math.floor(Math.log10(about));
  const step = [1, 2, 5].find((step) => step * power >= about) ?? 10;
  return step * power;
}
