/**
 * Opens connections: within a deadline, over the engine that was chosen, and
 * along redirects where that is asked for.
 *
 * @module
 */

import type { Connection } from "../connection.ts";
import type { Opener, OpenStep, OpenTask } from "../engine.ts";
import { escaped } from "../peer_text.ts";
import { missingPermission } from "./permission.ts";
import { explainWithheld, follow, type Hop } from "./redirects.ts";
import { withoutSecrets } from "../url.ts";

/** What a call of `connect()` asks for, checked. */
export interface OpenPlan extends
  Omit<
    OpenTask,
    "action" | "deadline" | "reach" | "route" | "signal"
  > {
  readonly route: (url: URL) => OpenTask["route"];
  readonly engine: Opener;
  /** How long all of it may take, in milliseconds. */
  readonly openTimeout: number;
  /** How many redirects are followed. */
  readonly followRedirects: number;
  /** The caller's signal. */
  readonly signal: AbortSignal | undefined;
}

/** Opens a connection, or gives up at the deadline or when the caller does. */
export async function open(plan: OpenPlan): Promise<Connection> {
  const { openTimeout, signal } = plan;
  signal?.throwIfAborted();
  const deadline = performance.now() + openTimeout;
  const attempt = new AbortController();
  const progress: Progress = { url: plan.url, step: undefined };
  const timer = setTimeout(() => {
    attempt.abort(tooLate(plan, progress));
  }, openTimeout);
  const abort = () => attempt.abort(signal?.reason);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await openAlong(plan, progress, deadline, attempt.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", abort);
  }
}

/** How far an attempt has come. */
interface Progress {
  url: URL;
  step: OpenStep | undefined;
}

async function openAlong(
  plan: OpenPlan,
  progress: Progress,
  deadline: number,
  signal: AbortSignal,
): Promise<Connection> {
  const reach = (step: OpenStep) => {
    progress.step = step;
  };
  let hop: Hop = plan;
  for (let left = plan.followRedirects;; left--) {
    const { url, headers, protocols, trust } = hop;
    const action = actionOf(plan, url);
    progress.url = url;
    progress.step = undefined;
    const route = plan.route(url);
    const asked = { ...plan, url, headers, protocols, trust, route };
    try {
      return await plan.engine({ ...asked, action, deadline, reach, signal });
    } catch (failure) {
      const error = missingPermission(action, failure) ??
        explainWithheld(hop, failure, action);
      if (plan.followRedirects === 0 || signal.aborted) throw error;
      hop = follow(hop, error, action, left);
    }
  }
}

/** What cannot be done if it fails; the server of `url` is asked just now. */
function actionOf({ url: first }: OpenPlan, url: URL): string {
  const action = `Cannot connect to ${withoutSecrets(first)}`;
  return url === first
    ? action
    : `${action}, redirected to ${escaped(withoutSecrets(url), 200)}`;
}

/** What was waited for, and what may help. */
const WAITED: Record<OpenStep, readonly [string, string]> = {
  "name": [
    "the name was not resolved",
    "check the network of this machine, and its name servers",
  ],
  "tcp": [
    "the TCP connection was not answered",
    "check host and port, and the firewalls in between",
  ],
  "name or tcp": [
    "the name was not resolved, or the TCP connection was not answered",
    "check host and port, and the firewalls in between",
  ],
  "proxy": ["the proxy did not answer", "check host and port of the proxy"],
  "tls": [
    "the TLS handshake was not answered",
    "check that the server speaks TLS on this port, and is not overloaded",
  ],
  "request": [
    "the request was not answered",
    "check the path, and that the server is not overloaded",
  ],
  "look": [
    "the server refused the WebSocket, or hung up, and a second look at why was not answered",
    "try again later, or raise `openTimeout`",
  ],
};

/** The error for an attempt that takes too long. */
function tooLate(plan: OpenPlan, { url, step }: Progress): DOMException {
  const [state, remedy] = step === undefined
    ? ["", "check host and port, or raise `openTimeout`"]
    : [`: ${WAITED[step][0]}`, WAITED[step][1]];
  const action = actionOf(plan, url);
  return new DOMException(
    `${action}: no answer within ${plan.openTimeout} ms${state}; ${remedy}`,
    "TimeoutError",
  );
}
