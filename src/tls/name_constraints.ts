/**
 * Which hosts an authority may vouch for (RFC 5280, section 4.2.1.10).
 *
 * @module
 */

import type { GeneralSubtrees, NameConstraints } from "@peculiar/asn1-x509";
import type { Host } from "./host.ts";

/** Whether a certificate for a host is within what its authority may issue. */
export function permits(
  { permittedSubtrees, excludedSubtrees }: NameConstraints,
  host: Host,
): boolean {
  const permitted = subtreesFor(permittedSubtrees, host);
  const excluded = subtreesFor(excludedSubtrees, host);
  return !excluded.some((subtree) => holds(subtree, host)) &&
    // What says nothing of a kind of name permits all of that kind.
    (permitted.length === 0 ||
      permitted.some((subtree) => holds(subtree, host)));
}

/** The subtrees that are of the kind of a host: "example.test", "192.0.2.0/24". */
function subtreesFor(
  subtrees: GeneralSubtrees | undefined,
  { type }: Host,
): string[] {
  return [...subtrees ?? []].flatMap(({ base }) =>
    (type === "dns" ? base.dNSName : base.iPAddress) ?? []
  );
}

function holds(subtree: string, { type, name }: Host): boolean {
  if (type === "ip") return holdsAddress(subtree, name);
  // Some begin with a dot, which the standard has for URIs only.
  const domain = subtree.toLowerCase().replace(/^\./, "");
  return domain === "" || name === domain || name.endsWith(`.${domain}`);
}

function holdsAddress(subtree: string, address: string): boolean {
  const [network = "", length = ""] = subtree.split("/");
  if (network.includes(":") !== address.includes(":")) return false;
  const prefix = Number(length);
  const bits = bitsOf(address);
  return bits.slice(0, prefix) === bitsOf(network).slice(0, prefix);
}

/** An address as digits of base two. */
function bitsOf(address: string): string {
  if (!address.includes(":")) {
    return address.split(".").map((part) => binary(Number(part), 8)).join("");
  }
  const [front = [], back = []] = address.split("::").map((half) =>
    half.split(":").filter(Boolean)
  );
  const zeroes = new Array(8 - front.length - back.length).fill("0");
  return [...front, ...zeroes, ...back].map((group) =>
    binary(parseInt(group, 16), 16)
  ).join("");
}

function binary(value: number, digits: number): string {
  return value.toString(2).padStart(digits, "0");
}
