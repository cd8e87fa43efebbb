// What the manual shows, and nothing else: the measure for the others.
import { chainFile, obey } from "./_control.ts";

const pem = await Deno.readTextFile(chainFile());

const server = Deno.serve(
  { hostname: "127.0.0.1", port: 0, cert: pem, key: pem, onListen() {} },
  (request) => {
    const { socket, response } = Deno.upgradeWebSocket(request);
    // The default is a Blob, which comes back slower and out of order.
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", (event) => socket.send(event.data));
    return response;
  },
);

await obey(server.addr.port);
