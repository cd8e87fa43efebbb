/**
 * What the manual shows, and nothing else: the measure for the others.
 *
 * @module
 */

import { BROADCAST_PATH, BURST, BURST_PATH, chainFile } from "./_control.ts";

/** Starts a bare `Deno.serve`. */
export function serveBare(): Deno.HttpServer<Deno.NetAddr> {
  const pem = Deno.readTextFileSync(chainFile());
  const all = new Set<WebSocket>();

  return Deno.serve(
    { hostname: "127.0.0.1", port: 0, cert: pem, key: pem, onListen() {} },
    (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      // The default is a Blob, which comes back slower and out of order.
      socket.binaryType = "arraybuffer";
      if (request.url.endsWith(BURST_PATH)) {
        socket.addEventListener("message", (event) => {
          for (let i = 0; i < BURST; i++) socket.send(event.data);
        });
      } else if (request.url.endsWith(BROADCAST_PATH)) {
        socket.addEventListener("open", () => all.add(socket));
        socket.addEventListener("close", () => all.delete(socket));
        socket.addEventListener("message", (event) => {
          for (const each of all) each.send(event.data);
        });
      } else {
        socket.addEventListener("message", (event) => socket.send(event.data));
      }
      return response;
    },
  );
}
