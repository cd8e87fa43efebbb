// A chat room with a page to chat on: open https://localhost:8765 in two windows.
//
// deno run --allow-net=localhost:8765 --allow-read=certs --allow-write=certs examples/chat.ts
import { type Connection, loadCertChain, serve } from "@wss/wss";
import { ensureDevCertificates } from "@wss/wss/certs";

const PAGE = `<!doctype html>
<meta charset="utf-8">
<title>Chat</title>
<form><input autofocus placeholder="Say something"><button>Send</button></form>
<ul></ul>
<script>
  const ws = new WebSocket("wss://" + location.host + "/chat");
  const show = (text) => {
    const line = document.createElement("li");
    line.textContent = text;
    document.querySelector("ul").append(line);
  };
  ws.onmessage = (event) => show(event.data);
  ws.onclose = () => show("(the connection is closed)");
  document.querySelector("form").onsubmit = (event) => {
    event.preventDefault();
    const input = document.querySelector("input");
    ws.send(input.value);
    input.value = "";
  };
</script>`;

const { chainFile } = await ensureDevCertificates();
let guests = 0;

const server = await serve(
  {
    port: Number(Deno.args[0] ?? 8765),
    ...await loadCertChain(chainFile),
    maxMessageSize: 2000,
    // Only the page that this server serves may connect: that is the default.
    authorize: () => ({ name: `Guest ${++guests}` }),
    fetch: () =>
      new Response(PAGE, { headers: { "content-type": "text/html" } }),
  },
  async (ws: Connection<{ name: string }>) => {
    const { name } = ws.context;
    ws.subscribe("room");
    server.publish("room", `${name} came in`);
    try {
      for await (const text of ws) server.publish("room", `${name}: ${text}`);
    } finally {
      server.publish("room", `${name} left`);
    }
  },
);

console.log(`Chat on ${server.url.replace("wss", "https")}`);
Deno.addSignalListener("SIGINT", () => server.shutdown());
