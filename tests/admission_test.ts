import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type CommonServeOptions,
  type Connection,
  type EngineName,
  serve,
  type ServeOptions,
  type Server,
} from "../server.ts";
import { Admission } from "../src/admission.ts";
import { test } from "./_engines.ts";
import { type Answer, handshake, RawPeer } from "./_raw_peer.ts";

function from(hostname: string): Deno.NetAddr {
  return { transport: "tcp", hostname, port: 1 };
}

Deno.test("Admission.enter() counts up to maxConnections, and leave() gives back", () => {
  const admission = new Admission({
    maxConnections: 2,
    maxConnectionsPerIp: Infinity,
  });
  assertEquals(admission.enter(from("192.0.2.1")), undefined);
  assertEquals(admission.enter(undefined), undefined);
  const refusal = admission.enter(from("192.0.2.2"));
  assertEquals(refusal?.status, 503);
  assertEquals(refusal?.headers.get("retry-after"), "10");
  admission.leave(undefined);
  assertEquals(admission.enter(from("192.0.2.2")), undefined);
  assertEquals(admission.enter(from("192.0.2.2"))?.status, 503);
});

Deno.test("Admission.enter() counts for each address, and refuses none for what was refused", () => {
  const admission = new Admission({
    maxConnections: 4,
    maxConnectionsPerIp: 2,
  });
  const [greedy, other] = [from("192.0.2.1"), from("192.0.2.2")];
  assertEquals(admission.enter(greedy), undefined);
  assertEquals(admission.enter(greedy), undefined);
  for (let attempt = 0; attempt < 10; attempt++) {
    const refusal = admission.enter(greedy);
    assertEquals(refusal?.status, 429);
    assertEquals(refusal?.headers.get("retry-after"), "10");
  }
  assertEquals(admission.enter(other), undefined);
  admission.leave(greedy);
  assertEquals(admission.enter(greedy), undefined);
  assertEquals(admission.enter(greedy)?.status, 429);
  assertEquals(admission.enter(other), undefined);
  assertEquals(admission.enter(from("192.0.2.3"))?.status, 503);
});

const SAME: [name: string, one: string, other: string][] = [
  ["an address", "192.0.2.1", "192.0.2.1"],
  ["an address mapped to IPv6", "192.0.2.1", "::ffff:192.0.2.1"],
  ["one mapped in hexadecimal", "203.0.113.7", "::ffff:cb00:7107"],
  ["one mapped in long", "203.0.113.7", "0:0:0:0:0:ffff:203.0.113.7"],
  ["a network of 64 bits", "2001:db8:1:2::1", "2001:db8:1:2:ffff:0:0:9"],
  ["the same network in long", "2001:db8::1", "2001:0DB8:0:0:1:2:3:4"],
  ["the same network with a zone", "fe80::1%eth0", "fe80::2"],
];

const APART: [name: string, one: string, other: string][] = [
  ["addresses", "192.0.2.1", "192.0.2.2"],
  ["networks of 64 bits", "2001:db8:1:2::1", "2001:db8:1:3::1"],
  ["short networks", "2001:db8::1", "2001:db8:0:1::1"],
  ["mapped addresses", "::ffff:192.0.2.1", "::ffff:192.0.2.2"],
  ["those in hexadecimal", "::ffff:cb00:7107", "::ffff:cb00:7108"],
  ["the loopback and a network", "::1", "2001:db8::1"],
];

for (const [name, one, other] of SAME) {
  Deno.test(`Admission takes ${name} for one`, () => {
    const rules = { maxConnections: 9, maxConnectionsPerIp: 1 };
    const admission = new Admission(rules);
    assertEquals(admission.enter(from(one)), undefined);
    assertEquals(admission.enter(from(other))?.status, 429);
    admission.leave(from(other));
    assertEquals(admission.enter(from(one)), undefined);
  });
}

for (const [name, one, other] of APART) {
  Deno.test(`Admission tells ${name} apart`, () => {
    const rules = { maxConnections: 9, maxConnectionsPerIp: 1 };
    const admission = new Admission(rules);
    assertEquals(admission.enter(from(one)), undefined);
    assertEquals(admission.enter(from(other)), undefined);
  });
}

Deno.test("Admission counts nobody by an address that is none, as of a unix socket", () => {
  const rules = { maxConnections: 3, maxConnectionsPerIp: 1 };
  const admission = new Admission(rules);
  const unix: Deno.Addr = { transport: "unix", path: "/run/ws.sock" };
  for (let count = 0; count < 3; count++) {
    assertEquals(admission.enter(unix), undefined);
  }
  assertEquals(admission.enter(unix)?.status, 503);
});

/** A plain server whose connections last until their peers end them. */
async function start(
  engine: EngineName,
  options: CommonServeOptions,
): Promise<{ server: Server; ended: () => Promise<unknown> }> {
  let last: Connection | undefined;
  const server = await serve(
    { engine, port: 0, logger: {}, pingInterval: 0, ...options },
    (ws) => {
      last = ws;
      return ws.closed;
    },
  );
  return { server, ended: () => Promise.resolve(last?.closed) };
}

/** A handshake, with what is answered. */
async function knock(
  { url }: Server,
  change: (lines: string[]) => string[] = (lines) => lines,
): Promise<Answer & Disposable> {
  const peer = await RawPeer.dial(url);
  const answer = await peer.ask(change(handshake(new URL(url).host)));
  return { ...answer, [Symbol.dispose]: () => peer[Symbol.dispose]() };
}

test("serve() answers 503 past maxConnections, until one has ended", async (engine) => {
  const { server, ended } = await start(engine, { maxConnections: 2 });
  await using _server = server;
  using _one = await knock(server);
  {
    using two = await knock(server);
    assertEquals(two.status, 101);
    using three = await knock(server);
    assertEquals(three.status, 503);
    assertEquals(three.headers.get("retry-after"), "10");
    assertEquals(three.body, "The server has no room for more connections\n");
    assertEquals(server.connections.size, 2);
  }
  await ended();
  using four = await knock(server);
  assertEquals(four.status, 101);
  using five = await knock(server);
  assertEquals(five.status, 503);
});

test("serve() answers ordinary requests also where there is no room", async (engine) => {
  const { server } = await start(engine, {
    maxConnections: 1,
    fetch: () => new Response("healthy"),
  });
  await using _server = server;
  using one = await knock(server);
  assertEquals(one.status, 101);
  const response = await fetch(server.url.replace("ws", "http"));
  assertEquals([response.status, await response.text()], [200, "healthy"]);
});

test("serve() has its room back after handshakes that are refused or fail", async (engine) => {
  const asked: PromiseWithResolvers<void>[] = [];
  const { server } = await start(engine, {
    maxConnections: 1,
    authorize: async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/throw") throw new Error("of the test");
      if (pathname === "/refuse") return new Response(null, { status: 401 });
      if (pathname === "/wait") {
        asked.shift()?.resolve();
        await new Promise<void>(() => {});
      }
      return undefined;
    },
    openTimeout: 2000,
  });
  await using _server = server;
  const path = (path: string) => ([, ...lines]: string[]) => [
    `GET ${path} HTTP/1.1`,
    ...lines,
  ];
  const faults: [status: number, change: (lines: string[]) => string[]][] = [
    [500, path("/throw")],
    [401, path("/refuse")],
    [403, (lines) => [...lines, "Origin: https://other.example"]],
    [
      400,
      (lines) => lines.filter((line) => !line.startsWith("Sec-WebSocket-Key")),
    ],
  ];
  for (const [status, change] of faults) {
    for (let round = 0; round < 3; round++) {
      using answer = await knock(server, change);
      assertEquals(answer.status, status);
    }
  }
  for (let round = 0; round < 3; round++) {
    const waiting = Promise.withResolvers<void>();
    asked.push(waiting);
    {
      using peer = await RawPeer.dial(server.url);
      const lines = path("/wait")(handshake(new URL(server.url).host));
      await peer.write(`${lines.join("\r\n")}\r\n\r\n`);
      await waiting.promise;
      using full = await knock(server);
      assertEquals(full.status, 503);
    }
    // The client is gone; when that is noticed, no event here tells.
    const deadline = performance.now() + 1500;
    while (true) {
      using answer = await knock(server, path("/refuse"));
      if (answer.status === 401) break;
      assertEquals(answer.status, 503);
      assert(performance.now() < deadline, "the slot is lost");
    }
  }
  using answer = await knock(server);
  assertEquals(answer.status, 101);
});

test("serve() answers 429 past maxConnectionsPerIp, by the address behind the proxy", async (engine) => {
  const { server, ended } = await start(engine, {
    maxConnectionsPerIp: 1,
    trustProxy: ["127.0.0.1", "::1"],
  });
  await using _server = server;
  const as = (address: string) => (lines: string[]) => [
    ...lines,
    `X-Forwarded-For: ${address}`,
    "X-Forwarded-Proto: https",
  ];
  {
    using one = await knock(server, as("203.0.113.7"));
    assertEquals(one.status, 101);
    using two = await knock(server, as("203.0.113.7"));
    assertEquals(two.status, 429);
    assertEquals(two.headers.get("retry-after"), "10");
    assertEquals(two.body, "Your address has too many connections\n");
    using other = await knock(server, as("203.0.113.8"));
    assertEquals(other.status, 101);
    using six = await knock(server, as("2001:db8::1"));
    assertEquals(six.status, 101);
    using same = await knock(server, as("2001:db8::ffff:1"));
    assertEquals(same.status, 429);
  }
  await ended();
  await Promise.all([...server.connections].map(({ closed }) => closed));
  using again = await knock(server, as("203.0.113.7"));
  assertEquals(again.status, 101);
});

test("serve() without a proxy counts who connects", async (engine) => {
  const { server } = await start(engine, { maxConnectionsPerIp: 1 });
  await using _server = server;
  using one = await knock(server);
  assertEquals(one.status, 101);
  using two = await knock(
    server,
    (lines) => [...lines, "X-Forwarded-For: 203.0.113.7"],
  );
  assertEquals(two.status, 429);
});

Deno.test("serve() refuses counts that make no sense", async () => {
  for (const name of ["maxConnections", "maxConnectionsPerIp"]) {
    for (const value of [0, -1, 1.5, NaN, "9"]) {
      const options = { port: 0, logger: {}, [name]: value } as ServeOptions;
      await assertRejects(() => serve(options, () => {}), RangeError, name);
    }
  }
});
