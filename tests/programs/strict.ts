// A server with all that the strict engine can, for what it may do at least.
import { loadCaCerts, loadCertChain, serve } from "../../mod.ts";

const { chainFile, caFile } = JSON.parse(Deno.args[0] ?? "{}");
const chain = await loadCertChain(chainFile);
const server = await serve({
  port: 0,
  engine: "node",
  ...chain,
  watch: 100,
  certificates: { "other.test": chain },
  clientCa: await loadCaCerts(caFile),
  clientAuth: "request",
  compression: true,
  logger: {},
}, async (ws) => {
  await ws.ping();
  await ws.send(`Hello ${ws.peerCertificate?.subject ?? "stranger"}!`);
});
console.log(server.url);
await server.finished;
