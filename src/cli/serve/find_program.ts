/**
 * Whether there is a program, before it is needed.
 *
 * @module
 */

/**
 * Looks for a program as the system will.
 *
 * @returns `undefined` if the places may not be looked at.
 */
export async function findProgram(
  program: string,
  path: string | undefined,
): Promise<boolean | undefined> {
  // There, names have endings that are left out, and PATH other separators.
  if (Deno.build.os === "windows") return undefined;
  const places = program.includes("/")
    ? [program]
    : path?.split(":").map((directory) => `${directory || "."}/${program}`);
  if (places === undefined) return undefined;
  for (const place of places) {
    // Looking must not ask: at a terminal, the runtime would.
    const { state } = await Deno.permissions.query({
      name: "read",
      path: place,
    });
    if (state !== "granted") return undefined;
    const info = await Deno.stat(place).catch(() => undefined);
    if (info?.isFile && ((info.mode ?? 0o111) & 0o111) !== 0) return true;
  }
  return false;
}
