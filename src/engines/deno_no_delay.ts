/**
 * TCP_NODELAY for TLS servers of the runtime, which have no option for it. It is
 * set on the listening socket by FFI; on Linux the accepted ones inherit it.
 *
 * @module
 */

import type { Engine, Listen, Listener, ListenTask } from "../engine.ts";
import { NetworkError } from "../errors.ts";
import { addressBytes } from "../route/ip.ts";
import { listen } from "./deno_server.ts";

const SYMBOLS = {
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
} as const;

type Library = Deno.DynamicLibrary<typeof SYMBOLS>;

const { arch, env } = Deno.build;
const FILE = env === "musl" ? `libc.musl-${arch}.so.1` : "libc.so.6";

/** Where distributions have it: Debian, Fedora, Arch and Alpine. */
const PATHS = [
  `/lib/${arch}-linux-gnu`,
  `/usr/lib/${arch}-linux-gnu`,
  "/lib64",
  "/usr/lib64",
  "/lib",
  "/usr/lib",
].map((directory) => `${directory}/${FILE}`);

// As they are on Linux, on x86-64 and ARM64.
const SOL_SOCKET = 1;
const SO_ACCEPTCONN = 30;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const AF_INET = 2;
const AF_INET6 = 10;
/** The size of the larger address, `struct sockaddr_in6`. */
const ADDRESS_SIZE = 28;
/** A process has no more descriptors, unless `fs.nr_open` was raised. */
const MOST_DESCRIPTORS = 1 << 20;

const REMEDY = 'use serve() with engine: "node"';

/**
 * Makes the engine for `noDelay`.
 *
 * @param where Where it is to listen.
 * @param os The system it is for.
 * @throws {TypeError} Where it cannot be, or need not.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 */
export async function createNoDelayEngine(
  where: Listen,
  os: string = Deno.build.os,
): Promise<Engine> {
  const action = "Cannot use noDelay";
  if (!("cert" in where)) {
    throw new TypeError(
      `${action}: without TLS the built-in engine sends without delay anyway; leave it out`,
    );
  }
  await checkSystem(action, os);
  // What is wrong with the library is told before anything listens.
  openLibrary(action).close();
  return listenWithoutDelay;
}

/** Sets it for a server that listens already; see `setNoDelay()`. */
export async function setNoDelayAt(
  addr: Deno.Addr,
  os: string = Deno.build.os,
): Promise<void> {
  const action = "Cannot set TCP_NODELAY";
  if (!isTcp(addr)) {
    throw new TypeError(
      `${action}: that is not the address of a TCP server; pass the addr of what Deno.serve() returned`,
    );
  }
  await checkSystem(action, os);
  const library = openLibrary(action);
  try {
    disableNagle(library, addr);
  } finally {
    library.close();
  }
}

function listenWithoutDelay<Context>(task: ListenTask<Context>): Listener {
  // Open until the end: when it has to listen anew, there may be no descriptor
  // left to open it with.
  const library = openLibrary("Cannot use noDelay");
  try {
    const listener = listen(task, (addr) => disableNagle(library, addr));
    return {
      ...listener,
      async stop(ms) {
        try {
          await listener.stop(ms);
        } finally {
          library.close();
        }
      },
    };
  } catch (error) {
    library.close();
    throw error;
  }
}

/** Refuses other systems, and asks for the permission. */
async function checkSystem(action: string, os: string): Promise<void> {
  if (os !== "linux") {
    throw new TypeError(
      `${action}: the built-in engine can do without the delay on Linux alone; ${REMEDY}`,
    );
  }
  if (permittedPaths().length > 0) return;
  const { state } = await Deno.permissions.request({ name: "ffi" });
  if (state === "granted") return;
  const [usual] = PATHS;
  throw new Deno.errors.NotCapable(
    `${action}: this program may not call the C library; run it with --allow-ffi, or as little as --allow-ffi=${usual} where the library is there; or ${REMEDY}`,
  );
}

/** The paths by which the C library may be opened. */
function permittedPaths(): readonly string[] {
  const permitted = (path?: string) => {
    const query = { name: "ffi", ...path !== undefined && { path } } as const;
    return Deno.permissions.querySync(query).state === "granted";
  };
  // By its name it is found wherever it is, and only who may open all may.
  return permitted() ? [FILE] : PATHS.filter(permitted);
}

function openLibrary(action: string): Library {
  let cause: unknown;
  for (const path of permittedPaths()) {
    try {
      return Deno.dlopen(path, SYMBOLS);
    } catch (error) {
      cause = error;
    }
  }
  throw new TypeError(
    `${action}: the C library cannot be opened; run the program with --allow-ffi=PATH of ${FILE}, or with --allow-ffi; or ${REMEDY}`,
    { cause },
  );
}

/** Has the connections to come inherit TCP_NODELAY from the socket that listens. */
function disableNagle(library: Library, addr: Deno.Addr): void {
  const fd = isTcp(addr) ? listenerAt(library, addr) : undefined;
  const on = new Int32Array([1]);
  const { setsockopt } = library.symbols;
  if (
    fd !== undefined &&
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, on, on.byteLength) === 0
  ) return;
  const place = isTcp(addr) ? `${addr.hostname}:${addr.port}` : addr.transport;
  throw new NetworkError(
    `Cannot set TCP_NODELAY: this process does not listen on ${place}`,
    {
      reason: "other",
      remedy: "pass the addr of a server of this process that is not shut down",
    },
  );
}

/** The descriptor that listens on an address: the runtime tells of none. */
function listenerAt(
  library: Library,
  { hostname, port }: Deno.NetAddr,
): number | undefined {
  const wanted = addressBytes(hostname) ?? [];
  const address = new DataView(new ArrayBuffer(ADDRESS_SIZE));
  const size = new Uint32Array(1);
  const { getsockname } = library.symbols;
  for (let fd = 0; fd < MOST_DESCRIPTORS; fd++) {
    size[0] = ADDRESS_SIZE;
    if (getsockname(fd, address.buffer, size) !== 0) continue;
    // struct sockaddr: the family as the machine writes numbers, the port in
    // network order; the address of IPv4 follows, that of IPv6 after four bytes.
    const family = address.getUint16(0, true);
    const at = { [AF_INET]: 4, [AF_INET6]: 8 }[family];
    if (at === undefined || address.getUint16(2) !== port) continue;
    const same = wanted.length === (family === AF_INET ? 4 : 16) &&
      wanted.every((byte, index) => address.getUint8(at + index) === byte);
    if (same && listens(library, fd)) return fd;
  }
  return undefined;
}

/** Whether a descriptor is of a socket that listens; accepted ones have its address. */
function listens(library: Library, fd: number): boolean {
  const value = new Int32Array(1);
  const size = new Uint32Array([value.byteLength]);
  const { getsockopt } = library.symbols;
  return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, value, size) === 0 &&
    value[0] === 1;
}

function isTcp(addr: Deno.Addr | undefined): addr is Deno.NetAddr {
  return addr?.transport === "tcp";
}
