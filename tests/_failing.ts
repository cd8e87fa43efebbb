/**
 * Programs that refuse WebSockets in their own way: OpenSSL, nginx, Python.
 *
 * @module
 */

import { assert } from "@std/assert";
import { devCertificates, temporaryDirectory } from "./_certs.ts";
import { freePorts, runProgram } from "./_listening.ts";
import { succeeds } from "./peers/suite.ts";

/** A server that listens on loopback until it is disposed. */
export interface Failing extends AsyncDisposable {
  /** Its port. */
  port: number;
  /** Another one, where it has more. */
  otherPort?: number;
  /** One more. */
  thirdPort?: number;
}

/** What is not installed, by the name of the package. */
export const MISSING: Record<
  "openssl" | "nginx" | "python",
  string | undefined
> = {
  openssl: succeeds("openssl", "version") ? undefined : "openssl",
  nginx: succeeds("/usr/sbin/nginx", "-v") ? undefined : "nginx",
  python: succeeds("/usr/bin/python3", "-c", "import websockets")
    ? undefined
    : "websockets for Python",
};

/** Starts `openssl s_server` with these arguments and the certificate for localhost. */
export async function openssl(...args: string[]): Promise<Failing> {
  const { dir } = await devCertificates();
  const pem = `${dir}/localhost.pem`;
  return await started("openssl", [
    ...["s_server", "-accept", "127.0.0.1:0", "-cert", pem, "-key", pem],
    ...["-cert_chain", `${dir}/ca.pem`],
    ...args,
  ], /ACCEPT \S*:(\d+)/);
}

/** Starts a server of Python's `websockets` that answers `/busy` with 503. */
export async function python(): Promise<Failing> {
  const { dir } = await devCertificates();
  const program = `
import asyncio, http, ssl, sys, websockets

async def refuse(path, headers):
    if path.startswith("/busy"):
        return http.HTTPStatus.SERVICE_UNAVAILABLE, [("Retry-After", "7")], b"come back\\n"

async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1])
    async def echo(ws):
        async for message in ws: await ws.send(message)
    async with websockets.serve(echo, "127.0.0.1", 0, ssl=context, process_request=refuse) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)

asyncio.run(main())
`;
  const args = ["-I", "-c", program, `${dir}/localhost.pem`];
  return await started("/usr/bin/python3", args, /port (\d+)/);
}

async function started(
  command: string,
  args: string[],
  says: RegExp,
): Promise<Failing> {
  const child = new Deno.Command(command, {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!says.test(said)) {
    const { value, done } = await reader.read();
    assert(!done, `${command} ended early`);
    said += value;
  }
  return {
    port: Number(says.exec(said)?.[1]),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.stdin.close();
      await child.status;
      await reader.cancel();
    },
  };
}

/**
 * Starts nginx with a small site on a plain port, on a TLS port, the other one,
 * and on one more that wants client certificates.
 */
export async function nginx(): Promise<Failing> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await temporaryDirectory());
  const { dir: certificates } = await devCertificates();
  const [port = 0, otherPort = 0, thirdPort = 0] = freePorts(3);
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${dir.path}/${name};`).join(" ");
  const site = `
    root ${dir.path}/site;
    location /moved { return 301 /elsewhere?token=hunter; }
    location /page { return 200 "a page"; }
    location /private { return 403; }`;
  const config = await dir.write(
    "nginx.conf",
    `daemon off; master_process off; pid ${dir.path}/pid; error_log /dev/null;
events {}
http { access_log off; ${temporary}
  server { listen 127.0.0.1:${port}; ${site} }
  ssl_certificate ${certificates}/localhost.pem;
  ssl_certificate_key ${certificates}/localhost.pem;
  server { listen 127.0.0.1:${otherPort} ssl; ${site} }
  server { listen 127.0.0.1:${thirdPort} ssl; ${site}
    ssl_client_certificate ${certificates}/ca.pem; ssl_verify_client on; }
}
`,
  );
  const args = ["-p", dir.path, "-c", config, "-e", "/dev/null"];
  await runProgram(stack, "/usr/sbin/nginx", args, thirdPort);
  const running = stack.move();
  return {
    port,
    otherPort,
    thirdPort,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}
