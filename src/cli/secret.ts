/**
 * Secrets of a command line: never in it, where every user of the machine can
 * read them, but in a variable of the environment or a file that it names.
 *
 * @module
 */

import { UsageError } from "./failure.ts";
import { needPermissions } from "./permissions.ts";
import { readSmallFile } from "./read_file.ts";

/** How a secret is named, for help. */
export const SECRET_SOURCES = "env:NAME or file:PATH";

const SOURCE = /^(env|file):(.+)$/s;

/** The permissions that reading the secrets takes, as far as they are named well. */
export function neededForSecrets(
  { token, auth }: { token?: string | undefined; auth?: string | undefined },
): Deno.PermissionDescriptor[] {
  return [token, auth].flatMap((source): Deno.PermissionDescriptor[] => {
    const [, kind, name] = SOURCE.exec(source ?? "") ?? [];
    if (name === undefined) return [];
    return kind === "env"
      ? [{ name: "env", variable: name }]
      : [{ name: "read", path: name }];
  });
}

/**
 * Reads a secret.
 *
 * @param option The option that names it, such as `--token`.
 * @param source `env:NAME` or `file:PATH`; of a file, one line end at the end is left out.
 * @returns The secret, which is not empty.
 * @throws {UsageError} If it names neither, or there is none; without what was given, which may be the secret.
 */
export async function readSecret(
  option: string,
  source: string,
): Promise<string> {
  const [, kind, name] = SOURCE.exec(source) ?? [];
  if (kind === undefined || name === undefined) {
    throw new UsageError(
      `${option} takes ${SECRET_SOURCES}, not the secret itself: what is in a command line, others can read`,
    );
  }
  const secret = kind === "env" ? await fromVariable(name) : await fromFile(
    option,
    name,
  );
  if (secret !== undefined && secret !== "") return secret;
  const place = kind === "env" ? `the variable ${name}` : name;
  throw new UsageError(`${option}: there is nothing in ${place}`);
}

async function fromVariable(name: string): Promise<string | undefined> {
  await needPermissions({ name: "env", variable: name });
  return Deno.env.get(name);
}

async function fromFile(option: string, path: string): Promise<string> {
  await needPermissions({ name: "read", path });
  try {
    return new TextDecoder().decode(await readSmallFile(path, "secret"))
      .replace(/\r?\n$/, "");
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new UsageError(`${option}: there is no file ${path}`);
    }
    throw error;
  }
}
