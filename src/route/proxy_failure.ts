/**
 * What the runtime's WebSocket says of proxies, and what it means.
 *
 * @module
 */

import { dial } from "./dial.ts";
import type { OpenTask } from "../engine.ts";
import { NetworkError } from "../errors.ts";
import { canLook } from "../client/look.ts";
import { placeName } from "./place.ts";
import { explainProxy, proxyError } from "./proxy.ts";
import { credentialsRefusal } from "./proxy_answers.ts";
import { isProxied, type ProxyRoute } from "./route.ts";

/** What only proxies are the matter of (ext/fetch/proxy.rs, and its library for SOCKS). */
const OF_PROXIES =
  /while tunneling|unsuccessful tunnel|headers too long for tunnel|proxy authentication required|Proxy server unreachable|SOCKS|auth methods?$|auth failure|Authorization required|allowed by ruleset|Invalid response version|: (?:Network|Host) unreachable$|: Connection refused$|TTL expired|type not supported|Command not supported/;

/** What tells that a user name and a password are wrong, or missing. */
const OF_CREDENTIALS =
  /authentication required|auth methods?$|auth failure|Authorization required/;

/** What TLS and SOCKS fail of, which over `ws:` are spoken to proxies only. */
const OF_TLS =
  /peer certificate|tls handshake|fatal alert|corrupt message|unexpected end of file/;

/** What the way to a proxy fails of. */
const OF_THE_WAY =
  /dns error|failed to lookup|tcp connect error|Proxy server unreachable/;

/**
 * The error if it is a proxy that a connection failed of; `undefined` if it is
 * not, or a second look at the server tells anyway.
 */
export async function proxyFailure(
  task: OpenTask,
  cause: Error,
): Promise<NetworkError | undefined> {
  const { action, diagnose, route, url } = task;
  const { message } = cause;
  if (!isProxied(route)) {
    const foreign = url.protocol === "ws:" && OF_TLS.test(message);
    return foreign || OF_PROXIES.test(message)
      ? unasked(action, cause)
      : undefined;
  }
  if (diagnose) {
    return canLook(task) ? undefined : await askedAgain(task, route);
  }
  if (OF_THE_WAY.test(message)) return explainProxy(action, route, cause);
  if (!OF_PROXIES.test(message)) return undefined;
  const refusal = OF_CREDENTIALS.test(message) ? credentialsRefusal(route) : {
    state: `did not connect to ${placeName(route.target)}`,
    remedy:
      "check its URL, host and port, and what it allows; leave out `diagnose: false` to see its answer",
  };
  return proxyError(action, route, refusal, cause);
}

/** What a proxy says when it is asked once more for the way, and nothing beyond. */
async function askedAgain(
  { action, signal, trust }: OpenTask,
  route: ProxyRoute,
): Promise<NetworkError | undefined> {
  try {
    const { caCerts } = trust;
    const conn = await dial(route, signal, { action, caCerts });
    conn.close();
    return undefined;
  } catch (error) {
    signal.throwIfAborted();
    return error instanceof NetworkError ? error : undefined;
  }
}

/** The runtime goes through the proxies of the environment without being asked. */
function unasked(action: string, cause: Error): NetworkError {
  return new NetworkError(
    `${action}: a proxy that the environment names did not let the runtime through`,
    {
      reason: "proxy",
      remedy:
        'pass `proxy: "environment"` to see why; or exempt the host in NO_PROXY, or connect with engine: "node", which goes straight',
      cause,
    },
  );
}
