/**
 * The sockets of this process, by their descriptors, which the runtime tells
 * nobody: read and set through the C library of Linux, by FFI.
 *
 * @module
 */

import { addressBytes } from "../route/ip.ts";

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
const TCP_INFO = 11;
/** How many numbers of TCP_INFO are read, of which the last is `tcpi_unacked`. */
const INFO_LENGTH = 7;
const AF_INET = 2;
const AF_INET6 = 10;
/** The size of the larger address, `struct sockaddr_in6`. */
const ADDRESS_SIZE = 28;
/** New descriptors are the lowest free ones: behind so many of no socket there is none. */
const MOST_OTHERS = 1 << 14;

const REMEDY = 'use serve() with engine: "node"';

/**
 * Asks for the permission to call the C library.
 *
 * @param action What cannot be done without, for the error.
 * @param os The system this is.
 * @throws {TypeError} On another system than Linux.
 * @throws {Deno.errors.NotCapable} If it is not given.
 */
export async function requestLibrary(
  action: string,
  os: string,
): Promise<void> {
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

/** The sockets of this process, until it is disposed of. */
export class LinuxSockets implements Disposable {
  readonly #library: Deno.DynamicLibrary<typeof SYMBOLS>;

  /**
   * Opens the C library.
   *
   * @param action What cannot be done without, for the error.
   * @throws {TypeError} If it cannot be opened.
   */
  constructor(action: string) {
    this.#library = openLibrary(action);
  }

  [Symbol.dispose](): void {
    this.#library.close();
  }

  /** The one that listens on an address. */
  listener(addr: Deno.NetAddr): number | undefined {
    const wanted = addressBytes(addr.hostname) ?? [];
    for (const { fd, address } of this.#on(addr.port)) {
      if (equal(address, wanted) && this.#listens(fd)) return fd;
    }
    return undefined;
  }

  /** Those that it accepted. */
  *accepted(addr: Deno.NetAddr): Iterable<number> {
    const wanted = addressBytes(addr.hostname) ?? [];
    const all = wanted.every((byte) => byte === 0);
    for (const { fd, address } of this.#on(addr.port)) {
      if ((all || equal(address, wanted)) && !this.#listens(fd)) yield fd;
    }
  }

  /** Whether small messages leave a socket at once. */
  hasNoDelay(fd: number): boolean {
    return this.#option(fd, IPPROTO_TCP, TCP_NODELAY) === 1;
  }

  /** Has them leave at once, and those of whoever a listener accepts from now on. */
  setNoDelay(fd: number): boolean {
    const on = new Int32Array([1]);
    const { setsockopt } = this.#library.symbols;
    return setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, on, on.byteLength) === 0;
  }

  /** How many have connected to a listener that it did not accept yet. */
  waiting(listener: number): number {
    return this.#option(listener, IPPROTO_TCP, TCP_INFO, INFO_LENGTH) ?? 0;
  }

  /** The sockets of TCP, among others, that are bound to a port. */
  *#on(
    port: number,
  ): Iterable<{ fd: number; address: Uint8Array }> {
    const { getsockname } = this.#library.symbols;
    const name = new DataView(new ArrayBuffer(ADDRESS_SIZE));
    const size = new Uint32Array(1);
    let others = 0;
    for (let fd = 0; others < MOST_OTHERS; fd++) {
      size[0] = ADDRESS_SIZE;
      others++;
      if (getsockname(fd, name.buffer, size) !== 0) continue;
      others = 0;
      // struct sockaddr: the family as the machine writes numbers, the port in
      // network order; the address of IPv4 follows, that of IPv6 after four bytes.
      const family = name.getUint16(0, true);
      if (family !== AF_INET && family !== AF_INET6) continue;
      if (name.getUint16(2) !== port) continue;
      const [at, length] = family === AF_INET ? [4, 4] : [8, 16];
      yield { fd, address: new Uint8Array(name.buffer, at, length) };
    }
  }

  /** Accepted ones have the address of their listener, which alone listens. */
  #listens(fd: number): boolean {
    return this.#option(fd, SOL_SOCKET, SO_ACCEPTCONN) === 1;
  }

  /** An option of a socket: the last of its numbers, if it has so many. */
  #option(
    fd: number,
    level: number,
    name: number,
    length = 1,
  ): number | undefined {
    const value = new Int32Array(length);
    const size = new Uint32Array([value.byteLength]);
    const { getsockopt } = this.#library.symbols;
    const known = getsockopt(fd, level, name, value, size) === 0 &&
      size[0] === value.byteLength;
    return known ? value[length - 1] : undefined;
  }
}

function equal(one: Uint8Array, other: ArrayLike<number>): boolean {
  return one.length === other.length &&
    one.every((byte, index) => byte === other[index]);
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

function openLibrary(action: string): Deno.DynamicLibrary<typeof SYMBOLS> {
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
