/**
 * Clients whose certificates were good, or look as if they were.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { ClientAuth } from "../../src/tls/client_auth.ts";
import type { CertChain } from "../../src/tls/pem.ts";
import { serve, type Server } from "../../mod.ts";
import { devCertificates, forge, forgeCrl } from "../_certs.ts";
import {
  authority,
  client,
  clients,
  listen,
  missing,
  VERSIONS,
} from "../_client_auth.ts";
import { handshake } from "../_raw_peer.ts";
import { testWith } from "../peers/suite.ts";

/** A chain as a client sends it. */
function chained(leaf: CertChain, ...others: CertChain[]): CertChain {
  return {
    cert: leaf.cert + others.map(({ cert }) => cert).join(""),
    key: leaf.key,
  };
}

for (const version of VERSIONS) {
  testWith(
    missing,
    `a revoked intermediate cannot be hidden behind others, ${version}`,
    async () => {
      const root = await authority();
      const middle = await forge({
        issuer: root,
        ca: true,
        subject: "CN=Middle",
      });
      const leaf = await client(middle);
      const crl = [await forgeCrl({ issuer: root, revoked: [middle.cert] })];
      const stranger = (subject: string) => forge({ ca: true, subject });
      const many = await Promise.all(
        Array.from({ length: 12 }, (_, index) => stranger(`CN=S${index}`)),
      );
      for (const require of [true, false]) {
        const auth = await ClientAuth.load({
          clientCa: [root.cert],
          crl,
          require,
        });
        await using server = await listen(auth);
        const step = { port: server.port, version };
        const results = await clients(
          { ...step, identity: chained(leaf, middle) },
          {
            ...step,
            identity: chained(leaf, await stranger("CN=Middle"), middle),
          },
          { ...step, identity: chained(leaf, many[0]!, middle) },
          { ...step, identity: chained(leaf, ...many, middle) },
        );
        assertEquals(results.map(({ reply }) => reply), Array(4).fill(null));
      }
    },
  );
}

testWith(
  missing,
  "an authority's pathLength cannot be evaded by another order",
  async () => {
    const root = await authority({ pathLength: 1 });
    const upper = await forge({ issuer: root, ca: true, subject: "CN=Upper" });
    const lower = await forge({ issuer: upper, ca: true, subject: "CN=Lower" });
    const leaf = await client(lower);
    const clientCa = [root.cert];
    const auth = await ClientAuth.load({ clientCa, require: true });
    await using server = await listen(auth);
    const step = { port: server.port, version: VERSIONS[1] };
    const results = await clients(
      { ...step, identity: chained(leaf, lower, upper) },
      { ...step, identity: chained(leaf, upper, lower) },
      { ...step, identity: chained(await client(upper), upper) },
    );
    assertEquals(results.map(({ reply }) => reply), [null, null, "CN=ada"]);
  },
);

/** A server that lets in by the certificate alone. */
async function startServer(clientCa: string[]): Promise<Server> {
  const { chain } = await devCertificates();
  return await serve({
    port: 0,
    engine: "node",
    logger: {},
    ...chain,
    clientCa,
    fetch: () => new Response("a page"),
  }, (ws) => ws.send("let in")) as Server;
}

/** Opens TCP to a server. */
async function dial(server: Server): Promise<Socket> {
  const { hostname, port } = server.addr as Deno.NetAddr;
  const socket = connectTcp({ host: hostname, port });
  await once(socket, "connect");
  return socket;
}

/** All that comes over a socket, from a request on, until it is closed. */
async function answered(socket: Socket, lines: string[]): Promise<string> {
  let text = "";
  socket.on(
    "data",
    (data: Uint8Array) => text += new TextDecoder().decode(data),
  );
  const closed = Promise.withResolvers<void>();
  socket.on("error", () => {}); // By a reset: it is closed anyway.
  socket.on("close", () => closed.resolve());
  socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  await closed.promise;
  return text;
}

Deno.test("a handshake that was begun before reload({ clientCa }) lets nobody in of an authority that is gone", async () => {
  const [old, young] = [
    await authority(),
    await authority({ subject: "CN=New" }),
  ];
  await using server = await startServer([old.cert]);
  const socket = await dial(server);
  await server.reload({ clientCa: [young.cert] });
  const { ca } = await devCertificates();
  const tls = connectTls({
    socket,
    ca,
    servername: "localhost",
    ...await client(old),
  });
  assertEquals(await answered(tls, handshake("localhost")), "");
});

Deno.test("a connection that is kept alive brings no certificate that was revoked meanwhile", async () => {
  const authorities = await authority();
  const identity = await client(authorities);
  await using server = await startServer([authorities.cert]);
  const { ca } = await devCertificates();
  const tls = connectTls({
    socket: await dial(server),
    ca,
    servername: "localhost",
    ...identity,
  });
  const page = Promise.withResolvers<void>();
  tls.once("data", () => page.resolve());
  tls.write("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
  await page.promise;
  const crl = [
    await forgeCrl({ issuer: authorities, revoked: [identity.cert] }),
  ];
  await server.reload({ crl });
  const text = await answered(tls, handshake("localhost"));
  assertEquals(text.split("\r\n")[0], "HTTP/1.1 403 Forbidden");
});
