/**
 * What `wss doctor` does: examines a server, or the files of one.
 *
 * @module
 */

import type { Finding } from "../../doctor/mod.ts";
import { ExitCode } from "../exit_code.ts";
import { Exit } from "../failure.ts";
import { prettyJson, print } from "../output.ts";
import type { DoctorValues } from "./command.ts";
import type { Examination } from "./examination.ts";
import { fixScript } from "./fix.ts";
import { Progress } from "./progress.ts";
import { Report } from "./report.ts";
import { judge } from "./verdict.ts";

/** Runs the command. */
export async function runDoctor(
  url: string | undefined,
  values: DoctorValues,
): Promise<void> {
  const { json, fix, quiet = false, strict = false } = values;
  const examination = await prepare(url, values);
  const report = json || fix ? undefined : new Report(quiet);
  const findings = await examineWith(examination, report, json === undefined);
  const outcome = judge(findings, strict);
  report?.end(outcome);
  if (json) {
    const { target } = examination;
    print(prettyJson({ target, ...outcome, findings }));
  }
  if (fix) { for (const line of fixScript(findings)) print(line); }
  if (outcome.exitCode !== ExitCode.Ok) throw new Exit(outcome.exitCode);
}

async function prepare(
  url: string | undefined,
  values: DoctorValues,
): Promise<Examination> {
  // What is not asked for is not loaded.
  if (url === undefined) {
    const { offline } = await import("./offline.ts");
    return await offline(values);
  }
  const { online } = await import("./online.ts");
  return await online(url, values);
}

/** Reports findings as they come. */
async function examineWith(
  { target, begin }: Examination,
  report: Report | undefined,
  shown: boolean,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const targets = [target].flat().join(", ");
  using progress = new Progress(`examining ${targets}`, shown);
  for await (const finding of begin()) {
    progress.clear();
    findings.push(finding);
    report?.add(finding);
  }
  return findings;
}
