import { loadCertChain, serve } from "../../../server.ts";
import { chainFile, obey } from "./_control.ts";

const server = await serve(
  { hostname: "127.0.0.1", port: 0, ...await loadCertChain(chainFile()) },
  async (ws) => {
    for await (const message of ws) await ws.send(message);
  },
);

await obey((server.addr as Deno.NetAddr).port);
