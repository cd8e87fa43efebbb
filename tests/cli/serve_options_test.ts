import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { UsageError } from "../../src/cli/failure.ts";
import { serveCommand } from "../../src/cli/serve/command.ts";
import { loadCertificate } from "../../src/cli/serve/certificate.ts";
import {
  checkTogether,
  chooseEngine,
  clientRules,
  commonOptions,
  strictOptions,
} from "../../src/cli/serve/options.ts";
import type { ServeValues } from "../../src/cli/serve/values.ts";
import { connectOptions } from "../../src/cli/target.ts";
import { devCertificates, temporaryDirectory } from "../_certs.ts";
import { decide } from "../_authorize.ts";

/** The values of a command line; nothing is run. */
function valuesOf(...args: string[]): ServeValues {
  const command = serveCommand().exitOverride().action(() => {});
  command.parse(args, { from: "user" });
  return command.opts();
}

Deno.test("commonOptions() has what the flags say, in the units of serve()", async () => {
  const flags: [string, Record<string, unknown>][] = [
    ["--port=1", { port: 1 }],
    ["--hostname=::1", { hostname: "::1" }],
    ["--subprotocol=a", { protocols: ["a"] }],
    ["--origin=https://a.test", { origins: ["https://a.test"] }],
    ["--insecure-any-origin", { insecureAnyOrigin: true }],
    ["--trust-proxy=10.0.0.0/8", { trustProxy: ["10.0.0.0/8"] }],
    ["--heartbeat", { heartbeat: true }],
    ["--max-message=64KiB", { maxMessageSize: 65536 }],
    ["--max-connections=7", { maxConnections: 7 }],
    ["--max-connections-per-ip=3", { maxConnectionsPerIp: 3 }],
    ["--max-messages-per-second=5", { maxMessagesPerSecond: 5 }],
    ["--max-message-burst=9", { maxMessageBurst: 9 }],
    ["--max-queued-messages=8", { maxQueuedMessages: 8 }],
    ["--max-queued-bytes=2MiB", { maxQueuedBytes: 2 << 20 }],
    ["--send-buffer=1k", { sendBuffer: 1024 }],
    ["--max-unsent-bytes=4MiB", { maxUnsentBytes: 4 << 20 }],
    ["--open-timeout=1s", { openTimeout: 1000 }],
    ["--ping-interval=0", { pingInterval: 0 }],
    ["--pong-timeout=250ms", { pongTimeout: 250 }],
    ["--close-timeout=2", { closeTimeout: 2000 }],
  ];
  const bare = await commonOptions(valuesOf(), undefined);
  assertEquals([bare.hostname, bare.port], ["localhost", 8765]);
  for (const [flag, expected] of flags) {
    const options = await commonOptions(valuesOf(flag), undefined);
    assertEquals(options, { ...bare, ...expected }, flag);
  }
  const socket = await commonOptions(valuesOf("--unix=/run/a"), undefined);
  assertEquals([socket.path, socket.port], ["/run/a", undefined]);
});

Deno.test("chooseEngine() takes the strict one where only that can", async () => {
  const strict = ["--client-ca=a", "--tls-min=1.3", "--watch", "--compression"];
  for (const flag of strict) {
    assertEquals(chooseEngine(valuesOf(flag)), "node");
    assertThrows(
      () => chooseEngine(valuesOf(flag, "--engine=deno")),
      UsageError,
      `--engine deno cannot honour ${flag.split("=")[0]};`,
    );
  }
  for (const flag of ["--exec=cat", "--proxy=tcp://localhost:1"]) {
    assertEquals(chooseEngine(valuesOf(flag)), "node");
    assertEquals(chooseEngine(valuesOf(flag, "--engine=deno")), "deno");
  }
  assertEquals(chooseEngine(valuesOf()), "deno");
  assertEquals(chooseEngine(valuesOf("--engine=node")), "node");
  const values = valuesOf("--tls-min=1.3", "--watch", "--compression");
  const { minVersion, watch, compression } = await strictOptions(values);
  assertEquals([minVersion, watch, compression], ["TLSv1.3", true, true]);
});

Deno.test("wss serve refuses flags that do nothing, or exclude each other", () => {
  const alone = [
    ["--key=k", "--cert"],
    ["--client-auth=request", "--client-ca"],
    ["--crl=c", "--client-ca"],
    ["--token-from=query", "--token"],
    ["--proxy-header=forwarded", "--trust-proxy"],
    ["--max-message-burst=1", "--max-messages-per-second"],
    ["--binary", "--exec"],
  ];
  for (const [flag = "", needed = ""] of alone) {
    assertThrows(
      () => checkTogether(valuesOf(flag)),
      UsageError,
      `${flag.split("=")[0]} does nothing without ${needed}`,
    );
  }
  const pairs = [
    ["--greet", "--broadcast"],
    ["--exec=cat", "--proxy=tcp://a:1"],
    ["--handler=a.ts", "--echo"],
    ["--plain", "--cert=a"],
    ["--plain", "--client-ca=a"],
    ["--plain", "--watch"],
    ["--unix=a", "--port=1"],
    ["--unix=a", "--cert=a"],
    ["--origin=https://a.test", "--insecure-any-origin"],
  ];
  for (const pair of pairs) {
    const command = serveCommand().exitOverride().action(() => {});
    command.configureOutput({ writeErr() {} });
    assertThrows(
      () => command.parse(pair, { from: "user" }),
      Error,
      "cannot be used with",
    );
  }
});

Deno.test("--auth and --token let in users and names, one a line, and either will do", async () => {
  await using dir = await temporaryDirectory();
  const auth = await dir.write("auth", "ada:one\r\ngrace:two:with colons\n\n");
  const token = await dir.write("token", "plain-token\nrobot:other-token\n");
  const { authorize } = await commonOptions(
    valuesOf(
      `--auth=file:${auth}`,
      `--token=file:${token}`,
      "--token-from=query",
    ),
    undefined,
  );
  if (authorize === undefined) throw new Error("Everybody is let in");
  const ask = async (authorization: string, path = "/") => {
    const headers = { authorization };
    const context = await decide(authorize, { headers, path });
    if (context instanceof Response) return context.status;
    const { user, name } = context as { user?: string; name?: string };
    return user ?? name;
  };
  assertEquals(await ask(`Basic ${btoa("ada:one")}`), "ada");
  assertEquals(await ask(`Basic ${btoa("grace:two:with colons")}`), "grace");
  assertEquals(await ask(`Basic ${btoa("ada:two")}`), 401);
  assertEquals(await ask("Bearer plain-token"), "token");
  assertEquals(await ask("Bearer other-token"), "robot");
  assertEquals(await ask("", "/?access_token=other-token"), "robot");
  assertEquals(await ask("Bearer nobody"), 401);
});

Deno.test("--token names a token without a name as no other is named", async () => {
  await using dir = await temporaryDirectory();
  const file = await dir.write("token", "token2:given\nfirst\nsecond\n");
  const { authorize } = await commonOptions(
    valuesOf(`--token=file:${file}`),
    undefined,
  );
  if (authorize === undefined) throw new Error("Everybody is let in");
  for (
    const [token, name] of [
      ["given", "token2"],
      ["first", "token"],
      ["second", "token3"],
    ]
  ) {
    const headers = { authorization: `Bearer ${token}` };
    const context = await decide(authorize, { headers });
    assertEquals((context as { name?: string }).name, name);
  }
});

Deno.test("--auth and --token say what is wrong with a line, and never what is in it", async () => {
  await using dir = await temporaryDirectory();
  const cases: [string, string, string][] = [
    ["auth", "ada:fine\nhush", "--auth: line 2 must be like user:password"],
    [
      "auth",
      "\r\nada:a\n\nhush",
      "--auth: line 4 must be like user:password",
    ],
    [
      "token",
      "\nhush:a\n\nhush:b",
      "--token: the user of line 4 is there twice",
    ],
    ["auth", "hush:a\nhush:b", "--auth: the user of line 2 is there twice"],
    ["token", "hush hush", "--token: Cannot use token 1"],
    ["token", "", "--token: there is nothing in"],
  ];
  for (const [option, text, said] of cases) {
    const file = await dir.write(option, text);
    const { message } = await assertRejects(
      () => commonOptions(valuesOf(`--${option}=file:${file}`), undefined),
      UsageError,
      said,
    );
    assertEquals(message.includes("hush"), false);
  }
});

Deno.test("wss serve and wss connect read no file without end", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const values = valuesOf("--client-ca=/dev/null", "--crl=/dev/zero");
  const { clientCa: _, ...crl } = values;
  await assertRejects(() => clientRules(crl), UsageError, "more than 1 MiB");
  const headers = { header: ["@/dev/zero"], defaultCacerts: true };
  await assertRejects(
    () => connectOptions({ ...headers, connectTimeout: 1000, engine: "node" }),
    UsageError,
    "more than 1 MiB",
  );
});

Deno.test(
  "loadCertificate() waits for no pipe that lies beside the certificate",
  {
    ignore: Deno.build.os === "windows",
  },
  async () => {
    await using dir = await temporaryDirectory();
    const { dir: certs } = await devCertificates();
    const cert = await dir.write(
      "localhost.pem",
      await Deno.readTextFile(`${certs}/localhost.pem`) +
        await Deno.readTextFile(`${certs}/ca.pem`),
    );
    const pipe = cert.replace("localhost.pem", "ca.pem");
    const made = await new Deno.Command("mkfifo", { args: [pipe] }).output();
    assertEquals(made.code, 0);
    const { caFile } = await loadCertificate(valuesOf(`--cert=${cert}`));
    assertEquals(caFile, cert);
  },
);
