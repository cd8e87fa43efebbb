/**
 * What is said before the stores of authorities are changed, and after.
 *
 * @module
 */

import type { CertificateDescription } from "../../../certs/mod.ts";
import { prettyJson, print, printError, styled, visible } from "../output.ts";
import { shellLine } from "../shell_line.ts";
import type { StoreWork, TrustAction, TrustedAuthority } from "./stores.ts";

/** How a store fared. */
export interface Outcome {
  readonly store: string;
  readonly path: string | null;
  readonly state: StoreWork["state"] | "done";
  readonly reason?: string;
  readonly commands: readonly string[];
}

/** An authority, and what its certificate says. */
export type Authority = TrustedAuthority & {
  readonly about: CertificateDescription;
};

/** Prints each command line, by store. */
export function printPlan(
  action: TrustAction,
  { file, about }: Authority,
  works: readonly StoreWork[],
): void {
  print(
    `${action === "trust" ? "To trust" : "To trust no longer"}: ${
      styled("bold", `${file}, ${visible(about.subject)}`)
    }`,
  );
  if (about.boundTo.length > 0) {
    print(`It can vouch for ${visible(about.boundTo.join(", "))} only`);
  }
  print(`SHA-256 ${about.sha256}`);
  for (const work of works) {
    print("");
    print(`${placeOf(work)}${noteOf(action, work)}`);
    for (const line of outcomeOf(work).commands) print(`  ${line}`);
  }
}

function placeOf({ store, path }: Pick<Outcome, "store" | "path">): string {
  return path === null ? store : `${store} (${path})`;
}

function noteOf(
  action: TrustAction,
  { state, reason }: Pick<Outcome, "state" | "reason">,
): string {
  switch (state) {
    case "already":
      return `: ${
        action === "trust" ? "trusts it already" : "does not trust it"
      }`;
    case "planned":
      return ":";
    default:
      return `: ${reason ?? state}`;
  }
}

/** How a store fares of which nothing was changed. */
export function outcomeOf(
  { store, path, state, reason, lines }: StoreWork,
): Outcome {
  return {
    store,
    path,
    state,
    ...reason !== undefined && { reason },
    commands: lines.map(({ words }) => shellLine(words)),
  };
}

/** Prints how each store fared. */
export function printOutcomes(
  action: TrustAction,
  outcomes: readonly Outcome[],
): void {
  print("");
  for (const outcome of outcomes) {
    const place = placeOf(outcome);
    if (outcome.state === "done") {
      const now = action === "trust" ? "trusts it now" : "trusts it no longer";
      print(`${place}: ${styled("green", now)}`);
    } else if (outcome.state === "failed") {
      printError(`error: ${place}: ${outcome.reason ?? "failed"}`);
    } else if (outcome.state === "left-to-root") {
      print(`${place}: left to root, see above`);
    } else {
      print(`${place}${noteOf(action, outcome)}`);
    }
  }
}

/** Prints it as one JSON document. */
export function printJson(
  { file, about }: Authority,
  stores: readonly Outcome[],
): void {
  const { subject, sha256, notAfter, boundTo } = about;
  const authority = { file, subject, sha256, notAfter, boundTo };
  print(prettyJson({ authority, stores }));
}
