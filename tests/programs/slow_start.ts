/**
 * A server that answers each message with three, without delay. When it listens
 * it does nothing for a second, while the system accepts on its behalf.
 *
 * @module
 */

import {
  type Connection,
  loadCertChain,
  serve,
  setNoDelay,
  upgrade,
} from "../../server.ts";
import { programOptions } from "./_program.ts";

/** What the program is told. */
export interface SlowStartProgram {
  chainFile: string;
  port: number;
  /** Which function sets it. */
  by: "serve" | "setNoDelay";
}

const { chainFile, port, by } = programOptions<SlowStartProgram>();
const { cert, key } = await loadCertChain(chainFile);
const where = { hostname: "127.0.0.1", port, cert, key };

const serveNow = Deno.serve as (...args: unknown[]) => Deno.HttpServer;
Object.assign(Deno, {
  serve(...args: unknown[]) {
    const http = serveNow(...args);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
    return http;
  },
});

if (by === "serve") {
  await serve({ ...where, noDelay: true }, echoThrice);
} else {
  const { addr } = Deno.serve(
    { ...where, onListen() {} },
    (request, info) => upgrade(request, info, {}, echoThrice),
  );
  await setNoDelay(addr);
}

async function echoThrice(ws: Connection): Promise<void> {
  for await (const message of ws) {
    for (let i = 0; i < 3; i++) await ws.send(message);
  }
}
