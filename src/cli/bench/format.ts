/**
 * Numbers as people read them.
 *
 * @module
 */

/** A whole number with its thousands apart: `71,234`. */
export function formatCount(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

/** A rate, with three digits at least: `71,234`, `9.52`. */
export function formatRate(perSecond: number): string {
  return perSecond >= 100
    ? formatCount(perSecond)
    : perSecond.toPrecision(3).replace(/\.?0+$/, "");
}

/** A duration, with three digits: `132 µs`, `1.24 ms`, `10 s`. */
export function formatTime(ms: number): string {
  if (ms === 0) return "0";
  if (ms < 0.9995) return `${threeDigits(ms * 1000)} µs`;
  if (ms < 999.5) return `${threeDigits(ms)} ms`;
  return `${threeDigits(ms / 1000)} s`;
}

/** A size: `64 bytes`, `4.35 MiB`. */
export function formatSize(bytes: number): string {
  for (const [unit, size] of UNITS) {
    if (bytes >= size) return `${threeDigits(bytes / size)} ${unit}`;
  }
  return `${threeDigits(bytes)} ${bytes === 1 ? "byte" : "bytes"}`;
}

const UNITS = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]] as const;

/** A share: `98 %`, `0.03 %`. */
export function formatShare(share: number): string {
  const percent = share * 100;
  return `${percent >= 99.95 ? percent.toFixed(0) : threeDigits(percent)} %`;
}

/** Three digits, and none that tells nothing. */
function threeDigits(value: number): string {
  if (value >= 99.95) return formatCount(value);
  const text = value >= 9.995 ? value.toFixed(1) : value.toFixed(2);
  return text.replace(/\.?0+$/, "");
}
