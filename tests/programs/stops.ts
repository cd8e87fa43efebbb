/**
 * A server that greets until it is told to stop.
 *
 * @module
 */

import { loadCertChain, serve } from "../../server.ts";
import { print, programOptions } from "./_program.ts";

const { chainFile } = programOptions<{ chainFile: string }>();
const chain = await loadCertChain(chainFile);
let failures = 0;
const server = await serve(
  { port: 0, ...chain, onError: () => failures++ },
  async (ws) => {
    await ws.send(`Hello ${await ws.receive()}!`);
  },
);
print(server.url);
Deno.addSignalListener("SIGTERM", () => server.shutdown());
await server.finished;
print(failures);
