/**
 * The examination of a server that listens.
 *
 * @module
 */

import {
  examine,
  type ExamineOptions,
  type Finding,
} from "../../doctor/mod.ts";
import { UsageError } from "../failure.ts";
import { needPermissions } from "../permissions.ts";
import { connectOptions } from "../target.ts";
import { readTarget, shownUrl } from "../target_url.ts";
import type { DoctorValues } from "./command.ts";
import type { Examination } from "./examination.ts";

/**
 * Prepares it.
 *
 * @throws {UsageError} If a value makes no sense.
 * @throws {Deno.errors.NotCapable} If permissions are missing.
 */
export async function online(
  given: string,
  values: DoctorValues,
): Promise<Examination> {
  if (values.server !== undefined || values.name !== undefined) {
    throw new UsageError(
      "--server and --name are for files, without a URL; leave one out",
    );
  }
  const url = readTarget(given);
  if (url.username !== "" || url.password !== "") {
    throw new UsageError(
      "the URL has a user name or a password; give them with --auth",
    );
  }
  const { cacert, cert, key, idle, pings, timeout } = values;
  await needPermissions(
    { name: "net", host: placeOf(url, values.resolve) },
    ...[cacert, cert, key].filter((path) => path !== undefined)
      .map((path) => ({ name: "read" as const, path })),
  );
  const { headers, protocols, caCerts, ...rest } = await connectOptions({
    ...values,
    defaultCacerts: true,
    engine: "node",
    connectTimeout: timeout ?? 10_000,
  });
  const options: ExamineOptions = {
    headers,
    protocols,
    caCerts,
    ..."cert" in rest && { cert: rest.cert, key: rest.key },
    ..."resolve" in rest && { resolve: rest.resolve },
    ...timeout !== undefined && { timeout },
    ...idle !== undefined && { idle },
    ...pings !== undefined && { pings },
  };
  return { target: shownUrl(url), begin: () => begin(url, options) };
}

/** What the library refuses is the fault of the command line. */
function begin(url: URL, options: ExamineOptions): AsyncIterable<Finding> {
  try {
    return examine(url, options);
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new UsageError(error.message);
    }
    throw error;
  }
}

/** Where the server is: its host, or what `--resolve` has instead, and the port. */
function placeOf(
  { hostname, port, protocol }: URL,
  resolve: readonly string[] = [],
): string {
  const number = port || (protocol === "wss:" ? "443" : "80");
  const place = `${hostname}:${number}`;
  const given = resolve.find((entry) =>
    entry.toLowerCase().startsWith(`${place}:`)
  );
  if (given === undefined) return place;
  const address = given.slice(place.length + 1);
  const bare = address.includes(":") && !address.startsWith("[");
  return `${bare ? `[${address}]` : address}:${number}`;
}
