import { assert, assertEquals } from "@std/assert";
import { connect, type EngineName, serve } from "../../mod.ts";
import { devCertificates } from "../_certs.ts";
import { MISSING, python } from "../_failing.ts";
import { Opcode, RawServer } from "../_raw_peer.ts";
import { testWith } from "../peers/suite.ts";
import { checksOf, findingsOf, type Place, plainEcho } from "./_examine.ts";
import { haproxyWith, MISSING_PROXY, nginxWith } from "./_programs.ts";

/** A set-up with nothing wrong. */
interface SetUp {
  name: string;
  missing?: string | undefined;
  begin(stack: AsyncDisposableStack): Promise<Place>;
  /** What may be better all the same. */
  warnings?: string[];
}

const IDLE = { idle: 300 };

function engine(name: EngineName, warnings: string[]): SetUp {
  return {
    name: `serve() [${name}]`,
    warnings,
    async begin(stack) {
      const { ca, chain } = await devCertificates();
      const options = { engine: name, port: 0, logger: {}, ...chain };
      const server = stack.use(
        await serve(options, async (ws) => {
          for await (const message of ws) await ws.send(message);
        }),
      );
      return { url: server.url, options: { caCerts: [ca], ...IDLE } };
    },
  };
}

const SET_UPS: SetUp[] = [
  engine("deno", ["websocket/stall"]),
  engine("node", []),
  {
    name: "serve() without TLS",
    async begin(stack) {
      const { url } = await plainEcho(stack);
      return { url, options: IDLE };
    },
  },
  {
    name: "a server that sends all the time",
    async begin(stack) {
      const { ca, chain } = await devCertificates();
      const server = stack.use(
        await serve(
          { engine: "node", port: 0, logger: {}, ...chain },
          async (ws) => {
            for (let count = 0; count < 200; count++) {
              await ws.send(new Uint8Array(70_000));
            }
            await ws.closed;
          },
        ),
      );
      return { url: server.url, options: { caCerts: [ca], timeout: 2_000 } };
    },
  },
  {
    name: "a message that is half sent when the silence is over",
    warnings: ["http/origin", "websocket/stall"],
    async begin(stack) {
      const { ca, chain } = await devCertificates();
      const server = stack.use(
        new RawServer(async (peer) => {
          await peer.accept();
          await peer.write(Uint8Array.of(0x81, 3, 0x61));
          const rest = [0x62, 0x63];
          while (true) {
            const { opcode, payload } = await peer.readFrame();
            await peer.write(Uint8Array.from(rest.splice(0)));
            if (opcode === Opcode.Pong) continue;
            const close = opcode === Opcode.Close;
            await peer.send({ opcode: close ? opcode : Opcode.Pong, payload });
            if (close) return peer[Symbol.dispose]();
          }
        }, chain),
      );
      return { url: server.url, options: { caCerts: [ca], ...IDLE } };
    },
  },
  {
    name: "websockets of Python",
    missing: MISSING.python,
    warnings: ["http/origin"],
    async begin(stack) {
      const { ca } = await devCertificates();
      const { port } = stack.use(await python());
      return {
        url: `wss://localhost:${port}`,
        options: { caCerts: [ca], ...IDLE },
      };
    },
  },
  {
    name: "nginx before serve()",
    missing: MISSING_PROXY.nginx,
    async begin(stack) {
      const { ca, dir } = await devCertificates();
      const { port } = new URL((await plainEcho(stack)).url);
      const listening = await nginxWith(
        stack,
        `listen PORT ssl;
        ssl_certificate ${dir}/localhost.pem; ssl_certificate_key ${dir}/localhost.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        location / { proxy_pass http://127.0.0.1:${port}; proxy_http_version 1.1;
          proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade"; }`,
      );
      return {
        url: `wss://localhost:${listening}`,
        options: { caCerts: [ca], ...IDLE },
      };
    },
  },
  {
    name: "HAProxy before serve()",
    missing: MISSING_PROXY.haproxy,
    async begin(stack) {
      const { ca, dir } = await devCertificates();
      const { port } = new URL((await plainEcho(stack)).url);
      const listening = await haproxyWith(stack, {
        bind: `ssl crt ${dir}/localhost.pem alpn h2,http/1.1`,
        target: Number(port),
        more: "timeout tunnel 1h",
      });
      return {
        url: `wss://localhost:${listening}`,
        options: { caCerts: [ca], ...IDLE },
      };
    },
  },
];

for (const { name, missing, begin, warnings = [] } of SET_UPS) {
  testWith(missing, `examine() finds no fault with ${name}`, async () => {
    await using stack = new AsyncDisposableStack();
    const { url, options = {} } = await begin(stack);
    const findings = await findingsOf({ url, options });
    const shown = Deno.inspect(findings, { colors: false });
    assertEquals(checksOf(findings, "failure"), [], shown);
    // Nagle's algorithm meets delayed acknowledgements on Linux alone.
    const found = checksOf(findings, "warning");
    assertEquals(
      Deno.build.os === "linux"
        ? found
        : warnings.filter((one) => found.includes(one)),
      warnings,
      shown,
    );
    const fine = checksOf(findings, "ok");
    for (
      const check of ["http/upgrade", "websocket/ping", "close/close-frame"]
    ) assert(fine.includes(check), shown);
    if (options.idle !== undefined) assert(fine.includes("idle/silence"));
  });
}

Deno.test("examine() says that the pings of a server kept a quiet connection", async () => {
  await using stack = new AsyncDisposableStack();
  const { url } = await plainEcho(stack, {
    pingInterval: 500,
    pongTimeout: 1_500,
  });
  const findings = await findingsOf({ url, options: { idle: 2_500 } });
  const silence = findings.find(({ layer }) => layer === "idle");
  assertEquals(silence?.verdict, "ok", silence?.summary);
  assert(/as the server has sent/.test(silence?.summary ?? ""));
});

Deno.test("examine() shows a client certificate to a server that wants one", async () => {
  const { forge } = await import("../_certs.ts");
  const { ca, chain } = await devCertificates();
  const issuer = await forge({ ca: true, subject: "CN=clients" });
  const identity = await forge({ issuer, names: ["client.test"] });
  await using server = await serve(
    {
      engine: "node",
      port: 0,
      logger: {},
      ...chain,
      clientCa: [issuer.cert],
    },
    async (ws) => {
      for await (const message of ws) await ws.send(message);
    },
  );
  const options = { caCerts: [ca], ...identity };
  // What it says must be so.
  await using ws = await connect(server.url, options);
  await ws.close();
  const findings = await findingsOf({ url: server.url, options });
  assertEquals(checksOf(findings, "failure"), []);
});
