/**
 * Reads files of certificates and keys as they are, faults and all.
 *
 * @module
 */

import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { type Certified, readCertificate } from "../tls/certified.ts";
import {
  type CertificateDescription,
  describeCertificates,
  isTooLarge,
} from "../tls/describe.ts";
import type { Finding } from "./finding.ts";
import { blocksOf, pemOf } from "./lint_blocks.ts";
import { shellQuoted } from "./lint_fix.ts";
import {
  foreignBlock,
  foreignFormat,
  type FormatFault,
  textFaults,
} from "./lint_format.ts";

/** A certificate in a file. */
export interface LintCertificate {
  /** Its number among the blocks of its file, from 1. */
  readonly block: number;
  readonly x509: X509Certificate;
  readonly certified: Certified;
  readonly about: CertificateDescription;
}

/** A private key in a file. */
export interface LintKey {
  /** Its number among the blocks of its file, from 1. */
  readonly block: number;
  /** What to call its form: "ENCRYPTED PRIVATE KEY". */
  readonly label: string;
  readonly encrypted: boolean;
  /** `undefined` if it is encrypted, or in a form that is not read here. */
  readonly key: KeyObject | undefined;
}

/** A file, and what is in it. */
export interface LintFile {
  readonly path: string;
  /** Whether it was named itself, not its directory. */
  readonly named: boolean;
  /** Who may read it, as `stat` has it; `undefined` where the system has no such thing. */
  readonly mode: number | undefined;
  readonly certificates: readonly LintCertificate[];
  readonly keys: readonly LintKey[];
  /** What is wrong with the file itself. */
  readonly findings: readonly Finding[];
  /** Whether there may be certificates in it that can't be read. */
  readonly hidesCertificates: boolean;
  /** Whether there may be keys in it that can't be read. */
  readonly hidesKeys: boolean;
}

/** No file of certificates is longer, not even of all authorities. */
const MAX_SIZE = 2 ** 20;

const KEY_LABELS = ["PRIVATE KEY", "RSA PRIVATE KEY", "EC PRIVATE KEY"];

/** A finding about a file. */
export function about(
  path: string,
  check: string,
  verdict: Finding["verdict"],
  summary: string,
  more: Pick<Finding, "reason" | "remedy" | "fix" | "data"> = {},
): Finding {
  const { data, fix, ...rest } = more;
  return {
    layer: "tls",
    check,
    verdict,
    summary,
    ...rest,
    ...fix !== undefined && fix.length > 0 && { fix },
    data: { file: path, ...data },
  };
}

/**
 * Reads a file.
 *
 * @param path Its path.
 * @param named Whether it was named itself, not its directory.
 * @throws {Deno.errors.NotCapable} If a permission is missing.
 */
export async function readLintFile(
  path: string,
  named: boolean,
): Promise<LintFile> {
  try {
    const { mode, size, isFile } = await Deno.stat(path);
    if (!isFile) return unread(path, named, "is no file", "name a file");
    if (size > MAX_SIZE) {
      const state = `has ${size} bytes, more than any certificates`;
      return unread(path, named, state, "name the file of the certificate");
    }
    const bytes = await Deno.readFile(path);
    return await parse(path, named, mode ?? undefined, bytes);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return await unreadable(path, named, error);
  }
}

async function unreadable(
  path: string,
  named: boolean,
  error: unknown,
): Promise<LintFile> {
  if (error instanceof Deno.errors.NotFound) {
    const link = await Deno.readLink(path).catch(() => undefined);
    return link === undefined
      ? unread(path, named, "is not there", "mend the path, or make the file")
      : unread(
        path,
        named,
        `is a link to ${link}, which is not there`,
        "let it point to the file, or copy that to where it points",
      );
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return unread(
      path,
      named,
      "can't be read by this user",
      "run this, and the server, as a user who may read it, or change its owner",
      [`ls -l ${shellQuoted(path)}`],
    );
  }
  return unread(path, named, "can't be read", "see whether the disk is sound");
}

function unread(
  path: string,
  named: boolean,
  state: string,
  remedy: string,
  fix: readonly string[] = [],
): LintFile {
  return {
    path,
    named,
    mode: undefined,
    certificates: [],
    keys: [],
    findings: [about(path, "file", "failure", `${path} ${state}`, {
      remedy,
      fix,
    })],
    hidesCertificates: true,
    hidesKeys: true,
  };
}

async function parse(
  path: string,
  named: boolean,
  mode: number | undefined,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<LintFile> {
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const faults = text.includes("BEGIN ")
    ? textFaults(path, text)
    : [foreignFormat(path, bytes) ?? NO_PEM];
  const certificates: LintCertificate[] = [];
  const keys: LintKey[] = [];
  // What is glued together, or begins askew, has been said.
  const broken = faults.some(({ hides }) => hides === "all");
  for (const block of broken ? [] : blocksOf(text)) {
    const { label, number, body } = block;
    const foreign = foreignBlock(path, label);
    if (foreign !== undefined) faults.push(foreign);
    else if (body === undefined) faults.push(damaged(label, block.fault));
    else if (/^(?:X509 )?CERTIFICATE$/.test(label)) {
      const read = await readBlock(number, body);
      if ("x509" in read) certificates.push(read);
      else faults.push(read);
    } else if (label.endsWith("PRIVATE KEY")) {
      const read = readKey(number, label, block.encrypted, body);
      if (read !== undefined) keys.push(read);
      else faults.push(damaged(label, "can't be decoded"));
    }
  }
  const hides = (what: "certificates" | "keys") =>
    faults.some((fault) => fault.hides === what || fault.hides === "all");
  return {
    path,
    named,
    mode,
    certificates,
    keys,
    findings: faults.map(({ verdict, state, reason, remedy, fix }) =>
      about(path, "file-format", verdict, `${path} ${state}`, {
        ...reason !== undefined && { reason },
        remedy,
        ...fix !== undefined && { fix },
      })
    ),
    hidesCertificates: hides("certificates"),
    hidesKeys: hides("keys"),
  };
}

const NO_PEM: FormatFault = {
  verdict: "failure",
  state: "has no PEM in it",
  remedy: "name the file that begins with -----BEGIN CERTIFICATE-----",
  hides: "all",
};

function damaged(label: string, fault: string): FormatFault {
  return {
    verdict: "failure",
    state: `has a ${label} block that ${fault}`,
    remedy: "copy the file anew from where it was made",
    hides: label.endsWith("KEY") ? "keys" : "certificates",
  };
}

async function readBlock(
  block: number,
  body: string,
): Promise<LintCertificate | FormatFault> {
  const pem = pemOf("CERTIFICATE", body);
  const none = damaged("CERTIFICATE", "holds no certificate");
  try {
    const [description] = await describeCertificates(pem);
    if (description === undefined) return none;
    return {
      block,
      x509: new X509Certificate(pem),
      certified: readCertificate(pem),
      about: description,
    };
  } catch (error) {
    if (!isTooLarge(error)) return none;
    return {
      ...none,
      state: "has a CERTIFICATE block that is too large to be read here",
      remedy: "let one be made for fewer names; handshakes carry it each time",
    };
  }
}

function readKey(
  block: number,
  label: string,
  encrypted: boolean,
  body: string,
): LintKey | undefined {
  if (encrypted || !KEY_LABELS.includes(label)) {
    return { block, label, encrypted, key: undefined };
  }
  try {
    const key = createPrivateKey(pemOf(label, body));
    return { block, label, encrypted, key };
  } catch {
    // The cause is dropped: it could hold a part of the key.
    return undefined;
  }
}
