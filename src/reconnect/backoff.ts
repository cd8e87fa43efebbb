/**
 * When to try again after a failure, and when not to: exponential backoff with
 * full jitter.
 *
 * @see {@link https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/}
 * @module
 */

import type {
  ConnectionClosedError,
  HandshakeError,
  NetworkError,
  TlsError,
} from "../errors.ts";
import { checkCount, checkTimeout } from "../limits.ts";

/** How to try again, checked, with every default filled in. */
export interface BackoffRules {
  readonly minDelay: number;
  readonly maxDelay: number;
  readonly stableAfter: number;
  readonly maxRetryAfter: number;
  readonly maxAttempts: number;
  readonly retry: (error: unknown, mendable: boolean) => boolean;
}

/** Time and chance, which tests make their own. */
export interface Fate {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** Milliseconds since 1970. */
  date(): number;
  /** A number from 0 up to 1. */
  random(): number;
  /** Waits for so many milliseconds, or until `signal` aborts. */
  wait(signal: AbortSignal, ms: number): Promise<void>;
}

/** The longest delay that a timer takes, in milliseconds; it takes a longer one for none. */
const LONGEST = 0x7fffffff;

/**
 * What the same messages to the same server lead to again: protocol errors,
 * messages of a wrong kind or size, a broken policy, a missing extension; and
 * "Unauthorized" and "Forbidden" of the IANA registry.
 */
const FATAL_CODES = [1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003];

/** The backoff of one series of connections. */
export class Backoff {
  readonly #rules: BackoffRules;
  readonly #fate: Fate;
  /** How many attempts in a row led to no stable connection. */
  attempt = 0;
  #exponent = 0;

  constructor(rules: BackoffRules, fate: Fate) {
    this.#rules = rules;
    this.#fate = fate;
  }

  /**
   * How long to wait after a failure, in milliseconds.
   *
   * @param error What the attempt or the connection ended with.
   * @param lived How long the connection was open, in milliseconds.
   * @throws What `error` is, where trying again is of no use.
   */
  after(error: unknown, lived: number): number {
    const { minDelay, maxDelay, stableAfter, ...rules } = this.#rules;
    if (lived >= stableAfter) this.attempt = this.#exponent = 0;
    if (
      !rules.retry(error, isMendable(error)) ||
      this.attempt >= rules.maxAttempts
    ) throw error;
    const most = Math.min(maxDelay, minDelay * 2 ** this.#exponent++);
    // On top of what the server asks for: those whom it refused together shall
    // not come back together.
    const asked = Math.min(this.#retryAfter(error), rules.maxRetryAfter);
    return Math.min(LONGEST, asked + this.#fate.random() * most);
  }

  /** What Retry-After asks for (RFC 9110, section 10.2.3): seconds, or a date. */
  #retryAfter(error: unknown): number {
    if (nameOf(error) !== "HandshakeError") return 0;
    const value = (error as HandshakeError).headers.get("retry-after") ?? "";
    const ms = /^\d+$/.test(value)
      ? 1000 * Number(value)
      : Date.parse(value) - this.#fate.date();
    return ms > 0 ? ms : 0; // It may be no number.
  }
}

/**
 * Checks the rules and fills in the defaults.
 *
 * @throws {RangeError} If a time or a number makes no sense.
 * @throws {TypeError} If `retry` is no function.
 */
export function resolveBackoff(
  options: { [Name in keyof BackoffRules]?: BackoffRules[Name] | undefined },
): BackoffRules {
  const {
    maxDelay = 30_000,
    minDelay = Math.min(500, maxDelay),
    stableAfter = 10_000,
    maxRetryAfter = 300_000,
    maxAttempts = Infinity,
    retry = (_error, mendable) => mendable,
  } = options;
  const times = { maxDelay, minDelay, stableAfter, maxRetryAfter };
  for (const [name, value] of Object.entries(times)) checkTimeout(name, value);
  if (minDelay > maxDelay) {
    throw new RangeError(
      `Cannot use minDelay: it must not be over maxDelay, ${maxDelay} ms, current value is ${minDelay}`,
    );
  }
  checkCount("maxAttempts", maxAttempts);
  checkFunction("retry", retry);
  return { ...times, maxAttempts, retry };
}

/** Refuses an option that should be a function and is not. */
export function checkFunction(name: string, value: unknown): void {
  if (value === undefined || typeof value === "function") return;
  throw new TypeError(
    `Cannot use ${name}: it must be a function, current value is of type ${typeof value}`,
  );
}

/** Whether a status tells of a state that passes (RFC 9110, section 15). */
export function isPassing(status: number): boolean {
  return [408, 421, 425, 429].includes(status) ||
    status >= 500 && status !== 501 && status !== 505;
}

/** Whether it may go well another time, as far as the error tells. */
function isMendable(error: unknown): boolean {
  switch (nameOf(error)) {
    case "HandshakeError": {
      const { status } = error as HandshakeError;
      return status === undefined || isPassing(status);
    }
    case "ConnectionClosedError":
      return !FATAL_CODES.includes((error as ConnectionClosedError).code);
    case "NetworkError":
      return (error as NetworkError).reason !== "proxy-login";
    case "TlsError":
      // A clock that is wrong at the start is often set a little later.
      return ["not-yet-valid", "other"].includes((error as TlsError).reason);
  }
  return nameOf(error) === "TimeoutError";
}

/** What an error is. Its class would load all of them into pages, which never see most. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "";
}
