import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  connect,
  type ConnectOptions,
  HandshakeError,
  serve,
  TlsError,
} from "../mod.ts";
import type { CertChain } from "../src/tls/pem.ts";
import { devCertificates, forge } from "./_certs.ts";
import { run } from "./_connects.ts";
import { ENGINES, test } from "./_engines.ts";

/** An HTTP server that redirects, or agrees to a WebSocket. */
interface Redirecting extends AsyncDisposable {
  /** Its URL, of the scheme `ws` or `wss`, without a path. */
  url: string;
  /** The headers of the requests that came, in order. */
  asked: Headers[];
}

/** Redirects each path to what `target` says, and agrees where that says nothing. */
function redirecting(
  target: (path: string) => string | undefined,
  chain?: CertChain,
  status = 302,
): Redirecting {
  const asked: Headers[] = [];
  const answer = (request: Request) => {
    asked.push(new Headers(request.headers));
    const { pathname } = new URL(request.url);
    const location = target(pathname);
    if (location !== undefined) {
      return new Response("moved", { status, headers: { location } });
    }
    const { socket, response } = Deno.upgradeWebSocket(request, {
      protocol: "offered",
    });
    socket.onopen = () => socket.send(pathname);
    return response;
  };
  const where = { hostname: "localhost", port: 0, onListen() {} };
  const http = chain === undefined
    ? Deno.serve(where, answer)
    : Deno.serve({ ...where, ...chain }, answer);
  return {
    url: `${chain === undefined ? "ws" : "wss"}://localhost:${http.addr.port}`,
    asked,
    [Symbol.asyncDispose]: () => http.shutdown(),
  };
}

const common = { protocols: ["offered"], openTimeout: 5000 };

for (const status of [301, 302, 303, 307, 308]) {
  test(`connect() follows ${status} on request, within the origin with its headers`, async (engine) => {
    const { ca, chain } = await devCertificates();
    const target = (path: string) =>
      path === "/old" ? "/new?kept=1" : undefined;
    await using server = redirecting(target, chain, status);
    const url = server.url.replace("://", "://ada:secret@") + "/old";
    await using ws = await connect(
      url,
      {
        ...{ engine, ...common, caCerts: [ca], followRedirects: true },
        headers: { "x-token": "t" },
      } as ConnectOptions,
    );
    assertEquals(await ws.receive(), "/new");
    assertEquals(ws.url, `${server.url}/new?kept=1`);
    const last = server.asked.at(-1);
    assertEquals(last?.get("x-token"), "t");
    assertEquals(
      last?.get("authorization"),
      `Basic ${btoa("ada:secret")}`,
    );
  });
}

test("connect() takes protocols along to another origin, but nothing that proves who it is", async (engine) => {
  const { ca, chain } = await devCertificates();
  await using other = redirecting(() => undefined, chain);
  const target = `${other.url.replace("wss:", "https:")}/in`;
  await using server = redirecting(
    () => target.replace("://", "://eve:word@"),
    chain,
  );
  await using ws = await connect(
    server.url.replace("://", "://ada:secret@"),
    {
      ...{ engine, ...common, caCerts: [ca], followRedirects: 1 },
      ...await forge({ names: ["client.example"] }),
      headers: { "x-token": "t", cookie: "c=1" },
      protocols: ["offered", "bearer.zebra"],
    } as ConnectOptions,
  );
  assertEquals(await ws.receive(), "/in");
  assertEquals(ws.protocol, "offered");
  assertEquals(server.asked[0]?.get("x-token"), "t");
  const last = other.asked.at(-1);
  for (const name of ["x-token", "cookie", "authorization"]) {
    assertEquals(last?.get(name), null, name);
  }
  const offers = "sec-websocket-protocol";
  assert(server.asked[0]?.get(offers)?.includes("bearer.zebra"));
  assertEquals(last?.get(offers), "offered");
});

test("connect() shows its client certificate within the origin, and to no other", async (engine) => {
  const { ca, chain } = await devCertificates();
  const authority = await forge({ ca: true, subject: "CN=clients" });
  const start = () =>
    serve({
      ...{ engine: "node", port: 0, logger: {}, ...chain },
      ...{ clientCa: [authority.cert], clientAuth: "request" },
      authorize: (request) => {
        const to = new URL(request.url).searchParams.get("to");
        if (to === null) return true;
        return new Response(null, { status: 302, headers: { location: to } });
      },
    }, (ws) => ws.send(ws.peerCertificate?.subject ?? "nobody"));
  await using server = await start();
  await using other = await start();
  const options = {
    ...{ engine, caCerts: [ca], followRedirects: true },
    ...await forge({
      issuer: authority,
      subject: "CN=ada",
      purposes: ["1.3.6.1.5.5.7.3.2"],
    }),
  } as ConnectOptions;
  await using same = await connect(`${server.url}/?to=/in`, options);
  assertEquals(await same.receive(), "CN=ada");
  const away = encodeURIComponent(`${other.url.replace("wss", "https")}/in`);
  await using foreign = await connect(`${server.url}/?to=${away}`, options);
  assertEquals(await foreign.receive(), "nobody");
});

test("connect() follows from ws to wss, without its headers", async (engine) => {
  const { ca, chain } = await devCertificates();
  await using secure = redirecting(() => undefined, chain);
  await using plain = redirecting(() => secure.url.replace("wss", "https"));
  await using ws = await connect(
    plain.url,
    {
      ...{ engine, ...common, caCerts: [ca], followRedirects: true },
      headers: { "x-token": "t" },
    } as ConnectOptions,
  );
  assertEquals(ws.url, `${secure.url}/`);
  assertEquals(secure.asked.at(-1)?.get("x-token"), null);
});

test("connect() never follows from wss to ws", async (engine) => {
  const { ca, chain } = await devCertificates();
  await using plain = redirecting(() => undefined);
  const location = `${plain.url.replace("ws", "http")}/in?token=secret`;
  await using server = redirecting(() => location, chain);
  const error = await assertRejects(
    () =>
      connect(
        server.url,
        {
          ...{ engine, ...common, caCerts: [ca], followRedirects: true },
        } as ConnectOptions,
      ),
    HandshakeError,
  );
  assertEquals(error.status, 302);
  assertEquals(
    error.message,
    `Cannot connect to ${server.url}: the server redirects to ${
      location.split("?")[0]
    }, but that would not be encrypted any more; connect to the target yourself if that is meant`,
  );
  assertEquals(plain.asked, []);
});

test("connect() gives up a circle of redirects", async (engine) => {
  await using server = redirecting((path) => path === "/a" ? "/b" : "/a");
  for (const [followRedirects, hops] of [[true, 5], [2, 2]] as const) {
    const before = server.asked.length;
    const error = await assertRejects(
      () =>
        connect(
          `${server.url}/a`,
          { engine, ...common, followRedirects } as ConnectOptions,
        ),
      HandshakeError,
      "too many redirects came before",
    );
    assertEquals(error.status, 302);
    const asked = server.asked.length - before;
    // The default engine asks twice each.
    assertEquals(asked, (hops + 1) * { deno: 2, node: 1 }[engine]);
  }
});

test("connect() goes nowhere without being asked to follow", async (engine) => {
  await using other = redirecting(() => undefined);
  await using server = redirecting(() => other.url.replace("ws", "http"));
  for (const followRedirects of [undefined, false, 0]) {
    const error = await assertRejects(
      () =>
        connect(
          server.url,
          { engine, ...common, followRedirects } as ConnectOptions,
        ),
      HandshakeError,
      "pass `followRedirects: true`",
    );
    assertEquals(
      error.headers.get("location"),
      other.url.replace("ws", "http"),
    );
    assertEquals(error.body, "moved");
  }
  assertEquals(other.asked, []);
});

test("connect() bounds all redirects together by openTimeout", async (engine) => {
  using silent = Deno.listen({ hostname: "localhost", port: 0 });
  await using server = redirecting(() =>
    `http://localhost:${silent.addr.port}/in`
  );
  const began = performance.now();
  const error = await assertRejects(
    () =>
      connect(
        server.url,
        {
          ...{ engine, followRedirects: true, openTimeout: 400 },
        } as ConnectOptions,
      ),
    DOMException,
    `Cannot connect to ${server.url}, redirected to ws://localhost:${silent.addr.port}/in: no answer within 400 ms: the request was not answered;`,
  );
  assertEquals(error.name, "TimeoutError");
  assert(performance.now() - began < 900);
});

test("connect() goes to no target that is no WebSocket's", async (engine) => {
  for (const location of ["ftp://localhost/", "data:text/plain,secret"]) {
    await using server = redirecting(() => location);
    const error = await assertRejects(
      () =>
        connect(
          server.url,
          { engine, ...common, followRedirects: true } as ConnectOptions,
        ),
      HandshakeError,
      "but no WebSocket can go there",
    );
    assert(!error.message.includes("secret"));
  }
});

test("connect() says what it kept back from another origin that wants it", async (engine) => {
  const { ca, chain } = await devCertificates();
  const { cert } = await forge({ ca: true, subject: "CN=clients" });
  let status = 0;
  await using other = Deno.serve(
    { hostname: "localhost", port: 0, onListen() {} },
    () => new Response("no", { status }),
  );
  await using strict = await serve(
    { engine: "node", port: 0, logger: {}, ...chain, clientCa: [cert] },
    () => {},
  );
  const target = `localhost:${other.addr.port}`;
  let location = `http://${target}/in?token=zebra`;
  await using server = redirecting(() => location);
  const attempt = () =>
    connect(
      server.url,
      {
        ...{ engine, ...common, caCerts: [ca], followRedirects: true },
        headers: { authorization: "Bearer zebra" },
      } as ConnectOptions,
    );
  const kept =
    "headers, user name and client certificate are not sent on to another origin; connect to that URL directly if it is to be trusted";
  for (status of [401, 403]) {
    const error = await assertRejects(attempt, HandshakeError);
    assertEquals(
      error.message,
      `Cannot connect to ${server.url}, redirected to ws://${target}/in: the server answered with status ${status}, and ${kept}`,
    );
    assertEquals([error.status, error.body], [status, "no"]);
  }
  status = 404;
  await assertRejects(attempt, HandshakeError, "check the path of the URL");
  location = strict.url.replace("wss", "https");
  const error = await assertRejects(
    attempt,
    TlsError,
    `the server wants a client certificate, but ${kept}`,
  );
  assertEquals(error.reason, "client-certificate-required");
});

test("connect() says that `authorization` was not accepted, if it was sent", async (engine) => {
  await using http = Deno.serve(
    { hostname: "localhost", port: 0, onListen() {} },
    () => new Response(null, { status: 401 }),
  );
  const url = `ws://localhost:${http.addr.port}`;
  const headers = { authorization: "Bearer zebra" };
  const cases = [
    [url, headers, "the server did not accept `authorization`"],
    [
      url.replace("//", "//a:b@"),
      {},
      "the server did not accept `authorization`",
    ],
    [url, { "x-kind": "cat" }, "pass what proves who you are"],
  ] as const;
  for (const [to, headers, says] of cases) {
    await assertRejects(
      () => connect(to, { engine, headers } as ConnectOptions),
      HandshakeError,
      says,
    );
  }
});

for (const engine of ENGINES) {
  Deno.test(`connect() tells which permission a redirect lacks [${engine}]`, async () => {
    await using server = redirecting(() => "http://127.0.0.1:9/in");
    const said = await run({
      url: server.url,
      flags: [`--allow-net=${new URL(server.url).host}`],
      options: { engine, followRedirects: true },
    });
    assertEquals(JSON.parse(said), {
      name: "NotCapable",
      message:
        `Cannot connect to ${server.url}, redirected to ws://127.0.0.1:9/in: this program may not reach 127.0.0.1:9; run it with --allow-net=127.0.0.1:9`,
    });
  });
}

Deno.test("connect() refuses followRedirects that make no sense, or cannot be honoured", async () => {
  const wrong: [unknown, string][] = [
    [-1, "a whole number from 0 to 20, current value is -1"],
    [1.5, "current value is 1.5"],
    [21, "current value is 21"],
    ["yes", "it must be true, false or a number"],
  ];
  for (const [followRedirects, message] of wrong) {
    await assertRejects(
      () => connect("ws://localhost:1", { followRedirects } as ConnectOptions),
      Error,
      message,
    );
  }
  await assertRejects(
    () => connect("ws://localhost:1", { followRedirects: 1, diagnose: false }),
    TypeError,
    'use connect() with engine: "node"',
  );
});
