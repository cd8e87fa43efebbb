/**
 * Command lines that mend what is wrong with files of certificates.
 *
 * @module
 */

import { escaped } from "../peer_text.ts";

/** A word as a shell takes it, whatever is in it. */
export function shellQuoted(word: string): string {
  // What begins with a hyphen would be an option, and a path need not.
  const safe = word.startsWith("-") ? `./${word}` : word;
  return /^[\w./:@%+,=-]+$/.test(safe)
    ? safe
    : `'${safe.replaceAll("'", `'\\''`)}'`;
}

/** Keeps some blocks of a PEM file, by their numbers from 1, in this order; its mode and the links to it stay. */
export function keepBlocks(path: string, blocks: readonly number[]): string[] {
  return rewrite(path, filterBlocks(blocks));
}

/** The filter that does so. */
export function filterBlocks(blocks: readonly number[]): string {
  const format = "%s".repeat(blocks.length);
  const args = blocks.map((block) => `b[${block}]`).join(", ");
  return `awk '/-----BEGIN /{n++; on=1} on{b[n]=b[n] $0 "\\n"} /-----END /{on=0} END{printf "${format}", ${args}}'`;
}

/** Puts what a filter makes of a file in its place. */
export function rewrite(path: string, filter: string): string[] {
  const file = shellQuoted(path);
  const made = shellQuoted(`${path}.mended`);
  return [
    `(umask 077; ${filter} < ${file} > ${made} && cat ${made} > ${file} && rm ${made})`,
  ];
}

/** Takes others the right to read a private key. */
export function keepPrivate(path: string): string[] {
  return [`chmod 600 ${shellQuoted(path)}`];
}

/** Where a certificate is, and what it should be for. */
export interface Renewal {
  /** Its file. */
  readonly path: string;
  /** The file of its private key; `undefined` if there is none that can be used. */
  readonly keyPath: string | undefined;
  /** Whether another key is needed, too. */
  readonly weak: boolean;
  /** The names for the other one, each with its kind: "DNS:…", "IP:…", "URI:…", "email:…". */
  readonly names: readonly string[];
  /** Whether this one has names of more kinds. */
  readonly obscure: boolean;
  /** Who issued this one. */
  readonly issuer: string;
  /** Whether that was itself. */
  readonly selfSigned: boolean;
  /** Whether only its time is over, and all else may stay. */
  readonly due: boolean;
}

/** What makes another certificate; nothing if that can't be known. */
export function renew(renewal: Renewal): string[] {
  const { path, issuer, due } = renewal;
  const lineage = /(?:^|\/)letsencrypt\/live\/([^/]+)\//.exec(path)?.[1];
  if (lineage !== undefined) {
    const named = `--cert-name ${shellQuoted(lineage)}`;
    if (due) return [`certbot renew ${named}`];
    const names = hostsOf(renewal, ["DNS"]);
    const domains = names.map((name) => `-d ${shellQuoted(name)}`).join(" ");
    return [
      ...leftOut(renewal, names),
      `certbot certonly ${named} ${domains}`,
    ];
  }
  if (issuer.includes("CN=wss development CA")) return renewOurs(renewal);
  return renewByOpenssl(renewal);
}

/** Our own: its directory has more than the one file. */
function renewOurs(renewal: Renewal): string[] {
  const { path, due } = renewal;
  const [, directory = "."] = /^(.*)\/[^/]*$/.exec(path) ?? [];
  const out = `--out ${shellQuoted(directory === "" ? "/" : directory)}`;
  if (due) return [`wss cert ${out}`];
  const names = hostsOf(renewal, ["DNS", "IP"]);
  const hosts = names.filter((name) =>
    !["localhost", "127.0.0.1", "::1"].includes(name)
  );
  return [
    ...leftOut(renewal, names),
    ["wss cert --force", out, ...hosts.map(shellQuoted)].join(" "),
  ];
}

/** More does not fit into one word of a command line: Linux takes 128 KiB. */
const MOST_NAMES = 100_000;

function renewByOpenssl(renewal: Renewal): string[] {
  const { path, keyPath, weak, selfSigned } = renewal;
  const names = renewal.names.filter((name) => WRITABLE.test(name));
  const alternatives = `subjectAltName=${names.join(",")}`;
  if (keyPath === undefined || names.length === 0) return [];
  if (alternatives.length > MOST_NAMES) return [];
  const request = (key: string) =>
    `-key ${shellQuoted(key)} -subj ${subjectOf(names)} -addext ${
      shellQuoted(alternatives)
    }`;
  const left = leftOut(renewal, names.map(bare));
  if (selfSigned) {
    const make = (key: string) =>
      `openssl req -x509 ${
        request(key)
      } -days 90 -addext basicConstraints=critical,CA:FALSE`;
    return [
      ...left,
      ...weak
        ? replaceBoth(path, keyPath, make)
        : replaceCertificate(path, keyPath, make(keyPath)),
    ];
  }
  const newKey = `${path}.new-key`;
  const signed = `openssl req -new ${request(weak ? newKey : keyPath)}`;
  const ask = `${signed} -out ${shellQuoted(`${path}.csr`)}`;
  if (!weak) return [...left, "# let your authority sign this request", ask];
  return [
    ...left,
    "# let your authority sign this request, and give the server the new key with what it sends back",
    `(umask 077; ${makeKey(newKey)}) && ${ask}`,
  ];
}

/** Puts another certificate in the place of one, beside its key if that is in the same file. */
function replaceCertificate(
  path: string,
  keyPath: string,
  make: string,
): string[] {
  const made = keyPath === path
    ? `{ ${make} && openssl pkey -in ${shellQuoted(path)}; }`
    : make;
  return keepOld([path], rewrite(path, made));
}

/** Puts another key and another certificate in the place of both. */
function replaceBoth(
  path: string,
  keyPath: string,
  make: (key: string) => string,
): string[] {
  const [file, key] = [shellQuoted(path), shellQuoted(keyPath)];
  const made = shellQuoted(`${path}.mended`);
  const newKey = `${keyPath}.mended-key`;
  const fresh = shellQuoted(newKey);
  // Nothing is replaced before all is made.
  const put = keyPath === path
    ? `cat ${made} ${fresh} > ${file}`
    : `cat ${made} > ${file} && cat ${fresh} > ${key}`;
  return keepOld([...new Set([path, keyPath])], [
    `(umask 077; ${makeKey(newKey)} && ${
      make(newKey)
    } > ${made} && ${put} && rm ${made} ${fresh})`,
  ]);
}

function makeKey(path: string): string {
  return `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ${
    shellQuoted(path)
  }`;
}

/** Runs a command line once the files that it replaces are copied. */
function keepOld(paths: readonly string[], [line = ""]: string[]): string[] {
  const copies = paths.map((path) =>
    `cp -p ${shellQuoted(path)} ${shellQuoted(`${path}.bak`)} && `
  );
  return [
    `# the old ${paths.length === 1 ? "file stays" : "files stay"} as ${
      paths.map((path) => `${escaped(path, 300)}.bak`).join(" and ")
    }`,
    copies.join("") + line,
  ];
}

/** A name that openssl takes as it stands, where commas, quotes and dollars mean something. */
const WRITABLE =
  /^(?:DNS:[\w*.-]+|IP:[\d.]+|IP:[\da-f:.]+|URI:[\w:/?&=%@.+~-]+|email:[\w.+-]+@[\w.-]+)$/;

/** The names of some kinds, without their kind; of the others, not all programs take those with a low line. */
function hostsOf(
  { names }: Renewal,
  kinds: readonly string[],
): string[] {
  return names.filter((name) => /^(?:DNS:[a-z\d*.-]+|IP:.*)$/i.test(name))
    .filter((name) => kinds.some((kind) => name.startsWith(`${kind}:`)))
    .map(bare);
}

/** A comment on the names that another certificate will lack. */
function leftOut(
  { names, obscure }: Renewal,
  kept: readonly string[],
): string[] {
  const lost = names.filter((name) => !kept.includes(bare(name)));
  const [some, rest] = [lost.slice(0, 5), lost.length - 5];
  const parts = [
    ...some,
    ...rest > 0 ? [`${rest} more`] : [],
    ...obscure ? ["names of other kinds"] : [],
  ];
  return parts.length === 0
    ? []
    : [`# it has names that the other one will lack: ${parts.join(", ")}`];
}

function bare(name: string): string {
  return name.replace(/^\w+:/, "");
}

/** No common name is longer (RFC 5280, appendix A.1), and openssl fails of one. */
const MOST_COMMON = 64;

/** Clients look at the other names alone: it is for people. */
function subjectOf(names: readonly string[]): string {
  const name = names.map((name) => bare(name).replace(/[^\w.*:-]/g, ""))
    .find((name) => name !== "" && name.length <= MOST_COMMON);
  return shellQuoted(`/CN=${name ?? "server"}`);
}
