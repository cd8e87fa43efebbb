/**
 * Distinguished names, brought into one form, so that they can be compared.
 *
 * @module
 */

/** One attribute and its value, escapes and all (RFC 4514, section 3). */
const ATTRIBUTE =
  /^ *([A-Za-z][A-Za-z0-9-]*|\d+(?:\.\d+)+) *=((?:[^"+,;<>\\\0]|\\(?:[0-9A-Fa-f]{2}|[ "#+,;<=>\\]))*)/;

const encoder = new TextEncoder();

/**
 * Brings a distinguished name (RFC 4514) into one form: attribute types in upper
 * case, no spaces around separators, escapes resolved, the parts of a name with
 * several parts in order. Values stay as they are, also in case.
 *
 * @returns The form; `undefined` for what is no distinguished name, or an empty one.
 */
export function canonicalName(name: string): string | undefined {
  const sequence: string[][] = [[]];
  let rest = name;
  while (true) {
    const [all, type, value] = ATTRIBUTE.exec(rest) ?? [];
    if (all === undefined || type === undefined || value === undefined) {
      return undefined;
    }
    const plain = canonicalValue(value);
    if (plain === undefined) return undefined;
    sequence.at(-1)!.push(`${type.toUpperCase()}${plain}`);
    const separator = rest[all.length];
    if (separator === undefined) break;
    if (separator === ",") sequence.push([]);
    else if (separator !== "+") return undefined;
    rest = rest.slice(all.length + 1);
  }
  return JSON.stringify(sequence.map((parts) => parts.sort()));
}

/** The value behind "=", or behind "#" where it is given in hexadecimal. */
function canonicalValue(value: string): string | undefined {
  const parts = value.match(/\\(?:[0-9A-Fa-f]{2}|.)|[^\\]/gsu) ?? [];
  while (parts[0] === " ") parts.shift();
  while (parts.at(-1) === " ") parts.pop();
  if (parts[0] === "#") {
    const hex = parts.join("");
    return /^#(?:[0-9A-Fa-f]{2})+$/.test(hex) ? hex.toLowerCase() : undefined;
  }
  const bytes = parts.flatMap((part) =>
    /^\\[0-9A-Fa-f]{2}$/.test(part)
      ? [Number.parseInt(part.slice(1), 16)]
      : [...encoder.encode(part.replace(/^\\/, ""))]
  );
  try {
    const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    return `=${decoder.decode(Uint8Array.from(bytes))}`;
  } catch {
    return undefined; // Escaped bytes that are no UTF-8.
  }
}
