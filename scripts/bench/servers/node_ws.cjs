// What the manual of ws shows, on Node; the protocol of `_control.ts`.
const { readFileSync } = require("node:fs");
const { createServer } = require("node:https");
const { createInterface } = require("node:readline");
const process = require("node:process");

// The path of ws is given: Node does not look where Deno keeps packages.
const [wsPath, chainFile] = process.argv.slice(2);
const { WebSocketServer } = require(wsPath);

const pem = readFileSync(chainFile);
const server = createServer({ cert: pem, key: pem });
const sockets = new WebSocketServer({ server });

sockets.on("connection", (socket, request) => {
  socket.on("error", console.error);
  if (request.url === "/burst") {
    socket.on("message", (data, isBinary) => {
      for (let i = 0; i < 3; i++) socket.send(data, { binary: isBinary });
    });
  } else if (request.url === "/broadcast") {
    socket.on("message", (data, isBinary) => {
      for (const each of sockets.clients) each.send(data, { binary: isBinary });
    });
  } else {
    socket.on("message", (data, isBinary) => {
      socket.send(data, { binary: isBinary });
    });
  }
});

server.listen(0, "127.0.0.1", () => {
  console.log(JSON.stringify({ port: server.address().port }));
});

createInterface({ input: process.stdin })
  .on("line", (line) => {
    if (line !== "memory") return;
    const { rss: loose } = process.memoryUsage();
    globalThis.gc({
      type: "major",
      execution: "sync",
      flavor: "last-resort",
    });
    const { rss, heapUsed } = process.memoryUsage();
    console.log(JSON.stringify({ loose, rss, heap: heapUsed }));
  })
  .on("close", () => process.exit(0));
