/**
 * Permissions: what a command needs is asked for at its beginning, so that all
 * the flags that are missing are named at once.
 *
 * @module
 */

import { shellLine } from "./shell_line.ts";

const NEEDS: Record<string, string> = {
  net: "reach",
  read: "read",
  write: "write",
  run: "run",
  env: "read the environment variable",
  sys: "ask the system for",
};

/** The flag, and what may not be done without it, of a refusal of the runtime. */
export function missingFlag(
  message: string,
): { flag: string; what: string } | undefined {
  const match = /Requires (\w+) access to "?([^"]+)"?/.exec(message);
  if (match === null) return undefined;
  const [, kind, what] = match as unknown as [string, string, string];
  return { flag: `--allow-${kind}=${what}`, what: `${NEEDS[kind]} ${what}` };
}

/**
 * Asks for permissions; at a terminal the runtime lets the user decide.
 *
 * @param needed What the command is about to need.
 * @throws {Deno.errors.NotCapable} That names the flags of all that are missing.
 */
export async function needPermissions(
  ...needed: Deno.PermissionDescriptor[]
): Promise<void> {
  const missing: string[] = [];
  for (const descriptor of needed) {
    // Whoever has said no once is not asked for the rest.
    const { state } = missing.length === 0
      ? await Deno.permissions.request(descriptor)
      : await Deno.permissions.query(descriptor);
    if (state !== "granted") missing.push(flagOf(descriptor));
  }
  if (missing.length === 0) return;
  throw new Deno.errors.NotCapable(
    `permissions are missing; run or install it with ${
      mergeFlags(missing).map(inShell).join(" ")
    }`,
  );
}

/** The flag that grants a permission. */
export function flagOf(descriptor: Deno.PermissionDescriptor): string {
  const value = valueOf(descriptor);
  return `--allow-${descriptor.name}${value === undefined ? "" : `=${value}`}`;
}

function valueOf(descriptor: Deno.PermissionDescriptor): string | undefined {
  switch (descriptor.name) {
    case "net":
      return descriptor.host;
    case "read":
    case "write":
      return descriptor.path === undefined ? undefined : `${descriptor.path}`;
    case "run":
      return descriptor.command === undefined
        ? undefined
        : `${descriptor.command}`;
    case "env":
      return descriptor.variable;
    case "sys":
      return descriptor.kind;
    default:
      return undefined;
  }
}

/** Flags of one kind, as one flag with a list. */
function mergeFlags(flags: readonly string[]): string[] {
  const merged = new Map<string, string[]>();
  for (const flag of flags) {
    const [name, value] = flag.split(/=(.*)/s) as [string, string | undefined];
    const values = merged.get(name) ?? [];
    if (value !== undefined && !values.includes(value)) values.push(value);
    merged.set(name, values);
  }
  return [...merged].map(([name, values]) =>
    values.length === 0 ? name : `${name}=${values.join(",")}`
  );
}

/** A flag, as a shell takes it; one that has `$HOME` in it is for it to fill in. */
function inShell(flag: string): string {
  return flag.includes("$HOME/") ? flag : shellLine([flag]);
}
