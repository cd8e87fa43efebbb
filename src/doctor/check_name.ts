/**
 * Whether the name of a host leads anywhere.
 *
 * @module
 */

import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import { placeName } from "../route/place.ts";
import { isLate } from "./bounds.ts";
import { type Examination, found, step } from "./examination.ts";
import type { Finding } from "./finding.ts";

/**
 * Looks the name up.
 *
 * @returns The addresses, or the name where only the runtime may look it up;
 * `undefined` if there are none.
 */
export async function* examineName(
  examination: Examination,
): AsyncGenerator<Finding, readonly string[] | undefined> {
  const { hostname, place, timeout } = examination;
  const name = place.hostname;
  const sent = hostname === name
    ? ""
    : ` (\`resolve\` sends ${hostname} to ${placeName(place)})`;
  if (isIP(name) !== 0) {
    yield found("name", "addresses", "ok", `${name} is an address${sent}`, {
      data: { addresses: [name] },
    });
    return [name];
  }
  try {
    const entries = await step(examination, () => lookUp(name, timeout));
    const addresses = [...new Set(entries)];
    yield found(
      "name",
      "addresses",
      "ok",
      `${name} has ${addresses.join(", ")}${sent}`,
      { data: { addresses } },
    );
    return addresses;
  } catch (error) {
    if (codeOf(error) === "EPERM") {
      yield found(
        "name",
        "addresses",
        "skipped",
        `the addresses of ${name} are not looked up, which takes the permission --allow-net`,
      );
      return [name];
    }
    examination.signal?.throwIfAborted();
    yield unknown(name, error);
    return undefined;
  }
}

/** What is said where a name has no address. */
export function unknown(name: string, error: unknown): Finding {
  if (isLate(error) || codeOf(error) === "EAI_AGAIN") {
    return found(
      "name",
      "addresses",
      "failure",
      `no name server tells the addresses of ${name}`,
      {
        remedy:
          "check the network of this machine, and the name servers in /etc/resolv.conf",
        data: { code: codeOf(error) },
      },
    );
  }
  return found(
    "name",
    "addresses",
    "failure",
    `${name} has no address`,
    {
      remedy:
        "check its spelling; if it is right, add an A or AAAA record for it, or a line in /etc/hosts",
      data: { code: codeOf(error) },
    },
  );
}

async function lookUp(name: string, ms: number): Promise<string[]> {
  // Nothing calls it off, but nobody needs to wait for it.
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new DOMException("late", "TimeoutError")),
    ms,
  );
  try {
    const entries = await Promise.race([
      lookup(name, { all: true, verbatim: true }),
      late.promise,
    ]);
    return entries.map(({ address }) => address);
  } finally {
    clearTimeout(timer);
  }
}

function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : undefined;
}
