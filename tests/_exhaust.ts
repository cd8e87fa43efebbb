/**
 * Servers that have no more file descriptors.
 *
 * @module
 */

/** More than a server with 100 descriptors can accept. */
const CONNECTIONS = 150;

/**
 * Takes every file descriptor of a server that has 100, and lets them go. The
 * listener of the runtime ends by that.
 */
export async function exhaust(url: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const idle: Deno.Conn[] = [];
  try {
    while (idle.length < CONNECTIONS) {
      idle.push(await Deno.connect({ hostname, port: Number(port) }));
    }
  } catch (error) {
    // The listener is gone, perhaps with those that it had not accepted.
    const gone = error instanceof Deno.errors.ConnectionRefused ||
      error instanceof Deno.errors.ConnectionReset;
    if (!gone) throw error;
  } finally {
    for (const conn of idle) conn.close();
  }
}
