import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { serve } from "../server.ts";
import { devCertificates } from "./_certs.ts";
import { test } from "./_engines.ts";
import {
  assertEmpty,
  assertGreets,
  handshake,
  orGreet,
  RawPeer,
} from "./_raw_peer.ts";

/** A request that is no good handshake, and what it is told. */
interface Refusal {
  name: string;
  /** Changes the lines of a good handshake. */
  change(lines: string[]): string[];
  status: number;
  says: string;
  headers?: Record<string, string>;
}

const WHERE_TO = /^This is a WebSocket server: connect to wss:\/\/.+\n$/;
const KEY = "Sec-WebSocket-Key must be 16 bytes in base64\n";

const REFUSALS: Refusal[] = [
  {
    name: "without a key",
    change: (lines) => without(lines, "Sec-WebSocket-Key"),
    status: 400,
    says: KEY,
  },
  {
    name: "with a key of 15 bytes",
    change: (lines) =>
      replaced(lines, "Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAA"),
    status: 400,
    says: KEY,
  },
  {
    name: "with a key that is not base64",
    change: (lines) =>
      replaced(lines, "Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25j!!=="),
    status: 400,
    says: KEY,
  },
  {
    name: "with two keys",
    change: (
      lines,
    ) => [...lines, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
    status: 400,
    says: KEY,
  },
  {
    name: "of version 12",
    change: (lines) => replaced(lines, "Sec-WebSocket-Version", "12"),
    status: 426,
    says: "This server speaks version 13 of the protocol\n",
    headers: { "sec-websocket-version": "13", upgrade: "websocket" },
  },
  {
    name: "without a version",
    change: (lines) => without(lines, "Sec-WebSocket-Version"),
    status: 426,
    says: "This server speaks version 13 of the protocol\n",
    headers: { "sec-websocket-version": "13" },
  },
  {
    name: "by POST",
    change: ([, ...lines]) => ["POST / HTTP/1.1", ...lines],
    status: 405,
    says: "A WebSocket handshake is a GET request\n",
    headers: { allow: "GET" },
  },
  {
    name: "with `Connection: close`",
    change: (lines) => replaced(lines, "Connection", "close"),
    status: 400,
    says: "A WebSocket handshake needs `Connection: Upgrade`\n",
  },
  {
    name: "without Connection",
    change: (lines) => without(lines, "Connection"),
    status: 400,
    says: "A WebSocket handshake needs `Connection: Upgrade`\n",
  },
  {
    name: "from the page of another site",
    change: (lines) => [...lines, "Origin: https://other.example"],
    status: 403,
    says: "Pages of this origin may not connect",
  },
  {
    name: "from a page without an origin of its own (Origin: null)",
    change: (lines) => [...lines, "Origin: null"],
    status: 403,
    says: "Pages of this origin may not connect",
  },
  {
    name: "from a page of this host in plain HTTP",
    change: (lines) => [
      ...lines,
      `Origin: ${lines[1]!.replace("Host: ", "http://")}`,
    ],
    status: 403,
    says: "Pages of this origin may not connect",
  },
];

function without(lines: string[], header: string): string[] {
  return lines.filter((line) => !line.startsWith(`${header}:`));
}

function replaced(lines: string[], header: string, value: string): string[] {
  return [...without(lines, header), `${header}: ${value}`];
}

for (const { name, change, status, says, headers = {} } of REFUSALS) {
  test(`serve() answers a handshake ${name} with ${status}`, async (engine) => {
    const { chain } = await devCertificates();
    await using server = await serve(
      { engine, port: 0, ...chain },
      orGreet(() => {}),
    );
    using peer = await RawPeer.dial(server.url);
    const answer = await peer.ask(change(handshake(new URL(server.url).host)));
    assertEquals(answer.status, status);
    assertStringIncludes(answer.body, says);
    assertEquals(
      answer.headers.get("content-type"),
      "text/plain; charset=utf-8",
    );
    for (const [header, value] of Object.entries(headers)) {
      assertEquals(answer.headers.get(header), value);
    }
    await assertEmpty(server);
    await assertGreets(server.url);
  });
}

test("serve() answers a request without Upgrade with 426 and where to connect", async (engine) => {
  const { chain } = await devCertificates();
  await using server = await serve(
    { engine, port: 0, ...chain },
    orGreet(() => {}),
  );
  using peer = await RawPeer.dial(server.url);
  const lines = without(handshake(new URL(server.url).host), "Upgrade");
  const answer = await peer.ask(lines);
  assertEquals(answer.status, 426);
  assert(WHERE_TO.test(answer.body), answer.body);
});

test("serve() refuses a handshake in HTTP/1.0, unless the runtime hides the version", async (engine) => {
  const { chain } = await devCertificates();
  await using server = await serve(
    { engine, port: 0, ...chain },
    orGreet((ws) => ws.closed),
  );
  using peer = await RawPeer.dial(server.url);
  const [, ...lines] = handshake(new URL(server.url).host);
  const answer = await peer.ask(["GET / HTTP/1.0", ...lines]);
  assertEquals(answer.status, { deno: 101, node: 400 }[engine]);
  await assertGreets(server.url);
});

test("serve() lets in a handshake without Origin, as programs send it", async (engine) => {
  const { chain } = await devCertificates();
  await using server = await serve(
    { engine, port: 0, ...chain },
    (ws) => ws.closed,
  );
  using peer = await RawPeer.dial(server.url);
  const answer = await peer.ask(handshake(new URL(server.url).host));
  assertEquals(answer.status, 101);
  assertEquals(
    answer.headers.get("sec-websocket-accept"),
    "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
  );
});

test("serve() lets in the page of its own origin", async (engine) => {
  const { chain } = await devCertificates();
  await using server = await serve(
    { engine, port: 0, ...chain },
    (ws) => ws.closed,
  );
  using peer = await RawPeer.dial(server.url);
  const { host } = new URL(server.url);
  const answer = await peer.ask([
    ...handshake(host),
    `Origin: https://${host}`,
  ]);
  assertEquals(answer.status, 101);
});

test("serve() compares the origin with the Host that was asked for", async (engine) => {
  const { chain } = await devCertificates();
  await using server = await serve(
    { engine, port: 0, ...chain },
    (ws) => ws.closed,
  );
  const ask = async (host: string, origin: string) => {
    using peer = await RawPeer.dial(server.url);
    return (await peer.ask([...handshake(host), `Origin: ${origin}`])).status;
  };
  assertEquals(await ask("chat.example", "https://chat.example"), 101);
  assertEquals(await ask("chat.example", "https://localhost"), 403);
  assertEquals(await ask("chat.example:8443", "https://chat.example"), 403);
});

for (
  const [name, line] of [
    ["no Host", undefined],
    ["an empty Host", "Host:"],
    ["a Host that is no host", "Host: a b/c"],
    ["two Hosts", "Host: localhost\r\nHost: other.example"],
  ]
) {
  test(`serve() survives ${name}, and lets no page in by it`, async (engine) => {
    const { chain } = await devCertificates();
    const errors: unknown[] = [];
    await using server = await serve({
      engine,
      port: 0,
      ...chain,
      onError: (error) => errors.push(error),
    }, orGreet((ws) => ws.closed));
    using peer = await RawPeer.dial(server.url);
    const lines = without(handshake("localhost"), "Host");
    if (line !== undefined) lines.push(line);
    const answer = await peer.ask([...lines, "Origin: https://other.example"]);
    assert(answer.status >= 400 && answer.status < 500, answer.line);
    assertEquals(errors, []);
    await assertGreets(server.url);
  });
}
