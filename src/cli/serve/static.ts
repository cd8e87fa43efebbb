/**
 * The option `--static`: the files of a directory, for browsers.
 *
 * @module
 */

import { join, relative, resolve } from "@std/path";
import { UsageError } from "../failure.ts";
import { needPermissions } from "../permissions.ts";
import { notFound, sendFile } from "./send_file.ts";

const WINDOWS = Deno.build.os === "windows";

/** What a path may turn out to be without that being a fault of the server. */
const ABSENT = [
  Deno.errors.NotFound,
  Deno.errors.NotADirectory,
  Deno.errors.FilesystemLoop,
  Deno.errors.PermissionDenied,
  Deno.errors.NotCapable,
  Deno.errors.InvalidData,
];

const PEM_BEGIN = "-----BEGIN ";

/** The largest file that is looked into for a private key. */
const MAX_KEY_FILE = 1 << 20;

/** A file or a directory below the one that is served. */
interface Found {
  /** Where it really is, with all links followed. */
  readonly path: string;
  readonly info: Deno.FileInfo;
}

/**
 * Makes what answers requests with the files below a directory: `index.html`
 * for a directory, `404.html` for what is not there. Never served is what lies
 * outside, also by a link, what begins with a dot, but for `.well-known`
 * (RFC 8615), and private keys.
 *
 * @param directory The directory.
 * @param secrets Files that are not served, wherever they are.
 * @throws {UsageError} If there is no such directory.
 * @throws {Deno.errors.NotCapable} If it may not be read.
 */
export async function staticFiles(
  directory: string,
  secrets: readonly string[] = [],
): Promise<(request: Request) => Promise<Response>> {
  await needPermissions({ name: "read", path: directory });
  const root = await rootOf(directory);
  const hidden = await Promise.all(secrets.map(realOf));
  const find = (names: readonly string[]) => look(root, names, hidden);
  const absent = async (request: Request) => {
    const page = await find(["404.html"]);
    return page?.info.isFile
      ? await sendFile(request, page, 404)
      : notFound(request);
  };
  return async (request) => {
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response("Only GET and HEAD are answered here\n", {
        status: 405,
        headers: { allow: "GET, HEAD" },
      });
    }
    const url = new URL(request.url);
    const names = namesIn(url.pathname);
    const found = names && await find(names);
    if (names === undefined || found === undefined) {
      return await absent(request);
    }
    const asDirectory = url.pathname.endsWith("/");
    if (found.info.isDirectory) {
      // Without the slash, the links of the page would lead astray.
      if (!asDirectory) return redirect(names, url.search);
      const index = await find([...names, "index.html"]);
      if (index?.info.isFile) return await sendFile(request, index);
    } else if (found.info.isFile && !asDirectory) {
      return await sendFile(request, found);
    }
    return await absent(request);
  };
}

async function rootOf(directory: string): Promise<string> {
  try {
    const root = await Deno.realPath(resolve(directory));
    if ((await Deno.stat(root)).isDirectory) return root;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  throw new UsageError(`--static: there is no directory ${directory}`);
}

/** The names that a path has; `undefined` if one of them is not to be served. */
function namesIn(pathname: string): string[] | undefined {
  const names: string[] = [];
  for (const part of pathname.split("/")) {
    if (part === "") continue;
    let name: string;
    try {
      name = decodeURIComponent(part);
    } catch {
      return undefined;
    }
    if (!isServed(name)) return undefined;
    names.push(name);
  }
  return names;
}

/** Whether a name may be served: one of its own, and not hidden. */
function isServed(name: string): boolean {
  // Of Windows: drives, streams of files, and second names of others.
  if (WINDOWS && /[:~]|[. ]$/.test(name)) return false;
  if (name.startsWith(".") && name !== ".well-known") return false;
  // deno-lint-ignore no-control-regex
  return !/[\u0000/\\]/.test(name);
}

/** Looks for a file or a directory, which must really be below the root. */
async function look(
  root: string,
  names: readonly string[],
  hidden: readonly string[],
): Promise<Found | undefined> {
  try {
    const path = await Deno.realPath(join(root, ...names));
    const within = relative(root, path);
    // A way out of the root begins with two dots, or is of another drive.
    const real = within === "" ? [] : within.split(/[/\\]/);
    if (!real.every(isServed)) return undefined;
    if (hidden.includes(path)) return undefined;
    const info = await Deno.stat(path);
    return await holdsKey(path, info) ? undefined : { path, info };
  } catch (error) {
    if (ABSENT.some((type) => error instanceof type) || isNameTooLong(error)) {
      return undefined;
    }
    throw error;
  }
}

/** Whether a file holds a private key, such as those of `wss cert` in certs. */
async function holdsKey(path: string, info: Deno.FileInfo): Promise<boolean> {
  if (!info.isFile) return false;
  const isNamed = /\.(pem|key)$/i.test(path);
  if (!isNamed && !await beginsAsPem(path)) return false;
  // What is too large to be looked into is no page either.
  if (info.size > MAX_KEY_FILE) return true;
  return (await Deno.readTextFile(path)).includes("PRIVATE KEY-----");
}

/** Whether a file is PEM by another name, such as that of a copy. */
async function beginsAsPem(path: string): Promise<boolean> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(PEM_BEGIN.length);
  const size = await file.read(bytes);
  return new TextDecoder().decode(bytes.subarray(0, size ?? 0)) === PEM_BEGIN;
}

/** Where a secret really is; where it would be, if it is not there yet. */
async function realOf(path: string): Promise<string> {
  return await Deno.realPath(path).catch(() => resolve(path));
}

/** ENAMETOOLONG, which has no class of its own. */
function isNameTooLong(error: unknown): boolean {
  return error instanceof Error && "code" in error &&
    error.code === "ENAMETOOLONG";
}

function redirect(names: readonly string[], search: string): Response {
  // Made of names alone: what begins with two slashes would be another host.
  const path = names.map(encodeURIComponent).join("/");
  return new Response(null, {
    status: 301,
    headers: { location: `/${path}/${search}` },
  });
}
