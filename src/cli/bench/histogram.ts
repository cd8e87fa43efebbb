/**
 * Many durations in little memory.
 *
 * Buckets are as wide as a 128th of what is in them, so that a quantile is off
 * by 0.4 % at most, whatever its magnitude; a float has the number of its bucket
 * in its upper bits.
 *
 * @module
 */

/** How many bits of a float's fraction tell buckets of one magnitude apart. */
const BITS = 7;
/** How many bits of the upper half of a float are below these. */
const SHIFT = 20 - BITS;
/** The bucket of 1 ns. */
const FIRST = 1023 << BITS;
/** Durations to 2^43 ns, over two hours. */
const BUCKETS = 43 << BITS;

const float = new Float64Array(1);
const halves = new Uint32Array(float.buffer);

/** A part of a histogram. */
export interface Bar {
  /** The durations of the bar, in milliseconds: from here, … */
  readonly from: number;
  /** … to below here. */
  readonly to: number;
  /** How many there are. */
  readonly count: number;
}

/** A histogram of durations, in milliseconds. */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #min = Infinity;
  #max = 0;

  /** How many durations there are. */
  get count(): number {
    return this.#count;
  }

  /** The mean; 0 of none. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** The shortest; 0 of none. */
  get min(): number {
    return this.#count === 0 ? 0 : this.#min;
  }

  /** The longest; 0 of none. */
  get max(): number {
    return this.#max;
  }

  /** Adds one. */
  add(ms: number): void {
    this.#count++;
    this.#sum += ms;
    if (ms < this.#min) this.#min = ms;
    if (ms > this.#max) this.#max = ms;
    const bucket = bucketOf(ms);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
  }

  /** The duration that a share of all do not exceed; 0 of none. */
  quantile(share: number): number {
    const rank = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket] ?? 0;
      if (seen < rank) continue;
      const middle = (lowerBound(bucket) + lowerBound(bucket + 1)) / 2;
      return Math.min(Math.max(middle, this.min), this.#max);
    }
    return this.#max;
  }

  /**
   * The histogram as bars, each as wide as the others on a scale of magnitudes,
   * from the shortest duration to the longest.
   *
   * @param most How many bars there may be.
   */
  bars(most: number): Bar[] {
    if (this.#count === 0) return [];
    const first = bucketOf(this.#min);
    const last = bucketOf(this.#max);
    const width = Math.max(1, Math.ceil((last - first + 1) / most));
    const bars: Bar[] = [];
    for (let from = first; from <= last; from += width) {
      let count = 0;
      for (const of of this.#counts.subarray(from, from + width)) count += of;
      const to = lowerBound(from + width);
      bars.push({ from: lowerBound(from), to, count });
    }
    return bars;
  }
}

function bucketOf(ms: number): number {
  float[0] = Math.max(1, ms * 1e6);
  // Deno runs on little-endian machines only: the upper half is the second.
  const bucket = ((halves[1] ?? 0) >>> SHIFT) - FIRST;
  return Math.min(bucket, BUCKETS - 1);
}

/** Where a bucket begins, in milliseconds. */
function lowerBound(bucket: number): number {
  const magnitude = 2 ** (bucket >> BITS);
  const fraction = (bucket & ((1 << BITS) - 1)) / (1 << BITS);
  return magnitude * (1 + fraction) / 1e6;
}
