// What the manual of Bun shows; the protocol of `_control.ts`.
import process from "node:process";

const [chainFile] = process.argv.slice(2);
const { Bun } = globalThis;
const pem = Bun.file(chainFile);

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  tls: { cert: pem, key: pem },
  fetch(request, server) {
    const { pathname } = new URL(request.url);
    if (server.upgrade(request, { data: { pathname } })) return undefined;
    return new Response("Not a WebSocket", { status: 400 });
  },
  websocket: {
    open(socket) {
      if (socket.data.pathname === "/broadcast") socket.subscribe("all");
    },
    message(socket, message) {
      if (socket.data.pathname === "/burst") {
        for (let i = 0; i < 3; i++) socket.send(message);
      } else if (socket.data.pathname === "/broadcast") {
        server.publish("all", message);
      } else socket.send(message);
    },
  },
});
console.log(JSON.stringify({ port: server.port }));

let text = "";
for await (const chunk of Bun.stdin.stream()) {
  const lines = (text + new TextDecoder().decode(chunk)).split("\n");
  text = lines.pop();
  for (const line of lines) {
    if (line !== "memory") continue;
    const { rss: loose } = process.memoryUsage();
    Bun.gc(true);
    const { rss, heapUsed } = process.memoryUsage();
    console.log(JSON.stringify({ loose, rss, heap: heapUsed }));
  }
}
process.exit(0);
