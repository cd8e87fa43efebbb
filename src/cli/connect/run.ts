/**
 * What `wss connect` does.
 *
 * @module
 */

import {
  connect,
  type Connection,
  ConnectionClosedError,
  type ConnectOptions,
  HandshakeError,
  reconnect,
  type ReconnectStatus,
} from "../../../client.ts";
import { ExitCode } from "../exit_code.ts";
import { Exit, messageOf, UsageError } from "../failure.ts";
import { onInterrupt } from "../interrupt.ts";
import { printError } from "../output.ts";
import { connectOptions } from "../target.ts";
import { needTarget } from "../target_needs.ts";
import { readTarget, shownUrl } from "../target_url.ts";
import { inFlags } from "../target_words.ts";
import { messagesIn } from "./input.ts";
import { standardOutput } from "./output.ts";
import { MaxTime } from "./max_time.ts";
import { ping } from "./ping.ts";
import { type Outgoing, Session } from "./session.ts";
import type { Output } from "./output.ts";
import type { ConnectValues } from "./values.ts";
import {
  type Say,
  tellEnd,
  tellOpen,
  tellRefusal,
  tellRequest,
  tellTls,
  withoutSecrets,
} from "./verbose.ts";

/** Runs the command. */
export async function runConnect(
  target: string,
  values: ConnectValues,
): Promise<void> {
  const url = readTarget(target);
  const isInteractive = !values.ping && Deno.stdin.isTerminal() &&
    Deno.stdout.isTerminal();
  checkValues(values, isInteractive);
  await needTarget(url, values, historyNeeds(values));
  using time = new MaxTime(values.maxTime);
  const options: ConnectOptions = {
    ...await time.wait(connectOptions(values)),
    maxMessageSize: values.maxMessage,
  };
  if (values.verbose > 0) tellRequest(url, options, values, printError);
  if (values.verbose > 1) {
    await time.wait(tellTls(url, options, values, printError));
  }
  try {
    if (values.ping) await runPing(url, options, values, time);
    else if (isInteractive) await talk(url, options, values, time);
    else await pipe(url, options, values, time);
  } catch (error) {
    if (values.verbose > 0 && error instanceof HandshakeError) {
      tellRefusal(error, withoutSecrets(printError, url, options));
    }
    throw inFlags(error);
  }
}

/** Refuses options that would be of no use. */
function checkValues(values: ConnectValues, isInteractive: boolean): void {
  const { engine, history, interval } = values;
  if (values.ping && engine === "deno") {
    throw new UsageError(
      "--engine deno cannot honour --ping, it has no pings; --engine node can",
    );
  }
  if (interval !== undefined && !values.ping) {
    throw new UsageError("--interval is the time between pings: give --ping");
  }
  if (history !== undefined && !isInteractive) {
    throw new UsageError("--history is for what is typed at a terminal");
  }
  if (!isInteractive) return;
  for (const name of ["binary", "null", "one", "wait"] as const) {
    if (values[name] === undefined) continue;
    throw new UsageError(`--${name} is for input and output through pipes`);
  }
}

function historyNeeds({ history: path }: ConnectValues) {
  if (path === undefined) return [];
  return [{ name: "read", path }, { name: "write", path }] as const;
}

async function runPing(
  url: URL,
  options: ConnectOptions,
  values: ConnectValues,
  time: MaxTime,
): Promise<void> {
  const began = performance.now();
  await ping(url, options, values, time, (ws) => {
    if (values.verbose === 0) return;
    const say = withoutSecrets(printError, url, options);
    tellOpen(ws, performance.now() - began, say);
  });
}

/** Sends what is piped in, and pipes out what comes. */
async function pipe(
  url: URL,
  options: ConnectOptions,
  values: ConnectValues,
  time: MaxTime,
): Promise<void> {
  const binary = values.binary === true;
  const nul = values.null === true;
  const input = messagesIn((room) => Deno.stdin.read(room), {
    by: values.one ? "all" : nul ? "null" : binary ? "chunk" : "line",
    binary,
  });
  const json = values.json === true;
  const full = values.full === true;
  const output = standardOutput({ binary, json, nul, full });
  const awaited = values.once === true || values.count !== undefined;
  const wait = values.wait ?? (awaited ? Infinity : 1000);
  const parts = { input, output, wait, say: printError };
  const session = sessionOf(url, options, values, parts);
  try {
    const told = withoutSecrets(printError, url, options);
    await runSession(session, values, time, told);
  } catch (error) {
    // Nobody reads any more, as after `head -1`.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Talks with the person at the terminal. */
async function talk(
  url: URL,
  options: ConnectOptions,
  values: ConnectValues,
  time: MaxTime,
): Promise<void> {
  const { Terminal } = await import("./interactive.ts");
  const terminal = await Terminal.open(values);
  const say: Say = (text) => terminal.say(text);
  const told = withoutSecrets(say, url, options);
  const greeting = (ws: Connection) => {
    const chosen = ws.protocol === "" ? "" : `, ${ws.protocol}`;
    say(
      `connected to ${shownUrl(url)}${chosen}; Ctrl-D closes, /help tells more`,
    );
  };
  const { input, output } = terminal;
  const wait = values.once ? Infinity : 0;
  const parts = { input, output, wait, say, greeting };
  const session = sessionOf(url, options, values, parts);
  terminal.serve(session);
  try {
    // What was typed and not sent stays above what is said of the end.
    await runSession(session, values, time, told, () => terminal.close());
    if (session.leftAlone) {
      say("left without a connection");
      throw new Exit(ExitCode.Interrupted);
    }
    const { code = 1000, reason = "" } = session.info ?? {};
    told(
      `closed with ${code}${reason === "" ? "" : ` ${JSON.stringify(reason)}`}`,
    );
    if (terminal.interrupted) throw new Exit(ExitCode.Interrupted);
  } finally {
    await terminal.close();
  }
}

/** Of what a session is made besides what the command line says. */
interface Parts {
  readonly input: AsyncIterable<Outgoing>;
  readonly output: Output;
  readonly wait: number;
  readonly say: Say;
  /** What is done with each connection first. */
  readonly greeting?: (ws: Connection) => void;
}

function sessionOf(
  url: URL,
  options: ConnectOptions,
  values: ConnectValues,
  { input, output, wait, say, greeting }: Parts,
): Session {
  const lasting = values.reconnect === true;
  let began = performance.now();
  const onopen = (ws: Connection) => {
    if (values.verbose > 0) {
      const told = withoutSecrets(say, url, options);
      tellOpen(ws, performance.now() - began, told);
    }
    greeting?.(ws);
  };
  const onstatus = (status: ReconnectStatus) => {
    if (status.state === "connecting") began = performance.now();
    tellStatus(status, say);
  };
  return new Session({
    connections: (signal) =>
      lasting
        ? told(reconnect(url, { ...options, signal, onstatus }), onopen)
        : told(once(url, { ...options, signal }), onopen),
    input,
    output,
    once: values.once === true,
    count: values.once ? 1 : values.count ?? Infinity,
    wait,
    lasting,
  });
}

async function* once(
  url: URL,
  options: ConnectOptions,
): AsyncGenerator<Connection, undefined> {
  yield await connect(url, options);
}

async function* told(
  connections: AsyncIterable<Connection>,
  onopen: (ws: Connection) => void,
): AsyncGenerator<Connection, undefined> {
  for await (const ws of connections) {
    onopen(ws);
    yield ws;
  }
}

function tellStatus(status: ReconnectStatus, say: Say): void {
  if (status.state === "waiting") {
    const seconds = (status.delay / 1000).toFixed(1);
    say(
      `${messageOf(inFlags(status.error))}; connecting again in ${seconds} s`,
    );
  }
}

/** Runs a session within its time, and until Ctrl-C. */
async function runSession(
  session: Session,
  { verbose }: ConnectValues,
  { signal }: MaxTime,
  say: Say,
  onend?: () => Promise<void>,
): Promise<void> {
  const began = performance.now();
  const expire = () => session.fail(signal.reason);
  signal.addEventListener("abort", expire);
  if (signal.aborted) expire();
  let interrupted = false;
  const release = onInterrupt((times) => {
    interrupted = true;
    if (times === 1) session.end();
    else session.fail(new Exit(ExitCode.Interrupted));
  });
  try {
    await session.run();
  } catch (error) {
    if (!(interrupted && error instanceof ConnectionClosedError)) throw error;
  } finally {
    signal.removeEventListener("abort", expire);
    release();
    await onend?.();
    if (verbose > 0) {
      tellEnd(session.info, session.traffic, performance.now() - began, say);
    }
  }
  if (interrupted) throw new Exit(ExitCode.Interrupted);
}
