// What the manual shows, and nothing else: the measure for connect().
import { obey } from "./_control.ts";

let client: Deno.HttpClient | undefined;

await obey(async ({ url, ca, shape }, payload, lane) => {
  client ??= Deno.createHttpClient({ caCerts: [ca] });
  const socket = new WebSocket(url, { client });
  // The default is a Blob.
  socket.binaryType = "arraybuffer";
  const opened = Promise.withResolvers<unknown>();
  const closed = Promise.withResolvers<unknown>();
  socket.addEventListener("open", opened.resolve);
  socket.addEventListener("error", opened.reject);
  socket.addEventListener("close", closed.resolve);
  await opened.promise;
  socket.addEventListener("error", () => lane.fail("it is lost"));
  socket.addEventListener("message", ({ data }) => {
    if (lane.take(data.length ?? data.byteLength)) socket.send(payload);
  });
  for (let i = 0; i < shape.window; i++) socket.send(payload);
  return () => {
    socket.close();
    return closed.promise;
  };
});
