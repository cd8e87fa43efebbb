// A client that stays connected, and says in one line how that goes, while its
// server restarts.
//
// deno run --allow-net=localhost --allow-read=certs --allow-write=certs examples/reconnect.ts
import {
  keepConnected,
  loadCaCerts,
  loadCertChain,
  type ReconnectStatus,
  serve,
  type Server,
} from "@wss/wss";
import { ensureDevCertificates } from "@wss/wss/certs";

const { caFile, chainFile } = await ensureDevCertificates();
const chain = await loadCertChain(chainFile);

/** A server that says to each message that it has it. */
async function start(port: number): Promise<Server> {
  return await serve({ port, ...chain }, async (ws) => {
    for await (const message of ws) await ws.send(`got ${message}`);
  });
}

function line(status: ReconnectStatus): string {
  switch (status.state) {
    case "connecting":
      return `connecting, attempt ${status.attempt}`;
    case "open":
      return "connected";
    case "waiting":
      return "away, trying again soon";
    case "closed":
      return status.error === undefined ? "closed" : `gave up: ${status.error}`;
  }
}

let server = await start(0);
const { port } = server.addr as Deno.NetAddr;

await using ws = keepConnected(server.url, {
  caCerts: await loadCaCerts(caFile),
  minDelay: 100,
  delivery: "at-least-once",
  onstatus: (status) => console.log(`* ${line(status)}`),
});

await ws.send("one");
console.log(await ws.receive());
ws.acknowledge();

await server.shutdown();
// Nobody is there to take it; it leaves when somebody is.
const sent = ws.send("two");
server = await start(port);
await sent;
console.log(await ws.receive());
ws.acknowledge();

await ws.close();
await server.shutdown();
