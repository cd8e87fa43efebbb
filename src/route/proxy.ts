/**
 * Asking a proxy to connect to a server. All that is known of the network here
 * is a stream of bytes, so that both engines can use it.
 *
 * @module
 */

import { NetworkError } from "../errors.ts";
import { placeName } from "./place.ts";
import {
  Answers,
  type ByteStream,
  HUNG_UP,
  type Refusal,
  Refused,
} from "./proxy_answers.ts";
import { askHttp } from "./proxy_http.ts";
import { askSocks } from "./proxy_socks.ts";
import type { ProxyRoute } from "./route.ts";

export type { ByteStream };

/**
 * Asks the proxy at the other end of `stream` to connect to the target of
 * `route`. After that the stream is one to the target. What the target sends
 * cannot have come by then, as clients speak first, so nothing is handed back: a
 * proxy that says more than its answer is refused.
 *
 * Where `route.secure` holds, the stream is of the TLS connection to the proxy.
 * It has no deadline: whoever gives up closes the connection below the stream,
 * and throws its own reason in place of what this rejects with.
 *
 * @throws {NetworkError} "proxy", if the proxy does not do it.
 */
export async function tunnel(
  stream: ByteStream,
  route: ProxyRoute,
  action: string,
): Promise<void> {
  const ask = route.kind === "http-proxy" ? askHttp : askSocks;
  const answers = new Answers(stream);
  let refusal: Refusal | undefined;
  let cause: unknown;
  try {
    refusal = await ask(answers, route) ?? answers.surplus();
  } catch (error) {
    refusal = error instanceof Refused ? error.refusal : HUNG_UP;
    if (!(error instanceof Refused)) cause = error;
  }
  if (refusal !== undefined) throw proxyError(action, route, refusal, cause);
}

/** The error that tells a refusal of the proxy on `route`. */
export function proxyError(
  action: string,
  route: ProxyRoute,
  { state, remedy, reason = "proxy" }: Refusal,
  cause?: unknown,
): NetworkError {
  return new NetworkError(
    `${action}: the proxy at ${placeName(route)} ${state}`,
    { reason, remedy, ...(cause === undefined ? {} : { cause }) },
  );
}

/** Tells what the runtime said when the proxy on `route` was not reached. */
export function explainProxy(
  action: string,
  route: ProxyRoute,
  cause: unknown,
): NetworkError {
  const { code, reason } = Object(cause) as Record<string, unknown>;
  const said = `${code} ${reason} ${
    cause instanceof Error ? cause.message : cause
  }`;
  const [, refusal] = UNREACHED.find(([says]) => says.test(said)) ?? [];
  return proxyError(action, route, refusal ?? UNREACHABLE, cause);
}

const UNREACHABLE: Refusal = {
  state: "cannot be reached",
  remedy: "start it, or check its host and port",
};

const UNREACHED: readonly (readonly [RegExp, Refusal])[] = [
  [/dns error|failed to lookup|ENOTFOUND|EAI_[A-Z]+/, {
    state: "cannot be found: its name is not resolved",
    remedy: "check its spelling, and the network of this machine",
  }],
  [/ECONNREFUSED|Connection refused/, {
    state: "cannot be reached: nothing listens there",
    remedy: "start it, or check its host and port",
  }],
  [/InvalidContentType|WRONG_VERSION_NUMBER|corrupt message/, {
    state: "does not speak TLS",
    remedy: "use http:// in its URL in place of https://, or its TLS port",
  }],
  [
    /NotValidForName|not valid for name|ALTNAME_INVALID|name-mismatch/,
    {
      state: "shows a certificate for another name",
      remedy: "use a name in its URL that the certificate has",
    },
  ],
  [/peer certificate|CERT|SELF_SIGNED|UNABLE_TO_|certificate/, {
    state: "shows a certificate that is not trusted",
    remedy:
      "pass the certificate of its authority in `caCerts`; the cause tells more",
  }],
];
