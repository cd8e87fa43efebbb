/**
 * Figures of several rounds.
 *
 * @module
 */

/** The value in the middle, the lowest and the highest. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** The value in the middle; `NaN` of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  if (sorted.length % 2 === 1) return upper;
  return ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The value that so much of them, of 0 to 1, is not above; `NaN` of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const index = Math.ceil(share * sorted.length) - 1;
  return sorted[Math.max(0, index)] ?? NaN;
}

/** The value in the middle, the lowest and the highest. */
export function spread(values: readonly number[]): Spread {
  if (values.length === 0) return { median: NaN, low: NaN, high: NaN };
  return {
    median: median(values),
    low: Math.min(...values),
    high: Math.max(...values),
  };
}

/** How far the lowest and the highest are apart, as a share of the middle. */
export function apart(values: readonly number[]): number {
  const { median, low, high } = spread(values);
  return (high - low) / median;
}

/** Two values of one round. */
export type Pair = readonly [own: number, base: number];

/** Each value over the other one of its round; pairs without a ratio are left out. */
export function ratios(pairs: readonly Pair[]): number[] {
  return pairs.map(([own, base]) => own / base).filter(Number.isFinite);
}

/** Each value less the other one of its round. */
export function differences(pairs: readonly Pair[]): number[] {
  return pairs.map(([own, base]) => own - base);
}

/** How sure a range of the median shall be. */
const CONFIDENCE = 0.9;

/**
 * Where the median of many more rounds would be, with a certainty of 90 %: from
 * one of the values to another one, by the sign test, which takes nothing for
 * granted of how they are distributed. Of fewer than five it is all of them,
 * and less certain.
 */
export function likelyRange(
  values: readonly number[],
): readonly [low: number, high: number] {
  const sorted = values.toSorted((a, b) => a - b);
  const count = sorted.length;
  // How likely it is that the median is beyond so many of the values, on one side.
  let beyond = 0;
  let ways = 1;
  let skipped = -1;
  for (let i = 0; i < count / 2; i++) {
    beyond += ways / 2 ** count;
    if (1 - 2 * beyond < CONFIDENCE) break;
    skipped = i;
    ways = ways * (count - i) / (i + 1);
  }
  const first = Math.max(0, skipped);
  return [sorted[first] ?? NaN, sorted[count - 1 - first] ?? NaN];
}
