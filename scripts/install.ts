/**
 * Installs the command `wss` from this checkout, as `deno install --global`
 * does from JSR.
 *
 * That copies the configuration away from the checkout, where its `links` lead
 * nowhere. So it is given one in which the stand-ins for `@std` are ordinary
 * imports.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";

/** What most of the subcommands need; for the rest a terminal is asked. */
const PERMISSIONS = ["--allow-net", "--allow-read", "--allow-write"];

const HELP = `Installs the command wss from this checkout.

Usage:
  deno task install [--root DIR] [PERMISSIONS] [other options of deno install]

Permissions, if none are given: ${PERMISSIONS.join(" ")}`;

interface Config {
  imports: Record<string, string>;
  links: string[];
}

const root = new URL("..", import.meta.url);

/** The imports of the checkout, without links. */
async function standaloneConfig(): Promise<string> {
  const { imports, links } = await readJson<Config>("deno.json");
  for (const link of links ?? []) {
    const { name, exports } = await readJson<LinkedConfig>(`${link}/deno.json`);
    delete imports[name];
    const entries = typeof exports === "string" ? { ".": exports } : exports;
    for (const [entry, file] of Object.entries(entries)) {
      const specifier = `${name}${entry.slice(1)}`;
      imports[specifier] = new URL(`${link}/${file}`, root).href;
    }
  }
  return JSON.stringify({ imports });
}

interface LinkedConfig {
  name: string;
  exports: string | Record<string, string>;
}

async function readJson<Value>(path: string): Promise<Value> {
  return JSON.parse(await Deno.readTextFile(new URL(path, root)));
}

/** Installs, and tells the exit code. */
async function install(args: string[]): Promise<number> {
  if (args.includes("--help") || args.includes("-h")) {
    console.log(HELP);
    return 0;
  }
  const given = args.some((arg) => /^(--allow-|--no-prompt|-[A-Z])/.test(arg));
  const config = await Deno.makeTempFile({ suffix: ".json" });
  try {
    await Deno.writeTextFile(config, await standaloneConfig());
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["install", "--global", "--force", "--name=wss", "--no-lock"],
        `--config=${config}`,
        ...given ? [] : PERMISSIONS,
        ...args,
        fromFileUrl(new URL("src/cli/mod.ts", root)),
      ],
    }).spawn().status;
    return code;
  } finally {
    await Deno.remove(config);
  }
}

if (import.meta.main) Deno.exit(await install(Deno.args));
