/**
 * What the runtime says when the network leads to no server, and what it means:
 * `WebSocket`, `Deno.connect` and `node:net`.
 *
 * @module
 */

import { NetworkError, type NetworkErrorReason } from "../errors.ts";
import { bareHostname, placeName, portOf } from "./place.ts";
import type { Route } from "./route.ts";

interface Explanation {
  readonly says: RegExp;
  readonly reason: NetworkErrorReason;
  readonly state: string;
  readonly remedy: string;
}

const NETWORK: readonly Explanation[] = [
  {
    says: /dns error|failed to lookup|ENOTFOUND|EAI_[A-Z]+/,
    reason: "unknown-host",
    state: "the name of the host cannot be resolved",
    remedy: "check its spelling, and the network of this machine",
  },
  {
    says: /ECONNREFUSED|Connection refused/,
    reason: "refused",
    state: "nothing listens there",
    remedy: "start the server, or check host and port",
  },
  {
    says:
      /E(?:HOST|NET)UNREACH|ETIMEDOUT|EADDRNOTAVAIL|connect EINVAL|No route to host|Network is unreachable|timed out|Cannot assign requested address|Invalid argument \(os error/,
    reason: "unreachable",
    state: "the host cannot be reached",
    remedy: "check the address, and the network and firewalls in between",
  },
  {
    // What the runtime says of all three.
    says: /tcp connect error/,
    reason: "refused",
    state: "nothing listens there, or the host cannot be reached",
    remedy: "start the server, or check host and port",
  },
  {
    says:
      /handshake eof|before secure TLS connection|unexpected end of file|EOF during handshake/,
    reason: "reset",
    state: "the server hung up during the TLS handshake",
    remedy: "check that it speaks TLS on this port; its log may tell more",
  },
  {
    says:
      /ECONNRESET|EPIPE|socket hang up|Connection reset|Broken pipe|without sending TLS close_notify|closed before message completed|operation was canceled/,
    reason: "reset",
    state: "the server hung up before it answered",
    remedy: "check the path of the URL; the server's log may tell more",
  },
];

/** What is wrong with a unix socket, at PATH. */
const UNIX: readonly Explanation[] = [
  {
    says: /ENOENT|No such file/,
    reason: "refused",
    state: "there is no socket at PATH",
    remedy: "start the server, or check `unixSocket`",
  },
  {
    says: /ECONNREFUSED|ENOTSOCK|Connection refused/,
    reason: "refused",
    state: "nobody listens on PATH",
    remedy: "start the server, or check `unixSocket`",
  },
  {
    says: /EACCES|Permission denied/,
    reason: "other",
    state: "this user may not connect to PATH",
    remedy: "let the server give access to it, or run as another user",
  },
];

/**
 * Makes a typed error of what the runtime said if it is the network that
 * `action` failed of; `undefined` if not.
 *
 * @param action What could not be done.
 * @param said What the runtime said, its code in front.
 * @param cause The same as it was thrown.
 * @param asked Whom it was asked, and on which way.
 */
export function explainNetwork(
  action: string,
  said: string,
  cause: unknown,
  asked: { url?: URL; route?: Route },
): NetworkError | undefined {
  const table = asked.route?.kind === "unix" ? [...UNIX, ...NETWORK] : NETWORK;
  const found = onTheWay(table.find(({ says }) => says.test(said)), asked);
  if (found === undefined) return undefined;
  return new NetworkError(`${action}: ${found.state}`, { ...found, cause });
}

/** The same with the place that was tried, where that is not in the URL. */
function onTheWay(
  found: Explanation | undefined,
  { route, url }: { url?: URL; route?: Route },
): Explanation | undefined {
  if (found === undefined || url === undefined) return found;
  if (route?.kind === "unix") {
    return { ...found, state: found.state.replace("PATH", () => route.path) };
  }
  const host = bareHostname(url);
  if (
    route?.kind !== "direct" ||
    route.hostname === host && route.port === portOf(url)
  ) return found;
  const place = `${
    placeName(route)
  }, to which \`resolve\` sends ${url.hostname}`;
  switch (found.reason) {
    case "refused":
      return {
        ...found,
        state: `nothing listens at ${place}`,
        remedy: "start the server, or check `resolve`",
      };
    case "unreachable":
      return { ...found, state: `no way leads to ${place}` };
    case "unknown-host":
      return {
        ...found,
        state: `there is no address for ${place}`,
        remedy: "check `resolve`, and the network of this machine",
      };
    default:
      return found;
  }
}
