/**
 * Chromium as a peer: it opens a page of the test's server, and the page tells
 * the server what it saw.
 *
 * @module
 */

import { assert } from "@std/assert";
import { temporaryDirectory } from "../_certs.ts";
import { chromiumFlags } from "../_chromium.ts";
import type { FetchHandler } from "../../server.ts";
import type { Kind } from "./certificates.ts";

/** A page that runs a script, and what the script tells. */
export interface Site {
  /** Answers the requests of the browser. */
  fetch: FetchHandler;
  /** What the script returned, if it came so far. */
  report?: unknown;
  /** Lets the page finish loading. */
  finish(): void;
}

/**
 * A site of one page that runs a script.
 *
 * @param script The body of an async function. It can `open(url, protocols)` a
 * WebSocket: that resolves to it, with `next()` for its messages and `ended`
 * for its close event.
 */
export function site(script: string): Site {
  const finished = Promise.withResolvers<void>();
  const made: Site = {
    finish: finished.resolve,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/report") {
        made.report = await request.json();
        finished.resolve();
        return new Response();
      }
      if (pathname === "/until-reported") {
        await finished.promise;
        return new Response();
      }
      const headers = { "content-type": "text/html; charset=utf-8" };
      return new Response(page(script), { headers });
    },
  };
  return made;
}

/** What Chromium opens, and whom it trusts. */
export interface Visit {
  url: string;
  site: Site;
  /** How the certificate in `caFile` was made. */
  kind: Kind;
  caFile: string;
}

/** Chromium prints the page and leaves once it has loaded, which the image puts off. */
function page(script: string): string {
  return `<!doctype html>
<title>Peer</title>
<img src="/until-reported" alt="">
<script>
async function open(url, protocols = []) {
  const ws = new WebSocket(url, protocols);
  ws.binaryType = "arraybuffer";
  const messages = [];
  let wake = () => {};
  ws.onmessage = ({ data }) => {
    messages.push(data);
    wake();
  };
  ws.next = async () => {
    while (messages.length === 0) await new Promise((resolve) => wake = resolve);
    return messages.shift();
  };
  ws.ended = new Promise((resolve) => {
    ws.onclose = ({ code, reason, wasClean }) => resolve({ code, reason, wasClean });
  });
  const opened = new Promise((resolve) => ws.onopen = () => resolve(true));
  ws.opened = await Promise.race([opened, ws.ended.then(() => false)]);
  return ws;
}
const here = location.origin.replace("https", "wss");
(async () => {
${script}
})().catch((error) => ({ failed: String(error) })).then((report) =>
  fetch("/report", { method: "POST", body: JSON.stringify(report) })
);
</script>
`;
}

/** Lets Chromium load the page of a site, and returns what that reports. */
export async function visit(
  { url, site, kind, caFile }: Visit,
): Promise<unknown> {
  await using home = await temporaryDirectory();
  const database = `${home.path}/.pki/nssdb`;
  await Deno.mkdir(database, { recursive: true });
  // An authority is trusted to issue; a certificate of its own, as it is.
  const trust = kind === "generated" ? "C,," : "P,,";
  const certutil = ["certutil", "-d", `sql:${database}`] as const;
  await run([...certutil, "-N", "--empty-password"], home.path);
  const add = ["-A", "-t", trust, "-n", "wss", "-i", caFile];
  await run([...certutil, ...add], home.path);
  const flags = chromiumFlags(`${home.path}/profile`);
  try {
    const shown = await run(["chromium", ...flags, url], home.path);
    assert(site.report !== undefined, `The page did not report: ${shown}`);
    return site.report;
  } finally {
    site.finish();
  }
}

/** Runs a command to its end, and returns what it printed. */
async function run(
  [command, ...args]: readonly [string, ...string[]],
  home: string,
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args,
    env: { HOME: home },
    signal: AbortSignal.timeout(12_000),
  }).output();
  const decoder = new TextDecoder();
  assert(success, `${command}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
