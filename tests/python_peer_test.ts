import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, loadCaCerts } from "../client.ts";
import { type Handler, loadCertChain, serve } from "../server.ts";
import { devCertificates } from "./_certs.ts";
import { ENGINES } from "./_engines.ts";
import { makeCertificates } from "./peers/certificates.ts";
import { refusalSteps } from "./peers/handshake_steps.ts";
import { open } from "./peers/pair.ts";
import { type Step, succeeds, testLibrary, testWith } from "./peers/suite.ts";

const PYTHON = "/usr/bin/python3";
const installed = succeeds(PYTHON, "-c", "import websockets.legacy.protocol");
const missing = installed ? undefined : "websockets for Python";

function script(name: string): string {
  return new URL(`peers/${name}`, import.meta.url).pathname;
}

const connects: Step = {
  name: "it connects to a server that supports none of its subprotocols",
  side: "serve()",
  async run(meeting) {
    const options = { protocols: ["c"], theirProtocols: ["a", "b"] };
    await using pair = await open(meeting, options);
    assertEquals([pair.ours.protocol, pair.theirs.protocol], ["", ""]);
  },
};

testLibrary({
  name: "Python's websockets",
  missing,
  command: [PYTHON, "-I", script("python_peer.py")],
  steps: [...refusalSteps, connects],
});

/** The server of the greeting: it asks nothing, and greets a name. */
const greet: Handler = async (ws) => {
  const name = await ws.receive();
  await ws.send(`Hello ${name}!`);
};

async function runClient(
  url: string,
  trustedFile: string,
): Promise<Deno.CommandOutput> {
  const args = ["-I", script("greeting_client.py"), url, trustedFile];
  return await new Deno.Command(PYTHON, { args }).output();
}

for (const file of ["ca.pem", "localhost.pem"]) {
  testWith(
    missing,
    `connect() that trusts ${file} is greeted by a Python server with localhost.pem`,
    async () => {
      const { dir } = await devCertificates();
      await using server = new Deno.Command(PYTHON, {
        args: ["-I", script("greeting_server.py"), `${dir}/localhost.pem`],
        stdin: "piped",
        stdout: "piped",
      }).spawn();
      const reader = server.stdout.pipeThrough(new TextDecoderStream())
        .getReader();
      const { value: port } = await reader.read();

      const caCerts = await loadCaCerts(`${dir}/${file}`);
      const ws = await connect(`wss://localhost:${port?.trim()}`, { caCerts });
      await ws.send("Ada");
      assertEquals(await ws.receive(), "Hello Ada!");
      assertEquals((await ws.closed).code, 1000);

      await server.stdin.close();
      assertEquals((await server.status).code, 0);
      await reader.cancel();
    },
  );

  for (const engine of ENGINES) {
    testWith(
      missing,
      `serve() with localhost.pem greets a Python client that trusts ${file} [${engine}]`,
      async () => {
        const { dir } = await devCertificates();
        const chain = await loadCertChain(`${dir}/localhost.pem`);
        await using server = await serve({ engine, port: 0, ...chain }, greet);

        const client = await runClient(server.url, `${dir}/${file}`);
        const decoder = new TextDecoder();
        assertEquals(decoder.decode(client.stderr), "");
        assertEquals(decoder.decode(client.stdout), "Hello Ada!\n");
      },
    );
  }
}

testWith(
  missing,
  "serve() is refused by a Python client that trusts another authority",
  async () => {
    const { chain } = await devCertificates();
    let served = false;
    await using server = await serve({ port: 0, ...chain }, () => {
      served = true;
    });
    await using other = await makeCertificates("openssl");

    const { success, stderr } = await runClient(server.url, other.caFile);
    assert(!success && !served);
    assertMatch(new TextDecoder().decode(stderr), /CERTIFICATE_VERIFY_FAILED/);
  },
);
