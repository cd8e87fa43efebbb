/**
 * Examines a server, layer by layer.
 *
 * @module
 */

import { readHeaders } from "../client/upgrade_request.ts";
import { checkNames, type OptionNames } from "../option_names.ts";
import { bareHostname, portOf } from "../route/place.ts";
import { parseResolve } from "../route/resolve.ts";
import { resolveClientTrust, type TrustOptions } from "../tls/trust.ts";
import { parseUrl } from "../url.ts";
import { examineClose } from "./check_close.ts";
import { examineHttp } from "./check_http.ts";
import { examineIdle } from "./check_idle.ts";
import { examineName } from "./check_name.ts";
import { examineOrigin } from "./check_origin.ts";
import { examineTcp } from "./check_tcp.ts";
import { examineTls } from "./check_tls.ts";
import { examineWebSocket } from "./check_websocket.ts";
import { type Examination, found, LAYERS } from "./examination.ts";
import type { Finding, Layer } from "./finding.ts";
import { checkTimeout } from "./inspect_tls.ts";

/**
 * Options for {@linkcode examine}.
 *
 * @example Whom to trust, and what to say
 * ```ts
 * import { examine, type ExamineOptions } from "@wss/wss/doctor";
 * import { misbehave } from "@wss/wss/testing";
 *
 * await using server = await misbehave({ kind: "echo" });
 * const options: ExamineOptions = { ...server.client, protocols: ["chat"], pings: 3 };
 * for await (const { check, verdict } of examine(server.url, options)) console.log(check, verdict);
 * ```
 */
export interface ExamineOptions extends TrustOptions {
  /**
   * What to send with the requests, such as credentials. They go to the host of
   * the URL alone, and only once its certificate is found to be good.
   *
   * @default {{}}
   */
  headers?: HeadersInit | undefined;
  /**
   * The subprotocols to offer.
   *
   * @default {[]}
   */
  protocols?: readonly string[] | undefined;
  /** Other addresses for hosts than their names have, as `connect()` takes them. */
  resolve?: Readonly<Record<string, string>> | undefined;
  /**
   * How long each step may take, in milliseconds.
   *
   * @default {10_000}
   */
  timeout?: number | undefined;
  /**
   * For how long nothing is said on a connection, to see whether it stays, in
   * milliseconds; 0 to leave that out.
   *
   * @default {0}
   */
  idle?: number | undefined;
  /**
   * How many pings are sent to measure the latency, from 1 to 1000.
   *
   * @default {10}
   */
  pings?: number | undefined;
  /** Ends it; what it is iterated with rejects with the reason. */
  signal?: AbortSignal | undefined;
}

const OPTIONS: OptionNames<ExamineOptions> = {
  caCerts: true,
  cert: true,
  key: true,
  headers: true,
  protocols: true,
  resolve: true,
  timeout: true,
  idle: true,
  pings: true,
  signal: true,
};

const MAX_PINGS = 1000;

/**
 * Examines a server, layer by layer: what works, what does not, why, and what to
 * do. Findings come as they are made. Where a layer fails so that the next cannot
 * be reached, the rest is "skipped". The built-in trust and that in `caCerts` are
 * never loosened: what is not trusted is looked at, but gets no request.
 *
 * The checks by layer; their names stay the same:
 *
 * - `name`: `addresses`.
 * - `tcp`: `connect`, `address`.
 * - `tls`: `tls-used`, `tls-handshake`, `tls-version`, `tls-alpn`,
 *   `old-versions`, `server-name`, `client-certificate`, `chain-order`,
 *   `chain-surplus`, `chain-root`, `chain-complete`, `certificate-authority`,
 *   `certificate-purpose`, `certificate-names`, `certificate-validity`,
 *   `certificate-key`, `certificate-signature`, `trust`.
 * - `http`: `upgrade`, `upgrade-headers`, `accept-key`, `subprotocol`,
 *   `extensions`, `origin`.
 * - `websocket`: `frames`, `ping`, `stall`.
 * - `close`: `close-frame`, `close-tcp`.
 * - `idle`: `silence`.
 *
 * A check that was not made because of a layer below has the name of its layer.
 *
 * It opens up to 20 connections, most of them one after the other, and makes two
 * requests on them, a third one with `idle`. On the open WebSocket, it sends pings and a close
 * frame, and no message.
 *
 * @param url The URL to examine, as for `connect()`.
 * @param options What to say, whom to trust, and how long to wait.
 * @returns The findings, in the order of the layers.
 * @throws {TypeError} If the URL or an option is malformed: at once.
 * @throws {RangeError} If a number is out of its range: at once.
 * @throws {Deno.errors.NotCapable} If a permission is missing: while it is iterated.
 *
 * @example What is wrong with a server
 * ```ts
 * import { examine } from "@wss/wss/doctor";
 * import { misbehave, testCertificates } from "@wss/wss/testing";
 *
 * const tls = await testCertificates({ fault: "expired" });
 * await using server = await misbehave({ kind: "echo" }, { tls });
 * for await (const { verdict, summary, remedy } of examine(server.url, server.client)) {
 *   if (verdict === "failure") console.log(summary, remedy);
 * }
 * ```
 */
export function examine(
  url: string | URL,
  options: ExamineOptions = {},
): AsyncIterableIterator<Finding> {
  checkNames("examine()", options, OPTIONS);
  return run(prepare(parseUrl(url), options));
}

function prepare(url: URL, options: ExamineOptions): Examination {
  const { timeout = 10_000, idle = 0, pings = 10, signal } = options;
  checkTimeout("timeout", timeout);
  checkTimeout("idle", idle, 0);
  if (!Number.isInteger(pings) || pings < 1 || pings > MAX_PINGS) {
    throw new RangeError(
      `Cannot use pings: it must be a whole number from 1 to ${MAX_PINGS}`,
    );
  }
  const { protocols = [] } = options;
  if (
    !Array.isArray(protocols) ||
    !protocols.every((name) => /^[!#$%&'*+\-.^_`|~\w]+$/.test(name))
  ) {
    throw new TypeError(
      "Cannot use protocols: it must be a list of names of subprotocols, which are tokens (RFC 6455, section 4.1)",
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw new TypeError(
      "Cannot examine a server: the URL has a user name or a password; pass them in `headers`",
    );
  }
  const hostname = bareHostname(url);
  const place = { hostname, port: portOf(url) };
  return {
    url,
    hostname,
    place: parseResolve(options.resolve)(place) ?? place,
    trust: resolveClientTrust(options),
    headers: readHeaders(options.headers),
    protocols: [...protocols],
    timeout,
    idle,
    pings,
    signal,
  };
}

async function* run(examination: Examination): AsyncGenerator<Finding> {
  let stopped: Layer | undefined;
  for await (const finding of examineAll(examination)) {
    yield finding;
    stopped = finding.layer;
  }
  // What was not come to, and why.
  const left = LAYERS.slice(LAYERS.indexOf(stopped ?? "name") + 1);
  for (const layer of left) {
    if (layer === "idle" && examination.idle === 0) continue;
    yield found(layer, layer, "skipped", NOT_REACHED[stopped ?? "name"]);
  }
}

/** Why the layers above could not be looked at. */
const NOT_REACHED: Readonly<Record<Layer, string>> = {
  name: "not looked at: there is no address to connect to",
  tcp: "not looked at: there is no connection",
  tls: "not looked at: nothing is sent before TLS is as it must be",
  http: "not looked at: there is no WebSocket",
  websocket: "not looked at: the WebSocket was given up",
  close: "not looked at",
  idle: "not looked at",
};

async function* examineAll(
  examination: Examination,
): AsyncGenerator<Finding> {
  const addresses = yield* examineName(examination);
  if (addresses === undefined) return;
  const place = yield* examineTcp(examination, addresses);
  if (place === undefined) return;
  const reached = { ...examination, place };
  const tls = yield* examineTls(reached);
  if (tls === undefined) return;
  const open = yield* examineHttp(reached, tls);
  if (open === undefined) return;
  {
    using ws = open;
    yield* examineOrigin(reached);
    if (!(yield* examineWebSocket(reached, ws))) return;
    yield* examineClose(reached, ws);
  }
  if (examination.idle > 0) yield* examineIdle(reached);
}
