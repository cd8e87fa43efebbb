/**
 * What the browser's client weighs, by module: `deno task size`, with `--json`
 * for programs.
 *
 * @module
 */

import { fromFileUrl } from "@std/path";
import { build, type BuildOptions, stop } from "esbuild";
import { gzipSync } from "node:zlib";

/** What a bundle weighs, in bytes. */
export interface BundleSize {
  /** What it exports. */
  names: string;
  minified: number;
  /** As `gzip -9` has it. */
  gzipped: number;
  /** What each module takes of the minified bundle. */
  modules: Record<string, number>;
  /** The bundle itself. */
  code: string;
}

const root = fromFileUrl(new URL("..", import.meta.url));

/** What is measured: what a page may import, the least first. */
const BUNDLES = {
  "connect": `export { connect } from "./src/browser/mod.ts"`,
  "all of ./browser": `export * from "./src/browser/mod.ts"`,
  "./browser/reconnecting besides":
    `export * from "./src/browser/mod.ts"; export * from "./src/browser/reconnecting.ts"`,
};

async function measure(
  [names, contents]: [string, string],
): Promise<BundleSize> {
  const options = {
    stdin: { contents, resolveDir: root },
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    metafile: true,
    write: false,
  } satisfies BuildOptions;
  const { outputFiles: [file], metafile } = await build(options);
  const [output] = Object.values(metafile.outputs);
  if (file === undefined || output === undefined) throw new Error("No bundle");
  const modules = Object.fromEntries(
    Object.entries(output.inputs).map((
      [path, { bytesInOutput }],
    ) => [path, bytesInOutput]),
  );
  return {
    names,
    minified: file.contents.length,
    gzipped: gzipSync(file.contents, { level: 9 }).length,
    modules,
    code: file.text,
  };
}

/** The sizes for a person to read, the largest module first. */
function table({ names, minified, gzipped, modules }: BundleSize): string {
  const rows = Object.entries(modules)
    .toSorted(([, a], [, b]) => b - a)
    .map(([path, bytes]) => `${`${bytes}`.padStart(7)}  ${path}`);
  return `${names}: ${gzipped} bytes gzipped, ${minified} minified, of which\n${
    rows.join("\n")
  }\n`;
}

if (import.meta.main) {
  const sizes = await Promise.all(Object.entries(BUNDLES).map(measure));
  await stop();
  console.log(
    Deno.args.includes("--json")
      ? JSON.stringify(sizes)
      : sizes.map(table).join("\n"),
  );
}
