import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import {
  connect,
  type Connection,
  NetworkError,
  serve,
  type ServeOptions,
  type Server,
  setNoDelay,
  upgrade,
} from "../mod.ts";
import {
  createNoDelayEngine,
  setNoDelayAt,
} from "../src/engines/deno_no_delay.ts";
import { devCertificates } from "./_certs.ts";
import { exhaust } from "./_exhaust.ts";
import { freePort, listening } from "./_listening.ts";
import { connectTls, serveTls } from "./_pair.ts";
import { Program } from "./programs/_program.ts";

// Elsewhere it is refused, which the rest of these tests.
const ignore = Deno.build.os !== "linux";

const ROUNDS = 11;

/** Answers each message with three in a row. */
async function echoThrice(ws: Connection): Promise<void> {
  for await (const message of ws) {
    for (let i = 0; i < 3; i++) await ws.send(message);
  }
}

/** The median of the time from a message to the third answer, in milliseconds. */
async function burst(ws: Connection): Promise<number> {
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const began = performance.now();
    await ws.send("x");
    for (let i = 0; i < 3; i++) await ws.receive();
    times.push(performance.now() - began);
  }
  times.sort((a, b) => a - b);
  return times[Math.floor(ROUNDS / 2)] ?? NaN;
}

let stall: Promise<number> | undefined;

/** The same of a server without `noDelay`; measured once. */
function stalled(): Promise<number> {
  return stall ??= (async () => {
    await using server = await serveTls({}, echoThrice);
    await using ws = await connectTls(server);
    const time = await burst(ws);
    assert(
      time > 20,
      `three messages take only ${time} ms without noDelay: the runtime, or the system, does better than the docs say; mend them, and this test`,
    );
    return time;
  })();
}

/** Checks that several messages in a row arrive without the stall. */
async function checkQuick(ws: Connection): Promise<void> {
  const [time, usual] = [await burst(ws), await stalled()];
  assert(time < usual / 2, `${time} ms with noDelay, ${usual} ms without`);
}

/** Serves though TypeScript would refuse the options. */
function serveUntyped(options: object): Promise<Server> {
  return serve({ port: 0, logger: {}, ...options } as ServeOptions, () => {});
}

/** The C library of this system, by the paths that are looked at. */
async function libraryFile(): Promise<string> {
  const { arch } = Deno.build;
  for (const directory of [`/lib/${arch}-linux-gnu`, "/lib64", "/usr/lib"]) {
    const path = `${directory}/libc.so.6`;
    if (await Deno.stat(path).then(() => true, () => false)) return path;
  }
  throw new Error("the C library of this system is elsewhere");
}

/** Whether this machine speaks IPv6 to itself; in containers it may not. */
function hasIpv6(): boolean {
  try {
    Deno.listen({ hostname: "::1", port: 0 }).close();
    return true;
  } catch {
    return false;
  }
}

const hosts = ["localhost", "127.0.0.1", "0.0.0.0"];
for (const hostname of hasIpv6() ? [...hosts, "::1", "::"] : hosts) {
  Deno.test(
    `serve() with noDelay on ${hostname} sends several messages in a row at once`,
    {
      ignore,
    },
    async () => {
      await using server = await serveTls(
        { hostname, noDelay: true },
        echoThrice,
      );
      const { port } = server.addr as Deno.NetAddr;
      const host = hostname.startsWith("::") ? "[::1]" : "127.0.0.1";
      await using ws = await connectTls({ url: `wss://${host}:${port}` });
      await checkQuick(ws);
    },
  );
}

Deno.test("serve() with noDelay changes no other server of the process", {
  ignore,
}, async () => {
  await using plain = await serveTls({ hostname: "127.0.0.1" }, echoThrice);
  const { port } = plain.addr as Deno.NetAddr;
  // The same port of another address.
  await using _quick = await serveTls(
    { hostname: "127.0.0.2", port, noDelay: true },
    echoThrice,
  );
  await using ws = await connectTls({ url: `wss://127.0.0.1:${port}` });
  const time = await burst(ws);
  assert(time > await stalled() / 2, `three messages take ${time} ms`);
});

Deno.test(
  "serve() with noDelay needs no more than --allow-ffi for the C library",
  {
    ignore,
  },
  async () => {
    const { dir, ca } = await devCertificates();
    const chainFile = `${dir}/localhost.pem`;
    const flags = [`--allow-ffi=${await libraryFile()}`];
    await using program = new Program("no_delay", { chainFile }, { flags });
    await using ws = await connect(await program.next<string>(), {
      caCerts: [ca],
    });
    await checkQuick(ws);
  },
);

Deno.test("serve() with noDelay says which permission it lacks", {
  ignore,
}, async () => {
  const { dir } = await devCertificates();
  const chainFile = `${dir}/localhost.pem`;
  for (const flags of [["--no-prompt"], ["--allow-ffi=/lib/other.so"]]) {
    await using program = new Program("no_delay", { chainFile }, { flags });
    assertEquals(
      await program.next<string>(),
      `NotCapable: Cannot use noDelay: this program may not call the C library; run it with --allow-ffi, or as little as --allow-ffi=/lib/${Deno.build.arch}-linux-gnu/libc.so.6 where the library is there; or use serve() with engine: "node"`,
    );
    assertEquals((await program.ended()).said, "");
  }
});

Deno.test("serve() with noDelay keeps it when it listens anew", {
  ignore,
}, async () => {
  const { dir, ca } = await devCertificates();
  const chainFile = `${dir}/localhost.pem`;
  const place = { files: 100, flags: ["--allow-ffi"] };
  await using program = new Program("no_delay", { chainFile }, place);
  const url = await program.next<string>();
  await exhaust(url);
  await using ws = await answering(url, ca);
  await checkQuick(ws);
  program.stop();
  const failures = await program.next<string[]>();
  assert(failures.length > 0, "the failure was reported");
  assert(failures.every((failure) => !failure.includes("TCP_NODELAY")));
  assertEquals(await program.ended(), { code: 0, said: "" });
});

for (const by of ["serve", "setNoDelay"] as const) {
  Deno.test(`${by}() sets noDelay for those that came before it was set`, {
    ignore,
  }, async () => {
    const { dir, ca } = await devCertificates();
    const chainFile = `${dir}/localhost.pem`;
    const port = freePort();
    const flags = ["--allow-ffi"];
    const options = { chainFile, port, by };
    await using _program = new Program("slow_start", options, { flags });
    await listening(port);
    const url = `wss://127.0.0.1:${port}`;
    await using ws = await connect(url, { caCerts: [ca] });
    await checkQuick(ws);
  });
}

/** A connection to a server that pauses before it listens anew. */
async function answering(url: string, ca: string): Promise<Connection> {
  const deadline = performance.now() + 10_000;
  while (true) {
    try {
      return await connect(url, { caCerts: [ca], openTimeout: 2000 });
    } catch (error) {
      if (performance.now() > deadline) throw error;
    }
  }
}

Deno.test("serve() with noDelay releases the C library", {
  ignore,
}, async () => {
  // The sanitizer of resources looks whether it is open.
  const server = await serveTls({ noDelay: true }, echoThrice);
  await server.shutdown();
  await using taken = await serveTls({}, echoThrice);
  const { port } = taken.addr as Deno.NetAddr;
  await assertRejects(
    () => serveTls({ port, noDelay: true }, echoThrice),
    Deno.errors.AddrInUse,
  );
  const signal = AbortSignal.abort();
  await assertRejects(
    () => serveTls({ noDelay: true, signal }, echoThrice),
    DOMException,
  );
});

Deno.test("serve() refuses noDelay where nothing is delayed", async () => {
  const { chain } = await devCertificates();
  await assertRejects(
    () => serveUntyped({ ...chain, engine: "node", noDelay: true }),
    TypeError,
    "Cannot use noDelay: the strict engine sends without delay anyway; leave it out",
  );
  const path = `${await Deno.makeTempDir()}/socket`;
  for (const place of [{}, { port: undefined, path }]) {
    await assertRejects(
      () => serveUntyped({ ...place, noDelay: true }),
      TypeError,
      "Cannot use noDelay: without TLS the built-in engine sends without delay anyway; leave it out",
    );
  }
});

Deno.test("serve() refuses noDelay that is neither true nor false", async () => {
  const { chain } = await devCertificates();
  for (const engine of ["deno", "node"]) {
    for (const noDelay of [1, "true", null, {}]) {
      await assertRejects(
        () => serveUntyped({ ...chain, engine, noDelay }),
        TypeError,
        "Cannot use noDelay: it must be true or false",
      );
    }
  }
});

Deno.test("serve() takes noDelay: false for not asked for", async () => {
  const { chain } = await devCertificates();
  for (const engine of ["deno", "node"]) {
    for (const tls of [{}, chain]) {
      await using server = await serveUntyped({
        ...tls,
        engine,
        noDelay: false,
      });
      assert(server.url.startsWith("ws"));
    }
  }
});

Deno.test("noDelay and setNoDelay() are refused where it is not known to be inherited", async () => {
  const { chain: { cert, key } } = await devCertificates();
  const where = { hostname: "localhost", port: 0, cert, key };
  const addr = { transport: "tcp", hostname: "::1", port: 1 } as const;
  for (const os of ["darwin", "windows", "freebsd"]) {
    for (
      const attempt of [
        () => createNoDelayEngine(where, os),
        () => setNoDelayAt(addr, os),
      ]
    ) {
      await assertRejects(
        attempt,
        TypeError,
        'on Linux alone; use serve() with engine: "node"',
      );
    }
  }
});

Deno.test(
  "setNoDelay() ends the stall of a server of Deno.serve with upgrade()",
  {
    ignore,
  },
  async () => {
    const { chain: { cert, key } } = await devCertificates();
    const options = { logger: {} };
    await using http = Deno.serve(
      { port: 0, hostname: "127.0.0.1", cert, key, onListen() {} },
      (request, info) => upgrade(request, info, options, echoThrice),
    );
    await setNoDelay(http.addr);
    await using ws = await connectTls({
      url: `wss://127.0.0.1:${http.addr.port}`,
    });
    await checkQuick(ws);
  },
);

Deno.test(
  "setNoDelay() finds the socket that listens among those that it accepted, and sets it for them",
  {
    ignore,
  },
  async () => {
    const { chain: { cert, key } } = await devCertificates();
    const options = { logger: {} };
    // Where they were, the descriptors of a connection come before the listener's.
    const holes = [1, 2, 3, 4].map(() => Deno.openSync(Deno.execPath()));
    await using http = Deno.serve(
      { port: 0, hostname: "127.0.0.1", cert, key, onListen() {} },
      (request, info) => upgrade(request, info, options, echoThrice),
    );
    for (const hole of holes) hole.close();
    const server = { url: `wss://127.0.0.1:${http.addr.port}` };
    await using early = await connectTls(server);
    await setNoDelay(http.addr);
    await using ws = await connectTls(server);
    await checkQuick(ws);
    await checkQuick(early);
  },
);

Deno.test("setNoDelay() refuses addresses that no server of the process has", {
  ignore,
}, async () => {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { addr } = free;
  free.close();
  const error = await assertRejects(() => setNoDelay(addr), NetworkError);
  assertStringIncludes(
    error.message,
    `Cannot set TCP_NODELAY: this process does not listen on 127.0.0.1:${addr.port}; `,
  );
});

Deno.test("setNoDelay() refuses what is no address of TCP", async () => {
  const wrong = [{ transport: "unix", path: "/x" }, { port: 1 }, undefined];
  for (const addr of wrong) {
    await assertRejects(
      () => setNoDelay(addr as Deno.Addr),
      TypeError,
      "Cannot set TCP_NODELAY: that is not the address of a TCP server; ",
    );
  }
});

Deno.test("upgrade() refuses noDelay, and names setNoDelay()", async () => {
  const options: object = { noDelay: true };
  const request = new Request("http://localhost/");
  const remoteAddr = { transport: "tcp", hostname: "::1", port: 1 } as const;
  await assertRejects(
    () => upgrade(request, { remoteAddr }, options, () => {}),
    TypeError,
    "use setNoDelay(), once, with the addr of that",
  );
});

Deno.test("ServeOptions refuse in TypeScript noDelay of the strict engine", () => {
  // @ts-expect-error The strict engine has it anyway.
  const refused = () => serve({ engine: "node", noDelay: true }, () => {});
  assertEquals(typeof refused, "function");
});
