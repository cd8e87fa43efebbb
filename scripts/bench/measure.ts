/**
 * From a plan to a report.
 *
 * @module
 */

import { ensureDevCertificates } from "../../certs/mod.ts";
import { processorName } from "./proc.ts";
import type { Report } from "./results.ts";
import { runBenchmark, type Setting } from "./run.ts";

/** What is measured. */
export type Task = Omit<Setting, "directory" | "chainFile" | "ca"> & {
  /** How, in words. */
  readonly method?: readonly string[];
};

/**
 * Measures, with certificates in a temporary directory.
 *
 * @throws {Error} If a subject is broken, or could not be started.
 */
export async function measure(
  { method = [], ...task }: Task,
): Promise<Report> {
  const began = new Date();
  const directory = await Deno.makeTempDir({ prefix: "wss-bench-" });
  try {
    const { chainFile, caFile } = await ensureDevCertificates({ directory });
    const ca = await Deno.readTextFile(caFile);
    const results = await runBenchmark({ ...task, directory, chainFile, ca });
    const { cores, steal, subjects, cases } = results;
    return {
      about: {
        plan: task.plan.name,
        method,
        processor: processorName(),
        kernel: Deno.osRelease(),
        ...cores !== undefined && { cores },
        date: began.toISOString(),
        took: Math.round((Date.now() - began.getTime()) / 1000),
        steal,
      },
      subjects,
      cases,
    };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
