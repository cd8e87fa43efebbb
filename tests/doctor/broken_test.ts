import { assert, assertEquals } from "@std/assert";
import { type EngineName, serve } from "../../mod.ts";
import type { ExamineOptions, Finding } from "../../src/doctor/mod.ts";
import { misbehave, testCertificates } from "../../src/testing/mod.ts";
import type { CertChain } from "../../src/tls/pem.ts";
import { devCertificates, forge, temporaryDirectory } from "../_certs.ts";
import { MISSING, openssl } from "../_failing.ts";
import { Opcode, type RawPeer, RawServer } from "../_raw_peer.ts";
import { testWith } from "../peers/suite.ts";
import { checksOf, findingsOf, type Place, plainEcho } from "./_examine.ts";
import { haproxyWith, MISSING_PROXY, nginxWith } from "./_programs.ts";

/** A set-up with one fault, and what has to be blamed. */
interface Fault {
  name: string;
  missing?: string | undefined;
  begin(stack: AsyncDisposableStack): Promise<Place> | Place;
  /** The only failure, as "layer/check". */
  failure?: string;
  /** Or else a warning, with no failure at all. */
  warning?: string;
  /** What the finding must say. */
  says?: RegExp;
}

/** For what is not answered at all. */
const SOON: ExamineOptions = { timeout: 1_200 };

function misbehaving(
  behaviour: Parameters<typeof misbehave>[0],
  options: ExamineOptions = {},
): Fault["begin"] {
  return async (stack) => {
    const server = stack.use(await misbehave(behaviour));
    return { url: server.url, options: { ...server.client, ...options } };
  };
}

/** A server whose certificate an authority has made that the client trusts. */
function certified(
  make: (issuer: CertChain) => Promise<CertChain>,
): Fault["begin"] {
  return async (stack) => {
    const issuer = await forge({ ca: true, subject: "CN=authority" });
    const chain = await make(issuer);
    const server = stack.use(
      await serve({ port: 0, logger: {}, ...chain }, async (ws) => {
        for await (const message of ws) await ws.send(message);
      }),
    );
    return { url: server.url, options: { caCerts: [issuer.cert] } };
  };
}

/** One that sends these bytes at once, as often as it takes, and no more. */
function sending(bytes: Uint8Array, times = 1): Fault["begin"] {
  return scripted(
    async (peer) => {
      for (let count = 0; count < times; count++) await peer.write(bytes);
      await peer.ended();
    },
    [],
    SOON,
  );
}

/** A server that opens the WebSocket, and goes on as the script says. */
function scripted(
  script: (peer: RawPeer) => Promise<void>,
  headers: string[] = [],
  options: ExamineOptions = {},
): Fault["begin"] {
  return async (stack) => {
    const { ca, chain } = await devCertificates();
    const server = stack.use(
      new RawServer(async (peer) => {
        await peer.accept(headers);
        await script(peer);
      }, chain),
    );
    return { url: server.url, options: { caCerts: [ca], ...options } };
  };
}

/** A server that answers with these bytes, and with what it was asked. */
function answering(answer: string, repeats = false): Fault["begin"] {
  return async (stack) => {
    const { ca, chain } = await devCertificates();
    const server = stack.use(
      new RawServer(async (peer) => {
        const { line, headers } = await peer.readHead();
        const body = repeats
          ? `${headers.get("authorization")} of ${line}: <b>zebra</b>`
          : "";
        await peer.write(
          Uint8Array.from(answer + body, (char) => char.charCodeAt(0)),
        );
        peer[Symbol.dispose]();
      }, chain),
    );
    return {
      url: `${server.url}/?token=zebra`,
      options: {
        caCerts: [ca],
        headers: { authorization: `Basic ${btoa("me:zebra")}` },
      },
    };
  };
}

/** `openssl s_server`, which every client here trusts. */
function opensslWith(...args: string[]): Fault["begin"] {
  return async (stack) => {
    const { ca } = await devCertificates();
    const { port } = stack.use(await openssl(...args));
    return { url: `wss://localhost:${port}`, options: { caCerts: [ca] } };
  };
}

/** The same with a certificate for a key of this kind, signed by this digest. */
function opensslMade(key: string, digest: string): Fault["begin"] {
  return async (stack) => {
    const { path } = stack.use(await temporaryDirectory());
    const issuer = ["-CA", `${path}/ca.pem`, "-CAkey", `${path}/ca.key`];
    await run(
      ...["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"],
      ...["-subj", "/CN=authority"],
      ...["-keyout", `${path}/ca.key`, "-out", `${path}/ca.pem`],
    );
    await run(
      ...["req", "-newkey", key, "-nodes", "-subj", "/CN=localhost"],
      ...["-addext", "subjectAltName=DNS:localhost"],
      ...["-keyout", `${path}/key.pem`, "-out", `${path}/request.pem`],
    );
    await run(
      ...["x509", "-req", digest, "-days", "30", "-copy_extensions", "copyall"],
      ...["-CAcreateserial", ...issuer, "-in", `${path}/request.pem`],
      ...["-out", `${path}/cert.pem`],
    );
    // The last of each option counts.
    const pair = ["-cert", `${path}/cert.pem`, "-key", `${path}/key.pem`];
    const lax = ["-cipher", "DEFAULT:@SECLEVEL=0"];
    const { port } = stack.use(await openssl(...pair, ...lax));
    const caCerts = [await Deno.readTextFile(`${path}/ca.pem`)];
    return { url: `wss://localhost:${port}`, options: { caCerts } };
  };
}

async function run(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("openssl", { args })
    .output();
  assert(success, new TextDecoder().decode(stderr));
}

/** nginx with TLS before a server of this module. */
function nginxBefore(
  location: string,
  options: ExamineOptions = {},
  more = "",
): Fault["begin"] {
  return async (stack) => {
    const { ca, dir } = await devCertificates();
    const { port } = new URL((await plainEcho(stack)).url);
    const listening = await nginxWith(
      stack,
      `listen PORT ssl; ${more}
      ssl_certificate ${dir}/localhost.pem; ssl_certificate_key ${dir}/localhost.pem;
      location / { proxy_pass http://127.0.0.1:${port}; ${location} }`,
    );
    return {
      url: `wss://localhost:${listening}`,
      options: { caCerts: [ca], ...options },
    };
  };
}

const PASSES_UPGRADE =
  'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; proxy_set_header Host $host;';

async function haproxyBefore(
  stack: AsyncDisposableStack,
  more: string,
  bind = "",
): Promise<Place> {
  const { ca, dir } = await devCertificates();
  const { port } = new URL((await plainEcho(stack)).url);
  const listening = await haproxyWith(stack, {
    bind: `ssl crt ${dir}/localhost.pem ${bind}`,
    target: Number(port),
    more,
  });
  return { url: `wss://localhost:${listening}`, options: { caCerts: [ca] } };
}

function engine(name: EngineName): Fault["begin"] {
  return async (stack) => {
    const { ca, chain } = await devCertificates();
    const server = stack.use(
      await serve(
        { engine: name, port: 0, logger: {}, ...chain },
        async (ws) => {
          for await (const message of ws) await ws.send(message);
        },
      ),
    );
    return { url: server.url, options: { caCerts: [ca] } };
  };
}

/** authorityInfoAccess with caIssuers (RFC 5280, section 4.2.2.1). */
function issuersAt(
  uri: string,
): { id: string; critical: boolean; value: number[] } {
  const oid = [0x06, 8, 0x2b, 6, 1, 5, 5, 7, 0x30, 2];
  const place = [0x86, uri.length, ...new TextEncoder().encode(uri)];
  const access = [0x30, oid.length + place.length, ...oid, ...place];
  return {
    id: "1.3.6.1.5.5.7.1.1",
    critical: false,
    value: [0x30, access.length, ...access],
  };
}

const NAMES_AND_TCP: Fault[] = [
  {
    name: "a name that nobody knows",
    begin: () => ({ url: "wss://nowhere.invalid" }),
    failure: "name/addresses",
    says: /nowhere\.invalid/,
  },
  {
    name: "a port on which nothing listens",
    begin() {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      return { url: `wss://127.0.0.1:${listener.addr.port}` };
    },
    failure: "tcp/connect",
    says: /refuses/,
  },
];

const TLS: Fault[] = [
  {
    name: "a certificate that has expired",
    begin: certified((issuer) =>
      forge({
        issuer,
        notBefore: new Date("2025-01-31"),
        notAfter: new Date("2026-01-31"),
      })
    ),
    failure: "tls/certificate-validity",
    says: /2026-01-31/,
  },
  {
    name: "a certificate that is not valid yet",
    begin: certified((issuer) =>
      forge({
        issuer,
        notBefore: new Date(Date.now() + 86_400_000),
        notAfter: new Date(Date.now() + 9 * 86_400_000),
      })
    ),
    failure: "tls/certificate-validity",
    says: /not valid yet/,
  },
  {
    name: "a certificate with few days left",
    begin: certified((issuer) =>
      forge({
        issuer,
        notBefore: new Date(Date.now() - 80 * 86_400_000),
        notAfter: new Date(Date.now() + 9.5 * 86_400_000),
      })
    ),
    warning: "tls/certificate-validity",
    says: /9 days/,
  },
  {
    name: "a certificate for another name",
    begin: certified((issuer) => forge({ issuer, names: ["elsewhere.test"] })),
    failure: "tls/certificate-names",
    says: /elsewhere\.test, and not for localhost/,
  },
  {
    name: "a certificate with a common name only",
    begin: certified((issuer) => forge({ issuer, names: [] })),
    failure: "tls/certificate-names",
    says: /no names/,
  },
  {
    name: "an authority that is not trusted",
    async begin(stack) {
      const place = await certified((issuer) => forge({ issuer }))(stack);
      return { ...place, options: {} };
    },
    failure: "tls/trust",
    says: /not trusted/,
  },
  {
    name: "a certificate that is signed by itself",
    async begin(stack) {
      const place = await certified(() => forge())(stack);
      return { ...place, options: {} };
    },
    failure: "tls/trust",
    says: /signed by itself/,
  },
  {
    name: "an authority that is presented, and not trusted",
    async begin(stack) {
      const place = await certified(async (issuer) => {
        const { cert, key } = await forge({ issuer });
        return { cert: cert + issuer.cert, key };
      })(stack);
      return { ...place, options: {} };
    },
    failure: "tls/trust",
    says: /leads up to authority/,
  },
  {
    name: "an intermediate certificate that is missing",
    begin: certified(async (root) => {
      const issuer = await forge({
        issuer: root,
        ca: true,
        subject: "CN=middle",
      });
      return await forge({
        issuer,
        extension: issuersAt("http://ca.test/middle.der"),
      });
    }),
    failure: "tls/chain-complete",
    says: /middle/,
  },
  {
    name: "certificates in the wrong order",
    begin: certified(async (root) => {
      const [upper, lower] = ["CN=upper", "CN=lower"];
      const first = await forge({ issuer: root, ca: true, subject: upper });
      const second = await forge({ issuer: first, ca: true, subject: lower });
      const leaf = await forge({ issuer: second });
      return { key: leaf.key, cert: leaf.cert + first.cert + second.cert };
    }),
    warning: "tls/chain-order",
  },
  {
    name: "an authority's certificate as the server's own",
    async begin(stack) {
      const tls = await testCertificates({ fault: "ca-used-as-leaf" });
      const server = stack.use(await misbehave({ kind: "echo" }, { tls }));
      return { url: server.url, options: server.client };
    },
    failure: "tls/certificate-authority",
    says: /CA:TRUE/,
  },
  {
    name: "a certificate for clients",
    begin: certified((issuer) =>
      forge({ issuer, purposes: ["1.3.6.1.5.5.7.3.2"] })
    ),
    failure: "tls/certificate-purpose",
  },
  {
    name: "a key of 1024 bits",
    missing: MISSING.openssl,
    begin: opensslMade("rsa:1024", "-sha256"),
    failure: "tls/certificate-key",
    says: /1024/,
  },
  {
    name: "a signature with SHA-1",
    missing: MISSING.openssl,
    begin: opensslMade("rsa:2048", "-sha1"),
    failure: "tls/certificate-signature",
    says: /SHA-1/,
  },
  {
    name: "TLS 1.1 and no newer",
    missing: MISSING.openssl,
    begin: opensslWith("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
    failure: "tls/tls-version",
    says: /TLS 1\.1/,
  },
  {
    name: "TLS 1.1 besides newer ones",
    missing: MISSING_PROXY.nginx,
    begin: nginxBefore(
      PASSES_UPGRADE,
      {},
      "ssl_protocols TLSv1.1 TLSv1.2; ssl_ciphers ALL:@SECLEVEL=0;",
    ),
    warning: "tls/old-versions",
    says: /TLS 1\.1/,
  },
  {
    name: "HTTP/2 alone",
    missing: MISSING.openssl,
    begin: opensslWith("-alpn", "h2"),
    failure: "tls/tls-alpn",
    says: /HTTP\/2 alone/,
  },
  {
    name: "wss:// to a plain port",
    async begin(stack) {
      const { url } = await plainEcho(stack);
      return { url: url.replace("ws:", "wss:"), options: SOON };
    },
    failure: "tls/tls-used",
    says: /plain HTTP/,
  },
  {
    name: "ws:// to a port of TLS",
    async begin(stack) {
      const { url } = stack.use(await misbehave({ kind: "echo" }));
      return { url: url.replace("wss:", "ws:") };
    },
    failure: "tls/tls-used",
    says: /speaks TLS/,
  },
  {
    name: "a server that takes connections, and says nothing",
    begin: misbehaving({ kind: "silent" }, SOON),
    failure: "tls/tls-handshake",
    says: /does not answer/,
  },
  {
    name: "a client certificate that is wanted by TLS 1.3",
    missing: MISSING.openssl,
    begin: opensslWith("-Verify", "1", "-tls1_3"),
    failure: "tls/client-certificate",
    says: /wants a client certificate/,
  },
  {
    name: "a client certificate that is wanted by TLS 1.2",
    missing: MISSING.openssl,
    begin: opensslWith("-Verify", "1", "-tls1_2"),
    failure: "tls/client-certificate",
    says: /wants a client certificate/,
  },
  {
    name: "a client certificate that serve() wants",
    async begin(stack) {
      const { ca, chain } = await devCertificates();
      const { cert } = await forge({ ca: true, subject: "CN=clients" });
      const server = stack.use(
        await serve(
          { engine: "node", port: 0, logger: {}, ...chain, clientCa: [cert] },
          () => {},
        ),
      );
      return { url: server.url, options: { caCerts: [ca] } };
    },
    failure: "tls/client-certificate",
  },
  {
    name: "a client certificate that nginx wants",
    missing: MISSING_PROXY.nginx,
    async begin(stack) {
      const { dir } = await devCertificates();
      const more =
        `ssl_client_certificate ${dir}/ca.pem; ssl_verify_client on;`;
      return await nginxBefore(PASSES_UPGRADE, {}, more)(stack);
    },
    failure: "tls/client-certificate",
  },
];

const HTTP: Fault[] = [
  ...[
    { status: 401, says: /401/ },
    { status: 403, says: /403/ },
    { status: 404, says: /404/ },
    { status: 426, says: /426/ },
    { status: 429, says: /429/ },
    { status: 503, headers: { "retry-after": "7" }, says: /503/ },
    { status: 200, body: "<html><h1>Welcome</h1></html>", says: /200/ },
    {
      status: 302,
      headers: { location: "https://elsewhere.test/login?token=zebra" },
      says: /redirects to https:\/\/elsewhere\.test\/login \(302\)/,
    },
  ].map(({ says, ...answer }): Fault => ({
    name: `an answer with status ${answer.status}`,
    begin: misbehaving({ kind: "answer", ...answer }),
    failure: "http/upgrade",
    says,
  })),
  {
    name: "nginx that drops the headers of the upgrade",
    missing: MISSING_PROXY.nginx,
    begin: nginxBefore(""),
    failure: "http/upgrade",
    says: /4\d\d/,
  },
  {
    name: "a proxy that reaches nobody",
    missing: MISSING_PROXY.nginx,
    begin: nginxBefore(
      `return 502;`,
    ),
    failure: "http/upgrade",
    says: /502/,
  },
  {
    name: "no answer to the request",
    begin: misbehaving({ kind: "unanswered" }, SOON),
    failure: "http/upgrade",
    says: /does not answer the request/,
  },
  {
    name: "a 101 that is no switch to WebSocket",
    async begin(stack) {
      const { ca, chain } = await devCertificates();
      const server = stack.use(
        new RawServer(async (peer) => {
          await peer.readHead();
          await peer.write("HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n");
          await peer.ended();
        }, chain),
      );
      return { url: server.url, options: { caCerts: [ca] } };
    },
    failure: "http/upgrade-headers",
    says: /`Upgrade: h2c` and has no `Connection: Upgrade`/,
  },
  {
    name: "an answer with bytes that are no ASCII",
    begin: answering(
      'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="\x80"\r\n\r\n',
    ),
    failure: "http/upgrade",
    says: /401 "No"/,
  },
  {
    name: "an answer that repeats what it was sent",
    begin: answering("HTTP/1.1 400 Bad zebra\r\n\r\n", true),
    failure: "http/upgrade",
    says: /400 "Bad \*\*\*"/,
  },
  {
    name: "the answer to another request",
    begin: misbehaving({ kind: "wrong-accept" }),
    failure: "http/accept-key",
  },
  {
    name: "a subprotocol that nobody asked for",
    begin: misbehaving({ kind: "wrong-protocol" }),
    failure: "http/subprotocol",
    says: /"unasked"/,
  },
  {
    name: "an extension that nobody asked for",
    begin: scripted(
      (peer) => peer.ended(),
      ["Sec-WebSocket-Extensions: permessage-deflate"],
    ),
    failure: "http/extensions",
  },
  {
    name: "a subprotocol that is not chosen",
    async begin(stack) {
      const place = await engine("node")(stack);
      return { ...place, options: { ...place.options, protocols: ["chat"] } };
    },
    warning: "http/subprotocol",
  },
  {
    name: "pages of any origin that may connect",
    begin: misbehaving({ kind: "echo" }),
    warning: "http/origin",
  },
];

/** Reads, and answers pings and nothing else. */
async function pong(peer: RawPeer): Promise<void> {
  while (true) {
    const { opcode, payload } = await peer.readFrame();
    if (opcode === Opcode.Close) return;
    if (opcode === Opcode.Ping) {
      await peer.send({ opcode: Opcode.Pong, payload });
    }
  }
}

const WEBSOCKET: Fault[] = [
  {
    name: "pings without an answer",
    begin: misbehaving({ kind: "mute" }, SOON),
    failure: "websocket/ping",
  },
  {
    name: "pongs with another payload",
    begin: scripted(async (peer) => {
      const { payload } = await peer.readFrame();
      await peer.send({
        opcode: Opcode.Pong,
        payload: payload.map((byte) => ~byte),
      });
      await peer.ended();
    }),
    failure: "websocket/frames",
    says: /another payload/,
  },
  {
    name: "frames with a mask",
    begin: scripted(async (peer) => {
      const { payload } = await peer.readFrame();
      await peer.send({ opcode: Opcode.Pong, payload, masked: true });
      await peer.ended();
    }),
    failure: "websocket/frames",
    says: /masks/,
  },
  ...[
    {
      name: "a message that goes on, and was not begun",
      bytes: [0x80, 1, 0x61],
      says: /has not begun/,
    },
    {
      name: "a message in another",
      bytes: [0x01, 0, 0x81, 0],
      says: /before the last one has ended/,
    },
    {
      name: "a text that is cut within a character",
      bytes: [0x01, 2, 0x61, 0xc3, 0x89, 0, 0x80, 1, 0x61],
      says: /not UTF-8/,
    },
    {
      name: "a length that is too long",
      bytes: [0x82, 126, 0, 1, 0x61],
      says: /a length in more bytes/,
    },
    {
      name: "half a close code",
      bytes: [0x88, 1, 3],
      says: /half a code/,
    },
  ].map(({ name, bytes, says }): Fault => ({
    name,
    begin: sending(Uint8Array.from(bytes)),
    failure: "websocket/frames",
    says,
  })),
  {
    name: "frames without end and no pong",
    begin: sending(
      Uint8Array.from([...Array(9_999).fill([0x80 | Opcode.Ping, 0])].flat()),
      30,
    ),
    failure: "websocket/ping",
    says: /200,000 frames, and does not answer a ping|within 1200 ms/,
  },
  {
    name: "a frame of a tebibyte and no pong",
    begin: scripted(async (peer) => {
      await peer.send({ opcode: Opcode.Binary, claims: 2 ** 40 });
      while (true) await peer.write(new Uint8Array(2 ** 20));
    }),
    failure: "websocket/ping",
    says: /sends more than 64 MiB, and does not answer a ping/,
  },
  {
    name: "a server that has nothing to say",
    begin: misbehaving({ kind: "close", code: 1000 }),
    warning: "websocket/ping",
    says: /ends the WebSocket with 1000/,
  },
  {
    name: "a server that closes at once",
    begin: misbehaving({ kind: "close", code: 1008 }),
    failure: "websocket/ping",
    says: /1008/,
  },
  {
    name: "small writes that stall",
    missing: Deno.build.os === "linux" ? undefined : "Linux",
    begin: engine("deno"),
    warning: "websocket/stall",
    says: /late/,
  },
];

const CLOSE_AND_IDLE: Fault[] = [
  {
    name: "frames without end instead of a close frame",
    begin: scripted(async (peer) => {
      await pong(peer);
      const frames = new Uint8Array(20_000);
      for (let at = 0; at < frames.length; at += 2) frames[at] = 0x82;
      while (true) await peer.write(frames);
    }),
    failure: "close/close-frame",
    says: /200,000 frames, and does not answer a close frame/,
  },
  {
    name: "a close frame without an answer",
    begin: misbehaving({ kind: "never-closes" }, SOON),
    failure: "close/close-frame",
  },
  {
    name: "a connection that the server does not end",
    begin: scripted(
      async (peer) => {
        await pong(peer);
        await peer.send({
          opcode: Opcode.Close,
          payload: Uint8Array.of(0x03, 0xe8),
        });
        await peer.ended();
      },
      [],
      SOON,
    ),
    warning: "close/close-tcp",
  },
  {
    name: "nginx that cuts what is quiet",
    missing: MISSING_PROXY.nginx,
    begin: nginxBefore(`${PASSES_UPGRADE} proxy_read_timeout 2s;`, {
      idle: 10_000,
    }),
    failure: "idle/silence",
    says: /cut after/,
  },
  {
    name: "HAProxy that cuts what is quiet",
    missing: MISSING_PROXY.haproxy,
    async begin(stack) {
      const { url, options } = await haproxyBefore(stack, "timeout tunnel 2s");
      return { url, options: { ...options, idle: 10_000 } };
    },
    failure: "idle/silence",
    says: /cut after/,
  },
];

for (
  const fault of [
    ...NAMES_AND_TCP,
    ...TLS,
    ...HTTP,
    ...WEBSOCKET,
    ...CLOSE_AND_IDLE,
  ]
) {
  const { name, missing, begin, failure, warning, says } = fault;
  const blamed = failure ?? warning ?? "";
  testWith(missing, `examine() blames ${blamed} for ${name}`, async () => {
    await using stack = new AsyncDisposableStack();
    const place = await begin(stack);
    const findings = await findingsOf(place);
    const shown = Deno.inspect(findings, { depth: 3, colors: false });
    assertEquals(
      checksOf(findings, "failure"),
      failure === undefined ? [] : [failure],
      shown,
    );
    const found = findings.find(({ layer, check, verdict }) =>
      `${layer}/${check}` === blamed &&
      verdict === (failure === undefined ? "warning" : "failure")
    );
    assert(found !== undefined, shown);
    if (says !== undefined) assert(says.test(found.summary), found.summary);
    assert(found.remedy !== undefined, "there is no remedy");
    assertInOrder(findings);
    assert(!shown.includes("zebra"), "a secret is shown");
  });
}

const ORDER = ["name", "tcp", "tls", "http", "websocket", "close", "idle"];

/** No finding stands behind one of a layer above. */
function assertInOrder(findings: readonly Finding[]): void {
  const layers = findings.map(({ layer }) => ORDER.indexOf(layer));
  assertEquals(layers, layers.toSorted((a, b) => a - b));
  for (const { summary } of findings) assert(!summary.endsWith("."), summary);
}
