// What the manual of npm:ws shows, and nothing else: the measure for the strict
// engine of connect(), which is made of it.
// @ts-types="@types/ws"
import { WebSocket } from "ws";
import { obey } from "./_control.ts";

await obey(async ({ url, ca, shape }, payload, lane) => {
  const socket = new WebSocket(url, { ca });
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  socket.on("open", opened.resolve);
  socket.on("error", opened.reject);
  socket.on("close", () => closed.resolve());
  await opened.promise;
  socket.on("error", (error) => lane.fail(error));
  socket.on("message", (data: Uint8Array, isBinary: boolean) => {
    // Text is to be a string, as it is with all the others.
    const message = isBinary ? data : data.toString();
    if (lane.take(message.length)) socket.send(payload);
  });
  for (let i = 0; i < shape.window; i++) socket.send(payload);
  return () => {
    socket.close();
    return closed.promise;
  };
});
