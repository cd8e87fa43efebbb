import { loadCertChain, serve } from "../../../server.ts";
import { chainFile, obey } from "./_control.ts";

const server = await serve(
  { hostname: "127.0.0.1", port: 0, ...await loadCertChain(chainFile()) },
  async (ws) => {
    // At the end of the connection receive() rejects, which is no error here.
    while (true) await ws.send(await ws.receive());
  },
);

await obey((server.addr as Deno.NetAddr).port);
