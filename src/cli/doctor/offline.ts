/**
 * The examination of certificates and keys in their files.
 *
 * @module
 */

import { type Finding, lintCertificates } from "../../doctor/mod.ts";
import { UsageError } from "../failure.ts";
import { needPermissions } from "../permissions.ts";
import type { DoctorValues } from "./command.ts";
import type { Examination } from "./examination.ts";

/** Options that are about a connection, by how they are given. */
const FOR_URLS = {
  header: "--header",
  token: "--token",
  auth: "--auth",
  subprotocol: "--subprotocol",
  cert: "--cert",
  resolve: "--resolve",
  idle: "--idle",
  pings: "--pings",
  timeout: "--timeout",
} as const;

/**
 * Prepares it.
 *
 * @throws {UsageError} If there is nothing to look at, or an option is for URLs.
 * @throws {Deno.errors.NotCapable} If permissions are missing.
 */
export async function offline(values: DoctorValues): Promise<Examination> {
  const { server: paths, key, cacert, name: names = [] } = values;
  if (paths === undefined) {
    throw new UsageError(
      "there is nothing to examine: give the URL of a server, or --server with its files",
    );
  }
  for (const [name, option] of Object.entries(FOR_URLS)) {
    if (values[name as keyof typeof FOR_URLS] === undefined) continue;
    throw new UsageError(
      `${option} is about a connection, and --server looks at files; leave one out`,
    );
  }
  const read = [...paths, key, cacert].filter((path) => path !== undefined);
  await needPermissions(
    ...read.map((path) => ({ name: "read" as const, path })),
  );
  const options = {
    keyFile: key,
    names,
    ...cacert !== undefined && { caFiles: [cacert] },
  };
  const lint = async function* (): AsyncGenerator<Finding> {
    yield* await lintCertificates(paths, options).catch(asUsage);
  };
  return { target: paths, begin: lint };
}

/** A name that is none is the fault of the command line. */
function asUsage(error: unknown): never {
  throw error instanceof TypeError ? new UsageError(error.message) : error;
}
