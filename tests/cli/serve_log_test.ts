import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { connect, HandshakeError } from "../../client.ts";
import { devCertificates } from "../_certs.ts";
import { startServe, stop } from "./_serve.ts";
import { wssArgs } from "./_wss.ts";

/** The lines of a log in JSON. */
function linesOf(out: string): Record<string, unknown>[] {
  return out.trim().split("\n").map((line) => JSON.parse(line));
}

Deno.test("wss serve --log json tells who came, who was refused and who left, and no secret", async () => {
  const secrets = ["hush-token", "hush-password", "hush-query", "hush-message"];
  const [token, password, query, message] = secrets;
  const args = ["--echo", "--log=json", "--verbose", "--subprotocol=chat"];
  await using server = await startServe(
    [...args, "--origin=https://app.test", "--token=env:T", "--auth=env:A"],
    {
      permissions: ["--allow-env=T,A"],
      env: { T: `robot:${token}`, A: `ada:${password}\ngrace:other` },
    },
  );
  const url = `${server.url}/chat?access_token=${query}`;
  const { caCerts } = server;
  const open = (headers: Record<string, string>) =>
    connect(url, { caCerts, headers, protocols: ["chat"], engine: "node" });
  const refusal = async (headers: Record<string, string>) => {
    const error = await open(headers).catch((error) => error);
    assert(error instanceof HandshakeError, String(error));
    return error.status;
  };
  const bearer = { authorization: `Bearer ${token}` };
  assertEquals(await refusal({}), 401);
  assertEquals(await refusal({ ...bearer, origin: "https://evil.test" }), 403);
  {
    await using ws = await open(bearer);
    await ws.send(message ?? "");
    await ws.receive();
    await ws.close(4000);
  }
  {
    const basic = btoa(`ada:${password}`);
    await using _ws = await open({ authorization: `Basic ${basic}` });
  }
  await server.wss.seen(/("event":"close".*\n[^]*){2}/);
  const { code, out, err } = await stop(server);
  assertEquals(code, 0);
  for (const secret of secrets) {
    assert(!`${out}${err}`.includes(secret ?? "?"), `${out}${err}`);
  }
  const lines = linesOf(out);
  const shown = lines.map(({ time, id, peer, ms, ...rest }) => {
    assert(Math.abs(Date.parse(String(time)) - Date.now()) < 60_000);
    if (rest.event === "listen") return rest;
    assertMatch(String(peer), /^127\.0\.0\.1:\d+$/);
    if (rest.event !== "refuse") assertMatch(String(id), /^[\da-f-]{36}$/);
    if (rest.event === "close") assert(Number(ms) >= 0);
    return rest;
  });
  const refused = { event: "refuse", path: "/chat" };
  const robot = { path: "/chat", subprotocol: "chat", user: "robot" };
  const sizes = {
    messagesReceived: 1,
    bytesReceived: 12,
    messagesSent: 1,
    bytesSent: 12,
  };
  assertEquals(shown.slice(0, 5), [
    { event: "listen", url: server.url },
    { ...refused, status: 401, origin: null },
    { ...refused, status: 403, origin: "https://evil.test" },
    { event: "open", ...robot },
    { event: "close", ...robot, code: 4000, clean: true, ...sizes },
  ]);
  assertEquals(lines[3]?.id, lines[4]?.id);
  assertEquals([lines[5]?.event, lines[5]?.user], ["open", "ada"]);
  assertEquals([lines[6]?.event, lines[6]?.code], ["close", 1000]);
});

Deno.test("wss serve logs what strangers chose on one line, escaped and shortened", async () => {
  await using server = await startServe([
    "--echo",
    "--plain",
    "--trust-proxy=127.0.0.1",
  ]);
  const headers = {
    "x-forwarded-for": "203.0.113.7",
    origin: `https://${"e".repeat(300)}.test`,
  };
  await connect(`${server.url}/a%0Ab"c%20code=1000`, {
    headers,
    engine: "node",
  }).catch(() => {});
  const [line] = await server.wss.seen(/.*refuse.*\n/);
  assertMatch(
    line,
    /^\S+Z refuse - {8}203\.0\.113\.7 \/a%0Ab%22c%20code=1000 status=403 origin=https:\/\/e+…\n$/,
  );
  assert(line.length < 320, line);
  assertEquals((await stop(server)).code, 0);
});

Deno.test("wss serve goes on when its log cannot be written", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const { dir, ca } = await devCertificates();
  const args = wssArgs(
    ["serve", "--echo", "--port=0", `--cert=${dir}/localhost.pem`],
    ["--allow-net=127.0.0.1:0", `--allow-read=${dir}`],
  );
  // As on a disk that is full.
  const line = 'exec "$0" "$@" >/dev/full';
  await using child = new Deno.Command("sh", {
    args: ["-c", line, Deno.execPath(), ...args],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let said = "";
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  while (!said.includes("connect  ")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`It did not start: ${said}`);
    said += value;
  }
  const [, url = ""] = /Listening on (\S+);/.exec(said) ?? [];
  for (let round = 0; round < 2; round++) {
    const ws = await connect(url, { caCerts: [ca] });
    await ws.send("Hello");
    assertEquals(await ws.receive(), "Hello");
    assertEquals((await ws.close()).code, 1000);
  }
  child.kill("SIGTERM");
  assertEquals((await child.status).code, 0);
  await reader.cancel();
});

Deno.test("wss serve waits for nobody who does not read its log", {
  ignore: Deno.build.os === "windows",
}, async () => {
  const args = wssArgs(
    ["serve", "--plain", "--port=0", "--log=json"],
    ["--allow-net=localhost:0"],
  );
  await using child = new Deno.Command(Deno.execPath(), {
    args,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  let said = "";
  const reader = child.stderr.pipeThrough(new TextDecoderStream()).getReader();
  while (!said.includes("connect  ")) {
    const { done, value } = await reader.read();
    if (done) throw new Error(`It did not start: ${said}`);
    said += value;
  }
  const [, url = ""] = /Listening on (\S+);/.exec(said) ?? [];
  // Each is a line, of over 500 bytes: together more than a pipe holds.
  const origin = `https://${"x".repeat(300)}.example`;
  const page = `${url}/${"x".repeat(200)}`;
  for (let count = 0; count < 600; count++) {
    const options = { headers: { origin }, diagnose: false };
    await assertRejects(() => connect(page, options));
  }
  await using ws = await connect(url);
  await ws.send("Ada");
  assertEquals(await ws.receive(), "Hello Ada!");
  assertEquals((await ws.closed).code, 1000);
  child.kill("SIGTERM");
  assertEquals((await child.status).code, 0);
  await reader.cancel();
  await child.stdout.cancel();
});
