/**
 * Figures of several rounds, and tables of them in Markdown.
 *
 * @module
 */

/** Each value over that of the same round. */
export function ratios(values: number[], base: number[]): number[] {
  return values.map((value, i) => value / base[i]!);
}

/** Each value less that of the same round. */
export function differences(values: number[], base: number[]): number[] {
  return values.map((value, i) => value - base[i]!);
}

/** The value in the middle. */
export function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? sorted[middle]!
    : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The value that so much of them, of 0 to 1, is not above. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const index = Math.ceil(share * sorted.length) - 1;
  return sorted[Math.max(0, index)]!;
}

/** The value in the middle, and the lowest and the highest. */
export function spread(values: number[], digits: number): string {
  const [middle, low, high] = [
    median(values),
    Math.min(...values),
    Math.max(...values),
  ].map((value) => value.toFixed(digits));
  return `${middle} (${low}–${high})`;
}

/** The same of differences. */
export function signed(values: number[]): string {
  const [middle, low, high] = [
    median(values),
    Math.min(...values),
    Math.max(...values),
  ].map((value) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(1)}`);
  return `${middle} (${low} to ${high})`;
}

/** The share in the middle. */
export function percent(values: number[]): string {
  return `${(100 * median(values)).toFixed(0)} %`;
}

/** A table with columns as wide as what is in them. */
export function table(head: string[], rows: string[][]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]!.length))
  );
  const line = (cells: string[]) =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`;
  const rule = `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}
