import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createAuthority, issueCertificate } from "../../src/tls/authority.ts";
import { temporaryDirectory } from "../_certs.ts";
import { root, wss } from "./_wss.ts";

/** The flags of a task of the checkout, and what it gives to `wss`. */
async function taskOf(
  name: string,
): Promise<{ permissions: string[]; args: string[] }> {
  const { tasks } = JSON.parse(await Deno.readTextFile(`${root}deno.json`));
  const words: string[] = tasks[name].command.split(" ");
  assertEquals(words.slice(0, 2), ["deno", "run"]);
  const at = words.indexOf("src/cli/mod.ts");
  return { permissions: words.slice(2, at), args: words.slice(at + 1) };
}

Deno.test("deno task demo makes certificates, greets and ends, as the README shows it", async () => {
  await using dir = await temporaryDirectory();
  const { permissions, args } = await taskOf("demo");
  // In another directory, so that it makes certificates of its own.
  const options = { permissions, cwd: dir.path };
  const readme = await Deno.readTextFile(`${root}README.md`);
  const [, transcript = ""] = /```console\n(Made [^`]+)```/.exec(readme) ?? [];
  const timeless = (text: string) =>
    text.replace(/\d{4}-\d\d-\d\d/, "DATE").replace(/:\d+\n/, ":PORT\n");
  for (const done of ["Made", "Using"]) {
    const { code, out, err } = await wss([...args, "--port=0"], options);
    assertEquals([code, err], [0, ""]);
    assertEquals(timeless(out), timeless(transcript.replace("Made", done)));
  }
  using taken = Deno.listen({ hostname: "localhost", port: 0 });
  const { port } = taken.addr;
  const busy = await wss([...args, `--port=${port}`], options);
  assertEquals([busy.code, busy.err], [
    3,
    `error: Cannot listen on localhost:${port}: something listens there already; end that, or choose another port\n`,
  ]);
});

Deno.test("wss demo, and deno task start, renew a certificate that is about to expire", async () => {
  await using dir = await temporaryDirectory();
  await Deno.mkdir(`${dir.path}/certs`);
  const notBefore = new Date(Date.now() - 100 * 86_400_000);
  const authority = await createAuthority({ notBefore });
  const { cert, key } = await issueCertificate(authority, {
    notBefore,
    notAfter: new Date(Date.now() + 86_400_000),
  });
  await dir.write("certs/ca.pem", authority.cert);
  await dir.write("certs/ca.key", authority.key);
  await dir.write("certs/localhost.pem", cert + key);
  const { permissions } = await taskOf("demo");
  const options = { permissions, cwd: dir.path };
  const demo = await wss(["demo", "--port=0", "--name=Grace"], options);
  assertEquals([demo.code, demo.err], [0, ""]);
  assertStringIncludes(demo.out, "Renewed certs/localhost.pem");
  assert(demo.out.endsWith("\n<<< Hello Grace!\n"), demo.out);
  assertEquals(
    await Deno.readTextFile(`${dir.path}/certs/ca.pem`),
    authority.cert,
  );
  // With the port taken, the server that starts gets as far as its certificate.
  using taken = Deno.listen({ hostname: "localhost", port: 0 });
  await dir.write("certs/localhost.pem", cert + key);
  const task = await taskOf("start");
  const start = await wss([...task.args, `--port=${taken.addr.port}`], {
    permissions: task.permissions,
    cwd: dir.path,
  });
  assertEquals(start.code, 3);
  assertStringIncludes(start.err, "Renewed certs/localhost.pem");
});

Deno.test("wss demo names the flags that are missing, and asks to write only where it must", async () => {
  await using dir = await temporaryDirectory();
  const { code, err } = await wss(["demo", "--port=8443"], { cwd: dir.path });
  assertEquals([code, err], [
    9,
    "error: permissions are missing; run or install it with --allow-net=localhost:8443 --allow-read=certs --allow-write=certs\n",
  ]);
});
