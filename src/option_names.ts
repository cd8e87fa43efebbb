/**
 * The names of options: one that nobody knows is a mistake, and may leave less
 * checked than was meant.
 *
 * @module
 */

/** The names of all options of an interface: TypeScript finds what is missing. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Refuses options that are none.
 *
 * @param owner What they are options of: "connect()".
 * @param options What was given.
 * @param known The names that there are.
 * @param silent Names that are no mistake either, but not worth telling.
 * @throws {TypeError} That lists those known.
 */
export function checkNames(
  owner: string,
  options: object,
  known: object,
  silent: object = {},
): void {
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined) continue;
    if (Object.hasOwn(known, name) || Object.hasOwn(silent, name)) continue;
    throw new TypeError(
      `Cannot use ${name}: ${owner} has no such option; it has ${
        Object.keys(known).sort().join(", ")
      }`,
    );
  }
}
