/**
 * Waiting, but not for ever.
 *
 * @module
 */

/** Whether `promise` settles within `ms`; it rejects if that does first. */
export async function within(
  promise: Promise<unknown>,
  ms: number,
): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), Math.max(0, ms));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for `ms`, or until `signal` aborts. */
export async function until(signal: AbortSignal, ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const stop = () => resolve();
  signal.addEventListener("abort", stop, { once: true });
  await promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", stop);
}

/** Whether a value has to be waited for. */
export function isThenable<T>(
  value: T | PromiseLike<T>,
): value is PromiseLike<T> {
  return typeof (value as { then?: unknown } | null | undefined)?.then ===
    "function";
}

/**
 * Goes on with a value: at once, or, if it is a promise, when it is there. An
 * `await` would make what is synchronous asynchronous.
 */
export function whenKnown<T, Result>(
  value: T | PromiseLike<T>,
  use: (value: T) => Result | Promise<Result>,
): Result | Promise<Result> {
  return isThenable(value) ? Promise.resolve(value).then(use) : use(value);
}
