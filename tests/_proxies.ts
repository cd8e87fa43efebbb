/**
 * Real proxies for the tests: Debian's tinyproxy (HTTP CONNECT) and microsocks
 * (SOCKS5), each on a free port of loopback until its scope ends.
 *
 * @module
 */

import { devCertificates } from "./_certs.ts";
import { freePort, listening } from "./_listening.ts";

/** What of the proxies is not installed. */
export const missingProxies: string | undefined =
  ["tinyproxy", "microsocks"].filter((program) => !runs(program))
    .join(" and ") || undefined;

function runs(program: string): boolean {
  try {
    new Deno.Command(program, {
      args: ["-h"],
      stdout: "null",
      stderr: "null",
    }).outputSync();
    return true;
  } catch {
    return false;
  }
}

/** What a proxy is like. */
export interface ProxyShape {
  /** Who may use it; without, anybody. */
  login?: { username: string; password: string };
  /** The one port that it connects to, of an HTTP proxy. */
  onlyPort?: number;
}

/** A proxy that runs. */
export interface RunningProxy extends AsyncDisposable {
  /** Its host and port. */
  readonly host: string;
  /** Its URL, with the user name and password that it wants. */
  readonly url: string;
  /** What it has logged. */
  log(): Promise<string>;
}

/** Starts an HTTP proxy. */
export async function httpProxy(shape: ProxyShape = {}): Promise<RunningProxy> {
  const directory = await Deno.makeTempDir();
  const port = freePort();
  const { login, onlyPort } = shape;
  const lines = [
    `Port ${port}`,
    "Listen 127.0.0.1",
    "Timeout 20",
    "LogLevel Connect",
    "MaxClients 20",
    ...(login ? [`BasicAuth ${login.username} ${login.password}`] : []),
    ...(onlyPort ? [`ConnectPort ${onlyPort}`] : []),
  ];
  const config = `${directory}/tinyproxy.conf`;
  await Deno.writeTextFile(config, lines.join("\n"));
  const args = ["-d", "-c", config];
  return await start("tinyproxy", args, "http", port, shape, directory);
}

/** Starts a SOCKS5 proxy. */
export async function socksProxy(
  shape: ProxyShape = {},
): Promise<RunningProxy> {
  const port = freePort();
  const { login } = shape;
  const args = [
    ...["-i", "127.0.0.1", "-p", `${port}`],
    ...(login ? ["-u", login.username, "-P", login.password] : []),
  ];
  const directory = await Deno.makeTempDir();
  return await start("microsocks", args, "socks5", port, shape, directory);
}

/** Lets TLS, with the tests' certificate, be spoken to a proxy. */
export async function overTls(proxy: RunningProxy): Promise<RunningProxy> {
  const { chain } = await devCertificates();
  const listener = Deno.listenTls({ hostname: "localhost", port: 0, ...chain });
  const relay = new Relay(listener, () => {
    const { hostname, port } = new URL(`http://${proxy.host}`);
    return Deno.connect({ hostname, port: Number(port) });
  });
  const host = `localhost:${listener.addr.port}`;
  return {
    host,
    url: proxy.url.replace(/^http:/, "https:").replace(proxy.host, host),
    log: () => proxy.log(),
    [Symbol.asyncDispose]: () => relay[Symbol.asyncDispose](),
  };
}

/** Passes on all that comes to a listener, both ways. */
export class Relay implements AsyncDisposable {
  readonly #listener: Deno.Listener;
  readonly #conns: Deno.Conn[] = [];
  readonly #running: Promise<unknown>[] = [];
  #count = 0;

  constructor(listener: Deno.Listener, onward: () => Promise<Deno.Conn>) {
    this.#listener = listener;
    this.#running.push(this.#acceptAll(onward));
  }

  /** How many connections came. */
  get count(): number {
    return this.#count;
  }

  async #acceptAll(onward: () => Promise<Deno.Conn>): Promise<void> {
    for await (const conn of this.#listener) {
      this.#count++;
      this.#running.push(this.#join(conn, onward));
    }
  }

  async #join(
    conn: Deno.Conn,
    onward: () => Promise<Deno.Conn>,
  ): Promise<void> {
    this.#conns.push(conn);
    const other = await onward();
    this.#conns.push(other);
    const ways = [
      conn.readable.pipeTo(other.writable),
      other.readable.pipeTo(conn.writable),
    ];
    await Promise.allSettled(ways);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const conn of this.#conns) {
      try {
        conn.close();
      } catch {
        // It has ended.
      }
    }
    await Promise.allSettled(this.#running);
  }
}

async function start(
  program: string,
  args: string[],
  scheme: string,
  port: number,
  { login }: ProxyShape,
  directory: string,
): Promise<RunningProxy> {
  const logFile = `${directory}/log`;
  // By way of a file, nobody has to read what it says while it runs.
  const child = new Deno.Command("sh", {
    args: ["-c", 'log=$1; shift; exec "$@" >"$log" 2>&1', "sh", logFile]
      .concat(program, args),
  }).spawn();
  await listening(port);
  const host = `127.0.0.1:${port}`;
  const user = login && [login.username, login.password]
    .map(encodeURIComponent).join(":");
  return {
    host,
    url: `${scheme}://${user ? `${user}@` : ""}${host}`,
    log: () => Deno.readTextFile(logFile),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await Deno.remove(directory, { recursive: true });
    },
  };
}
