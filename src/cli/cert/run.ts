/**
 * What `wss cert` does.
 *
 * @module
 */

import {
  type DevCertificates,
  type DevClientCertificate,
  ensureClientCertificate,
  ensureDevCertificates,
} from "../../../certs/mod.ts";
import { UsageError } from "../failure.ts";
import { print } from "../output.ts";
import { needPermissions } from "../permissions.ts";
import { shellLine } from "../shell_line.ts";
import type { CertValues } from "./command.ts";

/** Runs the command. */
export async function runCert(
  hosts: readonly string[],
  values: CertValues,
): Promise<void> {
  const { show, client, trust, untrust, yes, dryRun, cacert, out } = values;
  if (out === "") throw new UsageError("--out is empty");
  const kind = [
    show !== undefined && "--show",
    client !== undefined && "--client",
    trust && "--trust",
    untrust && "--untrust",
  ].find(Boolean);
  if (kind !== undefined && hosts.length > 0) {
    throw new UsageError(
      `${kind} takes no hosts: those are for the certificate of a server`,
    );
  }
  if (!trust && !untrust && (yes || dryRun)) {
    throw new UsageError("--yes and --dry-run are for --trust and --untrust");
  }
  if (cacert !== undefined && show === undefined) {
    throw new UsageError("--cacert is for --show");
  }
  if (show !== undefined) {
    const { showCertificates } = await import("./show.ts");
    return await showCertificates(show, values);
  }
  if (trust || untrust) {
    const { changeTrust } = await import("./trust.ts");
    return await changeTrust(trust ? "trust" : "untrust", values);
  }
  await (client === undefined ? make(hosts, values) : makeFor(client, values));
}

async function make(
  hosts: readonly string[],
  { out, days, force = false, json }: CertValues,
): Promise<void> {
  const options = { hosts, directory: out, days, force };
  const made = await ensureDevCertificates(options).catch((error) =>
    blame(error, out)
  );
  print(json ? JSON.stringify(made, undefined, 2) : report(made, out));
  if (!json) remarkOnDays(made.action, days);
}

async function makeFor(
  name: string,
  { out, days, force = false, json }: CertValues,
): Promise<void> {
  const options = { name, directory: out, days, force };
  const made = await ensureClientCertificate(options).catch((error) =>
    blame(error, out)
  );
  print(json ? JSON.stringify(made, undefined, 2) : reportClient(made));
  if (!json) remarkOnDays(made.action, days);
}

function remarkOnDays(action: string, days: number | undefined): void {
  if (action !== "kept" || days === undefined) return;
  print("--days is for new certificates; --force makes one");
}

/** Names and days that make no sense are the caller's; of permissions, all that are missing are named. */
async function blame(error: unknown, directory: string): Promise<never> {
  if (error instanceof TypeError || error instanceof RangeError) {
    throw new UsageError(error.message, { cause: error });
  }
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Deno.errors.NotCapable) {
    await needPermissions(
      { name: "read", path: directory },
      { name: "write", path: directory },
    );
  }
  throw error;
}

const DONE = { created: "Created", renewed: "Renewed", kept: "Kept" } as const;

function report(made: DevCertificates, out: string): string {
  const { action, caFile, chainFile, names, notAfter } = made;
  const clients = caFile === chainFile
    ? `Clients trust the certificate in it: give them that, and not the key`
    : `Clients trust ${caFile}: await connect(url, { caCerts: await loadCaCerts(${
      JSON.stringify(caFile)
    }) })
Browsers trust it after \`wss cert --trust${
      out === "certs" ? "" : ` --out ${shellLine([out])}`
    }\``;
  return `${DONE[action]} ${chainFile}, for ${names.join(", ")}
Valid until ${notAfter.toISOString()}

Servers load ${chainFile}: await serve({ ...await loadCertChain(${
    JSON.stringify(chainFile)
  }) }, handler)
${clients}
Private keys are in this directory: keep it out of repositories`;
}

function reportClient(made: DevClientCertificate): string {
  const { action, certFile, caFile, subject, notAfter } = made;
  const [cert, ca] = [certFile, caFile].map((file) => JSON.stringify(file));
  return `${DONE[action]} ${certFile}, for ${subject}
Valid until ${notAfter.toISOString()}

The client shows it: await connect(url, { ...await loadCertChain(${cert}) })
Servers ask for it: await serve({ engine: "node", clientCa: await loadCaCerts(${ca}), … }, handler)
Its private key is in the file: give it to nobody but this client`;
}
