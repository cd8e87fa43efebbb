import { assert, assertEquals } from "@std/assert";
import {
  type CommonServeOptions,
  type EngineName,
  type FetchHandler,
  serve,
  type Server,
} from "../server.ts";
import { devCertificates, temporaryDirectory } from "./_certs.ts";
import { test } from "./_engines.ts";
import { serveTls } from "./_pair.ts";
import {
  assertEmpty,
  closePayload,
  handshake,
  Opcode,
  orGreet,
  RawPeer,
} from "./_raw_peer.ts";

const MIB = 1 << 20;

/** A plain server that answers ordinary requests. */
function answering(
  engine: EngineName,
  fetch: FetchHandler,
  options: CommonServeOptions = {},
): Promise<Server> {
  return serve(
    { engine, port: 0, logger: {}, fetch, ...options },
    orGreet(async (ws) => {
      for await (const message of ws) await ws.send(message);
    }),
  );
}

function http({ url }: Server, path = "/"): string {
  return url.replace(/^ws/, "http") + path;
}

/** Bytes in which a shift or a swap would show. */
function bytes(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(
    { length },
    (_, index) => (index * 31 + (index >> 8)) & 255,
  );
}

test("fetch gets method, URL, headers and body, and its answer is sent, over TLS", async (engine) => {
  const { ca } = await devCertificates();
  await using server = await serveTls({
    engine,
    fetch: async (request, { remoteAddr }) =>
      Response.json({
        method: request.method,
        url: request.url,
        tag: request.headers.get("x-tag"),
        body: await request.text(),
        hostname: (remoteAddr as Deno.NetAddr).hostname,
      }, { status: 201, headers: { "x-answer": "yes" } }),
  }, () => {});
  using client = Deno.createHttpClient({ caCerts: [ca] });
  for (const [method, body] of [["POST", "Grüße"], ["PUT", ""]] as const) {
    const url = http(server, "/path?q=1&q=2");
    const response = await fetch(url, {
      client,
      method,
      body,
      headers: { "x-tag": "a, b" },
    });
    assertEquals(response.status, 201);
    assertEquals(response.headers.get("x-answer"), "yes");
    assertEquals(await response.json(), {
      method,
      url,
      tag: "a, b",
      body,
      hostname: "127.0.0.1",
    });
  }
});

test("fetch takes and gives large bodies, byte by byte the same", async (engine) => {
  await using server = await answering(
    engine,
    async (request) => new Response(await request.bytes()),
  );
  const body = bytes(5 * MIB + 1);
  const response = await fetch(http(server), { method: "POST", body });
  const got = await response.bytes();
  assertEquals(got.length, body.length);
  assert(got.every((byte, index) => byte === body[index]));
});

test("fetch streams both ways, each part as it comes", async (engine) => {
  await using server = await answering(engine, (request) => {
    const shout = new TransformStream<string, string>({
      transform: (text, controller) => controller.enqueue(text.toUpperCase()),
    });
    const body = request.body!.pipeThrough(new TextDecoderStream())
      .pipeThrough(shout).pipeThrough(new TextEncoderStream());
    return new Response(body);
  });
  const parts = new TransformStream<Uint8Array, Uint8Array>();
  const writer = parts.writable.getWriter();
  const asking = fetch(http(server), { method: "POST", body: parts.readable });
  const encoder = new TextEncoder();
  writer.write(encoder.encode("one"));
  const response = await asking;
  const reader = response.body!.pipeThrough(new TextDecoderStream())
    .getReader();
  assertEquals((await reader.read()).value, "ONE");
  for (const word of ["two", "three"]) {
    writer.write(encoder.encode(word));
    assertEquals((await reader.read()).value, word.toUpperCase());
  }
  writer.close();
  assertEquals((await reader.read()).done, true);
});

test("fetch reads a request body in chunks, with its extensions and trailers", async (engine) => {
  await using server = await answering(
    engine,
    async (request) => new Response(await request.text()),
  );
  using peer = await RawPeer.dial(server.url);
  const head = ["POST / HTTP/1.1", "Host: h", "Transfer-Encoding: chunked"];
  await peer.write(`${head.join("\r\n")}\r\n\r\n`);
  await peer.write("5;name=value\r\nHello\r\n1\r\n \r\n");
  await peer.write("003\r\nAda\r\n0\r\nX-Trailer: 1\r\n\r\n");
  const { status, body } = await peer.readHead();
  assertEquals([status, body], [200, "Hello Ada"]);
});

test("fetch answers HEAD, 204 and 304 without a body, and the connection goes on", async (engine) => {
  await using server = await answering(engine, (request) => {
    const { pathname } = new URL(request.url);
    const status = Number(pathname.slice(1));
    const headers = { etag: '"1"', "content-length": "5" };
    return status === 200
      ? new Response("Hello", { headers })
      : new Response(null, { status, headers: { etag: '"1"' } });
  });
  using peer = await RawPeer.dial(server.url);
  // A body that came nonetheless would be taken for the next answer.
  for (
    const [method, status] of [
      ["HEAD", 200],
      ["GET", 304],
      ["GET", 204],
      ["HEAD", 304],
    ] as const
  ) {
    await peer.write(`${method} /${status} HTTP/1.1\r\nHost: h\r\n\r\n`);
    const answer = await peer.readBareHead();
    assertEquals(answer.status, status);
    assertEquals(answer.headers.get("etag"), '"1"');
    if (status === 200) {
      assertEquals(answer.headers.get("content-length"), "5");
    }
  }
  const answer = await peer.ask(["GET /200 HTTP/1.1", "Host: h"]);
  assertEquals([answer.status, answer.body], [200, "Hello"]);
});

test("fetch can set two cookies", async (engine) => {
  await using server = await answering(engine, () => {
    const headers = new Headers({ "set-cookie": "a=1; Path=/" });
    headers.append("set-cookie", "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT");
    headers.append("vary", "origin");
    headers.append("vary", "cookie");
    return new Response(null, { headers });
  });
  const { headers, body } = await fetch(http(server));
  await body?.cancel();
  assertEquals(headers.getSetCookie(), [
    "a=1; Path=/",
    "b=2; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
  ]);
  assertEquals(headers.get("vary")?.replace(/, ?/, ","), "origin,cookie");
});

/** What a server makes of a target in the request line. */
const TARGETS: [line: string, url: string][] = [
  ["GET /a/../b?c HTTP/1.1", "http://h.test/b?c"],
  ["GET //evil.test/x HTTP/1.1", "http://h.test//evil.test/x"],
  ["GET http://other.test/p?q HTTP/1.1", "http://h.test/p?q"],
  ["OPTIONS * HTTP/1.1", "http://h.test/"],
];

for (const [line, url] of TARGETS) {
  Deno.test(`fetch on the strict engine is asked for ${url} by "${line}"`, async () => {
    await using server = await answering(
      "node",
      ({ url }) => new Response(url),
    );
    using peer = await RawPeer.dial(server.url);
    const { status, body } = await peer.ask([line, "Host: h.test"]);
    assertEquals([status, body], [200, url]);
  });
}

test("serve() survives targets that are none", async (engine) => {
  const asked: string[] = [];
  await using server = await answering(engine, ({ url }) => {
    asked.push(url);
    return new Response("in");
  });
  for (const target of ["http://", "x", "http://[", "\\", "h.test:80", "?"]) {
    using peer = await RawPeer.dial(server.url);
    await peer.write(
      `GET ${target} HTTP/1.1\r\nHost: h.test\r\nConnection: close\r\n\r\n`,
    );
    const said = new TextDecoder().decode(await peer.rest());
    const status = Number(said.slice(9, 12));
    assert(said === "" || status === 200 || status === 400, said);
  }
  for (const url of asked) assertEquals(new URL(url).host, "h.test");
  using peer = await RawPeer.dial(server.url);
  assertEquals((await peer.ask(["GET / HTTP/1.1", "Host: h"])).body, "in");
});

test("serve() upgrades on a connection that carried ordinary requests before", async (engine) => {
  await using server = await answering(
    engine,
    async (request) => new Response(`got ${await request.text()}`),
  );
  using peer = await RawPeer.dial(server.url);
  const { host } = new URL(server.url);
  for (const body of ["one", "two"]) {
    const post = `POST / HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 3`;
    await peer.write(`${post}\r\n\r\n${body}`);
    assertEquals((await peer.readHead()).body, `got ${body}`);
  }
  assertEquals((await peer.ask(handshake(host))).status, 101);
  await peer.send({ opcode: Opcode.Text, payload: "Hello" });
  const { payload } = await peer.readFrame();
  assertEquals(new TextDecoder().decode(payload), "Hello");
  await peer.send({ opcode: Opcode.Close, payload: closePayload(1000) });
  assertEquals((await peer.readClose()).code, 1000);
  await assertEmpty(server);
});

test("serve() takes the first message behind the handshake in the same packet", async (engine) => {
  await using server = await answering(engine, () => new Response("page"));
  using peer = await RawPeer.dial(server.url);
  const { host } = new URL(server.url);
  const head = new TextEncoder().encode(
    `${handshake(host).join("\r\n")}\r\n\r\n`,
  );
  const frame = Uint8Array.of(0x81, 0x82, 0, 0, 0, 0, 0x48, 0x69);
  await peer.write(Uint8Array.of(...head, ...frame));
  assertEquals((await peer.readHead()).status, 101);
  const { payload } = await peer.readFrame();
  assertEquals(new TextDecoder().decode(payload), "Hi");
});

test("fetch hears of a client that is gone in the middle of its body", async (engine) => {
  const heard = Promise.withResolvers<unknown>();
  const begun = Promise.withResolvers<void>();
  const errors: unknown[] = [];
  await using server = await answering(engine, async (request) => {
    if (request.method === "GET") return new Response("fine");
    const reader = request.body!.getReader();
    await reader.read();
    begun.resolve();
    try {
      await reader.read();
      heard.resolve("more");
    } catch (error) {
      heard.resolve(error);
    }
    return new Response("too late");
  }, { onError: (error) => errors.push(error) });
  {
    using peer = await RawPeer.dial(server.url);
    await peer.write(
      "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nhalf",
    );
    await begun.promise;
  }
  assert(await heard.promise instanceof Error);
  assertEquals(await (await fetch(http(server))).text(), "fine");
  assertEquals(errors, []);
});

test("fetch's stream is cancelled where the client is gone in the middle of it", async (engine) => {
  const cancelled = Promise.withResolvers<void>();
  await using server = await answering(engine, ({ url }) => {
    if (!url.endsWith("/endless")) return new Response("fine");
    const body = new ReadableStream({
      pull: (controller) => controller.enqueue(new Uint8Array(65_536)),
      cancel: () => cancelled.resolve(),
    });
    return new Response(body);
  });
  {
    using peer = await RawPeer.dial(server.url);
    await peer.write("GET /endless HTTP/1.1\r\nHost: h\r\n\r\n");
    assertEquals((await peer.readBareHead()).status, 200);
  }
  await cancelled.promise;
  assertEquals(await (await fetch(http(server))).text(), "fine");
});

test("fetch's stream that waits is cancelled too where the client is gone", async (engine) => {
  const cancelled = Promise.withResolvers<void>();
  await using server = await answering(engine, () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(1)),
      cancel: () => cancelled.resolve(),
    });
    return new Response(body);
  });
  {
    using peer = await RawPeer.dial(server.url);
    await peer.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    assertEquals((await peer.readBareHead()).status, 200);
  }
  const late = Promise.withResolvers<"still read">();
  const timer = setTimeout(() => late.resolve("still read"), 2000);
  const end = await Promise.race([cancelled.promise, late.promise]);
  clearTimeout(timer);
  assertEquals(end, undefined);
});

test("fetch's stream that fails ends the connection, not the server", async (engine) => {
  const errors: unknown[] = [];
  await using server = await answering(engine, ({ url }) => {
    if (!url.endsWith("/fail")) return new Response("fine");
    let parts = 0;
    const body = new ReadableStream({
      pull(controller) {
        if (parts++ > 2) throw new Error("of the test");
        controller.enqueue(new TextEncoder().encode("part"));
      },
    });
    return new Response(body);
  }, { onError: (error) => errors.push(error) });
  using peer = await RawPeer.dial(server.url);
  await peer.write("GET /fail HTTP/1.1\r\nHost: h\r\n\r\n");
  const said = new TextDecoder().decode(await peer.rest());
  // An end of the chunks would say that this was all.
  assert(!said.endsWith("0\r\n\r\n"), said);
  assertEquals(await (await fetch(http(server))).text(), "fine");
});

test("serve() answers ordinary requests on a unix socket", async (engine) => {
  await using dir = await temporaryDirectory();
  const path = `${dir.path}/http.sock`;
  await using _server = await serve({
    engine,
    path,
    logger: {},
    fetch: async (request, { remoteAddr }) =>
      new Response(`${await request.text()} ${remoteAddr.transport}`),
  }, () => {});
  using client = Deno.createHttpClient({ proxy: { transport: "unix", path } });
  const response = await fetch("http://h.test/", {
    client,
    method: "POST",
    body: "Hello",
  });
  assertEquals(await response.text(), "Hello unix");
}, { ignore: Deno.build.os === "windows" });

test("fetch may leave the request's body unread", async (engine) => {
  await using server = await answering(engine, () => new Response("no"));
  for (let round = 0; round < 3; round++) {
    const response = await fetch(http(server), {
      method: "POST",
      body: bytes(MIB),
      signal: AbortSignal.timeout(3000),
    });
    assertEquals(await response.text(), "no");
  }
});

test("fetch answers HEAD without reading the body", async (engine) => {
  let pulled = 0;
  const cancelled = Promise.withResolvers<void>();
  await using server = await answering(engine, () => {
    const body = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(1024));
        if (++pulled === 10_000) controller.close();
      },
      cancel: () => cancelled.resolve(),
    });
    return new Response(body);
  });
  const response = await fetch(http(server), { method: "HEAD" });
  assertEquals([response.status, await response.text()], [200, ""]);
  assert(pulled < 100, `${pulled} parts were read`);
  await cancelled.promise;
});

/** What makes no answer, though types say so or nobody checked them. */
const NO_ANSWERS: [name: string, make: () => unknown][] = [
  ["nothing", () => undefined],
  ["null", () => null],
  ["a string", () => "text"],
  ["an object", () => ({ status: 200 })],
];

for (const [name, make] of NO_ANSWERS) {
  test(`serve() answers 500 where fetch returns ${name}, and reports it`, async (engine) => {
    const errors: unknown[] = [];
    await using server = await answering(engine, make as FetchHandler, {
      maxConnections: 1,
      onError: (error) => errors.push(error),
    });
    const signal = AbortSignal.timeout(3000);
    for (let round = 0; round < 3; round++) {
      const response = await fetch(http(server), { signal });
      assertEquals(response.status, 500);
      assertEquals(await response.text(), "The server failed to answer\n");
    }
    assertEquals(errors.map((error) => (error as Error).name), [
      "TypeError",
      "TypeError",
      "TypeError",
    ]);
    // No slot is won or lost by it.
    using one = await RawPeer.dial(server.url);
    using two = await RawPeer.dial(server.url);
    const lines = handshake(new URL(server.url).host);
    assertEquals((await one.ask(lines)).status, 101);
    assertEquals((await two.ask(lines)).status, 503);
  });
}

/** Responses that cannot be sent. The built-in engine says so on standard error. */
const BAD_RESPONSES: [name: string, make: () => () => Response][] = [
  ["was sent before", () => {
    const page = new Response("page");
    return () => page;
  }],
  ["is an error", () => () => Response.error()],
];

for (const [name, make] of BAD_RESPONSES) {
  Deno.test(`serve() on the strict engine lets nobody wait for a response that ${name}`, async () => {
    const errors: unknown[] = [];
    await using server = await answering("node", make(), {
      onError: (error) => errors.push(error),
      authorize: make(),
    });
    for (const lines of [["GET / HTTP/1.1", "Host: h"], handshake("h")]) {
      const statuses: number[] = [];
      for (let round = 0; round < 2; round++) {
        using peer = await RawPeer.dial(server.url);
        await peer.write(`${lines.join("\r\n")}\r\n\r\n`);
        let patient = true;
        const timer = setTimeout(() => {
          patient = false;
          peer[Symbol.dispose]();
        }, 3000);
        const status = await peer.readBareHead()
          .then(({ status }) => status, () => patient ? 0 : NaN);
        clearTimeout(timer);
        statuses.push(status);
      }
      // It is told so, or its connection ends.
      assert([0, 500].includes(statuses[1]!), `${lines[0]}: ${statuses}`);
    }
    await server.shutdown({ timeout: 1000 });
    assert(errors.length > 0, "nobody heard of it");
  });
}

Deno.test("serve() lets go of every body whose client is gone, also of those that wait for their turn", async () => {
  let open = 0;
  const fetch = () => {
    open++;
    const chunk = new Uint8Array(1 << 20);
    return new Response(
      new ReadableStream({
        pull: (controller) => controller.enqueue(chunk),
        cancel: () => void open--,
      }),
    );
  };
  let asked = 0;
  await using server = await serve(
    { port: 0, engine: "node", fetch: () => (asked++, fetch()) },
    (ws) => ws.closed,
  );
  const { port } = server.addr as Deno.NetAddr;
  const request = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
  for (const inARow of [1, 2, 4]) {
    asked = 0;
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    await conn.write(new TextEncoder().encode(request.repeat(inARow)));
    while (asked < inARow) await new Promise((next) => setTimeout(next, 5));
    conn.close();
    const end = Date.now() + 5000;
    while (open > 0 && Date.now() < end) {
      await new Promise((next) => setTimeout(next, 5));
    }
    assertEquals(open, 0, `${inARow} in a row`);
  }
});
