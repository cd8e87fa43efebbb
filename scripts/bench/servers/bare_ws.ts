// What the manual of npm:ws shows, and nothing else: the measure for the strict
// engine, which is made of it.
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
// @ts-types="@types/ws"
import { WebSocketServer } from "ws";
import {
  BROADCAST_PATH,
  BURST,
  BURST_PATH,
  chainFile,
  obey,
} from "./_control.ts";

const pem = await Deno.readTextFile(chainFile());

const server = createServer({ cert: pem, key: pem });
const sockets = new WebSocketServer({ server });

sockets.on("connection", (socket, request) => {
  socket.on("error", console.error);
  if (request.url === BURST_PATH) {
    socket.on("message", (data, isBinary) => {
      for (let i = 0; i < BURST; i++) socket.send(data, { binary: isBinary });
    });
  } else if (request.url === BROADCAST_PATH) {
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
  obey((server.address() as AddressInfo).port);
});
