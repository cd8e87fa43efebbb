import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  type EngineName,
  type FetchHandler,
  type Handler,
  serve,
  type Server,
} from "../server.ts";
import { missingChromium } from "./_chromium.ts";
import { ENGINES } from "./_engines.ts";
import { type Site, site, visit } from "./peers/browser.ts";
import { type Certificates, makeCertificates } from "./peers/certificates.ts";
import { testWith } from "./peers/suite.ts";

const missing = missingChromium();
const root = fromFileUrl(new URL("..", import.meta.url));

/** The client as docs/browser.md says to bundle it. */
async function bundle(): Promise<string> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--platform=browser",
      "--minify",
      "src/browser/mod.ts",
    ],
    cwd: root,
  }).output();
  assert(success);
  return new TextDecoder().decode(stdout);
}

/** Serves the client beside the page, and what a worker of the page runs. */
function withClient(page: Site, code: string): FetchHandler {
  const files: Record<string, string> = {
    "/wss.js": code,
    "/worker.js": WORKER,
  };
  return (request, info) => {
    const file = files[new URL(request.url).pathname];
    if (file === undefined) return page.fetch(request, info);
    return new Response(file, {
      headers: { "content-type": "text/javascript; charset=utf-8" },
    });
  };
}

const WORKER = `
import { connect } from "./wss.js";
const ws = await connect("/echo");
await ws.send("from a worker");
postMessage(await ws.receive());
await ws.close();
`;

/** Runs a script in a page of `serve()`, over TLS, and returns what it reports. */
async function inPage(
  script: string,
  handler: Handler,
  { engine, certificates, query = "" }: {
    engine: EngineName;
    certificates: Certificates;
    query?: string;
  },
): Promise<unknown> {
  const page = site(
    `const { CloseCode, connect, reconnect } = await import("/wss.js");\n${script}`,
  );
  await using server = await serve({
    engine,
    port: 0,
    protocols: ["v2"],
    logger: {},
    fetch: withClient(page, await bundle()),
    ...certificates.chain,
  }, handler);
  const report = await visit({
    url: `${toHttp(server.url)}/?${query}`,
    site: page,
    kind: "generated",
    caFile: certificates.caFile,
  });
  await server.shutdown();
  return report;
}

/** Does what the path says. */
const obey: Handler = async (ws) => {
  switch (new URL(ws.url).pathname) {
    case "/close":
      await ws.close(4001, "kein Platz für dich");
      return;
    case "/count":
      for (const number of ["1", "2", "3"]) await ws.send(number);
      return;
  }
  for await (const message of ws) await ws.send(message);
};

const TALKS = `
const ws = await connect("/echo", { protocols: ["v3", "v2"] });
await ws.send("Grüße, 🔐");
const text = await ws.receive();
await ws.send(Uint8Array.from({ length: 256 }, (_, index) => index));
const binary = await ws.receive();
await ws.send(new Uint8Array(1 << 20).fill(7));
const large = (await ws.receive()).length;
const ours = await ws.close(3001, "genug");

const counted = [];
for await (const message of await connect("/count")) counted.push(message);

const streams = await connect("/echo");
const upper = new TransformStream({
  transform: (text, controller) => controller.enqueue(text.toUpperCase()),
});
const reader = streams.readable.pipeThrough(upper).getReader();
const writer = streams.writable.getWriter();
await writer.write("through streams");
const { value: streamed } = await reader.read();
await writer.close();

const closed = await connect(new URL("/close", location.href));
const thrown = await closed.receive().catch((error) => String(error));

const worker = new Worker("/worker.js", { type: "module" });
const worked = await new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));

return {
  url: ws.url === here + "/echo",
  protocol: ws.protocol,
  text,
  binary: [...binary],
  large,
  ours,
  counted,
  streamed,
  streamsClosed: await streams.closed,
  theirs: await closed.closed,
  thrown,
  worked,
};
`;

for (const engine of ENGINES) {
  testWith(
    missing,
    `connect() in Chromium talks to serve() over TLS [${engine}]`,
    async () => {
      await using certificates = await makeCertificates("generated");
      const report = await inPage(TALKS, obey, { engine, certificates });
      const theirs = {
        code: 4001,
        reason: "kein Platz für dich",
        wasClean: true,
      };
      assertEquals(report, {
        url: true,
        protocol: "v2",
        text: "Grüße, 🔐",
        binary: Array.from({ length: 256 }, (_, index) => index),
        large: 1 << 20,
        ours: { code: 3001, reason: "genug", wasClean: true },
        counted: ["1", "2", "3"],
        streamed: "THROUGH STREAMS",
        streamsClosed: { code: 1000, reason: "", wasClean: true },
        theirs,
        thrown:
          'ConnectionClosedError: Cannot receive: the connection ended with code 4001 "kein Platz für dich"',
        worked: "from a worker",
      });
    },
  );
}

const FAILS = `
const query = new URLSearchParams(location.search);
const tell = (error) => [error.name, error.message];
const failure = (url, options) => connect(url, options).then(() => "opened", tell);
const stopped = new AbortController();
const aborted = failure(query.get("silent"), { signal: stopped.signal });
stopped.abort(new Error("enough"));
const cut = await connect("/cut");
cut.send("now");
return {
  refused: await failure(query.get("strict")),
  nobody: await failure("wss://localhost:1"),
  mixed: await failure("ws://a.example/chat?token=secret"),
  late: await failure(query.get("silent"), { openTimeout: 100 }),
  aborted: await aborted,
  headers: await failure("/echo", { headers: { authorization: "secret" } }),
  fragment: await failure("wss://a.example/#secret"),
  cut: [await cut.closed, await cut.receive().catch((error) => error.message)],
};
`;

testWith(
  missing,
  "connect() in Chromium says what to look at when it fails",
  async () => {
    await using certificates = await makeCertificates("generated");
    const { chain } = certificates;
    await using strict = await serve(
      { port: 0, logger: {}, ...chain },
      () => {},
    );
    using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const silentUrl = `wss://127.0.0.1:${silent.addr.port}`;
    const handler: Handler = async (ws) => {
      await ws.receive();
      ws.terminate();
    };
    const engine = "node"; // The other one cannot cut a connection.
    const query = `strict=${strict.url}&silent=${silentUrl}`;
    const report = await inPage(FAILS, handler, {
      engine,
      certificates,
      query,
    });
    const { refused, nobody, ...others } = report as Record<string, string[]>;
    const { host } = new URL(strict.url);
    for (const [tried, failure] of [[host, refused], ["localhost:1", nobody]]) {
      assertEquals(failure, [
        "NetworkError",
        `Cannot connect to wss://${tried}: the browser does not tell pages why; see its console, whether https://${tried} shows a certificate warning, and whether the server lets in this page's origin`,
      ]);
    }
    assertEquals(others as unknown, {
      mixed: [
        "TypeError",
        "Cannot connect to ws://a.example/chat: a page that came over https needs wss",
      ],
      late: [
        "TimeoutError",
        `Cannot connect to ${silentUrl}: no answer within 100 ms`,
      ],
      aborted: ["Error", "enough"],
      headers: [
        "TypeError",
        "Cannot use headers in a browser; send a token as a subprotocol or in the first message, or use a cookie",
      ],
      fragment: [
        "TypeError",
        "Cannot connect to wss://a.example: the URL must be of wss or ws and without a #fragment, the protocols tokens, none of them twice",
      ],
      cut: [
        { code: 1006, reason: "", wasClean: false },
        "Cannot receive: the connection ended with code 1006, the peer was lost",
      ],
    });
  },
);

const RECONNECTS = `
const query = new URLSearchParams(location.search);
const seen = [];
const options = { minDelay: 50, maxDelay: 200, openTimeout: 2000 };
for await (const ws of reconnect(query.get("target"), options)) {
  try {
    seen.push(await ws.receive());
    if (seen.length === 3) break;
    await ws.receive();
  } catch (error) {
    seen.push(error.code);
  }
}
return seen;
`;

testWith(
  missing,
  "reconnect() in Chromium brings the next connection when the server was gone",
  async () => {
    await using certificates = await makeCertificates("generated");
    const start = (port: number, handler: Handler) =>
      serve({
        port,
        logger: {},
        insecureAnyOrigin: true,
        ...certificates.chain,
      }, handler);
    const second = Promise.withResolvers<Server>();
    const first = await start(0, async (ws) => {
      await ws.send("before");
      const { port } = first.addr as Deno.NetAddr;
      const stopped = first.shutdown({ timeout: 200 });
      const restarted = stopped.then(() =>
        start(port, async (ws) => {
          await ws.send("after");
          await ws.closed;
        })
      );
      restarted.then(second.resolve, second.reject);
      await ws.closed;
    });
    const query = `target=${first.url}`;
    const report = await inPage(RECONNECTS, obey, {
      engine: "deno",
      certificates,
      query,
    });
    await (await second.promise).shutdown();
    assertEquals(report, ["before", 1001, "after"]);
  },
);

const BEATS = `
const alive = await connect("/echo", { heartbeat: { interval: 50 }, pongTimeout: 200 });
const latency = await alive.ping();
await new Promise((resolve) => setTimeout(resolve, 400));
await alive.send("still there");
const answer = await alive.receive();
await alive.close();

const dead = await connect("/deaf", { heartbeat: { interval: 50 }, pongTimeout: 200 });
const since = performance.now();
const ended = await dead.closed;
const after = performance.now() - since;
const thrown = await dead.receive().catch((error) => error.message);
return { latency, answer, ended, after, thrown };
`;

for (const engine of ENGINES) {
  testWith(
    missing,
    `the heartbeat in Chromium tells a dead server from one that is silent [${engine}]`,
    async () => {
      await using certificates = await makeCertificates("generated");
      const handler: Handler = async (ws) => {
        const isDeaf = ws.url.endsWith("/deaf");
        for await (const message of ws) {
          if (!isDeaf) await ws.send(message === "ping" ? "pong" : message);
        }
      };
      const report = await inPage(BEATS, handler, { engine, certificates });
      const { latency, after, ...others } = report as Record<string, number>;
      assert(latency !== undefined && latency < 200, `${latency} ms`);
      assert(
        after !== undefined && after >= 200 && after < 1500,
        `${after} ms`,
      );
      assertEquals(others as unknown, {
        answer: "still there",
        ended: { code: 1006, reason: "", wasClean: false },
        thrown:
          "Cannot receive: the connection ended with code 1006, the peer did not answer the heartbeat (does the server have `heartbeat`, too?)",
      });
    },
  );
}

function toHttp(url: string): string {
  return url.replace(/^ws/, "http");
}
