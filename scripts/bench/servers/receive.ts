import { loadCertChain, serve } from "../../../server.ts";
import { chainFile, obey } from "./_control.ts";
import { receive } from "./_handlers.ts";

const chain = await loadCertChain(chainFile());
const server = await serve(
  { hostname: "127.0.0.1", port: 0, ...chain },
  receive,
);

await obey((server.addr as Deno.NetAddr).port);
