/**
 * The mode `--proxy`: the bytes of a TCP connection, or of one to a unix socket,
 * as binary messages, and back.
 *
 * @module
 */

import { type Connection, ConnectionClosedError } from "../../../server.ts";
import { messageOf, UsageError } from "../failure.ts";
import type { Mode } from "./mode.ts";
import { tell } from "./tell.ts";

/** Options for {@linkcode bridgeMode}. */
export interface BridgeOptions {
  /**
   * How long reaching the target may take, in milliseconds.
   *
   * @default {10_000}
   */
  readonly connectTimeout?: number | undefined;
  /** Prints what is for people; on standard error if left out. */
  readonly tell?: ((line: string) => void) | undefined;
}

const CONNECT_TIMEOUT = 10_000;

/** How long the target has for what its client left behind, in milliseconds. */
const LINGER = 5000;

/** The largest piece of the stream that goes into one message. */
const CHUNK = 64 * 1024;

/**
 * The close code for a target that cannot be reached, or hangs up in the middle.
 * 1014, "bad gateway", would say more, but the WebSocket of Deno takes it for a
 * breach of the protocol.
 */
const INTERNAL_ERROR = 1011;

/** Where the bytes go. */
type Target =
  | {
    readonly transport: "tcp";
    readonly hostname: string;
    readonly port: number;
  }
  | { readonly transport: "unix"; readonly path: string };

/**
 * Connects each connection to a target, with which it exchanges bytes.
 *
 * @param target `tcp://host:port` or `unix:/path`.
 * @param options Deadlines.
 * @throws {UsageError} If the target cannot be understood.
 */
export function bridgeMode(
  target: string,
  options: BridgeOptions = {},
): Mode {
  const place = readTarget(target);
  const { connectTimeout = CONNECT_TIMEOUT, tell: say = tell } = options;

  async function handler(ws: Connection): Promise<void> {
    const told = (line: string) => say(`${ws.id.slice(0, 8)}: ${line}`);
    let conn: Deno.Conn;
    try {
      conn = await dial(place, connectTimeout, ws.signal);
    } catch (error) {
      if (!ws.open) return;
      told(`Cannot reach ${target}: ${messageOf(error)}`);
      await ws.close(INTERNAL_ERROR, "the target cannot be reached");
      return;
    }
    await join(ws, conn, told);
  }

  return { title: `passes bytes on to ${target}`, handler };
}

/** Reads a target. */
function readTarget(target: string): Target {
  const path = /^unix:(?:\/\/(?=\/))?(.+)$/s.exec(target)?.[1];
  if (path !== undefined) return { transport: "unix", path };
  const url = URL.canParse(target) ? new URL(target) : undefined;
  const isPlain = url !== undefined && url.protocol === "tcp:" &&
    url.hostname !== "" && Number(url.port) > 0 && url.username === "" &&
    url.password === "" && /^\/?$/.test(url.pathname) && url.search === "" &&
    url.hash === "";
  if (!isPlain) {
    throw new UsageError(
      "--proxy: the target must be like tcp://localhost:5900 or unix:/run/app.sock",
    );
  }
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  return { transport: "tcp", hostname, port: Number(url.port) };
}

/**
 * The permissions that {@linkcode bridgeMode} needs.
 *
 * @throws {UsageError} If the target is none.
 */
export function neededToReach(target: string): Deno.PermissionDescriptor[] {
  const place = readTarget(target);
  if (place.transport === "unix") {
    const { path } = place;
    return [
      { name: "net", host: `unix:${path}` },
      { name: "read", path },
      { name: "write", path },
    ];
  }
  const { hostname, port } = place;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return [{ name: "net", host: `${host}:${port}` }];
}

/** Connects to the target, unless that takes too long or nobody wants it any more. */
async function dial(
  place: Target,
  timeout: number,
  signal: AbortSignal,
): Promise<Deno.Conn> {
  const { promise: impatient, reject } = Promise.withResolvers<never>();
  const end = new AbortController();
  const late = `it did not answer within ${timeout / 1000} s`;
  const timer = setTimeout(() => reject(new Error(late)), timeout);
  const gone = () => reject(new Error("its client is gone"));
  signal.addEventListener("abort", gone);
  if (signal.aborted) gone();
  const dialing = open(place, end.signal);
  try {
    return await Promise.race([dialing, impatient]);
  } catch (error) {
    // A unix socket heeds no signal: what opens too late is closed again.
    dialing.then((conn) => conn.close(), () => {});
    end.abort();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", gone);
  }
}

async function open(place: Target, signal: AbortSignal): Promise<Deno.Conn> {
  if (place.transport === "unix") return await Deno.connect(place);
  const conn = await Deno.connect({ ...place, signal });
  // Keystrokes must not wait for each other.
  conn.setNoDelay(true);
  conn.setKeepAlive(true);
  return conn;
}

/** Passes bytes both ways until either side has ended. */
async function join(
  ws: Connection,
  conn: Deno.Conn,
  told: (line: string) => void,
): Promise<void> {
  const cut = () => {
    try {
      conn.close();
    } catch {
      // It is closed.
    }
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  // Closed at once, a connection with unread bytes is reset, and its target
  // would lose what was written last (RFC 9293, section 3.10.4).
  ws.closed.then(() => timer = setTimeout(cut, LINGER));
  const up = passMessages(ws, conn).catch((error) => error);
  const failure = await passBytes(conn, ws).catch((error) => error);
  if (ws.open) {
    if (failure !== undefined) {
      told(`The target hung up: ${messageOf(failure)}`);
    }
    await (failure === undefined
      ? ws.close(1000)
      : ws.close(INTERNAL_ERROR, "the target hung up"));
  }
  await up;
  await ws.closed;
  clearTimeout(timer);
  cut();
}

const encoder = new TextEncoder();

/** Writes messages until there are no more, at the pace of the target. */
async function passMessages(ws: Connection, conn: Deno.Conn): Promise<void> {
  try {
    for await (const message of ws) {
      const bytes = typeof message === "string"
        ? encoder.encode(message)
        : message;
      for (let sent = 0; sent < bytes.length;) {
        sent += await conn.write(bytes.subarray(sent));
      }
    }
  } catch (error) {
    if (!(error instanceof ConnectionClosedError)) throw error;
  }
  await conn.closeWrite();
}

/** Sends what the target writes, at the pace of the client, until it writes no more. */
async function passBytes(conn: Deno.Conn, ws: Connection): Promise<void> {
  const buffer = new Uint8Array(CHUNK);
  for (;;) {
    const size = await conn.read(buffer);
    if (size === null) return;
    // What comes after the end is read, for the target to end in peace.
    if (ws.open) await ws.send(buffer.subarray(0, size)).catch(ended);
  }
}

function ended(error: unknown): void {
  if (!(error instanceof ConnectionClosedError)) throw error;
}
