/**
 * Plots as rows, each a small SVG that is as wide as there is room: its places
 * are shares of the width, so that lines and letters are never stretched.
 *
 * @module
 */

import {
  type Axis,
  escaped,
  linearAxis,
  logAxis,
} from "../../../src/cli/bench/chart.ts";
import type { Metric } from "../results.ts";
import { median, type Spread } from "./statistics.ts";

/** A scale that all rows of a plot share. */
export interface Scale {
  readonly axis: Axis;
  /** Whether it is one of magnitudes, on which nothing begins at 0. */
  readonly logarithmic: boolean;
  /** Where it ends; what is larger is cut off, and marked. */
  readonly top: number;
}

/** The largest to the smallest, from which on magnitudes are drawn. */
const MAGNITUDES = 40;
/** How many times the one in the middle is out of proportion. */
const OUT_OF_PROPORTION = 3;
/** How many, of all, may be cut off. */
const FEW = 1 / 4;
/** The height of a row, and where its middle is. */
const HEIGHT = 24;
const MIDDLE = HEIGHT / 2;

/**
 * Chooses a scale for figures.
 *
 * @param compare How they are compared: magnitudes have no differences.
 */
export function scaleOf(
  figures: readonly Spread[],
  compare: Metric["compare"],
  text: (value: number) => string,
): Scale {
  const limit = OUT_OF_PROPORTION * median(figures.map(({ median }) => median));
  // One that is dearer than all others by far shall not make them all alike.
  const others = figures.filter((one) => one.median <= limit);
  const shown = others.length >= figures.length * (1 - FEW) ? others : figures;
  const middles = shown.map(({ median }) => median);
  const least = Math.min(...middles);
  if (
    compare === "difference" || least <= 0 ||
    Math.max(...middles) / least < MAGNITUDES
  ) {
    return linearScale(shown, text);
  }
  const low = Math.min(...figures.map(({ low }) => low > 0 ? low : least));
  const top = 1.3 * Math.max(...figures.map(({ high }) => high));
  return { axis: logAxis(low / 1.3, top, text), logarithmic: true, top };
}

function linearScale(
  figures: readonly Spread[],
  text: (value: number) => string,
): Scale {
  const most = Math.max(...figures.map(({ median }) => median));
  const high = Math.max(...figures.map(({ high }) => high));
  // One round that went wrong shall not make all bars short.
  const top = Math.max(0, most * 1.02, Math.min(high, most * 1.4));
  return { axis: linearAxis(top, text), logarithmic: false, top };
}

/** Draws a figure with its range, and where that is which it is compared with. */
export function drawRow(
  { axis, logarithmic, top }: Scale,
  { median: middle, low, high }: Spread,
  base: number | undefined,
): string {
  const at = place(axis, middle);
  const [from, to] = [place(axis, low), place(axis, high)];
  const grid = axis.ticks.map(({ at }) =>
    vertical("grid", share(at), 0, HEIGHT)
  );
  const figure = logarithmic
    ? `<line class="leader" x1="0" x2="${at}" y1="${MIDDLE}" y2="${MIDDLE}"/>`
    : `<rect class="bar" x="0" y="5" width="${at}" height="${
      HEIGHT - 10
    }" rx="1.5"/>`;
  const range = low === high || low > top
    ? ""
    : `<line class="range" x1="${from}" x2="${to}" y1="${MIDDLE}" y2="${MIDDLE}"/>${
      vertical("range", from, MIDDLE - 4, MIDDLE + 4)
    }${vertical("range", to, MIDDLE - 4, MIDDLE + 4)}`;
  const dot = logarithmic
    ? `<circle class="dot" cx="${at}" cy="${MIDDLE}" r="5"/>`
    : "";
  const cut = middle > top
    ? `<svg x="92%" y="0" width="14" height="${HEIGHT}"><path class="cut" d="M2 ${HEIGHT}L12 0"/></svg>`
    : "";
  const mark = base === undefined
    ? ""
    : vertical("base", place(axis, base), 0, HEIGHT);
  return `<svg height="${HEIGHT}" aria-hidden="true">${
    grid.join("")
  }${figure}${cut}${mark}${range}${dot}</svg>`;
}

/** Draws the ticks below the rows. */
export function drawTicks({ axis }: Scale): string {
  const texts = axis.ticks.map(({ at, text }) => {
    const anchor = at < 0.04 ? "start" : at > 0.96 ? "end" : "middle";
    return `<text x="${share(at)}" y="13" text-anchor="${anchor}">${
      escaped(text)
    }</text>`;
  });
  return `<svg height="18" aria-hidden="true">${texts.join("")}</svg>`;
}

function vertical(name: string, x: string, from: number, to: number): string {
  return `<line class="${name}" x1="${x}" x2="${x}" y1="${from}" y2="${to}"/>`;
}

/** Where it is, as a share of the width; what is beyond is at the edge. */
function place(axis: Axis, value: number): string {
  const at = axis.place(value);
  return share(Math.min(1, Math.max(0, Number.isNaN(at) ? 0 : at)));
}

function share(at: number): string {
  return `${parseFloat((at * 100).toFixed(2))}%`;
}
