/**
 * The greeting server and client together, with certificates made on first run.
 *
 * @module
 */

import { ensureDevCertificates } from "../../../certs/mod.ts";
import { getGreeting } from "../greet/run.ts";
import { print, visible } from "../output.ts";
import { needPermissions } from "../permissions.ts";
import { startGreeting } from "../serve/greet.ts";
import type { DemoValues } from "./command.ts";

/** Where the certificates for development are. */
const DIRECTORY = "certs";

/** Runs the command. */
export async function runDemo({ name, port }: DemoValues): Promise<void> {
  // Of any free port, only the system knows which it will be.
  const host = port === 0 ? "localhost" : `localhost:${port}`;
  await needPermissions(
    { name: "net", host },
    { name: "read", path: DIRECTORY },
    ...await isMade() ? [] : [{ name: "write", path: DIRECTORY } as const],
  );
  const { caFile, chainFile } = await announceCertificates();
  const where = { hostname: "localhost", port, cert: chainFile };
  await using server = await startGreeting(where, (line) => {
    print(`              server ${line}`);
  });
  print(`The server listens on ${server.url}`);
  await getGreeting(server.url, caFile, () => {
    print(`What's your name? ${visible(name)}`);
    return name;
  });
}

/** Whether there are certificates; if that may not be looked at, none. */
async function isMade(): Promise<boolean> {
  try {
    await Deno.stat(`${DIRECTORY}/localhost.pem`);
    return true;
  } catch {
    return false;
  }
}

async function announceCertificates(): Promise<
  { caFile: string; chainFile: string }
> {
  const { action, caFile, chainFile, notAfter } = await ensureDevCertificates({
    directory: DIRECTORY,
  });
  const until = notAfter.toISOString().slice(0, 10);
  const done = { created: "Made", renewed: "Renewed", kept: "Using" }[action];
  print(
    `${done} ${chainFile}, valid until ${until}; clients trust ${caFile}`,
  );
  return { caFile, chainFile };
}
