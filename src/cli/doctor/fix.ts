/**
 * What mends what was found, as a script for a shell: printed, never run.
 *
 * @module
 */

import type { Finding } from "../../doctor/mod.ts";
import { inFlagWords } from "../flag_words.ts";
import { visible } from "../output.ts";
import { summaryOf } from "./report.ts";

/**
 * Writes the script.
 *
 * @param findings What was found.
 * @returns Its lines; each command once, after a comment of what it is for.
 */
export function fixScript(findings: readonly Finding[]): string[] {
  const bad = findings.filter(({ verdict }) =>
    verdict === "failure" || verdict === "warning"
  );
  const lines: string[] = [];
  const done = new Set<string>();
  for (const finding of bad) {
    const { summary, remedy, fix = [] } = finding;
    lines.push(comment(summaryOf(finding)));
    if (fix.length === 0) lines.push(comment(`by hand: ${remedy ?? summary}`));
    for (const command of fix) {
      const line = visible(command);
      if (!done.has(line)) lines.push(line);
      else if (!line.startsWith("#")) {
        lines.push("# (the same command as above)");
      }
      done.add(line);
    }
  }
  return bad.length === 0
    ? ["# nothing to mend"]
    : [...lines, "# then look again"];
}

function comment(text: string): string {
  return `# ${visible(inFlagWords(text))}`;
}
