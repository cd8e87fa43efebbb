/**
 * What runs the servers under test, as far as it is installed.
 *
 * @module
 */

import { run } from "./proc.ts";

/** What a script may be written for. */
export type RuntimeName = "deno" | "node" | "bun" | "python";

/** A runtime that is there. */
export interface Runtime {
  /** Its name and version, with those of the package that it needs. */
  readonly title: string;
  /** The words of a command line in front of those of the script. */
  readonly command: readonly string[];
  /** Words behind them. */
  readonly args: readonly string[];
}

/** A runtime, or why there is none and what to do about it. */
export type Probed = Runtime | { readonly skipped: string };

const found = new Map<RuntimeName, Probed>();

/** Looks for a runtime, once. */
export function probe(name: RuntimeName): Probed {
  const probed = found.get(name) ?? PROBES[name]();
  found.set(name, probed);
  return probed;
}

const PROBES: Record<RuntimeName, () => Probed> = {
  deno: () => ({
    title: `Deno ${Deno.version.deno}`,
    command: ["deno", "run", "--quiet", "--no-prompt"],
    args: [],
  }),
  node() {
    const { code, stdout } = run("node", ["--version"]);
    if (code !== 0) {
      return { skipped: "Node is not installed: apt-get install nodejs" };
    }
    const ws = findWs();
    if (ws === undefined) {
      return {
        skipped: "npm:ws is not in the cache of Deno: deno cache npm:ws",
      };
    }
    return {
      title: `Node ${stdout.trim().slice(1)}, ws ${ws.version}`,
      command: ["node", "--expose-gc"],
      args: [ws.path],
    };
  },
  bun() {
    const { code, stdout } = run("bun", ["--version"]);
    return code === 0
      ? { title: `Bun ${stdout.trim()}`, command: ["bun", "run"], args: [] }
      : { skipped: "Bun is not installed: npm install -g bun" };
  },
  python() {
    const tell =
      "import platform, websockets; print(platform.python_version(), websockets.__version__)";
    for (const command of ["/usr/bin/python3", "python3"]) {
      const { code, stdout } = run(command, ["-c", tell]);
      if (code !== 0) continue;
      const [python, websockets] = stdout.trim().split(" ");
      return {
        title: `Python ${python}, websockets ${websockets}`,
        command: [command],
        args: [],
      };
    }
    return {
      skipped:
        "websockets for Python is not installed: apt-get install python3-websockets",
    };
  },
};

/** Where Deno keeps the npm:ws that this project uses: Node takes the same. */
function findWs(): { path: string; version: string } | undefined {
  const { code, stdout } = run("deno", ["info", "--json", "npm:ws"]);
  if (code !== 0) return undefined;
  const { npmPackages = {} }: {
    npmPackages?: Record<
      string,
      { name: string; version: string; localPath?: string }
    >;
  } = JSON.parse(stdout);
  const ws = Object.values(npmPackages).find(({ name }) => name === "ws");
  if (ws?.localPath === undefined) return undefined;
  return { path: ws.localPath, version: ws.version };
}
