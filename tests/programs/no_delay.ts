/**
 * A server that answers each message with three, without delay, until it is
 * told to stop.
 *
 * @module
 */

import { loadCertChain, serve } from "../../server.ts";
import { print, programOptions } from "./_program.ts";

/** What the program is told. */
export interface NoDelayProgram {
  chainFile: string;
}

const { chainFile } = programOptions<NoDelayProgram>();
const chain = await loadCertChain(chainFile);
const failures: string[] = [];
try {
  const server = await serve(
    {
      port: 0,
      ...chain,
      noDelay: true,
      onError: (error) => void failures.push(String(error)),
    },
    async (ws) => {
      for await (const message of ws) {
        for (let i = 0; i < 3; i++) await ws.send(message);
      }
    },
  );
  print(server.url);
  Deno.addSignalListener("SIGTERM", () => server.shutdown());
  await server.finished;
  print(failures);
} catch (error) {
  print(String(error));
}
