/**
 * Runs `wss serve`.
 *
 * @module
 */

import {
  type Connection,
  type EngineName,
  type Logger,
  serve,
  type ServeOptions,
  type Server,
} from "../../../server.ts";
import { messageOf, UsageError } from "../failure.ts";
import { needPermissions } from "../permissions.ts";
import { neededForSecrets } from "../secret.ts";
import { type AccessLog, createAccessLog } from "./access_log.ts";
import { banner, type Facts, warnings } from "./banner.ts";
import {
  isPlain,
  loadCertificate,
  reloadCertificate,
  type ServerCertificate,
} from "./certificate.ts";
import { MAX_NAME_SIZE } from "./greet.ts";
import type { Mode } from "./mode.ts";
import { chooseMode, type Chosen, neededForMode } from "./modes.ts";
import {
  checkTogether,
  chooseEngine,
  clientRules,
  commonOptions,
  neededToListen,
  neededToRead,
  strictOptions,
} from "./options.ts";
import { untilStopped } from "./stop.ts";
import { tell, told } from "./tell.ts";
import type { ServeValues } from "./values.ts";

/** How long a mode may take to free what it holds when the end is at once, in milliseconds. */
const LAST_MOMENT = 500;

/** Serves until it is told to stop. */
export async function runServe(values: ServeValues): Promise<void> {
  checkTogether(values);
  const engine = chooseEngine(values);
  await needPermissions(
    ...neededToListen(values, engine),
    ...neededToRead(values),
    ...neededForSecrets(values),
    ...await neededForMode(values),
  );
  const log = createAccessLog(values.log);
  const certificate = isPlain(values)
    ? undefined
    : await loadCertificate(values);
  const chosen = await chooseMode(values, (line) => log.said(line));
  const { mode } = chosen;
  try {
    const server = await start({ values, engine, certificate, log, chosen });
    const facts = { server, values, mode, engine, certificate };
    const reload = engine === "node" && certificate !== undefined
      ? () => reloadAll(server, values, certificate)
      : undefined;
    const timeout = values.shutdownTimeout;
    const stopped = untilStopped(server, { timeout, reload });
    // Signals are heeded from here on, so that whoever reads this may send one.
    announce(facts, log);
    await stopped;
  } catch (error) {
    await inAMoment(mode.ended?.());
    await saidAll(log);
    throw error;
  }
  await mode.ended?.();
  await saidAll(log);
}

/** Waits for whoever reads the last lines, but not for long. */
async function saidAll(log: AccessLog): Promise<void> {
  await Promise.all([log.ended(), told()]);
}

interface Task {
  readonly values: ServeValues;
  readonly engine: EngineName;
  readonly certificate: ServerCertificate | undefined;
  readonly log: AccessLog;
  readonly chosen: Chosen;
}

async function start(task: Task): Promise<Server> {
  const { values, log, chosen: { mode, fetch } } = task;
  const options = await serveOptions(task);
  const guarded = {
    ...options,
    fetch,
    logger: loggerOf(values),
    onRefused: log.refused,
    onError: (error: unknown, ws?: Connection<unknown>) =>
      tellError(error, ws, values),
  };
  try {
    const server = await serve(guarded, (ws) => attend(ws, mode, log));
    mode.started?.(server);
    return server;
  } catch (error) {
    // What the options are, the command line has said.
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new UsageError(error.message, { cause: error });
    }
    throw error;
  }
}

async function serveOptions(
  { values, engine, certificate }: Task,
): Promise<ServeOptions<unknown>> {
  const common = await commonOptions(values, certificate?.chain);
  const { greet, echo, broadcast, exec, proxy, handler } = values;
  const others = echo || broadcast || exec !== undefined ||
    proxy !== undefined || handler !== undefined;
  if ((greet || !others) && values.maxMessage === undefined) {
    common.maxMessageSize = MAX_NAME_SIZE;
  }
  if (engine === "deno") {
    return { ...common, engine, noDelay: values.tcpNoDelay };
  }
  // The strict engine sends without delay anyway.
  return { ...common, ...await strictOptions(values) };
}

/** Serves one connection, and logs it. */
async function attend(
  ws: Connection<unknown>,
  mode: Mode,
  log: AccessLog,
): Promise<void> {
  const since = performance.now();
  log.opened(ws);
  ws.closed.then((info) => log.closed(ws, info, performance.now() - since));
  await mode.handler(ws);
}

function announce(facts: Facts, log: AccessLog): void {
  for (const line of warnings(facts)) tell(`warning: ${line}`);
  for (const line of banner(facts)) tell(line);
  log.listening(facts.server.url);
}

/** Takes certificate and authorities anew; what is no good changes nothing. */
async function reloadAll(
  server: Server,
  values: ServeValues,
  certificate: ServerCertificate,
): Promise<void> {
  try {
    const chain = await reloadCertificate(certificate, values);
    await server.reload({ ...chain, ...await clientRules(values) });
    tell(`Took ${certificate.file} anew`);
  } catch (error) {
    tell(`error: ${messageOf(error)}; what was goes on`);
  }
}

function loggerOf({ verbose }: ServeValues): Logger {
  return {
    warn: (message) => tell(`warning: ${message}`),
    error: (message, error) =>
      tell(
        error === undefined
          ? `error: ${message}`
          : `error: ${message}: ${messageOf(error)}`,
      ),
    ...verbose &&
      { debug: (message: string) => tell(`debug: ${message}`) },
  };
}

/** Says what a handler, or whatever else was asked, threw; of the user's own code, where. */
function tellError(
  error: unknown,
  ws: Connection<unknown> | undefined,
  { handler, verbose }: ServeValues,
): void {
  const where = ws === undefined ? "" : `connection ${ws.id.slice(0, 8)}: `;
  const stack = (verbose || handler !== undefined) && error instanceof Error
    ? error.stack
    : undefined;
  const [first = "", ...rest] = (stack ?? messageOf(error)).split("\n");
  tell(`error: ${where}${first}`);
  for (const line of rest) tell(line);
}

async function inAMoment(work: Promise<void> | undefined): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, LAST_MOMENT);
  });
  await Promise.race([work, over]).finally(() => clearTimeout(timer));
}
