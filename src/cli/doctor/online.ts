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
import { connectOptions, type TargetValues } from "../target.ts";
import { needTarget } from "../target_needs.ts";
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
  const { idle, pings, timeout } = values;
  const target: TargetValues = {
    ...values,
    defaultCacerts: true,
    engine: "node",
    connectTimeout: timeout ?? 10_000,
  };
  await needTarget(url, target);
  const { headers, protocols, caCerts, ...rest } = await connectOptions(target);
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
