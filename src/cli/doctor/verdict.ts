/**
 * What becomes of findings as a whole: a verdict, counts, an exit code.
 *
 * @module
 */

import type { Finding, Layer, Verdict } from "../../doctor/mod.ts";
import { ExitCode } from "../exit_code.ts";

/** What came of an examination; with the findings, what `--json` prints. */
export interface Outcome {
  /** The worst that was found; `"ok"` if there is neither failure nor warning. */
  readonly verdict: "ok" | "warning" | "failure";
  /** How the command ends. */
  readonly exitCode: ExitCode;
  /** How many findings there are of each verdict. */
  readonly counts: Readonly<Record<Verdict, number>>;
  /** What to mend first; `null` if there is nothing. */
  readonly first: Finding | null;
}

/** The exit code for a failure of each layer. */
const EXIT_CODES: Readonly<Record<Layer, ExitCode>> = {
  name: ExitCode.Network,
  tcp: ExitCode.Network,
  tls: ExitCode.Tls,
  http: ExitCode.Http,
  websocket: ExitCode.Protocol,
  close: ExitCode.Closed,
  idle: ExitCode.Closed,
};

/** The layers from below, by which the first failure is the lowest. */
const LAYERS = Object.keys(EXIT_CODES) as Layer[];

/**
 * Judges findings.
 *
 * @param findings What was found.
 * @param strict Whether warnings fail, too.
 */
export function judge(findings: readonly Finding[], strict: boolean): Outcome {
  const counts = { ok: 0, info: 0, warning: 0, failure: 0, skipped: 0 };
  for (const { verdict } of findings) counts[verdict]++;
  const failure = lowest(findings, "failure");
  const warning = lowest(findings, "warning");
  const first = failure ?? warning ?? null;
  const fatal = failure ?? (strict ? warning : undefined);
  return {
    verdict: failure ? "failure" : warning ? "warning" : "ok",
    exitCode: fatal === undefined ? ExitCode.Ok : EXIT_CODES[fatal.layer],
    counts,
    first,
  };
}

function lowest(
  findings: readonly Finding[],
  wanted: Verdict,
): Finding | undefined {
  for (const layer of LAYERS) {
    const found = findings.find((finding) =>
      finding.layer === layer && finding.verdict === wanted
    );
    if (found !== undefined) return found;
  }
  return undefined;
}
