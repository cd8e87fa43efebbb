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
