// deno-lint-ignore-file no-import-prefix
import * as path from "npm:deno-std@1.4.0/path/mod.js";

/** Joins path segments and normalizes the result. */
export const join: (path: string, ...paths: string[]) => string = path.join;
/** The file path that a `file:` URL stands for. */
export const fromFileUrl: (url: string | URL) => string = path.fromFileUrl;
