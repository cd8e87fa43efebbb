/**
 * The authorities that Chromium and Firefox trust on Linux: those in databases of
 * NSS, of which each user has some.
 *
 * @module
 */

import { join } from "@std/path";
import { type CommandLine, commandState, run } from "./command_line.ts";
import {
  exists,
  isAbsent,
  type StoreWork,
  type TrustAction,
  type TrustedAuthority,
  undone,
} from "./stores.ts";

/** The package with certutil, by family. */
const CERTUTIL_PACKAGES: Readonly<Record<string, string>> = {
  debian: "apt-get install libnss3-tools",
  alpine: "apk add nss-tools",
  fedora: "dnf install nss-tools",
  arch: "pacman -S nss",
  suse: "zypper install mozilla-nss-tools",
};

/** Where browsers keep their stores below a home: Chromium's one, and one for each profile of Firefox. */
export const BROWSER_PATHS: readonly string[] = [
  ".pki",
  ".mozilla",
  ".config/mozilla",
  "snap",
];

/** What is to be done in the stores of the browsers of a user. */
export async function planBrowsers(
  action: TrustAction,
  authority: TrustedAuthority,
  { family, home }: { family: string | undefined; home: string },
): Promise<StoreWork[]> {
  const found = await findDatabases(home);
  if (await commandState("certutil") === "missing") {
    const how = CERTUTIL_PACKAGES[family ?? ""] ??
      "it is in the tools of Mozilla's NSS";
    const reason = `certutil is not installed: ${how}`;
    // Without a store, no browser has been used, and none is let down.
    return found.length === 0
      ? [undone("Chromium and Firefox", null, "skipped", reason)]
      : found.map(({ store, path }) => undone(store, path, "failed", reason));
  }
  const own = join(home, ".pki", "nssdb");
  const missing = found.every(({ path }) => path !== own);
  const works = await Promise.all(
    found.map((database) => planDatabase(action, authority, database)),
  );
  if (missing && action === "trust") {
    works.unshift(
      await planDatabase(
        action,
        authority,
        { store: "Chromium", path: own },
        true,
      ),
    );
  }
  return works;
}

interface Database {
  store: string;
  path: string;
}

async function planDatabase(
  action: TrustAction,
  { file, id, pem }: TrustedAuthority,
  { store, path }: Database,
  create = false,
): Promise<StoreWork> {
  const database = ["-d", `sql:${path}`];
  const name = `wss development CA ${id}`;
  const isThere = () =>
    run("certutil", [...database, "-L", "-n", name]).then(
      () => true,
      () => false,
    );
  if (!create && await isThere() === (action === "trust")) {
    return undone(store, path, "already");
  }
  const args = action === "trust"
    ? [...database, "-A", "-t", "C,,", "-n", name]
    : [...database, "-D", "-n", name];
  const change = {
    words: ["certutil", ...args, ...action === "trust" ? ["-i", file] : []],
    // What was looked at is added, whatever the file has become.
    run: () => run("certutil", args, action === "trust" ? pem : ""),
  };
  return {
    store,
    path,
    state: "planned",
    lines: create ? [...creation(path, database), change] : [change],
    // A database keeps the name that a certificate had in it before.
    confirm: async () => await isThere() === (action === "trust"),
  };
}

function creation(path: string, database: readonly string[]): CommandLine[] {
  const args = [...database, "-N", "--empty-password"];
  return [
    {
      words: ["mkdir", "-m", "700", "-p", path],
      run: () => Deno.mkdir(path, { recursive: true, mode: 0o700 }),
    },
    { words: ["certutil", ...args], run: () => run("certutil", args) },
  ];
}

/** The databases of NSS that there are. */
async function findDatabases(home: string): Promise<Database[]> {
  const places: Database[] = [
    { store: "Chromium", path: join(home, ".pki", "nssdb") },
    {
      store: "Chromium (snap)",
      path: join(home, "snap", "chromium", "current", ".pki", "nssdb"),
    },
  ];
  const profiles = [
    join(home, ".mozilla", "firefox"),
    join(home, ".config", "mozilla", "firefox"),
    join(home, "snap", "firefox", "common", ".mozilla", "firefox"),
  ];
  for (const directory of profiles) {
    for (const name of await namesIn(directory)) {
      places.push({ store: "Firefox", path: join(directory, name) });
    }
  }
  const there = await Promise.all(
    places.map(({ path }) => exists(join(path, "cert9.db"))),
  );
  return places.filter((_, index) => there[index]);
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    const entries = await Array.fromAsync(Deno.readDir(directory));
    return entries.map(({ name }) => name).sort();
  } catch (error) {
    if (isAbsent(error)) return [];
    throw error;
  }
}
