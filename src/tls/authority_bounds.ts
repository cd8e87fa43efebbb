/**
 * The hosts to which an authority for development is bound, by its own name
 * constraints (RFC 5280, section 4.2.1.10).
 *
 * @module
 */

import * as x509 from "@peculiar/x509";
import { AsnConvert } from "@peculiar/asn1-schema";
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  id_ce_nameConstraints,
  NameConstraints,
} from "@peculiar/asn1-x509";
import type { Host } from "./host.ts";

const MISMATCH_REMEDY =
  "pass --force to make a new authority, which clients then have to trust";

/** The extension that binds an authority to hosts. */
export function nameConstraintsFor(hosts: readonly Host[]): x509.Extension {
  const names = new Set(hosts.map(constraintFor));
  const subtrees = [...names].map((name) =>
    new GeneralSubtree({
      base: new GeneralName(
        name.includes("/") ? { iPAddress: name } : { dNSName: name },
      ),
    })
  );
  const constraints = new NameConstraints({
    permittedSubtrees: new GeneralSubtrees(subtrees),
  });
  return new x509.Extension(
    id_ce_nameConstraints,
    true,
    AsnConvert.serialize(constraints),
  );
}

/** Refuses a host for which an authority is not allowed to issue. */
export function assertPermitted(
  host: Host,
  issuer: x509.X509Certificate,
): void {
  const extension = issuer.getExtension(id_ce_nameConstraints);
  if (!extension) return;
  const { permittedSubtrees = [] } = AsnConvert.parse(
    extension.value,
    NameConstraints,
  );
  const permitted = [...permittedSubtrees].map(({ base }) =>
    base.dNSName ?? base.iPAddress ?? ""
  );
  const wanted = host.type === "ip"
    ? sameForm(constraintFor(host))
    : constraintFor(host);
  const allowed = host.type === "ip"
    ? permitted.includes(wanted)
    : permitted.some((name) => wanted === name || wanted.endsWith(`.${name}`));
  if (!allowed) {
    throw new RangeError(
      `Cannot issue certificate for ${host.name}: the authority was not made for it; ${MISMATCH_REMEDY}`,
    );
  }
}

/** An address as the ASN.1 library prints it after a round trip. */
function sameForm(iPAddress: string): string {
  const bytes = AsnConvert.serialize(new GeneralName({ iPAddress }));
  return AsnConvert.parse(bytes, GeneralName).iPAddress ?? iPAddress;
}

/** The subtree that holds a host: "example.test" or "192.0.2.1/32". */
function constraintFor(host: Host): string {
  if (host.type === "dns") return host.name.replace(/^\*\./, "");
  return `${host.name}/${host.name.includes(":") ? 128 : 32}`;
}
