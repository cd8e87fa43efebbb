import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect, type ConnectOptions } from "../client.ts";
import { HandshakeError, TlsError, type WssError } from "../src/errors.ts";
import { devCertificates } from "./_certs.ts";
import { closePayload, Opcode, type RawPeer, RawServer } from "./_raw_peer.ts";

/** Reads and answers nothing. */
async function silent(peer: RawPeer): Promise<void> {
  await peer.ended();
}

/** A script that answers each request with `answer`, and hangs up. */
function answering(answer: string): (peer: RawPeer) => Promise<void> {
  return async (peer) => {
    await peer.readHead();
    await peer.write(answer);
    peer[Symbol.dispose]();
  };
}

async function trusting(
  options: ConnectOptions = {},
): Promise<ConnectOptions> {
  const { ca } = await devCertificates();
  return { caCerts: [ca], openTimeout: 3000, ...options };
}

/** The URL of a server as one of the other scheme. */
function withScheme(scheme: "ws" | "wss", { url }: RawServer): string {
  return url.replace(/^wss?/, scheme);
}

for (
  const [name, scheme, tls] of [
    ["takes the TCP connection and says nothing", "wss", false],
    ["takes the TLS connection and says nothing", "wss", true],
    ["takes a plain connection and says nothing", "ws", false],
  ] as const
) {
  Deno.test(`connect() gives up after openTimeout a server that ${name}`, async () => {
    const { chain } = await devCertificates();
    await using server = new RawServer(silent, tls ? chain : undefined);
    const url = withScheme(scheme, server);
    const options = await trusting({ openTimeout: 300 });
    const began = performance.now();
    const error = await assertRejects(
      () => connect(url, options),
      DOMException,
    );
    const took = performance.now() - began;
    assertEquals(error.name, "TimeoutError");
    assertEquals(
      error.message,
      `Cannot connect to ${url}: no answer within 300 ms`,
    );
    assert(took > 250 && took < 1000, `${took} ms`);
    assertEquals(server.accepted, 1);
  });
}

/** An answer that is not a WebSocket's, and what connect() makes of it. */
interface Fault {
  name: string;
  scheme: "ws" | "wss";
  script: (peer: RawPeer) => Promise<void>;
  /** Whether the server speaks TLS, if not as the scheme asks. */
  tls?: boolean;
  type: abstract new (...args: never[]) => WssError;
  says: string;
  status?: number;
}

const HIDDEN =
  "the server refused the WebSocket, or hung up; the runtime hides its answer";
const FAILED = "the opening handshake failed";

function http(status: string, header = ""): string {
  return `HTTP/1.1 ${status}\r\n${header}Content-Length: 0\r\n\r\n`;
}

const LOGIN = "Location: https://login.example/\r\n";

const FAULTS: Fault[] = [
  ...(["200 OK", "401 Unauthorized", "302 Found", "503 No"] as const).flatMap(
    (status): Fault[] => [
      {
        name: `answers ${status}`,
        scheme: "ws",
        script: answering(http(status, LOGIN)),
        type: HandshakeError,
        status: parseInt(status),
        says: `the server answered with status ${
          parseInt(status)
        } instead of a WebSocket`,
      },
      {
        name: `answers ${status}`,
        scheme: "wss",
        script: answering(http(status, LOGIN)),
        type: HandshakeError,
        says: HIDDEN,
      },
    ],
  ),
  {
    name: "hangs up after the request",
    scheme: "ws",
    script: answering(""),
    type: HandshakeError,
    says: HIDDEN,
  },
  {
    name: "hangs up after the request",
    scheme: "wss",
    script: answering(""),
    type: HandshakeError,
    says: HIDDEN,
  },
  {
    name: "hangs up in the middle of its answer",
    scheme: "ws",
    script: answering("HTTP/1.1 101 Switching Protocols\r\nUpgr"),
    type: HandshakeError,
    says: HIDDEN,
  },
  {
    name: "hangs up at once",
    scheme: "wss",
    tls: false,
    script: (peer) => Promise.resolve(peer[Symbol.dispose]()),
    type: HandshakeError,
    says: HIDDEN,
  },
  {
    name: "answers garbage to the TLS handshake",
    scheme: "wss",
    tls: false,
    script: async (peer) => {
      await peer.write("* OK IMAP4rev1 ready\r\n");
      await peer.ended();
    },
    type: TlsError,
    says: "the server does not speak TLS on this port",
  },
  {
    name: "answers garbage to the request",
    scheme: "ws",
    script: answering("* OK IMAP4rev1 ready\r\n\r\n"),
    type: HandshakeError,
    says:
      "the answer is not HTTP; connect with wss:// if the server speaks TLS",
  },
  {
    name: "switches to another protocol",
    scheme: "ws",
    script: answering(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n" +
        "Connection: Upgrade\r\n\r\n",
    ),
    type: HandshakeError,
    says: FAILED,
  },
];

for (const { name, scheme, script, tls, type, says, status } of FAULTS) {
  Deno.test(`connect() by ${scheme} rejects with ${type.name} where the server ${name}`, async () => {
    const { chain } = await devCertificates();
    await using server = new RawServer(
      script,
      (tls ?? scheme === "wss") ? chain : undefined,
    );
    const url = withScheme(scheme, server);
    const options = await trusting();
    const error = await assertRejects(() => connect(url, options));
    assert(error instanceof type, String(error));
    const start = `Cannot connect to ${url}: ${says}`;
    assertEquals(error.message.slice(0, start.length), start);
    assert(error.cause instanceof Error);
    if (error instanceof HandshakeError) assertEquals(error.status, status);
  });
}

Deno.test("connect() does not notice the key of another request, as the runtime does not look", async () => {
  await using server = new RawServer(answering(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
      "Connection: Upgrade\r\n" +
      "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
  ));
  const ws = await connect(server.url);
  assertEquals((await ws.closed).code, 1006);
});

Deno.test("connect() does nothing where its signal has aborted before", async () => {
  await using server = new RawServer(silent);
  const reason = new Error("changed my mind");
  const signal = AbortSignal.abort(reason);
  const error = await assertRejects(() => connect(server.url, { signal }));
  assertEquals(error, reason);
  assertEquals(server.accepted, 0);
});

Deno.test("connect() gives up and hangs up when its signal aborts meanwhile", async () => {
  const asked = Promise.withResolvers<void>();
  const left = Promise.withResolvers<void>();
  const { chain } = await devCertificates();
  await using server = new RawServer(async (peer) => {
    await peer.readHead();
    asked.resolve();
    await peer.ended();
    left.resolve();
  }, chain);
  const controller = new AbortController();
  const options = await trusting({ signal: controller.signal });
  const connecting = connect(server.url, options).catch((error) => error);
  await asked.promise;
  controller.abort();
  const error = await connecting;
  assert(error instanceof DOMException);
  assertEquals(error.name, "AbortError");
  await left.promise;
});

Deno.test("connect() leaves an open connection alone when its signal aborts later", async () => {
  await using server = new RawServer(async (peer) => {
    await peer.accept();
    await peer.readFrame();
    await peer.send({ opcode: Opcode.Text, payload: "still here" });
    await peer.readClose();
    await peer.send({ opcode: Opcode.Close, payload: closePayload(1000) });
    peer[Symbol.dispose]();
  });
  const controller = new AbortController();
  const ws = await connect(server.url, { signal: controller.signal });
  controller.abort();
  await ws.send("Hello?");
  assertEquals(await ws.receive(), "still here");
  assertEquals(await ws.close(), { code: 1000, reason: "", wasClean: true });
});
