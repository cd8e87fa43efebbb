/**
 * Programs of others that listen on a port.
 *
 * @module
 */

/** How long a program may take until it listens, in milliseconds. */
const PATIENCE = 10_000;

/** A port on which nothing listens. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

/** So many ports on which nothing listens, no two of them the same. */
export function freePorts(count: number): number[] {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(freePort());
  return [...ports];
}

/** Waits until something listens on a port: programs tell nobody. */
export async function listening(port: number): Promise<void> {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    try {
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error(`Nothing listens on port ${port}`);
}

/** Runs a program until the stack is disposed; it has begun to listen on a port. */
export async function runProgram(
  stack: AsyncDisposableStack,
  command: string,
  args: string[],
  port: number,
): Promise<void> {
  const child = new Deno.Command(command, {
    args,
    stdout: "null",
    stderr: "null",
  }).spawn();
  stack.defer(async () => {
    child.kill("SIGKILL");
    await child.status;
  });
  await listening(port);
}
