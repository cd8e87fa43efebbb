/**
 * Serves one client until that is gone, and then has nothing left to do.
 *
 * @module
 */

import { type EngineName, loadCertChain, serve } from "../../server.ts";
import { print, programOptions } from "./_program.ts";

/** What the program is told. */
export interface CutProgram {
  engine: EngineName;
  chainFile: string;
  pingInterval: number;
  pongTimeout: number;
}

if (import.meta.main) {
  const { engine, chainFile, ...limits } = programOptions<CutProgram>();
  const gone = Promise.withResolvers<number>();
  const server = await serve(
    { engine, port: 0, ...await loadCertChain(chainFile), ...limits },
    async (ws) => gone.resolve((await ws.closed).code),
  );
  print(server.url);
  const code = await gone.promise;
  await server.shutdown();
  print(code);
}
