import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  connect,
  type ConnectOptions,
  type EngineName,
  serve,
} from "../mod.ts";
import {
  HandshakeError,
  NetworkError,
  type NetworkErrorReason,
  TlsError,
  type TlsErrorReason,
} from "../src/errors.ts";
import type { CertChain } from "../src/tls/pem.ts";
import { devCertificates, forge } from "./_certs.ts";
import { type Failing, MISSING, nginx, openssl, python } from "./_failing.ts";
import { type RawPeer, RawServer } from "./_raw_peer.ts";
import { testWith } from "./peers/suite.ts";

/** The engines that must explain each failure. */
const ENGINES: readonly EngineName[] = ["deno", "node"];

/** What is in each request, and must be in no error. */
const SECRET = "hunter2";

/** Where a failure is met. */
interface Place {
  url: string;
  options?: ConnectOptions;
}

/** A failure, and how it is told. */
interface Failure {
  name: string;
  /** What is not installed of it. */
  missing?: string | undefined;
  /** Begins what fails; `stack` ends it. */
  begin(stack: AsyncDisposableStack): Promise<Place>;
  tls?: TlsErrorReason;
  network?: NetworkErrorReason;
  /** The status that a HandshakeError has; 0 for none. */
  status?: number;
  /** What stands behind the URL and ": "; what else must be in the message. */
  says: string;
  also?: string[];
  /** The engines that it is met on, if not on all. */
  engines?: EngineName[];
  /** The least time it takes, as all else is quick. */
  slow?: true;
}

/** A server that answers each request with this, and hangs up. */
function answering(answer: string, secure: boolean): Failure["begin"] {
  return scripted(async (peer) => {
    await peer.readHead();
    await peer.write(answer);
    peer[Symbol.dispose]();
  }, secure);
}

function scripted(
  script: (peer: RawPeer) => Promise<void> | void,
  tls: boolean,
  scheme: "ws" | "wss" = tls ? "wss" : "ws",
): Failure["begin"] {
  return async (stack) => {
    const { chain } = await devCertificates();
    const server = stack.use(new RawServer(script, tls ? chain : undefined));
    return { url: server.url.replace(/^wss?/, scheme) };
  };
}

/** A server of this module with a certificate of `issuer`, which clients trust. */
function certified(
  make: (issuer: CertChain) => Promise<CertChain>,
): Failure["begin"] {
  return async (stack) => {
    const issuer = await forge({ ca: true, subject: "CN=authority" });
    const chain = await make(issuer);
    const server = await serve({ port: 0, logger: {}, ...chain }, () => {});
    stack.use(server);
    return { url: server.url, options: { caCerts: [issuer.cert] } };
  };
}

function program(
  start: () => Promise<Failing>,
  path: string,
  options: ConnectOptions = {},
): Failure["begin"] {
  return async (stack) => {
    const { port, otherPort, thirdPort } = stack.use(await start());
    const url = path.replace("PORT", `${port}`)
      .replace("OTHER", `${otherPort}`)
      .replace("THIRD", `${thirdPort}`);
    return { url, options };
  };
}

/** A server that wants certificates of another authority than anybody has. */
async function wantsCertificate(stack: AsyncDisposableStack): Promise<Place> {
  const { chain } = await devCertificates();
  const { cert } = await forge({ ca: true, subject: "CN=clients" });
  const server = stack.use(
    await serve(
      { engine: "node", port: 0, logger: {}, ...chain, clientCa: [cert] },
      () => {},
    ),
  );
  return { url: server.url };
}

const CERTIFICATES: Failure[] = [
  {
    name: "an authority that is not trusted",
    async begin(stack) {
      const place = await certified((issuer) => forge({ issuer }))(stack);
      return { ...place, options: { caCerts: [] } };
    },
    tls: "unknown-issuer",
    says: "its certificate was issued by an authority that is not trusted here",
    also: ["caCerts"],
  },
  {
    name: "a certificate that has expired",
    begin: certified((issuer) =>
      forge({
        issuer,
        notBefore: new Date("2025-01-31"),
        notAfter: new Date("2026-01-31"),
      })
    ),
    tls: "expired",
    says: "its certificate has expired (2026-01-31)",
    also: ["renew"],
  },
  {
    name: "a certificate that is not valid yet",
    begin: certified((issuer) =>
      forge({
        issuer,
        notBefore: new Date("2090-01-31"),
        notAfter: new Date("2091-01-31"),
      })
    ),
    tls: "not-yet-valid",
    says: "its certificate is not valid yet (2090-01-31)",
    also: ["clocks"],
  },
  {
    name: "a certificate for other names",
    begin: certified((issuer) =>
      forge({ issuer, names: ["a.example", "*.b.example", "192.0.2.7"] })
    ),
    tls: "name-mismatch",
    says: "its certificate is for a.example, *.b.example, 192.0.2.7;",
  },
  {
    name: "the certificate of an authority",
    begin: certified((issuer) => forge({ issuer, ca: true })),
    tls: "ca-used-as-leaf",
    says: "its certificate is marked as one of an authority (CA:TRUE)",
  },
  {
    name: "a certificate that is for clients",
    begin: certified((issuer) =>
      forge({ issuer, purposes: ["1.3.6.1.5.5.7.3.2"] })
    ),
    tls: "other",
    says: "its certificate is not for servers",
  },
  {
    name: "serve() that wants a client certificate, without one",
    begin: wantsCertificate,
    tls: "client-certificate-required",
    says: "the server wants a client certificate",
    also: ["`cert` and `key`"],
  },
  {
    name: "serve() that wants another client certificate",
    begin: async (stack) => ({
      ...await wantsCertificate(stack),
      options: await forge({ names: ["client.example"] }),
    }),
    tls: "client-certificate-refused",
    says: "the server refused the client certificate",
  },
  {
    name: "OpenSSL that wants a client certificate",
    missing: MISSING.openssl,
    begin: program(() => openssl("-Verify", "1"), "wss://localhost:PORT"),
    tls: "client-certificate-required",
    says: "the server wants a client certificate",
  },
  {
    name: "OpenSSL that wants another client certificate",
    missing: MISSING.openssl,
    begin: async (stack) => ({
      ...await program(
        () => openssl("-Verify", "1", "-verify_return_error"),
        "wss://localhost:PORT",
      )(stack),
      options: await forge({ names: ["client.example"] }),
    }),
    tls: "client-certificate-refused",
    says: "the server refused the client certificate",
  },
  {
    name: "nginx that wants a client certificate",
    missing: MISSING.nginx,
    begin: program(nginx, "wss://localhost:THIRD"),
    tls: "client-certificate-required",
    says: "the server wants a client certificate",
  },
  {
    name: "nginx that wants another client certificate",
    missing: MISSING.nginx,
    begin: async (stack) => ({
      ...await program(nginx, "wss://localhost:THIRD")(stack),
      options: await forge({ names: ["client.example"] }),
    }),
    tls: "client-certificate-refused",
    says: "the server refused the client certificate",
  },
  {
    name: "OpenSSL that speaks TLS 1.1 at most",
    missing: MISSING.openssl,
    begin: program(
      () => openssl("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
      "wss://localhost:PORT",
    ),
    tls: "protocol-version",
    says: "the server speaks no version of TLS that is spoken here",
  },
];

const PORTS: Failure[] = [
  {
    name: "a plain port of serve() over TLS",
    async begin(stack) {
      const server = stack.use(await serve({ port: 0, logger: {} }, () => {}));
      return { url: server.url.replace("ws:", "wss:") };
    },
    tls: "not-tls",
    says: "the server does not speak TLS on this port",
    also: ["ws://"],
  },
  {
    name: "a server that greets before TLS",
    begin: scripted(
      async (peer) => {
        await peer.write("* OK IMAP4rev1 ready\r\n");
        await peer.ended();
      },
      false,
      "wss",
    ),
    tls: "not-tls",
    says: "the server does not speak TLS on this port",
  },
  ...(["deno", "node"] as const).map((engine): Failure => ({
    name: `a TLS port of serve() [${engine}] without TLS`,
    async begin(stack) {
      const { chain } = await devCertificates();
      const server = stack.use(
        await serve({ engine, port: 0, logger: {}, ...chain }, () => {}),
      );
      return { url: server.url.replace("wss:", "ws:") };
    },
    tls: "tls-required",
    says: "the server speaks TLS on this port",
    also: ["wss://"],
  })),
  {
    name: "a TLS port of OpenSSL, which only hangs up, without TLS",
    missing: MISSING.openssl,
    begin: program(() => openssl(), "ws://localhost:PORT"),
    tls: "tls-required",
    says: "the server speaks TLS on this port",
  },
  {
    name: "a TLS port of nginx without TLS",
    missing: MISSING.nginx,
    begin: program(nginx, "ws://localhost:OTHER"),
    tls: "tls-required",
    says: "the server speaks TLS on this port",
  },
];

/** Answers that are no switch to WebSocket: the head behind "HTTP/1.1 ". */
const ANSWERS: [head: string, says: string, ...also: string[]][] = [
  [
    "401 Unauthorized",
    'the server answered with status 401 "Unauthorized" instead of a WebSocket',
    "did not accept `authorization`: check",
  ],
  ["403 No", 'the server answered with status 403 "No"', "lets this client in"],
  ["404 ", "the server answered with status 404 instead", "check the path"],
  [
    "426 \x1b[2J",
    'the server answered with status 426 "\\u001b[2J"',
    "Upgrade",
  ],
  [
    `302 Found\r\nLocation: https://ada:${SECRET}@login.example/in?t=${SECRET}`,
    "the server redirects to https://login.example/in with status 302",
    "followRedirects: true",
  ],
  [
    `307 \r\nLocation: /there?t=${SECRET}`,
    "the server redirects to ws",
    "/there with status 307",
  ],
  [
    "429 Slow\r\nRetry-After: 120",
    'the server answered with status 429 "Slow"',
    "try again after 120 s, as reconnect() does",
  ],
  ["503 ", "the server answered with status 503", "try again later"],
  // reconnect() gives up on that, whatever comes with it.
  [
    "404 No\r\nRetry-After: 7",
    'the server answered with status 404 "No"',
    "check the path",
  ],
  ["200 OK", 'the server answered with status 200 "OK"', "this is a page"],
];

const REQUESTS: Failure[] = [true, false].flatMap((secure) => {
  const by = secure ? "over TLS" : "without TLS";
  return [
    ...ANSWERS.map(([head, says, ...also]): Failure => ({
      name: `the answer ${parseInt(head)} ${by}`,
      begin: answering(
        `HTTP/1.1 ${head}\r\nContent-Type: text/plain\r\nX-Kept: yes\r\n` +
          "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
        secure,
      ),
      status: parseInt(head),
      says,
      also,
    })),
    {
      name: `the key of another request ${by}`,
      begin: answering(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
          "Connection: Upgrade\r\n" +
          "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        secure,
      ),
      // The runtime does not look, see fault_connect_test.ts.
      engines: ["node"],
      status: 0,
      says: "the answer is that to another request",
    },
    {
      name: `a subprotocol that was not offered ${by}`,
      begin: scripted(async (peer) => {
        await peer.accept(["Sec-WebSocket-Protocol: other"]);
        await peer.ended();
      }, secure),
      status: 101,
      says: "the server chose a subprotocol that was not offered",
      also: ["`protocols`"],
    },
    {
      name: `a switch to another protocol ${by}`,
      begin: answering(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n" +
          "Connection: Upgrade\r\n\r\n",
        secure,
      ),
      status: 101,
      says: "the server switched to another protocol than WebSocket",
    },
    {
      name: `a 101 that switches to nothing ${by}`,
      begin: answering("HTTP/1.1 101 Switching Protocols\r\n\r\n", secure),
      status: 101,
      says: "the server answered 101 without switching to WebSocket; check",
    },
    {
      name: `an answer that is not HTTP ${by}`,
      begin: answering("* OK IMAP4rev1 ready\r\n\r\n", secure),
      status: 0,
      says: "the answer is not HTTP",
    },
    {
      name: `a server that hangs up after the request ${by}`,
      begin: answering("", secure),
      network: "reset",
      says: "the server hung up before it answered; check the path of the URL;",
    },
    {
      name: `a server that hangs up in the middle of its answer ${by}`,
      begin: answering("HTTP/1.1 101 Switching Protocols\r\nUpgr", secure),
      network: "reset",
      says: "the server hung up",
    },
  ] satisfies Failure[];
});

const PROGRAMS: Failure[] = [
  ["ws://localhost:PORT/missing", 404],
  ["wss://localhost:OTHER/missing", 404],
  ["wss://localhost:OTHER/private", 403],
  ["wss://localhost:OTHER/page", 200],
  ["wss://localhost:OTHER/moved", 301],
].map(([url, status]): Failure => ({
  name: `the answer ${status} of nginx at ${url}`,
  missing: MISSING.nginx,
  begin: program(nginx, `${url}`),
  status: Number(status),
  says: status === 301
    ? "the server redirects to http"
    : `the server answered with status ${status}`,
}));

const NETWORK: Failure[] = [
  {
    name: "a server that hangs up at once, without TLS",
    begin: scripted((peer) => peer[Symbol.dispose](), false),
    network: "reset",
    says: "the server hung up before it answered",
  },
  {
    name: "a server that hangs up at once, over TLS",
    begin: scripted((peer) => peer[Symbol.dispose](), false, "wss"),
    network: "reset",
    says: "the server hung up during the TLS handshake",
  },
  ...["ws", "wss"].flatMap((scheme): Failure[] => [
    {
      name: `a port where nothing listens by ${scheme}`,
      begin: () => Promise.resolve({ url: `${scheme}://localhost:1` }),
      network: "refused",
      says: "nothing listens there;",
    },
    {
      name: `a name that is not there by ${scheme}`,
      begin: () => Promise.resolve({ url: `${scheme}://no-such-host.invalid` }),
      network: "unknown-host",
      says: "the name of the host cannot be resolved",
    },
    {
      name: `an address without a way to it by ${scheme}`,
      begin: () => Promise.resolve({ url: `${scheme}://255.255.255.255:9` }),
      network: "unreachable",
      says: "the host cannot be reached",
    },
    {
      name: `an address of the link, which has no zone in a URL, by ${scheme}`,
      begin: () => Promise.resolve({ url: `${scheme}://[fe80::1]:9` }),
      network: "unreachable",
      says: "the host cannot be reached",
    },
  ]),
  {
    name: "the answer 503 of Python's websockets",
    missing: MISSING.python,
    begin: program(python, "wss://localhost:PORT/busy"),
    status: 503,
    says: "the server answered with status 503",
    also: ["try again after 7 s"],
  },
];

/** A server that takes what comes, and says nothing. */
async function silent(peer: RawPeer): Promise<void> {
  await peer.ended();
}

const SILENCE: Failure[] = [
  {
    name: "a server that does not answer the TLS handshake",
    begin: scripted(silent, false, "wss"),
    says: "no answer within 400 ms: the TLS handshake was not answered;",
    slow: true,
  },
  ...[true, false].map((secure): Failure => ({
    name: `a server that does not answer the request, TLS: ${secure}`,
    begin: scripted(silent, secure),
    says: "no answer within 400 ms: the request was not answered;",
    slow: true,
  })),
  {
    name: "a server that stops within its answer",
    begin: scripted(async (peer) => {
      await peer.readHead();
      await peer.write("HTTP/1.1 40");
      await peer.ended();
    }, true),
    says: "no answer within 400 ms: the request was not answered;",
    slow: true,
  },
];

const FAILURES = [
  ...CERTIFICATES,
  ...PORTS,
  ...REQUESTS,
  ...PROGRAMS,
  ...NETWORK,
  ...SILENCE,
];

for (const failure of FAILURES) {
  for (const engine of failure.engines ?? ENGINES) {
    const name = `connect() explains ${failure.name} [${engine}]`;
    testWith(failure.missing, name, () => explains(failure, engine));
  }
}

async function explains(failure: Failure, engine: EngineName): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const { url, options } = await failure.begin(stack);
  const { ca } = await devCertificates();
  const openTimeout = failure.slow ? 400 : 4000;
  const began = performance.now();
  const path = new URL(url).pathname === "/" ? "/p" : "";
  const target = `${url}${path}?token=${SECRET}`;
  const error = await failed(target.replace("://", `://ada:${SECRET}@`), {
    ...{ engine, openTimeout, caCerts: [ca], protocols: ["offered"] },
    ...options,
    headers: { "x-token": SECRET },
  } as ConnectOptions);
  const took = performance.now() - began;
  assert(took < (failure.slow ? 900 : 2000), `${took} ms`);

  const start = `Cannot connect to ${url}${path}: ${failure.says}`;
  assertEquals(error.message.slice(0, start.length), start, error.message);
  for (const part of failure.also ?? []) {
    assertStringIncludes(error.message, part);
  }
  assert(/; \w/.test(error.message) && !error.message.endsWith("."));
  assertKind(failure, error);
  assertNoSecret(error);
}

function assertKind(failure: Failure, error: Error): void {
  const { tls, network, status } = failure;
  if (failure.slow) {
    assertEquals(error.name, "TimeoutError");
  } else if (tls !== undefined) {
    assert(error instanceof TlsError, error.stack);
    assertEquals(error.reason, tls);
    assert(error.message.endsWith(`; ${error.remedy}`));
  } else if (network !== undefined) {
    assert(error instanceof NetworkError, error.stack);
    assertEquals(error.reason, network);
    assert(error.message.endsWith(`; ${error.remedy}`));
  } else {
    assert(error instanceof HandshakeError, error.stack);
    if (status === 101) return;
    assertEquals(error.status ?? 0, status);
    if (error.headers.get("x-kept") === "yes") {
      assertEquals(error.body, "body");
    }
  }
}

/** Fails if an error or what caused it tells what only the server may know. */
function assertNoSecret(error: Error): void {
  const credentials = btoa(`ada:${SECRET}`);
  for (
    let cause: unknown = error;
    cause instanceof Error;
    cause = cause.cause
  ) {
    const told = `${cause.name} ${cause.message} ${cause.stack}`;
    assert(!told.includes(SECRET) && !told.includes(credentials), told);
  }
}

async function failed(url: string, options: ConnectOptions): Promise<Error> {
  try {
    await using ws = await connect(url, options);
    throw new Error(`It connected to ${ws.url}`);
  } catch (error) {
    assert(error instanceof Error);
    return error;
  }
}
