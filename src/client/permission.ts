/**
 * Permissions that a client lacks.
 *
 * @module
 */

/** What the runtime says, itself or through its WebSocket. */
const SAID =
  /^(?:failed to connect to WebSocket: )?Requires (net|read|write|read and write) access to "(unix:)?([^"]+)"/;

/**
 * The error with the flag that is missing; `undefined` if no permission is, or
 * the error has its flag already.
 *
 * @param action What cannot be done.
 * @param cause What the runtime says, in whichever class.
 */
export function missingPermission(
  action: string,
  cause: unknown,
): Deno.errors.NotCapable | undefined {
  const said = cause instanceof Error ? cause.message : "";
  const [, kind, unix, what] = SAID.exec(said) ?? [];
  if (what === undefined) return undefined;
  // The socket of a path takes all of them, and the runtime tells one by one.
  const flags = kind === "net" && unix === undefined
    ? `--allow-net=${what}`
    : `--allow-read=${what} --allow-write=${what} --allow-net=unix:${what}`;
  return new Deno.errors.NotCapable(
    `${action}: this program may not reach ${what}; run it with ${flags}`,
    { cause },
  );
}
