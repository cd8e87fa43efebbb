/**
 * Has the authority for development trusted by this machine and the browsers of
 * this user, and no longer: says what that takes, asks, does it, and reports.
 *
 * @module
 */

import { join } from "@std/path";
import {
  type CertificateDescription,
  describeCertificates,
} from "../../../certs/mod.ts";
import { TlsError } from "../../../client.ts";
import { ExitCode } from "../exit_code.ts";
import { Exit, messageOf, UsageError } from "../failure.ts";
import { print, printError } from "../output.ts";
import { needPermissions } from "../permissions.ts";
import { readSmallFile } from "../read_file.ts";
import { shellLine } from "../shell_line.ts";
import { BROWSER_PATHS, planBrowsers } from "./browser_stores.ts";
import type { CertValues } from "./command.ts";
import { commandState } from "./command_line.ts";
import { linesElsewhere } from "./elsewhere.ts";
import type { StoreWork, TrustAction } from "./stores.ts";
import {
  familyOf,
  planSystem,
  systemCommand,
  systemFile,
} from "./system_store.ts";
import {
  type Authority,
  type Outcome,
  outcomeOf,
  printJson,
  printOutcomes,
  printPlan,
} from "./trust_report.ts";

/** Runs `wss cert --trust`, or `--untrust`. */
export async function changeTrust(
  action: TrustAction,
  values: CertValues,
): Promise<void> {
  const authority = await readAuthority(values.out);
  await warn(action, authority, values.out);
  if (Deno.build.os !== "linux") {
    return tellElsewhere(action, authority, values);
  }
  const works = await planLinux(action, authority);
  const { json, dryRun } = values;
  if (!json) printPlan(action, authority, works);
  const planned = works.some(({ state }) => state === "planned");
  if (planned && !dryRun) agree(action, values);
  const outcomes: Outcome[] = [];
  for (const work of works) {
    outcomes.push(dryRun ? outcomeOf(work) : await carryOut(work));
  }
  const failed = outcomes.some(({ state }) => state === "failed");
  if (json) printJson(authority, outcomes);
  else if (!dryRun && (planned || failed)) printOutcomes(action, outcomes);
  if (!dryRun && failed) throw new Exit(ExitCode.Failure);
}

/** The authority in a directory, if it is one, and alone in its file. */
async function readAuthority(directory: string): Promise<Authority> {
  const file = join(directory, "ca.pem");
  const fail = (
    reason: TlsError["reason"],
    state: string,
    remedy: string,
  ): TlsError =>
    new TlsError(`Cannot trust ${file}: ${state}`, { reason, remedy });
  await needPermissions({ name: "read", path: directory });
  let text: string;
  try {
    text = new TextDecoder().decode(
      await readSmallFile(file, "certificate"),
    );
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw fail("missing-file", "there is no such file", "`wss cert` makes it");
  }
  const only = "the file must hold the certificate of one authority alone";
  if (text.includes("PRIVATE KEY-----")) {
    throw fail("not-a-ca", "there is a private key in it", only);
  }
  const [about, more] = await describeCertificates(text).catch(() => []);
  if (about === undefined || more !== undefined) {
    throw fail("no-certificate", "it does not hold one certificate", only);
  }
  if (!about.isAuthority) {
    throw fail("not-a-ca", "it is not an authority's (CA:FALSE)", only);
  }
  const id = about.sha256.replaceAll(":", "").slice(0, 16).toLowerCase();
  return { file, pem: text, id, about };
}

function isBound({ boundTo }: CertificateDescription): boolean {
  return boundTo.length > 0 &&
    !boundTo.some((name) => name === "*" || name.endsWith("/0"));
}

/** Says what speaks against trusting it. */
async function warn(
  action: TrustAction,
  { file, about }: Authority,
  directory: string,
): Promise<void> {
  if (action === "untrust") return;
  if (!isBound(about)) {
    printError(
      `warning: ${file} can vouch for any host, as no name constraints bind it: whoever has its key can pass for all of them`,
    );
  }
  if (about.notAfter < new Date()) {
    printError(`warning: ${file} has expired, so trusting it has no effect`);
  }
  const key = join(directory, "ca.key");
  const { mode } = await Deno.stat(key).catch(() => ({ mode: null }));
  if (mode === null || (mode & 0o077) === 0) return;
  printError(
    `warning: others can read its private key, ${key}, and pass for its hosts: chmod 600 ${
      shellLine([key])
    }`,
  );
}

async function planLinux(
  action: TrustAction,
  authority: Authority,
): Promise<StoreWork[]> {
  const { state } = await Deno.permissions.request({
    name: "env",
    variable: "HOME",
  });
  // A shell that is given the flag as it is named replaces the variable.
  const home = state === "granted" ? Deno.env.get("HOME") : "$HOME";
  if (home === undefined || home === "") {
    throw new UsageError(
      "HOME is not set, so the browsers' stores are unknown",
    );
  }
  await needPermissions(
    { name: "env", variable: "HOME" },
    { name: "sys", kind: "uid" },
    { name: "read", path: "/etc/os-release" },
    ...BROWSER_PATHS.map((path) =>
      ({ name: "read", path: join(home, path) }) as const
    ),
    ...await forbidden("certutil"),
  );
  const isRoot = Deno.uid() === 0;
  const family = familyOf(
    await Deno.readTextFile("/etc/os-release").catch(() => ""),
  );
  await needSystem(authority, { family, isRoot });
  const works = [
    await planSystem(action, authority, { family, isRoot }),
    ...await planBrowsers(action, authority, { family, home }),
  ];
  if (works.some(({ lines }) => lines[0]?.words[0] === "mkdir")) {
    await needPermissions({ name: "write", path: join(home, ".pki") });
  }
  return works;
}

/** Asks for what the store of the system takes. */
async function needSystem(
  authority: Authority,
  { family, isRoot }: { family: string | undefined; isRoot: boolean },
): Promise<void> {
  const path = systemFile(family, authority);
  const command = systemCommand(family);
  if (path === undefined || command === undefined) return;
  await needPermissions(
    { name: "read", path },
    ...isRoot
      ? [{ name: "write", path } as const, ...await forbidden(command)]
      : [],
  );
}

/** What is to be asked for to run a command, if it is installed. */
async function forbidden(
  command: string,
): Promise<Deno.RunPermissionDescriptor[]> {
  const state = await commandState(command);
  return state === "forbidden" ? [{ name: "run", command }] : [];
}

/** Asks at a terminal; elsewhere, `--yes` must have been given. */
function agree(action: TrustAction, { yes, json }: CertValues): void {
  if (yes) return;
  if (json) throw new UsageError(`--json does not ask: --yes agrees`);
  if (!Deno.stdin.isTerminal()) {
    throw new UsageError(
      `--${action} changes whom others trust, and there is no terminal to ask at: --yes agrees`,
    );
  }
  print("");
  Deno.stderr.writeSync(new TextEncoder().encode("Do this? [y/N] "));
  const answer = new Uint8Array(100);
  const length = Deno.stdin.readSync(answer) ?? 0;
  const text = new TextDecoder().decode(answer.subarray(0, length));
  if (/^\s*y(?:es)?\s*$/i.test(text)) return;
  printError("Nothing was done");
  throw new Exit(ExitCode.Failure);
}

async function carryOut(work: StoreWork): Promise<Outcome> {
  const outcome = outcomeOf(work);
  if (work.state !== "planned") return outcome;
  try {
    for (const { run } of work.lines) await run();
    if (await work.confirm()) return { ...outcome, state: "done" };
    throw new Error(
      "it is as before, and may have the certificate under another name",
    );
  } catch (error) {
    return { ...outcome, state: "failed", reason: messageOf(error) };
  }
}

/** Prints the commands of systems whose stores are not changed here. */
function tellElsewhere(
  action: TrustAction,
  authority: Authority,
  { json }: CertValues,
): void {
  const lines = linesElsewhere(Deno.build.os, action, authority);
  if (json) {
    return printJson(authority, [{
      store: "system",
      path: null,
      state: "left-to-root",
      commands: lines,
    }]);
  }
  print(`Run this, which ${action === "trust" ? "adds" : "removes"} it:`);
  for (const line of lines) print(`  ${line}`);
}
