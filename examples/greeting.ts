// The greeting of the "Encrypt connections" guide, server and client in one.
//
// deno run --allow-net=localhost --allow-read=certs --allow-write=certs examples/greeting.ts
import { connect, loadCaCerts, loadCertChain, serve } from "@wss/wss";
import { ensureDevCertificates } from "@wss/wss/certs";

const { caFile, chainFile } = await ensureDevCertificates();

await using server = await serve(
  { port: 0, ...await loadCertChain(chainFile) },
  async (ws) => {
    const name = await ws.receive();
    console.log(`<<< ${name}`);
    await ws.send(`Hello ${name}!`);
    console.log(`>>> Hello ${name}!`);
  },
);

await using ws = await connect(server.url, {
  caCerts: await loadCaCerts(caFile),
});
await ws.send("Ada");
console.log(await ws.receive());
