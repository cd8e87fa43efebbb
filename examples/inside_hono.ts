// An upgrade inside an application of Hono.
//
// deno run --allow-net=localhost:8765 --allow-read=certs --allow-write=certs examples/inside_hono.ts
import { loadCertChain, upgrade, type UpgradeInfo } from "@wss/wss";
import { ensureDevCertificates } from "@wss/wss/certs";
import { Hono } from "hono";

const { chainFile } = await ensureDevCertificates();
const { cert, key } = await loadCertChain(chainFile);

const app = new Hono<{ Bindings: UpgradeInfo }>();
const options = {};

app.get("/", (c) => c.text("Connect to /clock"));
app.get("/clock", (c) =>
  // What Deno.serve tells about the sender, Hono keeps in c.env.
  upgrade(c.req.raw, c.env, options, async (ws) => {
    for await (const _question of ws) {
      await ws.send(new Date().toISOString());
    }
  }));

const server = Deno.serve(
  {
    hostname: "localhost",
    port: Number(Deno.args[0] ?? 8765),
    cert,
    key,
    onListen: ({ port }) =>
      console.log(`Connect to wss://localhost:${port}/clock`),
  },
  app.fetch,
);
Deno.addSignalListener("SIGINT", () => server.shutdown());
