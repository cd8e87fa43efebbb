/**
 * The names of options: one that nobody knows is a mistake, and may leave less
 * checked than was meant.
 *
 * @module
 */

/**
 * Refuses options that a call does not have.
 *
 * @param call The name of it: "connect()".
 * @param options What it was given.
 * @param known The names that it has.
 * @throws {TypeError} That lists these.
 */
export function checkNames(
  call: string,
  options: object,
  known: readonly string[],
): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || known.includes(name)) continue;
    throw new TypeError(
      `Cannot use ${name}: ${call} has no such option; it has ${
        known.toSorted().join(", ")
      }`,
    );
  }
}
