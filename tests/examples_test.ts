import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { connect, type Connection } from "../mod.ts";
import { devCertificates, temporaryDirectory } from "./_certs.ts";

const root = fromFileUrl(new URL("..", import.meta.url));

/** The command that an example gives in its own comment. */
async function command(example: string): Promise<string[]> {
  const text = await Deno.readTextFile(`${root}examples/${example}`);
  const line = /^\/\/ (?:TOKEN=\S+ )?deno (run .*)$/m.exec(text)?.[1];
  return line!.replace("examples/", `${root}examples/`).split(" ");
}

/** Copies certificates to where the examples look for them. */
async function directoryWithCertificates(): Promise<
  Awaited<ReturnType<typeof temporaryDirectory>>
> {
  const { dir } = await devCertificates();
  const directory = await temporaryDirectory();
  await Deno.mkdir(`${directory.path}/certs`);
  for (const file of ["ca.pem", "ca.key", "localhost.pem"]) {
    await Deno.copyFile(`${dir}/${file}`, `${directory.path}/certs/${file}`);
  }
  return directory;
}

/**
 * What an example says on its standard error, without what the runtime adds: what
 * it downloads, and a line about asynchronous answers.
 */
function complaints(said: string): string[] {
  return said.split("\n").filter((line) =>
    line !== "" && !/^(Download http|Deno\.serve: request\.signal)/.test(line)
  );
}

async function run(
  example: string,
  env: Record<string, string> = {},
): Promise<string> {
  await using directory = await directoryWithCertificates();
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: await command(example),
    cwd: directory.path,
    env: { NO_COLOR: "1", ...env },
  }).output();
  assertEquals([code, complaints(new TextDecoder().decode(stderr))], [0, []]);
  return new TextDecoder().decode(stdout);
}

/** Runs an example that serves until it is interrupted, with its flags for another port. */
async function whileServing(
  example: string,
  use: (base: string, caCerts: string[]) => Promise<void>,
): Promise<void> {
  const { ca } = await devCertificates();
  await using directory = await directoryWithCertificates();
  using probe = Deno.listen({ hostname: "localhost", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const args = (await command(example)).map((arg) =>
    arg.replace("8765", `${port}`)
  );
  const child = new Deno.Command(Deno.execPath(), {
    args: [...args, `${port}`],
    cwd: directory.path,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  try {
    const reader = child.stdout.getReader();
    await Promise.race([reader.read(), child.status]);
    await use(`localhost:${port}`, [ca]);
    child.kill("SIGINT");
    reader.releaseLock();
  } finally {
    await child.stdout.cancel();
    const said = await new Response(child.stderr).text();
    assertEquals(complaints(said), []);
    assertEquals((await child.status).code, 0);
  }
}

async function take(ws: Connection, count: number): Promise<unknown[]> {
  const messages = [];
  for (let i = 0; i < count; i++) messages.push(await ws.receive());
  return messages;
}

Deno.test("examples/greeting.ts greets", async () => {
  assertEquals(
    await run("greeting.ts"),
    "<<< Ada\n>>> Hello Ada!\nHello Ada!\n",
  );
});

Deno.test("examples/token.ts lets in who knows the token", async () => {
  const out = await run("token.ts", { TOKEN: "of-the-test" });
  assertEquals(out, "Without the token: refused\nWelcome, operator\n");
});

Deno.test("examples/reconnect.ts says how it goes while its server restarts", async () => {
  const lines = (await run("reconnect.ts")).trimEnd().split("\n");
  const round = ["* connecting, attempt 1", "* connected"];
  assertEquals(lines.slice(0, 3), [...round, "got one"]);
  assertEquals(lines[3], "* away, trying again soon");
  assertEquals(lines.slice(-3), ["* connected", "got two", "* closed"]);
});

Deno.test("examples/chat.ts lets guests talk, and serves its page", async () => {
  await whileServing("chat.ts", async (base, caCerts) => {
    await using one = await connect(`wss://${base}`, { caCerts });
    assertEquals(await take(one, 1), ["Guest 1 came in"]);
    await using two = await connect(`wss://${base}`, { caCerts });
    await two.send("Hello");
    const both = ["Guest 2 came in", "Guest 2: Hello"];
    assertEquals([await take(one, 2), await take(two, 2)], [both, both]);
    await two.close();
    assertEquals(await take(one, 1), ["Guest 2 left"]);
    using client = Deno.createHttpClient({ caCerts });
    const page = await fetch(`https://${base}`, { client });
    assertStringIncludes(await page.text(), "<title>Chat</title>");
  });
});

Deno.test("examples/inside_deno_serve.ts echoes beside its pages", async () => {
  await whileServing("inside_deno_serve.ts", async (base, caCerts) => {
    await using ws = await connect(`wss://${base}/echo`, {
      caCerts,
      protocols: ["echo"],
    });
    await ws.send("Hello");
    assertEquals([await ws.receive(), ws.protocol], ["Hello", "echo"]);
    using client = Deno.createHttpClient({ caCerts });
    const page = await fetch(`https://${base}`, { client });
    assertEquals(await page.text(), "Connect to /echo\n");
  });
});

Deno.test("examples/inside_hono.ts tells the time beside its pages", async () => {
  await whileServing("inside_hono.ts", async (base, caCerts) => {
    await using ws = await connect(`wss://${base}/clock`, { caCerts });
    await ws.send("?");
    const now = Date.parse(await ws.receive() as string);
    assertEquals(Math.abs(now - Date.now()) < 10_000, true);
    using client = Deno.createHttpClient({ caCerts });
    const page = await fetch(`https://${base}`, { client });
    assertEquals(await page.text(), "Connect to /clock");
  });
});
