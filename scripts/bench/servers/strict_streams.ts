import { loadCertChain, serve, type Server } from "../../../server.ts";
import { chainFile, obey } from "./_control.ts";
import { attend, stream } from "./_handlers.ts";

const chain = await loadCertChain(chainFile());
const server: Server = await serve({
  hostname: "127.0.0.1",
  port: 0,
  engine: "node",
  ...chain,
}, (ws) => attend(ws, server, stream));

await obey((server.addr as Deno.NetAddr).port);
