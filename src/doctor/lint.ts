/**
 * Looks at a server's certificates and keys before the server does: offline,
 * in their files.
 *
 * @module
 */

import { checkNames, type OptionNames } from "../option_names.ts";
import { parseHost } from "../tls/host.ts";
import { coversHost } from "../tls/pem.ts";
import type { Finding } from "./finding.ts";
import {
  counted,
  lintLeaf,
  listed,
  nameOf,
  namesMissing,
  renewalOf,
} from "./lint_certificate.ts";
import { lintChain } from "./lint_chain.ts";
import { lintClients } from "./lint_client.ts";
import {
  about,
  type LintCertificate,
  type LintFile,
  readLintFile,
} from "./lint_file.ts";
import { directoriesIn, readAll, unique } from "./lint_pool.ts";
import { lintAuthorityKeys, lintKey, lintModes } from "./lint_key.ts";
import { findSetups, type Setup } from "./lint_setup.ts";

/**
 * Options for {@linkcode lintCertificates}.
 *
 * @example The host that it must be for
 * ```ts
 * import { type LintOptions, lintCertificates } from "@wss/wss/doctor";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const directory = await Deno.makeTempDir();
 * await ensureDevCertificates({ directory });
 * const options: LintOptions = { names: ["chat.example"] };
 * const findings = await lintCertificates([directory], options);
 * const failure = findings.find(({ verdict }) => verdict === "failure");
 * console.log(failure?.check); // "certificate-names"
 * ```
 */
export interface LintOptions {
  /**
   * The file with the private key, if it is neither in the file of the
   * certificate nor beside it.
   *
   * @default {undefined, it is looked for in all files given}
   */
  keyFile?: string | undefined;
  /**
   * The hosts that the certificate must be for.
   *
   * @default {[]}
   */
  names?: readonly string[] | undefined;
  /**
   * Files with the authorities that clients trust. With them, it is told for
   * certain whether the chain is complete.
   *
   * @default {undefined, those of the runtime, if it may be asked for them (--allow-sys)}
   */
  caFiles?: readonly string[] | undefined;
}

const OPTIONS: OptionNames<LintOptions> = {
  keyFile: true,
  names: true,
  caFiles: true,
};

/**
 * Looks at the certificates and keys of a server in their files: whether they
 * can be read, are complete, in order, valid, strong, for servers, for the right
 * names, and kept from others. Nothing is changed and nothing connected to.
 *
 * Of a directory, all files are looked at, and what belongs together is found by
 * what is in them: `localhost.pem` as this module makes it, `fullchain.pem` and
 * `privkey.pem` of certbot, pairs such as `chat.crt` and `chat.key`.
 *
 * @param paths The files and directories of one server, or of several.
 * @param options The key, the names that are wanted, and whom clients trust.
 * @returns What was found, by file; the path is in `data.file` of each.
 * @throws {TypeError} If no path is given, or an option is malformed.
 * @throws {Deno.errors.NotCapable} If a permission to read is missing.
 *
 * @example Before a server is restarted
 * ```ts
 * import { lintCertificates } from "@wss/wss/doctor";
 * import { ensureDevCertificates } from "@wss/wss/certs";
 *
 * const directory = await Deno.makeTempDir();
 * await ensureDevCertificates({ directory });
 * for (const { verdict, summary } of await lintCertificates([directory])) {
 *   console.log(verdict, summary);
 * }
 * ```
 */
export async function lintCertificates(
  paths: readonly string[],
  options: LintOptions = {},
): Promise<Finding[]> {
  checkNames("lintCertificates()", options, OPTIONS);
  checkOptions(paths, options);
  const { names = [], caFiles } = options;
  const pool = await readAll(paths);
  const keyFile = options.keyFile === undefined
    ? undefined
    : await readLintFile(options.keyFile, true);
  const anchorFiles = await Promise.all(
    (caFiles ?? []).map((path) => readLintFile(path, true)),
  );
  const anchors = caFiles === undefined
    ? undefined
    : anchorFiles.flatMap(({ certificates }) => certificates);
  const setups = findSetups(pool, keyFile);
  const all = unique(keyFile === undefined ? pool : [...pool, keyFile]);
  const [first = ""] = paths;
  return byFile([
    ...unique([...all, ...anchorFiles]).flatMap((file) => [
      ...contentsOf(file),
      ...mild(file, setups),
    ]),
    ...setups.length === 0 ? await nothingFound(first, pool, keyFile) : [],
    ...(await Promise.all(
      setups.map((setup) =>
        lintSetup(setup, keyFile, names, setups.length === 1, anchors)
      ),
    )).flat(),
    ...lintClients(setups, all),
    ...lintModes(all),
    ...lintAuthorityKeys(setups, all),
    ...await lintWanted(setups, names),
  ], setups.map(({ file }) => file.path));
}

/** What is wrong with a file; no more than good to know if nothing depends on it. */
function mild(file: LintFile, setups: readonly Setup[]): readonly Finding[] {
  const needed = file.named || setups.length === 0 ||
    setups.some((setup) =>
      setup.key === undefined || setup.file === file ||
      setup.key.file === file
    );
  if (needed) return file.findings;
  return file.findings.map((finding) => ({ ...finding, verdict: "info" }));
}

/** What is about one file together: those of chains first, else as it was. */
function byFile(
  findings: readonly Finding[],
  chains: readonly string[],
): Finding[] {
  const groups = Map.groupBy(findings, ({ data }) => data?.file);
  const paths = new Set([...chains, ...groups.keys()]);
  return [...paths].flatMap((path) => groups.get(path) ?? []);
}

function checkOptions(
  paths: readonly string[],
  { keyFile, names = [], caFiles = [] }: LintOptions,
): void {
  const lists = { paths, names, caFiles };
  for (const [name, list] of Object.entries(lists)) {
    if (
      Array.isArray(list) &&
      list.every((one) => typeof one === "string" && one !== "")
    ) continue;
    throw new TypeError(
      `Cannot lint certificates: ${name} must be a list of texts`,
    );
  }
  if (paths.length === 0) {
    throw new TypeError(
      "Cannot lint certificates: no file is given; name one, or a directory",
    );
  }
  if (
    keyFile !== undefined && (typeof keyFile !== "string" || keyFile === "")
  ) {
    throw new TypeError("Cannot lint certificates: keyFile must be a path");
  }
  names.forEach(parseHost);
}

/** What a file holds. */
function contentsOf({ path, certificates, keys }: LintFile): Finding[] {
  const subjects = certificates.map(nameOf);
  const parts = [
    ...subjects.length === 0
      ? []
      : [`${counted(subjects.length, "certificate")} (${listed(subjects)})`],
    ...keys.length === 0 ? [] : [counted(keys.length, "private key")],
  ];
  if (parts.length === 0) return [];
  return [about(path, "contents", "info", `it holds ${parts.join(" and ")}`, {
    data: { certificates: subjects, privateKeys: keys.length },
  })];
}

async function nothingFound(
  path: string,
  pool: readonly LintFile[],
  keyFile: LintFile | undefined,
): Promise<Finding[]> {
  // Why there is none has been said.
  if (pool.some(({ hidesCertificates }) => hidesCertificates)) return [];
  const swapped = keyFile !== undefined && keyFile.certificates.length > 0 &&
    pool.some(({ keys }) => keys.length > 0);
  const inner = pool.length > 0 ? [] : await directoriesIn(path);
  return [about(
    path,
    "certificate",
    "failure",
    swapped
      ? `${path} has the key, and ${keyFile.path} the certificate`
      : `there is no certificate in ${path}`,
    {
      remedy: swapped
        ? "swap the two"
        : inner.length > 0
        ? `name one of its directories: ${listed(inner)}`
        : "name the file or the directory of the server's certificate",
    },
  )];
}

async function lintSetup(
  setup: Setup,
  keyFile: LintFile | undefined,
  names: readonly string[],
  alone: boolean,
  anchors: readonly LintCertificate[] | undefined,
): Promise<Finding[]> {
  const missing = await namesMissing(setup, names, alone);
  const key = lintKey(setup, keyFile, renewalOf(setup, missing));
  const chain = await lintChain(setup, anchors);
  // What picks blocks by their numbers goes before what makes others.
  const picks = chain.some(({ fix }) => fix !== undefined);
  return [
    ...picks ? [...chain, ...key] : [...key, ...chain],
    ...await lintLeaf(setup, missing),
  ];
}

/** Whether there is a certificate for each name that is wanted. */
async function lintWanted(
  setups: readonly Setup[],
  names: readonly string[],
): Promise<Finding[]> {
  const [first] = setups;
  if (first === undefined) return [];
  const findings: Finding[] = [];
  for (const name of names) {
    const covering = await Promise.all(
      setups.map(({ leaf }) => coversHost(leaf.x509.toString(), name)),
    );
    const setup = setups[covering.indexOf(true)];
    if (setup !== undefined) {
      findings.push(
        about(setup.file.path, "certificate-names", "ok", `it is for ${name}`),
      );
      continue;
    }
    const has = setups.flatMap(({ leaf }) => leaf.about.names);
    // That it has no names at all has been said.
    if (has.length === 0) continue;
    findings.push(about(
      first.file.path,
      "certificate-names",
      "failure",
      `no certificate is for ${name}`,
      {
        reason: `there is one for ${listed(has)}`,
        remedy: "make one that is for this name, too",
        // Of several, nobody knows which it should be.
        ...setups.length === 1 &&
          { fix: renewalOf(first, await namesMissing(first, names, true)) },
        data: { wanted: name, names: has },
      },
    ));
  }
  return findings;
}
