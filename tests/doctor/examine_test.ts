import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { examine, type ExamineOptions } from "../../src/doctor/mod.ts";
import { misbehave, testCertificates } from "../../src/testing/mod.ts";
import { devCertificates } from "../_certs.ts";
import { checksOf, findingsOf, plainEcho } from "./_examine.ts";

Deno.test("examine() refuses bad arguments at once, and names them", () => {
  const cases: [url: string, options: ExamineOptions, says: RegExp][] = [
    ["chat.example", {}, /URL/],
    ["https://chat.example", {}, /scheme/],
    ["wss://eve:hunter2@chat.example", {}, /`headers`/],
    ["wss://chat.example", { timeout: 0 }, /timeout/],
    ["wss://chat.example", { idle: -1 }, /idle/],
    ["wss://chat.example", { pings: 0 }, /pings/],
    ["wss://chat.example", { pings: 1.5 }, /pings/],
    ["wss://chat.example", { protocols: ["a b"] }, /protocols/],
    ["wss://chat.example", { caCerts: ["ca.pem"] }, /caCerts/],
    ["wss://chat.example", { cert: "x" }, /key/],
    ["wss://chat.example", { resolve: { a: "//" } }, /resolve/],
    ["wss://chat.example", { headers: { "a b": "c" } }, /headers/],
    ["wss://chat.example", { idel: 1 } as ExamineOptions, /idel/],
  ];
  for (const [url, options, says] of cases) {
    const error = assertThrows(() => examine(url, options), Error);
    assert(says.test(error.message), error.message);
    assert(!error.message.includes("hunter2"));
    assert(
      error instanceof TypeError || error instanceof RangeError,
      error.name,
    );
  }
});

Deno.test("examine() tells no secret to a server that is not trusted", async () => {
  const tls = await testCertificates({ fault: "unknown-issuer" });
  await using server = await misbehave({ kind: "echo" }, { tls });
  await findingsOf({
    url: server.url,
    options: { ...server.client, headers: { authorization: "Bearer zebra" } },
  });
  assertEquals(server.requests.length, 0);
});

Deno.test("examine() makes two requests, and nine connections", async () => {
  await using server = await misbehave({ kind: "echo" });
  const options: ExamineOptions = {
    ...server.client,
    headers: { authorization: "Bearer zebra" },
    protocols: [],
  };
  const findings = await findingsOf({ url: server.url, options });
  assertEquals(checksOf(findings, "failure"), []);
  assertEquals(
    server.requests.map(({ headers }) => [
      headers.get("authorization"),
      headers.get("origin"),
    ]),
    [
      ["Bearer zebra", null],
      ["Bearer zebra", "https://doctor.invalid"],
    ],
  );
  assertEquals(server.accepted, 9);
  assert(!JSON.stringify(findings).includes("zebra"));
});

Deno.test("examine() ends with its signal, and lets go of all", async () => {
  await using server = await misbehave({ kind: "silent" });
  const stop = new AbortController();
  const findings = examine(server.url, { signal: stop.signal });
  const reason = new Error("enough");
  await assertRejects(
    async () => {
      for await (const { layer } of findings) {
        // What comes next would take ten seconds.
        if (layer === "tcp") setTimeout(() => stop.abort(reason), 50);
      }
    },
    Error,
    "enough",
  );
  await server.idle();
});

Deno.test("examine() lets go of all when nobody reads on", async () => {
  await using server = await misbehave({ kind: "echo" });
  for await (const { layer } of examine(server.url, server.client)) {
    if (layer === "websocket") break;
  }
  await server.idle();
});

Deno.test("examine() goes where `resolve` sends it, for the name of the URL", async () => {
  const tls = await testCertificates({ names: ["chat.test"] });
  await using server = await misbehave({ kind: "echo" }, { tls });
  const { port } = new URL(server.url);
  const findings = await findingsOf({
    url: "wss://chat.test/room?token=zebra",
    options: {
      ...server.client,
      resolve: { "chat.test": `127.0.0.1:${port}` },
    },
  });
  assertEquals(checksOf(findings, "failure"), []);
  const [first] = findings;
  assert(first?.summary.includes("`resolve`"), first?.summary);
  const [request] = server.requests;
  assertEquals(request?.headers.get("host"), "chat.test");
  assert(!JSON.stringify(findings).includes("zebra"));
});

Deno.test("examine() warns of an address that does not answer while another does", async () => {
  await using stack = new AsyncDisposableStack();
  const { url } = await plainEcho(stack);
  const { port } = new URL(url);
  const { examineTcp } = await import("../../src/doctor/check_tcp.ts");
  const examination = {
    url: new URL(`ws://chat.test:${port}`),
    hostname: "chat.test",
    place: { hostname: "chat.test", port: Number(port) },
    trust: {
      caCerts: [],
      identity: undefined,
      defaultCaCerts: true,
      pins: undefined,
      minVersion: "TLSv1.2" as const,
    },
    headers: new Headers(),
    protocols: [],
    timeout: 5_000,
    idle: 0,
    pings: 1,
    signal: undefined,
  };
  // The server listens on 127.0.0.1 alone.
  const findings = await Array.fromAsync(
    examineTcp(examination, ["127.0.0.2", "127.0.0.1"]),
  );
  assertEquals(checksOf(findings, "failure"), []);
  if (Deno.build.os !== "linux") return;
  assertEquals(checksOf(findings, "warning"), ["tcp/address"]);
});

Deno.test("examine() needs the permission for the host and its port, and says if it is missing", async () => {
  const { dir, chain } = await devCertificates();
  const { serve } = await import("../../mod.ts");
  await using server = await serve(
    { engine: "node", port: 0, logger: {}, ...chain },
    async (ws) => {
      for await (const message of ws) await ws.send(message);
    },
  );
  const { host } = new URL(server.url);
  const program = `
    import { examine } from "${new URL(
    "../../src/doctor/mod.ts",
    import.meta.url,
  )}";
    const caCerts = [Deno.args[1]];
    try {
      for await (const { layer, check, verdict } of examine(Deno.args[0], { caCerts, pings: 1 })) {
        console.log(layer + "/" + check, verdict);
      }
    } catch (error) {
      console.log(error.name, error.message);
    }`;
  const run = async (...permissions: string[]) => {
    const ca = await Deno.readTextFile(`${dir}/ca.pem`);
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--no-check", ...permissions],
        ...["--config", "deno.json", "data:text/typescript,"],
      ].slice(0, -1).concat(
        `data:text/typescript,${encodeURIComponent(program)}`,
        server.url,
        ca,
      ),
      stderr: "null",
    }).output();
    return new TextDecoder().decode(stdout);
  };
  const [narrow, none] = await Promise.all([
    run(`--allow-net=${host}`),
    run(),
  ]);
  assert(!narrow.includes("failure"), narrow);
  assert(narrow.includes("name/addresses skipped"), narrow);
  assert(narrow.includes("close/close-tcp ok"), narrow);
  assert(none.includes("NotCapable"), none);
});
