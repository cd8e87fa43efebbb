/**
 * nginx and HAProxy in front of servers, set up as somebody did it.
 *
 * @module
 */

import { temporaryDirectory } from "../_certs.ts";
import { freePort, runProgram } from "../_listening.ts";
import { succeeds } from "../peers/suite.ts";

/** What is not installed, by the name of the package. */
export const MISSING_PROXY: Record<"haproxy" | "nginx", string | undefined> = {
  haproxy: succeeds("haproxy", "-v") ? undefined : "haproxy",
  nginx: succeeds("/usr/sbin/nginx", "-v") ? undefined : "nginx",
};

/**
 * Starts nginx.
 *
 * @param server What is in its one `server`; `PORT` is replaced.
 * @returns The port.
 */
export async function nginxWith(
  stack: AsyncDisposableStack,
  server: string,
): Promise<number> {
  const dir = stack.use(await temporaryDirectory());
  const port = freePort();
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${dir.path}/${name};`).join(" ");
  const config = await dir.write(
    "nginx.conf",
    `daemon off; master_process off; pid ${dir.path}/pid; error_log /dev/null;
events {}
http { access_log off; ${temporary}
  server { ${server.replaceAll("PORT", `127.0.0.1:${port}`)} }
}
`,
  );
  const args = ["-p", dir.path, "-c", config, "-e", "/dev/null"];
  await runProgram(stack, "/usr/sbin/nginx", args, port);
  return port;
}

/**
 * Starts HAProxy with one frontend and one backend.
 *
 * @param bind What stands behind the address that it listens on.
 * @param target The port on this machine that it passes on to.
 * @param more Lines of its defaults.
 */
export async function haproxyWith(
  stack: AsyncDisposableStack,
  { bind = "", target, more = "" }: {
    bind?: string;
    target: number;
    more?: string;
  },
): Promise<number> {
  const dir = stack.use(await temporaryDirectory());
  const port = freePort();
  const config = await dir.write(
    "haproxy.cfg",
    `defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
  ${more}
frontend f
  bind 127.0.0.1:${port} ${bind}
  default_backend b
backend b
  server s 127.0.0.1:${target}
`,
  );
  await runProgram(stack, "haproxy", ["-db", "-q", "-f", config], port);
  return port;
}
