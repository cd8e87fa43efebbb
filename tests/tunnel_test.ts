import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { NetworkError } from "../src/errors.ts";
import { type ByteStream, tunnel } from "../src/route/proxy.ts";
import type { ProxyRoute } from "../src/route/route.ts";
import { joined } from "./_raw_peer.ts";

const LOGIN = { username: "ada", password: "zebra pässword" };

const HTTP: ProxyRoute = {
  kind: "http-proxy",
  secure: false,
  hostname: "proxy.example",
  port: 3128,
  target: { hostname: "chat.example", port: 443 },
};

const SOCKS: ProxyRoute = { ...HTTP, kind: "socks5-proxy", port: 1080 };

/** A reply of SOCKS5 that it is done, with an IPv4 address. */
const DONE = [5, 0, 0, 1, 127, 0, 0, 1, 4, 56];

/** A proxy that says what it is told to, whatever it is asked. */
class Scripted implements ByteStream {
  readonly #chunks: Uint8Array[];
  #written: Uint8Array[] = [];

  constructor(...chunks: (string | number[])[]) {
    this.#chunks = chunks.map((chunk) =>
      typeof chunk === "string"
        ? new TextEncoder().encode(chunk)
        : Uint8Array.from(chunk)
    );
  }

  read(): Promise<Uint8Array | null> {
    return Promise.resolve(this.#chunks.shift() ?? null);
  }

  write(bytes: Uint8Array): Promise<void> {
    this.#written.push(bytes);
    return Promise.resolve();
  }

  /** What came to it. */
  get written(): Uint8Array {
    return joined(this.#written);
  }
}

/** What `tunnel()` says against a proxy that says `chunks`. */
async function refusal(
  route: ProxyRoute,
  ...chunks: (string | number[])[]
): Promise<string> {
  const error = await assertRejects(
    () => tunnel(new Scripted(...chunks), route, "Cannot connect"),
    NetworkError,
  );
  const login = /(wants|refuses) .*user name/.test(error.message);
  assertEquals(error.reason, login ? "proxy-login" : "proxy");
  const { port } = route;
  const start = `Cannot connect: the proxy at proxy.example:${port} `;
  assertStringIncludes(error.message, start);
  assert(error.message.endsWith(`; ${error.remedy}`));
  assert(!/zebra|emVicmE/.test(Deno.inspect(error)));
  return error.message.slice(start.length).split("; ")[0] ?? "";
}

Deno.test("tunnel() asks an HTTP proxy to CONNECT to host and port", async () => {
  const proxy = new Scripted("HTTP/1.1 200 Connection established\r\n\r\n");
  await tunnel(proxy, HTTP, "Cannot connect");
  assertEquals(
    new TextDecoder().decode(proxy.written),
    "CONNECT chat.example:443 HTTP/1.1\r\nHost: chat.example:443\r\n\r\n",
  );
});

Deno.test("tunnel() writes an IPv6 address to an HTTP proxy in brackets", async () => {
  const proxy = new Scripted("HTTP/1.1 200 OK\r\n\r\n");
  const target = { hostname: "2001:db8::1", port: 8443 };
  await tunnel(proxy, { ...HTTP, target }, "Cannot connect");
  const [line] = new TextDecoder().decode(proxy.written).split("\r\n");
  assertEquals(line, "CONNECT [2001:db8::1]:8443 HTTP/1.1");
});

Deno.test("tunnel() logs in at an HTTP proxy with Basic, in UTF-8", async () => {
  const proxy = new Scripted("HTTP/1.1 200 OK\r\n\r\n");
  await tunnel(proxy, { ...HTTP, ...LOGIN }, "Cannot connect");
  assertStringIncludes(
    new TextDecoder().decode(proxy.written),
    "\r\nProxy-Authorization: Basic YWRhOnplYnJhIHDDpHNzd29yZA==\r\n\r\n",
  );
});

Deno.test("tunnel() takes any 2xx for an answer, in pieces and after interim ones", async () => {
  const answers = [
    "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
    "HTTP/1.1 299\r\nTransfer-Encoding: chunked\r\n\r\n",
    "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nVia: x\r\n\r\n",
    "HTTP/1.1 200 OK\n\n",
  ];
  for (const answer of answers) {
    await tunnel(new Scripted(answer), HTTP, "Cannot connect");
    await tunnel(new Scripted(...answer), HTTP, "Cannot connect");
  }
});

Deno.test("tunnel() tells what the status of an HTTP proxy means", async () => {
  const cases: [string, string][] = [
    [
      "HTTP/1.1 403 Forbidden",
      "refuses to connect to chat.example:443 (status 403)",
    ],
    [
      "HTTP/1.1 502 Bad Gateway",
      "could not connect to chat.example:443 (status 502)",
    ],
    [
      "HTTP/1.1 504 Gateway Timeout",
      "could not connect to chat.example:443 (status 504)",
    ],
    [
      "HTTP/1.1 405 Method Not Allowed",
      "does not connect to chat.example:443 (status 405)",
    ],
    [
      "HTTP/1.1 501 Not Implemented",
      "does not connect to chat.example:443 (status 501)",
    ],
    [
      "HTTP/1.1 101 Switching Protocols",
      "does not connect to chat.example:443 (status 101)",
    ],
    [
      "HTTP/1.1 302 Found\r\nLocation: http://evil.example/\u001b[2J",
      "does not connect to chat.example:443 (status 302)",
    ],
    ["HTTP/1.1 2000 OK", "does not speak HTTP"],
    ["HTTP/1.1 OK", "does not speak HTTP"],
  ];
  for (const [head, state] of cases) {
    assertEquals(await refusal(HTTP, `${head}\r\n\r\n`), state);
  }
});

Deno.test("tunnel() tells whether user name and password are missing, wrong, or not what an HTTP proxy wants", async () => {
  const basic =
    'HTTP/1.1 407 X\r\nProxy-Authenticate: Negotiate, x\r\nproxy-authenticate: basic realm="r"\r\n\r\n';
  assertEquals(await refusal(HTTP, basic), "wants a user name and a password");
  assertEquals(
    await refusal({ ...HTTP, ...LOGIN }, basic),
    "refuses the user name or the password",
  );
  const ntlm = "HTTP/1.1 407 X\r\nProxy-Authenticate: NTLM\r\n\r\n";
  assertEquals(
    await refusal({ ...HTTP, ...LOGIN }, ntlm),
    "wants another way to log in than Basic",
  );
});

Deno.test("tunnel() refuses what is no HTTP proxy, at once and within bounds", async () => {
  assertEquals(
    await refusal(HTTP, "SSH-2.0-OpenSSH_9.2\r\n"),
    "does not speak HTTP",
  );
  assertEquals(await refusal(HTTP, [5]), "does not speak HTTP");
  assertEquals(await refusal(HTTP, "H", "T", "X"), "does not speak HTTP");
  assertEquals(await refusal(HTTP), "hung up before it answered");
  assertEquals(
    await refusal(HTTP, "HTTP/1.1 200 OK\r\nVia:"),
    "hung up before it answered",
  );
  const endless = Array<string>(40).fill("x".repeat(1024));
  assertEquals(
    await refusal(HTTP, "HTTP/1.1 200 OK\r\nX: ", ...endless),
    "answers with a head of more than 16384 bytes",
  );
  const interim = "HTTP/1.1 102 Processing\r\n\r\n";
  assertEquals(
    await refusal(HTTP, ...Array<string>(700).fill(interim)),
    "answers with a head of more than 16384 bytes",
  );
});

Deno.test("tunnel() refuses a proxy that says more than it was asked", async () => {
  const state = "sends data before the server can have";
  assertEquals(
    await refusal(HTTP, "HTTP/1.1 200 OK\r\n\r\nhello"),
    state,
  );
  assertEquals(await refusal(SOCKS, [5, 0], [...DONE, 0x16]), state);
});

Deno.test("tunnel() tells of a stream that fails, with its cause", async () => {
  const cause = new Deno.errors.ConnectionReset("reset");
  const stream: ByteStream = {
    read: () => Promise.reject(cause),
    write: () => Promise.resolve(),
  };
  for (const route of [HTTP, SOCKS]) {
    const error = await assertRejects(
      () => tunnel(stream, route, "Cannot connect"),
      NetworkError,
      "hung up before it answered",
    );
    assertEquals(error.cause, cause);
  }
});

Deno.test("tunnel() leaves names to a SOCKS5 proxy, and tells addresses as bytes", async () => {
  const name = [...new TextEncoder().encode("chat.example")];
  const cases: [string, number[]][] = [
    ["chat.example", [3, 12, ...name]],
    ["10.0.0.7", [1, 10, 0, 0, 7]],
    ["2001:db8::ff", [4, 32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255]],
    ["::1", [4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]],
    ["::ffff:10.0.0.7", [
      ...[4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
      ...[255, 255, 10, 0, 0, 7],
    ]],
  ];
  for (const [hostname, address] of cases) {
    const proxy = new Scripted([5, 0], DONE);
    const target = { hostname, port: 443 };
    await tunnel(proxy, { ...SOCKS, target }, "Cannot connect");
    assertEquals(
      [...proxy.written],
      [5, 1, 0, 5, 1, 0, ...address, 1, 187],
    );
  }
});

Deno.test("tunnel() logs in at a SOCKS5 proxy that wants it, and only then", async () => {
  const eager = new Scripted([5, 2], [1, 0], DONE);
  await tunnel(eager, { ...SOCKS, ...LOGIN }, "Cannot connect");
  const password = new TextEncoder().encode(LOGIN.password);
  assertEquals(
    [...eager.written.subarray(0, 4 + 5 + 1 + password.length)],
    [5, 2, 0, 2, 1, 3, 97, 100, 97, password.length, ...password],
  );
  const open = new Scripted([5, 0], DONE);
  await tunnel(open, { ...SOCKS, ...LOGIN }, "Cannot connect");
  assert(!new TextDecoder().decode(open.written).includes("zebra"));
});

Deno.test("tunnel() reads the replies of a SOCKS5 proxy byte by byte, with every kind of address", async () => {
  const replies = [
    DONE,
    [5, 0, 0, 3, 4, 104, 111, 115, 116, 4, 56],
    [5, 0, 0, 3, 0, 4, 56],
    [5, 0, 0, 4, ...Array<number>(16).fill(0), 4, 56],
  ];
  for (const reply of replies) {
    const bytes = [5, 0, ...reply].map((byte) => [byte]);
    await tunnel(new Scripted(...bytes), SOCKS, "Cannot connect");
    assertEquals(
      await refusal(SOCKS, ...bytes.slice(0, -1)),
      "hung up before it answered",
    );
  }
});

Deno.test("tunnel() tells what the replies of a SOCKS5 proxy mean", async () => {
  const states = [
    "could not connect to",
    "is not allowed to connect to",
    "knows no network that leads to",
    "cannot reach the host of",
    "was refused a connection to",
    "had no answer in time from",
    "does not know the command CONNECT, to",
    "does not know addresses like that of",
    "could not connect to",
  ];
  for (const [at, state] of states.entries()) {
    // Nothing has to come behind it.
    assertEquals(
      await refusal(SOCKS, [5, 0], [5, at + 1]),
      `${state} chat.example:443 (reply ${at + 1})`,
    );
  }
});

Deno.test("tunnel() refuses a SOCKS5 proxy that wants to know who asks, or to hear nobody", async () => {
  const login = { ...SOCKS, ...LOGIN };
  assertEquals(
    await refusal(SOCKS, [5, 255]),
    "wants a user name and a password",
  );
  assertEquals(
    await refusal(login, [5, 255]),
    "takes no user name and password",
  );
  assertEquals(
    await refusal(login, [5, 2], [1, 1]),
    "refuses the user name or the password",
  );
});

Deno.test("tunnel() refuses what is no SOCKS5 proxy", async () => {
  const wrong: [ProxyRoute, number[][]][] = [
    [SOCKS, [[72, 84]]], // HTTP
    [SOCKS, [[0, 91]]], // SOCKS4
    [SOCKS, [[5, 2]]], // A way that was not offered
    [SOCKS, [[5, 1]]],
    [SOCKS, [[5, 0], [4, 0, 0, 1]]],
    [SOCKS, [[5, 0], [5, 0, 1, 1]]],
    [SOCKS, [[5, 0], [5, 0, 0, 2]]],
    [{ ...SOCKS, ...LOGIN }, [[5, 2], [5, 0]]],
  ];
  for (const [route, chunks] of wrong) {
    assertEquals(await refusal(route, ...chunks), "does not speak SOCKS5");
  }
});
