/**
 * How many connections there may be, in all and of one address.
 *
 * @module
 */

import { refuse } from "./handshake.ts";

/** The limits. */
export interface AdmissionRules {
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number;
}

/** Counts connections, from their handshake to their end. */
export class Admission {
  readonly #rules: AdmissionRules;
  #count = 0;
  readonly #tally: Tally;

  constructor(rules: AdmissionRules) {
    this.#rules = rules;
    this.#tally = new Tally(rules.maxConnectionsPerIp);
  }

  /** Counts one more, or refuses it. What is let in must {@linkcode leave} again. */
  enter(from: Deno.Addr | undefined): Response | undefined {
    if (this.#count >= this.#rules.maxConnections) {
      return refuse(503, "The server has no room for more connections", {
        "retry-after": "10",
      });
    }
    if (!this.#tally.enter(hostnameOf(from))) {
      return refuse(429, "Your address has too many connections", {
        "retry-after": "10",
      });
    }
    this.#count++;
    return undefined;
  }

  /** Counts one less. */
  leave(from: Deno.Addr | undefined): void {
    this.#count--;
    this.#tally.leave(hostnameOf(from));
  }
}

function hostnameOf(from: Deno.Addr | undefined): string | undefined {
  return from !== undefined && "hostname" in from ? from.hostname : undefined;
}

/** Counts what each customer has, see {@linkcode network}, where that is limited. */
export class Tally {
  readonly #max: number;
  readonly #counts: Map<string, number> = new Map();

  constructor(max: number) {
    this.#max = max;
  }

  /** Counts one more of an address; `false` if it is one too many. */
  enter(address: string | undefined): boolean {
    if (this.#max === Infinity || address === undefined) return true;
    const key = network(address);
    const before = this.#counts.get(key) ?? 0;
    if (before >= this.#max) return false;
    this.#counts.set(key, before + 1);
    return true;
  }

  /** Counts one less. */
  leave(address: string | undefined): void {
    if (this.#max === Infinity || address === undefined) return;
    const key = network(address);
    const left = (this.#counts.get(key) ?? 0) - 1;
    if (left > 0) this.#counts.set(key, left);
    else this.#counts.delete(key);
  }
}

/**
 * What one customer has: an IPv4 address, or a network of 64 bits of IPv6, as
 * any address of it is theirs to choose.
 */
export function network(address: string): string {
  if (!address.includes(":")) return address;
  const bare = address.replace(/%.*$/, "");
  if (!URL.canParse(`http://[${bare}]`)) return address;
  const canonical = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]{1,4}):([\da-f]{1,4})$/.exec(canonical);
  if (mapped !== null) {
    return mapped.slice(1).flatMap((group) => {
      const value = parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }).join(".");
  }
  const [head = "", tail] = canonical.split("::");
  const groups = head === "" ? [] : head.split(":");
  if (tail !== undefined) {
    const rest = tail === "" ? [] : tail.split(":");
    const zeros = Math.max(0, 8 - groups.length - rest.length);
    groups.push(...Array<string>(zeros).fill("0"), ...rest);
  }
  return groups.slice(0, 4).join(":");
}
