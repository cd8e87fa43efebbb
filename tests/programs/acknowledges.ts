/**
 * A server that acknowledges each message, and takes the place of another one
 * on its port as soon as that is gone.
 *
 * @module
 */

import {
  type CertChain,
  loadCertChain,
  serve,
  type Server,
} from "../../server.ts";
import { print, programOptions } from "./_program.ts";

/** What the program is told. */
export interface AcknowledgesProgram {
  chainFile: string;
  port: number;
}

async function takeOver(port: number, chain: CertChain): Promise<Server> {
  while (true) {
    try {
      return await serve({ port, ...chain, logger: {} }, async (ws) => {
        for await (const message of ws) await ws.send(`ack ${message}`);
      });
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}

if (import.meta.main) {
  const { chainFile, port } = programOptions<AcknowledgesProgram>();
  const server = await takeOver(port, await loadCertChain(chainFile));
  print(server.url);
  await server.finished;
}
