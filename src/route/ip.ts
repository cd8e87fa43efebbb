/**
 * IP addresses as bytes.
 *
 * @module
 */

/** The four or sixteen bytes of an address without brackets; `undefined` for a name. */
export function addressBytes(address: string): number[] | undefined {
  if (address.includes(":")) {
    const url = `http://[${address}]`;
    return URL.canParse(url) ? ipv6Bytes(new URL(url).hostname) : undefined;
  }
  const parts = address.split(".");
  const valid = parts.length === 4 &&
    parts.every((part) => /^\d{1,3}$/.test(part) && Number(part) < 256);
  return valid ? parts.map(Number) : undefined;
}

/** Whether an address is another one, or in a network like "10.0.0.0/8". */
export function isWithin(network: string, address: string): boolean {
  const [, base = "", digits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(network) ?? [];
  const first = addressBytes(base);
  const bytes = addressBytes(address);
  if (first === undefined || bytes?.length !== first.length) return false;
  const length = Number(digits ?? first.length * 8);
  return length <= first.length * 8 && first.every((byte, at) => {
    const rest = 8 - Math.min(8, Math.max(0, length - at * 8));
    return byte >> rest === (bytes[at] ?? 0) >> rest;
  });
}

/** Reads an address as `URL` writes it: in brackets, with no more than colons and hexadecimals. */
function ipv6Bytes(hostname: string): number[] {
  const [before = "", after = ""] = hostname.slice(1, -1).split("::");
  const head = groupsOf(before);
  const tail = groupsOf(after);
  const zeros = Array<string>(8 - head.length - tail.length).fill("0");
  return [...head, ...zeros, ...tail].flatMap((group) => {
    const value = parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}

function groupsOf(text: string): string[] {
  return text === "" ? [] : text.split(":");
}
