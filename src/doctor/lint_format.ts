/**
 * What a file is that should be PEM (RFC 7468), and is not; and how it becomes
 * that.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { rewrite, shellQuoted } from "./lint_fix.ts";

/** What is wrong with the form of a file. */
export interface FormatFault {
  /** `"failure"` if TLS can do nothing with it. */
  readonly verdict: "failure" | "warning" | "info";
  /** What it is: "is a certificate in DER, not in PEM". */
  readonly state: string;
  /** Why that matters. */
  readonly reason?: string;
  /** What to do. */
  readonly remedy: string;
  /** Command lines that do it. */
  readonly fix?: readonly string[];
  /** What cannot be judged for it. */
  readonly hides: "all" | "certificates" | "keys" | "nothing";
}

const TO_PEM = "write it as PEM, and name that file";

/** Says what a file is that has no block of PEM; `undefined` if it could be anything. */
export function foreignFormat(
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
): FormatFault | undefined {
  const failure = (state: string, remedy: string, ...fix: string[]) => ({
    verdict: "failure" as const,
    state,
    remedy,
    fix,
    hides: "all" as const,
  });
  const file = shellQuoted(path);
  const out = shellQuoted(`${path.replace(/\.[^./]*$/, "")}.pem`);
  if (bytes.length === 0) {
    return failure("is empty", "copy it anew from where it was made");
  }
  if (startsWith(bytes, [0xfe, 0xed, 0xfe, 0xed])) {
    return failure(
      "is a Java key store",
      "export certificate and key from it as PEM",
      `keytool -importkeystore -srckeystore ${file} -destkeystore ${file}.p12 -deststoretype PKCS12`,
      `(umask 077; openssl pkcs12 -in ${file}.p12 -nodes -out ${out})`,
    );
  }
  if (startsWith(bytes, [0xff, 0xfe]) || startsWith(bytes, [0xfe, 0xff])) {
    return failure(
      "is text in UTF-16",
      "write it as ASCII",
      ...rewrite(path, "iconv -f UTF-16 -t ASCII"),
    );
  }
  if (bytes[0] !== 0x30) return undefined;
  if (isCertificate(bytes)) {
    return failure(
      "is a certificate in DER, not in PEM",
      TO_PEM,
      `openssl x509 -inform der -in ${file} -out ${out}`,
    );
  }
  if (isKey(bytes)) {
    return failure(
      "is a private key in DER, not in PEM",
      TO_PEM,
      `(umask 077; openssl pkey -inform der -in ${file} -out ${out})`,
    );
  }
  // A PFX begins with its version, 3 (RFC 7292, section 4).
  if (startsWith(content(bytes), [0x02, 0x01, 0x03])) {
    return failure(
      "is PKCS #12, certificate and key in one encrypted file, not PEM",
      TO_PEM,
      "# it asks for the passphrase",
      `(umask 077; openssl pkcs12 -in ${file} -nodes -out ${out})`,
    );
  }
  // signedData (RFC 2315, section 14).
  if (startsWith(content(bytes), [0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7])) {
    return failure(
      "is PKCS #7 in DER, not PEM",
      TO_PEM,
      `openssl pkcs7 -inform der -in ${file} -print_certs -out ${out}`,
    );
  }
  return failure("is in DER, and no certificate", "name the certificate");
}

/** What a block is that is neither a certificate nor a key that TLS takes. */
export function foreignBlock(
  path: string,
  label: string,
): FormatFault | undefined {
  const file = shellQuoted(path);
  const out = shellQuoted(`${path.replace(/\.[^./]*$/, "")}.pem`);
  switch (label) {
    case "OPENSSH PRIVATE KEY":
      return {
        verdict: "failure",
        state: "has a private key of OpenSSH's form, which TLS does not take",
        remedy: "convert it to PKCS #8, or make another key",
        fix: [`ssh-keygen -p -m PKCS8 -f ${file}`],
        hides: "keys",
      };
    case "CERTIFICATE REQUEST":
    case "NEW CERTIFICATE REQUEST":
      return {
        verdict: "failure",
        state: "has a certificate request, which is no certificate",
        remedy:
          "give the request to an authority, and name what that sends back",
        hides: "certificates",
      };
    case "TRUSTED CERTIFICATE":
      return {
        verdict: "failure",
        state:
          "has a certificate with openssl's own remarks (TRUSTED CERTIFICATE), which others don't read",
        remedy: "write it without them",
        fix: [`openssl x509 -in ${file} -out ${out}`],
        hides: "certificates",
      };
    case "PKCS7":
    case "CMS":
      return {
        verdict: "failure",
        state: `has its certificates in a ${label} block`,
        remedy: "write them one by one",
        fix: [`openssl pkcs7 -in ${file} -print_certs -out ${out}`],
        hides: "certificates",
      };
    case "PUBLIC KEY":
    case "RSA PUBLIC KEY":
      return {
        verdict: "warning",
        state: "has a public key, which is of no use to a server",
        remedy: "name the file with the private key",
        hides: "nothing",
      };
    default:
      return undefined;
  }
}

/** What is wrong with how a text of PEM is written. */
export function textFaults(path: string, text: string): FormatFault[] {
  const faults: FormatFault[] = [];
  if (text.startsWith("\uFEFF")) {
    faults.push({
      verdict: "warning",
      state: "begins with a byte order mark",
      reason:
        "programs that look for the first line, as openssl and nginx do, pass over what follows it",
      remedy: "leave its first three bytes out",
      fix: rewrite(path, "tail -c +4"),
      hides: "nothing",
    });
  }
  if (/-----END [A-Z0-9 .]+----------BEGIN /.test(text)) {
    faults.push({
      verdict: "failure",
      state: "has the end of a block and the beginning of the next in one line",
      reason: "the first of the files that were put together had no line end",
      remedy: "put a line end between the two",
      fix: rewrite(
        path,
        `awk '{gsub(/----------BEGIN/, "-----\\n-----BEGIN"); print}'`,
      ),
      hides: "all",
    });
  } else if (
    /^(?!-----BEGIN [A-Z0-9 .]+-----\s*$).*\bBEGIN (?:[A-Z0-9]+ )?(?:CERTIFICATE|PRIVATE KEY)\b/m
      .test(text.replace(/^\uFEFF/, ""))
  ) {
    faults.push({
      verdict: "failure",
      state: "has a BEGIN line that is not just -----BEGIN …-----",
      reason: "whoever looks for the exact line passes over that block",
      remedy: "write five hyphens on each side, and nothing before them",
      hides: "all",
    });
  }
  if (text.includes("\0")) {
    faults.push({
      verdict: "warning",
      state: "has binary data between its blocks",
      remedy: "leave out what is no PEM",
      fix: rewrite(path, "tr -d '\\000'"),
      hides: "nothing",
    });
  }
  if (/\r(?:\n|$)/.test(text)) {
    faults.push({
      verdict: "info",
      state: "has the line ends of Windows",
      reason: "most programs take them, shell scripts trip over them",
      remedy: "write it with plain line ends",
      fix: rewrite(path, "tr -d '\\r'"),
      hides: "nothing",
    });
  }
  return faults;
}

function isCertificate(der: Uint8Array<ArrayBuffer>): boolean {
  try {
    new X509Certificate(der);
    return true;
  } catch {
    return false;
  }
}

function isKey(der: Uint8Array<ArrayBuffer>): boolean {
  const key = Buffer.from(der);
  for (const type of ["pkcs8", "sec1", "pkcs1"] as const) {
    try {
      createPrivateKey({ key, format: "der", type });
      return true;
    } catch {
      // It is none of this form.
    }
  }
  return false;
}

/** What stands in the outermost element of DER. */
function content(der: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const length = der[1] ?? 0;
  return der.subarray(length < 0x80 ? 2 : 2 + (length & 0x7f));
}

function startsWith(bytes: Uint8Array, prefix: readonly number[]): boolean {
  return prefix.every((byte, index) => bytes[index] === byte);
}
