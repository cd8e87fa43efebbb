import { loadCertChain, serve } from "../../../server.ts";
import { chainFile, obey } from "./_control.ts";
import { iterate } from "./_handlers.ts";

const chain = await loadCertChain(chainFile());
const server = await serve({
  hostname: "127.0.0.1",
  port: 0,
  engine: "node",
  ...chain,
}, iterate);

await obey((server.addr as Deno.NetAddr).port);
