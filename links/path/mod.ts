// deno-lint-ignore-file no-import-prefix
import * as path from "npm:deno-std@1.4.0/path/mod.js";

/** Joins path segments and normalizes the result. */
export const join: (path: string, ...paths: string[]) => string = path.join;
/** The file path that a `file:` URL stands for. */
export const fromFileUrl: (url: string | URL) => string = path.fromFileUrl;
/** The directory that a path is in. */
export const dirname: (path: string) => string = path.dirname;
/** An absolute path, relative to the working directory. */
export const resolve: (...paths: string[]) => string = path.resolve;
/** The `file:` URL that stands for an absolute file path. */
export const toFileUrl: (path: string) => URL = path.toFileUrl;
/** One path as seen from another. */
export const relative: (from: string, to: string) => string = path.relative;
