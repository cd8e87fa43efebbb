/**
 * `wss serve` for tests: on a free port, with certificates of the tests, and with
 * the narrowest permissions.
 *
 * @module
 */

import { devCertificates } from "../_certs.ts";
import { type Ended, type RunningWss, startWss } from "./_wss.ts";

/** A server that listens. */
export interface Running extends AsyncDisposable {
  readonly wss: RunningWss;
  readonly url: string;
  readonly caCerts: readonly string[];
  readonly dir: string;
}

/** Starts `wss serve` on any free port, with just what it has to be allowed. */
export async function startServe(
  args: readonly string[],
  { permissions = [], cwd, env = {}, host = hostFor(args), program }: {
    permissions?: string[];
    cwd?: string;
    env?: Record<string, string>;
    /** That which is to be allowed; the strict engine asks for the address. */
    host?: string;
    program?: string;
  } = {},
): Promise<Running> {
  const { dir, ca } = await devCertificates();
  const net = `--allow-net=${host}:0`;
  const read = `--allow-read=${dir}`;
  const tls = args.includes("--plain") ? [] : [`--cert=${dir}/localhost.pem`];
  const words = program === undefined ? ["serve", ...args] : args;
  const running = startWss([...words, "--port=0", ...tls], {
    permissions: [net, read, ...permissions],
    env,
    ...cwd !== undefined && { cwd },
    ...program !== undefined && { program },
  });
  try {
    const [, url] = await running.seen(
      /Listening on (\S+?)[;,][^]* connect .*\n/,
      "err",
    );
    return {
      wss: running,
      url: url ?? "",
      caCerts: [ca],
      dir,
      [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
    };
  } catch (error) {
    await running[Symbol.asyncDispose]();
    throw error;
  }
}

/** What is to be allowed: on the strict engine, the address of the name. */
function hostFor(args: readonly string[]): string {
  const isStrict = args.includes("--echo") && !args.includes("--engine=deno");
  return isStrict ? "127.0.0.1" : "localhost";
}

/** Stops it as an operator does, and tells how it ended. */
export async function stop(
  { wss }: Running,
): Promise<Ended> {
  wss.kill("SIGTERM");
  return await wss.ended;
}
