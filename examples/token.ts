// A server that lets in who knows a secret, and a client that does.
//
// TOKEN=… deno run --allow-env=TOKEN --allow-net=localhost --allow-read=certs --allow-write=certs examples/token.ts
import {
  bearerAuth,
  connect,
  HandshakeError,
  loadCaCerts,
  loadCertChain,
  serve,
} from "@wss/wss";
import { ensureDevCertificates } from "@wss/wss/certs";

const token = Deno.env.get("TOKEN");
if (token === undefined) {
  throw new Error("Cannot start: set TOKEN to the secret of this server");
}

const { caFile, chainFile } = await ensureDevCertificates();
const caCerts = await loadCaCerts(caFile);

await using server = await serve(
  {
    port: 0,
    ...await loadCertChain(chainFile),
    authorize: bearerAuth({ tokens: { operator: token } }),
  },
  (ws) => ws.send(`Welcome, ${ws.context.name}`),
);

try {
  await connect(server.url, { caCerts });
} catch (error) {
  if (!(error instanceof HandshakeError)) throw error;
  console.log("Without the token: refused");
}

await using ws = await connect(server.url, {
  caCerts,
  headers: { authorization: `Bearer ${token}` },
});
console.log(await ws.receive());
