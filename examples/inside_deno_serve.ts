// An upgrade inside a plain Deno.serve application.
//
// deno run --allow-net=localhost:8765 --allow-read=certs --allow-write=certs examples/inside_deno_serve.ts
import { loadCertChain, upgrade } from "@wss/wss";
import { ensureDevCertificates } from "@wss/wss/certs";

const { chainFile } = await ensureDevCertificates();
const { cert, key } = await loadCertChain(chainFile);
const options = { protocols: ["echo"] };

const server = Deno.serve(
  {
    hostname: "localhost",
    port: Number(Deno.args[0] ?? 8765),
    cert,
    key,
    onListen: ({ port }) =>
      console.log(`Connect to wss://localhost:${port}/echo`),
  },
  (request, info) => {
    if (new URL(request.url).pathname !== "/echo") {
      return new Response("Connect to /echo\n");
    }
    return upgrade(request, info, options, async (ws) => {
      for await (const message of ws) await ws.send(message);
    });
  },
);
Deno.addSignalListener("SIGINT", () => server.shutdown());
