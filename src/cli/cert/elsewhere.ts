/**
 * The command lines with which an authority is trusted where this program does
 * not do it.
 *
 * @module
 */

import type { CertificateDescription } from "../../../certs/mod.ts";
import { shellLine } from "../shell_line.ts";
import type { TrustAction } from "./stores.ts";

const KEYCHAIN = "/Library/Keychains/System.keychain";

/** The lines for a system that is not Linux. */
export function linesElsewhere(
  os: typeof Deno.build.os,
  action: TrustAction,
  { file, about }: {
    readonly file: string;
    readonly about: CertificateDescription;
  },
): string[] {
  if (os === "darwin") {
    const security = (...words: string[]) =>
      shellLine(["sudo", "security", ...words]);
    return action === "trust"
      ? [
        security(
          "add-trusted-cert",
          "-d",
          "-r",
          "trustRoot",
          "-k",
          KEYCHAIN,
          file,
        ),
      ]
      : [
        security("remove-trusted-cert", "-d", file),
        security(
          "delete-certificate",
          "-Z",
          about.sha256.replaceAll(":", ""),
          KEYCHAIN,
        ),
      ];
  }
  if (os === "windows") {
    // Of the user alone: that takes no administrator, and browsers follow it.
    return action === "trust"
      ? [`certutil -user -addstore Root "${file}"`]
      : [`certutil -user -delstore Root ${about.serialNumber}`];
  }
  return [
    `# add ${file} to, or remove it from, the authorities of this system, as its manual tells`,
  ];
}
