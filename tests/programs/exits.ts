/**
 * Serves, connects, exchanges, closes, and then has nothing left to do.
 *
 * @module
 */

import { connect, loadCaCerts } from "../../client.ts";
import { type EngineName, loadCertChain, serve } from "../../server.ts";
import { print, programOptions } from "./_program.ts";

/** What the program is told. */
export interface ExitsProgram {
  engine: EngineName;
  chainFile: string;
  caFile: string;
  /** Who ends the connection. */
  closer: "client" | "server" | "shutdown";
}

if (import.meta.main) {
  const { engine, chainFile, caFile, closer } = programOptions<ExitsProgram>();
  const server = await serve(
    { engine, port: 0, ...await loadCertChain(chainFile) },
    async (ws) => {
      await ws.send(`Hello ${await ws.receive()}!`);
      if (closer !== "server") await ws.receive();
    },
  );
  const ws = await connect(server.url, { caCerts: await loadCaCerts(caFile) });
  await ws.send("Ada");
  print(await ws.receive());
  if (closer === "client") await ws.close();
  await server.shutdown();
  print((await ws.closed).code);
}
