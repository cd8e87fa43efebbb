/**
 * The program that makes certificates for development.
 *
 * @module
 */

import {
  type DevCertificates,
  ensureDevCertificates,
} from "../../certs/mod.ts";
import { readArgs, runProgram, UsageError } from "./program.ts";

const HELP = `Makes certificates for encrypted connections while developing.

Usage:
  deno task certs [options] [host…]
  deno run --allow-read=certs --allow-write=certs jsr:@wss/wss/certs [options] [host…]

The certificate is for localhost, 127.0.0.1, ::1 and each host: a DNS name, with
*. in front or not, or an IP address. What is there and good is kept.

Options:
  --days N   for how many days a new certificate is valid, at most 398 (397)
  --out DIR  where the files go (certs)
  --force    overwrite what is there; clients then have to trust the new ca.pem
  -h, --help show this text

Exit codes: 0 done, 1 could not be done, 2 called wrongly`;

/** Runs the program and tells its exit code. */
export function certs(args: string[]): Promise<number> {
  return runProgram(async () => {
    const { values, positionals } = readArgs({
      args,
      allowPositionals: true,
      options: {
        days: { type: "string" },
        force: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
        out: { type: "string", default: "certs" },
      },
    });
    if (values.help) return console.log(HELP);
    const { force, out } = values;
    if (out === "") throw new UsageError("--out is empty");
    const days = values.days === undefined ? undefined : readDays(values.days);
    const options = { hosts: positionals, directory: out, days, force };
    const made = await ensureDevCertificates(options).catch(blame);
    console.log(report(made));
    if (made.action === "kept" && values.days !== undefined) {
      console.log(`--days is for new certificates; --force makes one`);
    }
  });
}

function readDays(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new UsageError(
    `--days must be a number from 1 to 398, and is ${JSON.stringify(text)}`,
  );
}

/** Hosts and days that make no sense are the caller's. */
function blame(error: unknown): never {
  const usage = error instanceof TypeError || error instanceof RangeError;
  throw usage ? new UsageError(error.message, { cause: error }) : error;
}

function report(made: DevCertificates): string {
  const { action, caFile, chainFile, names, notAfter } = made;
  const done = { created: "Created", renewed: "Renewed", kept: "Kept" }[action];
  const clients = caFile === chainFile
    ? `Clients trust the certificate in it: give them that, and not the key`
    : `Clients trust ${caFile}: await connect(url, { caCerts: await loadCaCerts(${
      JSON.stringify(caFile)
    }) })`;
  return `${done} ${chainFile}, for ${names.join(", ")}
Valid until ${notAfter.toISOString()}

Servers load ${chainFile}: await serve({ ...await loadCertChain(${
    JSON.stringify(chainFile)
  }) }, handler)
${clients}
Private keys are in this directory: keep it out of repositories`;
}
