/**
 * A server that greets until it is told to stop.
 *
 * @module
 */

import { type EngineName, loadCertChain, serve } from "../../server.ts";
import { print, programOptions } from "./_program.ts";

/** What the program is told. */
export interface StopsProgram {
  engine: EngineName;
  chainFile: string;
}

const { engine, chainFile } = programOptions<StopsProgram>();
const chain = await loadCertChain(chainFile);
let failures = 0;
const server = await serve(
  { engine, port: 0, ...chain, onError: () => failures++ },
  async (ws) => {
    await ws.send(`Hello ${await ws.receive()}!`);
  },
);
print(server.url);
Deno.addSignalListener("SIGTERM", () => server.shutdown());
await server.finished;
print(failures);
