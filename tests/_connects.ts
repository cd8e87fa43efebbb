/**
 * A program that connects, with no other permissions than it is given.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { devCertificates } from "./_certs.ts";

/** The variables of the environment that tell of proxies. */
export const PROXY_VARIABLES: readonly string[] = [
  ...["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"],
  ...["ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "REQUEST_METHOD"],
];

/** What the program is to do, and may. */
export interface Run {
  url: string;
  /** Its permissions. */
  flags: string[];
  /** The variables of proxies that are set. */
  env?: Record<string, string>;
  /** The options of `connect()`, besides `caCerts`. */
  options: Record<string, unknown>;
}

/** Runs the program, and returns the line of JSON that it prints. */
export async function run(
  { url, flags, env = {}, options }: Run,
): Promise<string> {
  const { ca } = await devCertificates();
  const program = new URL("programs/connects.ts", import.meta.url);
  // An empty variable counts as none, but for the last.
  const none = Object.fromEntries(
    PROXY_VARIABLES.slice(0, -1).map((name) => [name, ""]),
  );
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--quiet", "--no-prompt", "--no-check", ...flags],
      fromFileUrl(program),
      JSON.stringify({ url, caCerts: [ca], ...options }),
    ],
    env: { ...none, ...env },
  }).output();
  const decoder = new TextDecoder();
  assertEquals(decoder.decode(stderr), "");
  return decoder.decode(stdout);
}
