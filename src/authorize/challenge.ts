/**
 * Challenges: how a server asks for credentials (RFC 9110, section 11.6.1).
 *
 * @module
 */

/** The realm where the options name none. */
export const DEFAULT_REALM = "WebSocket";

/** Refuses a realm that cannot be sent as a quoted string (RFC 9110, section 5.6.4). */
export function checkRealm(realm: string): void {
  if (typeof realm !== "string" || !/^[\x20-\x7e]*$/.test(realm)) {
    throw new TypeError(
      "Cannot use realm: it must be a string of printable ASCII",
    );
  }
}

/** The value of a `WWW-Authenticate` header, its parameters quoted. */
export function challenge(
  scheme: string,
  parameters: Record<string, string>,
): string {
  const list = Object.entries(parameters).map(([name, value]) =>
    `${name}="${value.replace(/["\\]/g, "\\$&")}"`
  );
  return `${scheme} ${list.join(", ")}`;
}
