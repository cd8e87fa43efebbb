/**
 * What `wss serve` says when it listens, on standard error.
 *
 * @module
 */

import type { EngineName, Server } from "../../../server.ts";
import { shellLine } from "../shell_line.ts";
import {
  describeCertificate,
  isAny,
  isLocal,
  type ServerCertificate,
} from "./certificate.ts";
import type { Mode } from "./mode.ts";
import { isOpenToAll } from "./options.ts";
import type { ServeValues } from "./values.ts";

/** What a server that listens is. */
export interface Facts {
  readonly server: Server;
  readonly values: ServeValues;
  readonly mode: Mode;
  readonly engine: EngineName;
  readonly certificate: ServerCertificate | undefined;
}

/** The lines, of which the last is the command that connects. */
export function banner(facts: Facts): string[] {
  const { server, values, mode, engine, certificate } = facts;
  const where = isAny(values.hostname)
    ? `${server.url}, on all interfaces`
    : server.url;
  const rows: [string, string][] = [["it", mode.title]];
  if (values.static !== undefined) {
    rows.push(["pages", `those of ${values.static}, for everybody`]);
  }
  if (certificate !== undefined) {
    const { validity, fingerprint } = describeCertificate(certificate);
    rows.push(["certificate", validity], ["SHA-256", fingerprint]);
  } else if (values.unix === undefined) {
    rows.push(["TLS", "none: a reverse proxy has to encrypt"]);
  }
  rows.push([
    "engine",
    engine === "node" ? "node (strict)" : "deno (built-in)",
  ]);
  rows.push(["connect", connectLine(facts)]);
  return [
    `Listening on ${where}; Ctrl-C to stop`,
    ...rows.map(([name, text]) => `  ${name.padEnd(11)}  ${text}`),
  ];
}

/** What should be looked at. */
export function warnings({ values, certificate }: Facts): string[] {
  const found: string[] = [];
  if (isAny(values.hostname) && isOpenToAll(values)) {
    found.push(
      "whoever reaches this machine may connect; --token, --auth or --client-ca let in only whom you know",
    );
  }
  if (values.plain && !isLocal(values.hostname)) {
    found.push(
      "without TLS, whoever is on the way can read all; --plain is for behind a reverse proxy",
    );
  }
  if (certificate !== undefined && describeCertificate(certificate).soon) {
    found.push(`${certificate.file} expires soon; renew it`);
  }
  return found;
}

/** The command that connects, to be copied. */
function connectLine({ server, values, certificate }: Facts): string {
  const words = ["wss", "connect"];
  if (values.unix === undefined) words.push(server.url);
  else words.push("ws://localhost", "--unix-socket", values.unix);
  const caFile = certificate?.caFile;
  if (caFile !== undefined) words.push("--cacert", caFile);
  if (values.clientCa !== undefined) words.push("--cert", "client.pem");
  if (values.token !== undefined) words.push("--token", "env:TOKEN");
  else if (values.auth !== undefined) words.push("--auth", "env:AUTH");
  return shellLine(words);
}
