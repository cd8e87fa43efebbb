/**
 * The authorities that a Linux system trusts.
 *
 * @module
 */

import { join } from "@std/path";
import { type CommandLine, commandState, run } from "./command_line.ts";
import {
  readIfThere,
  type StoreWork,
  type TrustAction,
  type TrustedAuthority,
  undone,
} from "./stores.ts";

/** How a family of systems keeps its authorities. */
interface SystemStore {
  readonly directory: string;
  readonly extension: "crt" | "pem";
  readonly update: readonly [command: string, ...args: string[]];
  /** What it is told besides when an authority is gone. */
  readonly forget?: string;
  readonly install: string;
}

const SYSTEM_STORES: Readonly<Record<string, SystemStore>> = {
  debian: {
    directory: "/usr/local/share/ca-certificates",
    extension: "crt",
    update: ["update-ca-certificates"],
    // Or else links to what was removed stay, of which OpenSSL complains.
    forget: "--fresh",
    install: "apt-get install ca-certificates",
  },
  alpine: {
    directory: "/usr/local/share/ca-certificates",
    extension: "crt",
    update: ["update-ca-certificates"],
    forget: "--fresh",
    install: "apk add ca-certificates",
  },
  fedora: {
    directory: "/etc/pki/ca-trust/source/anchors",
    extension: "pem",
    update: ["update-ca-trust", "extract"],
    install: "dnf install ca-certificates",
  },
  arch: {
    directory: "/etc/ca-certificates/trust-source/anchors",
    extension: "crt",
    update: ["trust", "extract-compat"],
    install: "pacman -S ca-certificates-utils",
  },
  suse: {
    directory: "/etc/pki/trust/anchors",
    extension: "pem",
    update: ["update-ca-certificates"],
    forget: "--fresh",
    install: "zypper install ca-certificates",
  },
};

const SYSTEM_NAME = "system";

/** Finds the family of a system in its os-release(5). */
export function familyOf(osRelease: string): string | undefined {
  const valueOf = (name: string) =>
    new RegExp(`^${name}=["']?([^"'\\n]*)`, "m").exec(osRelease)?.[1] ?? "";
  const ids = `${valueOf("ID")} ${valueOf("ID_LIKE")}`.toLowerCase().split(" ");
  const families = ids.map((id) =>
    id.includes("suse") ? "suse" : id === "rhel" ? "fedora" : id
  );
  return families.find((family) => Object.hasOwn(SYSTEM_STORES, family));
}

/** The file of an authority in the store of the system; `undefined` if that store is not known. */
export function systemFile(
  family: string | undefined,
  { id }: TrustedAuthority,
): string | undefined {
  const store = SYSTEM_STORES[family ?? ""];
  if (store === undefined) return undefined;
  return join(store.directory, `wss-development-ca-${id}.${store.extension}`);
}

/** The command that makes the system take note of its store. */
export function systemCommand(family: string | undefined): string | undefined {
  return SYSTEM_STORES[family ?? ""]?.update[0];
}

/** What is to be done in the store of the system. */
export async function planSystem(
  action: TrustAction,
  authority: TrustedAuthority,
  { family, isRoot }: { family: string | undefined; isRoot: boolean },
): Promise<StoreWork> {
  const store = SYSTEM_STORES[family ?? ""];
  const path = systemFile(family, authority);
  if (store === undefined || path === undefined) {
    return undone(
      SYSTEM_NAME,
      null,
      "skipped",
      `how this system keeps its authorities is not known here; its manual tells how ${authority.file} is added`,
    );
  }
  const before = await readIfThere(path);
  const wanted = action === "trust" ? authority.pem : undefined;
  if (before === wanted) return undone(SYSTEM_NAME, path, "already");
  const [command, ...rest] = store.update;
  const args = action === "untrust" && store.forget !== undefined
    ? [...rest, store.forget]
    : rest;
  const write = (pem: string) => Deno.writeTextFile(path, pem, { mode: 0o644 });
  const change: CommandLine = action === "trust"
    ? {
      words: ["install", "-m", "644", authority.file, path],
      run: () => write(authority.pem),
    }
    : { words: ["rm", path], run: () => Deno.remove(path) };
  const lines = [change, {
    words: [command, ...args],
    // What the system took no note of is no reason to call it done next time.
    run: () =>
      run(command, args).catch(async (error) => {
        await (before === undefined ? Deno.remove(path) : write(before));
        throw error;
      }),
  }];
  if (!isRoot) {
    return {
      ...undone(SYSTEM_NAME, path, "left-to-root", "it takes root: run this"),
      lines: lines.map(({ words, run }) => ({
        words: ["sudo", ...words],
        run,
      })),
    };
  }
  if (await commandState(command) === "missing") {
    return undone(
      SYSTEM_NAME,
      path,
      "failed",
      `${command} is not installed: ${store.install}`,
    );
  }
  return {
    store: SYSTEM_NAME,
    path,
    state: "planned",
    lines,
    confirm: async () => await readIfThere(path) === wanted,
  };
}
