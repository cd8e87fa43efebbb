/**
 * A file as the answer to a request: its type, whether it has changed, and a
 * part of it if that is all that is asked for (RFC 9110).
 *
 * @module
 */

import { lookup } from "mrmime";

/** A file, as it was when it was looked up. */
export interface FoundFile {
  readonly path: string;
  readonly info: Deno.FileInfo;
}

/** From which byte to which, both included. */
interface Part {
  readonly from: number;
  readonly to: number;
}

const CHUNK = 64 * 1024;

/** Answers with a file. */
export async function sendFile(
  request: Request,
  { path, info }: FoundFile,
  status: 200 | 404 = 200,
): Promise<Response> {
  const modified = info.mtime?.toUTCString();
  const etag = `"${info.size.toString(16)}-${
    (info.mtime?.getTime() ?? 0).toString(16)
  }"`;
  const headers = new Headers({
    "content-type": typeOf(path),
    // Kept, but asked for again: who edits a page sees the edit.
    "cache-control": "no-cache",
    "x-content-type-options": "nosniff",
  });
  let part: Part | undefined | "unsatisfiable";
  if (status === 200) {
    headers.set("etag", etag);
    headers.set("accept-ranges", "bytes");
    if (modified !== undefined) headers.set("last-modified", modified);
    if (isUnchanged(request.headers, etag, info.mtime)) {
      return new Response(null, { status: 304, headers });
    }
    part = partOf(request, info.size, etag, modified);
  }
  if (part === "unsatisfiable") {
    headers.set("content-range", `bytes */${info.size}`);
    headers.delete("content-type");
    return new Response(null, { status: 416, headers });
  }
  const { from, to } = part ?? { from: 0, to: info.size - 1 };
  headers.set("content-length", `${to - from + 1}`);
  if (part !== undefined) {
    headers.set("content-range", `bytes ${from}-${to}/${info.size}`);
  }
  const body = request.method === "HEAD" ? null : await read(path, from, to);
  return new Response(body, {
    status: part === undefined ? status : 206,
    headers,
  });
}

/** Answers that there is nothing. */
export function notFound(request: Request): Response {
  const body = request.method === "HEAD" ? null : "There is no such page\n";
  return new Response(body, {
    status: 404,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "x-content-type-options": "nosniff",
    },
  });
}

function typeOf(path: string): string {
  const type = lookup(path) ?? "application/octet-stream";
  return /^text\//.test(type) ? `${type}; charset=utf-8` : type;
}

/** Whether the client has the file as it is (RFC 9110, section 13.2.2). */
function isUnchanged(
  headers: Headers,
  etag: string,
  mtime: Date | null,
): boolean {
  const tags = headers.get("if-none-match");
  if (tags !== null) {
    return tags.split(",").some((tag) => {
      const plain = tag.trim().replace(/^W\//, "");
      return plain === "*" || plain === etag;
    });
  }
  const since = Date.parse(headers.get("if-modified-since") ?? "");
  // The header counts in seconds.
  return mtime !== null && Math.floor(mtime.getTime() / 1000) * 1000 <= since;
}

/** The part that is asked for; of more than one, as of one that is not understood, all is sent. */
function partOf(
  { headers, method }: Request,
  size: number,
  etag: string,
  modified: string | undefined,
): Part | undefined | "unsatisfiable" {
  const range = /^bytes=(\d*)-(\d*)$/.exec(headers.get("range") ?? "");
  const condition = headers.get("if-range");
  if (range === null || method !== "GET") return undefined;
  if (condition !== null && condition !== etag && condition !== modified) {
    return undefined;
  }
  const [, first = "", last = ""] = range;
  if (first === "" && last === "") return undefined;
  const from = first === "" ? Math.max(0, size - Number(last)) : Number(first);
  const to = first === "" || last === "" ? size - 1 : Number(last);
  if (to < from && first !== "" && last !== "") return undefined;
  if (from >= size) return "unsatisfiable";
  return { from, to: Math.min(to, size - 1) };
}

/** Reads a part of a file, and closes it after that or when nobody wants it. */
async function read(
  path: string,
  from: number,
  to: number,
): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const file = await Deno.open(path, { read: true });
  if (from > 0) await file.seek(from, Deno.SeekMode.Start);
  let left = to - from + 1;
  return new ReadableStream({
    async pull(controller) {
      const chunk = new Uint8Array(Math.min(CHUNK, left));
      const size = left === 0 ? null : await file.read(chunk);
      if (size !== null) {
        // No more than was promised, should the file have grown.
        left -= size;
        controller.enqueue(chunk.subarray(0, size));
      } else if (left === 0) {
        controller.close();
        file.close();
      } else {
        file.close();
        controller.error(new Error("the file has shrunk"));
      }
    },
    cancel: () => file.close(),
  });
}
