/**
 * The certificates of clients that lie beside a server's.
 *
 * @module
 */

import { CLIENT_AUTH, SERVER_AUTH } from "../tls/certified.ts";
import type { Finding } from "./finding.ts";
import { lintValidity } from "./lint_certificate.ts";
import type { LintCertificate, LintFile } from "./lint_file.ts";
import type { Setup } from "./lint_setup.ts";

/** Looks whether they are valid; one that is not keeps nobody else out. */
export function lintClients(
  setups: readonly Setup[],
  files: readonly LintFile[],
): Finding[] {
  const others = files.filter((file) =>
    !setups.some((setup) => setup.file === file)
  );
  return others.flatMap(({ path, certificates }) =>
    certificates.filter(isForClients).map((certificate) => {
      const found = lintValidity(
        path,
        certificate,
        "the client's certificate",
        [],
      );
      return found.verdict === "failure"
        ? { ...found, verdict: "warning" as const }
        : found;
    })
  );
}

function isForClients(
  { certified: { ca, purposes = [] } }: LintCertificate,
): boolean {
  return !ca && purposes.includes(CLIENT_AUTH) &&
    !purposes.includes(SERVER_AUTH);
}
