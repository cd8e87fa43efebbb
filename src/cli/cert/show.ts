/**
 * Tells what certificates say: those of a file, or those that a server presents.
 *
 * @module
 */

import {
  type CertificateDescription,
  describeCertificates,
} from "../../../certs/mod.ts";
import { loadCaCerts, TlsError } from "../../../client.ts";
import type { TlsInspection } from "../../doctor/mod.ts";
import { UsageError } from "../failure.ts";
import { prettyJson, print, styled, visible } from "../output.ts";
import { needPermissions } from "../permissions.ts";
import { readSmallFile } from "../read_file.ts";
import type { CertValues } from "./command.ts";

/** Prints what a file holds, or what the server of a URL presents. */
export async function showCertificates(
  source: string,
  { cacert, json }: CertValues,
): Promise<void> {
  const url = urlOf(source);
  if (url === undefined && cacert !== undefined) {
    throw new UsageError("--cacert is for a URL: of a file, nothing is judged");
  }
  const shown = url === undefined
    ? await lookInto(source)
    : await lookAt(url, cacert);
  if (json) return print(prettyJson(shown));
  const { certificates } = shown;
  const count = certificates.length === 1
    ? "1 certificate"
    : `${certificates.length} certificates`;
  print(`${styled("bold", visible(shown.source))}: ${count}`);
  if ("privateKey" in shown) describeKey(shown.source, shown.privateKey);
  else describeServer(shown);
  certificates.forEach((certificate, index) => {
    print("");
    describeOne(certificate, index, certificates);
  });
}

interface ShownFile {
  source: string;
  /** `null` if there is none in the file. */
  privateKey: PrivateKey | null;
  certificates: CertificateDescription[];
}

interface PrivateKey {
  encrypted: boolean;
  /** Whether others than the owner may read the file; `null` where files have no mode. */
  readableByOthers: boolean | null;
}

interface ShownServer extends Omit<TlsInspection, "certificates"> {
  source: string;
  certificates: CertificateDescription[];
}

/** What is no path, in the way people type it: `wss://`, `https://` or `host:port`. */
function urlOf(source: string): URL | undefined {
  const scheme = /^([a-z][a-z\d+.-]*):\/\//i.exec(source)?.[1]?.toLowerCase();
  if (scheme === undefined && !/^[^/\\\s]*:\d{1,5}$/.test(source)) {
    return undefined;
  }
  if (scheme === "ws" || scheme === "http") {
    throw new UsageError(
      `there are no certificates over ${scheme}://; --show takes wss:// and https://`,
    );
  }
  if (scheme !== undefined && scheme !== "wss" && scheme !== "https") {
    throw new UsageError("--show takes a file, wss://, https:// or host:port");
  }
  const host = source.startsWith(":") ? `localhost${source}` : source;
  const full = scheme === undefined ? `wss://${host}` : source;
  if (!URL.canParse(full)) {
    throw new UsageError("--show: the URL is malformed, or its port too high");
  }
  const { host: place } = new URL(full);
  // Paths, queries and passwords have no part in a handshake.
  return new URL(`${scheme ?? "wss"}://${place}`);
}

async function lookAt(url: URL, cacert?: string): Promise<ShownServer> {
  const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
  await needPermissions(
    { name: "net", host: `${url.hostname}:${url.port || 443}` },
    ...cacert === undefined ? [] : [{ name: "read", path: cacert } as const],
  );
  const { inspectTls } = await import("../../doctor/mod.ts");
  const { certificates, ...rest } = await inspectTls(url, {
    ...cacert !== undefined && { caCerts: await loadCaCerts(cacert) },
  });
  const source = `${url.protocol}//${url.host || host}`;
  return {
    source,
    ...rest,
    certificates: await describeAll(source, certificates.join("")),
  };
}

async function lookInto(path: string): Promise<ShownFile> {
  await needPermissions({ name: "read", path });
  const bytes = await readBytes(path);
  const text = new TextDecoder().decode(bytes);
  // The tag of a SEQUENCE: a certificate in DER, as Windows and Java keep them.
  const pem = bytes[0] === 0x30 ? pemOf(bytes) : text;
  const [label] = text.match(/-----BEGIN [A-Z ]*PRIVATE KEY-----/) ?? [];
  const { mode } = await Deno.stat(path);
  const privateKey = label === undefined ? null : {
    encrypted: label.includes("ENCRYPTED") ||
      /^Proc-Type:.*ENCRYPTED/m.test(text),
    readableByOthers: mode === null ? null : (mode & 0o077) !== 0,
  };
  if (privateKey !== null && !text.includes("CERTIFICATE-----")) {
    throw unreadable(
      path,
      "no-certificate",
      "it holds a private key and no certificate",
      "name the file of the certificate",
    );
  }
  return {
    source: path,
    privateKey,
    certificates: await describeAll(path, pem),
  };
}

async function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return await readSmallFile(path, "certificates");
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) {
      throw unreadable(
        path,
        "missing-file",
        "there is no such file",
        "name one, or a URL such as wss://chat.example",
      );
    }
    if (cause instanceof Deno.errors.IsADirectory) {
      throw unreadable(
        path,
        "unreadable-file",
        "it is a directory",
        "name a file in it, such as localhost.pem",
      );
    }
    if (cause instanceof Deno.errors.PermissionDenied) {
      throw unreadable(
        path,
        "unreadable-file",
        "the operating system denies access",
        "make it readable for the user who runs this program",
      );
    }
    throw cause;
  }
}

function pemOf(der: Uint8Array<ArrayBuffer>): string {
  return `-----BEGIN CERTIFICATE-----\n${der.toBase64()}\n-----END CERTIFICATE-----\n`;
}

/** Describes what is there; nothing of the text gets into an error, as it may hold a key. */
async function describeAll(
  source: string,
  pem: string,
): Promise<CertificateDescription[]> {
  try {
    return await describeCertificates(pem);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    const none = !/-----BEGIN (?:X509 )?CERTIFICATE-----/.test(pem);
    if (none) {
      throw unreadable(
        source,
        "no-certificate",
        "there is no certificate in it",
        "name a file with one, in PEM or DER",
      );
    }
    throw error.message.includes("is too large")
      ? unreadable(
        source,
        "malformed-pem",
        "a certificate in it is too large to be read here",
        "`openssl x509 -noout -text` shows it",
      )
      : unreadable(
        source,
        "malformed-pem",
        "a certificate in it is broken",
        "copy the file anew",
      );
  }
}

function unreadable(
  source: string,
  reason: TlsError["reason"],
  state: string,
  remedy: string,
): TlsError {
  return new TlsError(`Cannot show ${source}: ${state}`, { reason, remedy });
}

function describeKey(path: string, key: PrivateKey | null): void {
  if (key === null) return print("private key: none in this file");
  const kind = key.encrypted ? "yes, encrypted" : "yes";
  if (key.readableByOthers === null) return print(`private key: ${kind}`);
  print(
    key.readableByOthers
      ? `private key: ${
        styled("red", `${kind}, readable by others, too`)
      }: chmod 600 ${visible(path)}`
      : `private key: ${kind}, readable by its owner alone`,
  );
}

function describeServer(
  { protocol, cipher, alpn, trusted, refusal }: ShownServer,
): void {
  print(
    visible(`${protocol}, ${cipher}${alpn === undefined ? "" : `, ${alpn}`}`),
  );
  print(
    trusted
      ? `trusted: ${styled("green", "yes")}`
      : `trusted: ${styled("red", "no")}: ${visible(refusal ?? "unknown")}`,
  );
}

/** Prints one certificate; whom it is issued by is named by its number, if it is there. */
function describeOne(
  certificate: CertificateDescription,
  index: number,
  all: readonly CertificateDescription[],
): void {
  const { subject, names, isAuthority, boundTo, extendedKeyUsage } =
    certificate;
  print(styled("bold", `${index + 1}. ${visible(subject || "(no subject)")}`));
  const rows: [string, string][] = [
    ["names", names.join(", ") || "none"],
    ["issuer", issuerOf(certificate, all)],
    ["valid", validityOf(certificate)],
    ["key", certificate.keyType],
    ["signed", certificate.signatureAlgorithm],
    ["used for", extendedKeyUsage.join(", ") || "anything"],
    [
      "authority",
      !isAuthority
        ? "no"
        : boundTo.length === 0
        ? "yes, for any name"
        : `yes, only for ${boundTo.join(", ")}`,
    ],
    ["serial", certificate.serialNumber],
    ["SHA-256", certificate.sha256],
    ["pin", certificate.pin],
  ];
  for (const [name, value] of rows) {
    // Only the days that are left have a colour, and nothing of a peer.
    const text = name === "valid" ? value : visible(value);
    print(`   ${styled("dim", name.padEnd(9))} ${text}`);
  }
}

function issuerOf(
  { issuer, selfSigned }: CertificateDescription,
  all: readonly CertificateDescription[],
): string {
  if (selfSigned) return "itself";
  const above = all.findIndex(({ subject, isAuthority }) =>
    isAuthority && subject === issuer
  );
  return above < 0 ? issuer : `${issuer} (${above + 1})`;
}

const DAY = 86_400_000;
const FEW_DAYS = 30;

function validityOf({ notBefore, notAfter }: CertificateDescription): string {
  const now = Date.now();
  const span = `${second(notBefore)} to ${second(notAfter)}`;
  const days = Math.floor(Math.abs(notAfter.getTime() - now) / DAY);
  const count = `${days} day${days === 1 ? "" : "s"}`;
  if (now > notAfter.getTime()) {
    return `${span}, ${styled("red", `expired ${count} ago`)}`;
  }
  if (now < notBefore.getTime()) {
    return `${span}, ${styled("red", "not valid yet")}`;
  }
  return `${span}, ${
    styled(days < FEW_DAYS ? "yellow" : "green", `${count} left`)
  }`;
}

function second(date: Date): string {
  return date.toISOString().replace(/\.\d+Z$/, "Z");
}
