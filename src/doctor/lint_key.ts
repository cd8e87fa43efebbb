/**
 * Whether a server has its private key, and nobody else.
 *
 * @module
 */

import type { Finding } from "./finding.ts";
import { about, type LintFile } from "./lint_file.ts";
import { keepPrivate, shellQuoted } from "./lint_fix.ts";
import { fits, type FoundKey, isStrong, type Setup } from "./lint_setup.ts";

/**
 * Looks at the key of a set-up.
 *
 * @param setup It.
 * @param keyFile The file that was named as the key's.
 * @param fix What makes another certificate, and another key where this is weak.
 */
export function lintKey(
  setup: Setup,
  keyFile: LintFile | undefined,
  fix: readonly string[],
): Finding[] {
  const { file, key } = setup;
  if (key === undefined) return missingKey(setup, keyFile);
  const where = key.file === file ? "it" : key.file.path;
  return [
    about(
      file.path,
      "key-match",
      "ok",
      `the private key in ${where} is its certificate's`,
      { data: { keyFile: key.file.path } },
    ),
    usable(setup, key, fix),
  ];
}

function missingKey(
  { file, keys, leaf, pool }: Setup,
  keyFile: LintFile | undefined,
): Finding[] {
  const [first] = keys;
  const { path } = file;
  const sources = keyFile === undefined ? pool : [keyFile];
  if (first === undefined) {
    // That what is there can't be read has been said.
    const hiding = sources.find(({ hidesKeys }) => hidesKeys);
    if (hiding !== undefined) {
      return [about(
        path,
        "private-key",
        "skipped",
        `whether ${hiding.path} has its private key can't be told`,
      )];
    }
    const swapped = keyFile?.certificates.some(({ about }) =>
      about.sha256 === leaf.about.sha256
    );
    return [about(
      path,
      "private-key",
      "failure",
      keyFile === undefined
        ? `there is no private key for ${path}`
        : `there is no private key in ${keyFile.path}`,
      {
        remedy: swapped
          ? "name the file of the key, not the certificate's once more"
          : keyFile === undefined
          ? "name its file as `keyFile`"
          : "name the file that begins with -----BEGIN PRIVATE KEY-----",
      },
    )];
  }
  const encrypted = keys.find((key) => key.encrypted);
  if (encrypted !== undefined) return [isEncrypted(path, encrypted)];
  const odd = keys.find(({ key }) => key === undefined);
  if (odd !== undefined) {
    return [about(
      path,
      "private-key",
      "failure",
      `the private key in ${odd.file.path} is in a form that TLS does not use, ${odd.label}`,
      { remedy: "make a key on P-256, and a certificate for it" },
    )];
  }
  return [about(
    path,
    "key-match",
    "failure",
    `the private key in ${first.file.path} is not that of the certificate in ${path}`,
    {
      reason: "a server can't prove that the certificate is its own",
      remedy:
        "put the two there that were made together, or let a certificate be made for this key",
      data: { keyFile: first.file.path },
    },
  )];
}

function isEncrypted(path: string, { file }: FoundKey): Finding {
  const made = `${file.path.replace(/\.[^./]*$/, "")}.decrypted.key`;
  return about(
    path,
    "private-key",
    "failure",
    `the private key in ${file.path} is encrypted`,
    {
      reason: "nobody is there to type its passphrase when a server starts",
      remedy: "write a decrypted copy that only the server's user can read",
      fix: [
        "# it asks for the passphrase",
        `(umask 077; openssl pkey -in ${shellQuoted(file.path)} -out ${
          shellQuoted(made)
        })`,
      ],
      data: { keyFile: file.path },
    },
  );
}

function usable(
  { file, leaf }: Setup,
  { key, file: { path } }: FoundKey,
  fix: readonly string[],
): Finding {
  const kind = leaf.about.keyType;
  const strong = key !== undefined && isStrong(key);
  return about(
    file.path,
    "private-key",
    strong ? "ok" : "failure",
    strong
      ? `the private key is ${kind}`
      : `the private key in ${path} is ${kind}, which clients refuse`,
    {
      ...!strong && {
        remedy:
          "make another: ECDSA on P-256, Ed25519, or RSA with 2048 bits or more, and a certificate for it",
        fix,
      },
      data: { keyFile: path, kind },
    },
  );
}

/** Looks at who may read the files with keys. */
export function lintModes(files: readonly LintFile[]): Finding[] {
  return files.flatMap((file) => {
    const { path, mode, keys } = file;
    if (keys.length === 0) return [];
    if (mode === undefined) {
      return [about(
        path,
        "key-permissions",
        "skipped",
        "who may read the private key in it is not in its mode on this system",
      )];
    }
    const octal = (mode & 0o777).toString(8).padStart(4, "0");
    const data = { mode: octal };
    const remedy = "let only the server's user read it";
    if ((mode & 0o007) !== 0) {
      return [about(
        path,
        "key-permissions",
        "failure",
        `every user of this machine may read the private key in it (mode ${octal})`,
        {
          reason:
            "whoever has the key can pass for the server; if others use this machine, take it for known",
          remedy,
          fix: keepPrivate(path),
          data,
        },
      )];
    }
    const group = mode & 0o070;
    return [about(
      path,
      "key-permissions",
      (group & 0o020) === 0 ? "ok" : "warning",
      (group & 0o020) !== 0
        ? `a group may write the private key in it (mode ${octal})`
        : `only its owner ${
          group === 0 ? "" : "and a group "
        }may read the private key in it (mode ${octal})`,
      {
        ...(group & 0o020) !== 0 && { remedy, fix: keepPrivate(path) },
        data,
      },
    )];
  });
}

/** Looks for keys that are not a server's: those of authorities. */
export function lintAuthorityKeys(
  setups: readonly Setup[],
  pool: readonly LintFile[],
): Finding[] {
  const authorities = pool.flatMap(({ certificates }) => certificates)
    .filter(({ certified, about }) =>
      certified.ca &&
      !setups.some(({ leaf }) => leaf.about.sha256 === about.sha256)
    );
  return pool.flatMap((file) => {
    const found = file.keys.find((key) =>
      authorities.some((authority) => fits(key, authority))
    );
    if (found === undefined) return [];
    const ours = authorities.some((authority) =>
      fits(found, authority) &&
      authority.about.subject.includes("CN=wss development CA")
    );
    const shared = file.certificates.some((certificate) =>
      setups.some(({ leaf }) => leaf.about.sha256 === certificate.about.sha256)
    );
    return [about(
      file.path,
      "authority-key",
      ours && !shared ? "info" : "warning",
      "it has the private key of the authority",
      {
        reason: ours
          ? "whoever has it can issue certificates for the names that its authority is bound to"
          : "whoever has it can issue certificates that all who trust the authority believe",
        remedy: ours
          ? "do not copy it to where the server runs"
          : "keep it away from where the server runs",
      },
    )];
  });
}
