/**
 * Before the first message: how long a program takes to start, and how much of
 * it is loaded.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";
import { type Case, cost } from "../case.ts";
import { makeFrames } from "../frames.ts";
import { run } from "../proc.ts";
import { newLoad, RawClient } from "../raw_client.ts";
import type { Sample } from "../results.ts";

/** From the start of the process to the first echo. */
export const startUp: Case = {
  id: "start-up",
  title: "Start-up",
  about: "From the start of the process to the first echo.",
  side: "server",
  metrics: [
    cost("first", "First echo", "ms", { compare: "difference", digits: 0 }),
  ],
  process: "fresh",
  rounds: "many",
  takes: () => 250,
  async measure({ target, began }) {
    const load = newLoad(makeFrames({ size: 16, text: true, window: 1 }));
    const client = await RawClient.open(target, load);
    try {
      await client.echo("once");
      const first = performance.now() - began;
      await client.close();
      return { first };
    } finally {
      client.cut();
    }
  },
};

/** Code that is loaded. */
export const graph: Case = {
  id: "graph",
  title: "Module graph",
  about:
    "What the server's program loads: the source text, comments included, of its own modules, and the npm packages. The benchmark's own part is some 4 KiB in three modules.",
  side: "server",
  metrics: [
    cost("size", "Source", "KiB", { compare: "difference", digits: 1 }),
    cost("modules", "Modules", "", { compare: "difference", digits: 0 }),
    cost("packages", "npm packages", "", { compare: "difference", digits: 0 }),
  ],
  process: "none",
  rounds: "once",
  takes: () => 300,
  skips: ({ runtime }) =>
    runtime === "deno" ? undefined : "its runtime does not tell its modules",
  measure: ({ subject: { script } }) => Promise.resolve(measureGraph(script)),
};

/** A module, as `deno info --json` tells of it. */
interface Module {
  readonly specifier: string;
  readonly kind: string;
  readonly size?: number;
  readonly npmPackage?: string;
  readonly dependencies?: readonly {
    readonly code?: { readonly specifier?: string };
    readonly isDynamic?: boolean;
  }[];
}

function measureGraph(script: string): Sample {
  const root = new URL(`../servers/${script}`, import.meta.url);
  const { code, stdout } = run("deno", ["info", "--json", fromFileUrl(root)]);
  if (code !== 0) throw new Error(`Cannot read the modules of ${script}`);
  const told: {
    modules: readonly Module[];
    redirects: Readonly<Record<string, string>>;
  } = JSON.parse(stdout);
  const all = new Map(told.modules.map((one) => [one.specifier, one]));
  const strict = script.startsWith("strict");
  const loaded = new Set<Module>();
  const load = (specifier: string): void => {
    const one = all.get(told.redirects[specifier] ?? specifier);
    if (one === undefined || loaded.has(one)) return;
    loaded.add(one);
    for (
      const { code: { specifier: next = "" } = {}, isDynamic }
        of one.dependencies ?? []
    ) {
      // Of what is loaded when it is asked for, the strict engine is.
      const engine = strict && next.endsWith("/src/engines/node_server.ts");
      if (!isDynamic || engine) load(next);
    }
  };
  load(root.href);
  const sources = [...loaded].filter(({ kind }) => kind === "esm");
  // In the place of @std, where JSR is not reached.
  const packages = [...loaded].flatMap(({ npmPackage }) => npmPackage ?? [])
    .filter((name) => !name.startsWith("deno-std@"));
  return {
    size: sources.reduce((sum, { size = 0 }) => sum + size, 0) / 1024,
    modules: sources.length,
    packages: new Set(packages).size,
  };
}
