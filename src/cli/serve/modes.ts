/**
 * The modes of `wss serve`, of which one is chosen.
 *
 * @module
 */

import type { FetchHandler, Server } from "../../../server.ts";
import { UsageError } from "../failure.ts";
import { greetMode } from "./greet.ts";
import { loadHandler } from "./handler.ts";
import type { Mode } from "./mode.ts";
import type { ServeValues } from "./values.ts";

/** What is done with connections, and with ordinary requests. */
export interface Chosen {
  readonly mode: Mode;
  readonly fetch: FetchHandler | undefined;
}

/**
 * Chooses by the flags; `say` is told what a mode has to tell people.
 *
 * @throws {UsageError} If what a flag names cannot be used.
 */
export async function chooseMode(
  values: ServeValues,
  say: (line: string) => void,
): Promise<Chosen> {
  const pages = values.static;
  if (values.handler !== undefined) {
    const { mode, fetch } = await loadHandler(values.handler);
    if (fetch !== undefined && pages !== undefined) {
      throw new UsageError(
        `--static: ${values.handler} exports fetch, which answers all requests; leave one of them out`,
      );
    }
    return { mode, fetch: fetch ?? await fetchOf(values) };
  }
  return { mode: await modeOf(values, say), fetch: await fetchOf(values) };
}

async function fetchOf(
  values: ServeValues,
): Promise<FetchHandler | undefined> {
  if (values.static === undefined) return undefined;
  const { staticFiles } = await import("./static.ts");
  return await staticFiles(values.static, secretFiles(values));
}

/** The files that a command line names, and that are nobody else's business. */
function secretFiles(values: ServeValues): string[] {
  const { cert, key, handler, token, auth } = values;
  const sources = [token, auth].map((source) =>
    /^file:(.+)$/s.exec(source ?? "")?.[1]
  );
  return [cert, key, handler, ...sources].filter((path) => path !== undefined);
}

/** The permissions that a mode takes, besides those of the server. */
export async function neededForMode(
  { exec, proxy }: ServeValues,
): Promise<Deno.PermissionDescriptor[]> {
  if (exec !== undefined) {
    return (await import("./exec.ts")).neededToRun(exec);
  }
  if (proxy !== undefined) {
    return (await import("./bridge.ts")).neededToReach(proxy);
  }
  return [];
}

async function modeOf(
  values: ServeValues,
  say: (line: string) => void,
): Promise<Mode> {
  if (values.echo) return echoMode();
  if (values.broadcast) return broadcastMode();
  if (values.exec !== undefined) {
    const { execMode } = await import("./exec.ts");
    return await execMode(values.exec, {
      null: values.null,
      binary: values.binary,
      maxProcesses: values.maxProcesses,
      maxMessageSize: values.maxMessage,
      tokenInQuery: values.tokenFrom === "query",
    });
  }
  if (values.proxy !== undefined) {
    const { bridgeMode } = await import("./bridge.ts");
    return bridgeMode(values.proxy);
  }
  return greetMode(say);
}

/** The mode `--echo`. */
export function echoMode(): Mode {
  return {
    title: "sends every message back",
    async handler(ws) {
      for await (const message of ws) await ws.send(message);
    },
  };
}

/**
 * The mode `--broadcast`. Nobody waits for those who read slowly: they are cut
 * off when more waits for them than may.
 */
export function broadcastMode(): Mode {
  let server: Server | undefined;
  return {
    title: "sends every message to all others",
    started: (its) => server = its,
    async handler(ws) {
      for await (const message of ws) {
        server?.broadcast(message, { except: ws });
      }
    },
  };
}
