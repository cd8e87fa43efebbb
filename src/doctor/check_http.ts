/**
 * Whether a request for a WebSocket gets one.
 *
 * @module
 */

import type { Answered } from "../client/read_answer.ts";
import { acceptKey } from "../client/upgrade_request.ts";
import { TlsError } from "../errors.ts";
import { escaped, quoted } from "../peer_text.ts";
import { explainTls } from "../tls/explain.ts";
import { isLate } from "./bounds.ts";
import type { KnownTls } from "./check_tls.ts";
import {
  type Examination,
  found,
  SHORT,
  shownTime,
  stateOf,
  step,
  throwOwn,
  tryStep,
} from "./examination.ts";
import { explainStatus } from "./explain_status.ts";
import type { Finding } from "./finding.ts";
import { greetTls } from "./greet_tls.ts";
import type { OpenSocket } from "./open_socket.ts";
import { isAboutTls } from "./raw_line.ts";
import { redacted } from "./redact.ts";
import { ask, type Asked } from "./request.ts";
import { wantsCertificate } from "./why_no_tls.ts";

const ACTION = "Cannot connect";

/**
 * Asks for a WebSocket.
 *
 * @returns It, open; `undefined` if there is none.
 */
export async function* examineHttp(
  examination: Examination,
  tls: KnownTls,
): AsyncGenerator<Finding, OpenSocket | undefined> {
  const plain = examination.url.protocol === "ws:";
  const begun = performance.now();
  let asked: Asked;
  try {
    asked = await step(examination, (signal) => ask(examination, signal));
  } catch (error) {
    throwOwn(examination, error);
    if (plain && await speaksTls(examination)) {
      yield usesTls();
      return undefined;
    }
    if (plain) yield tellPlain(examination);
    yield whyNoAnswer(examination, error, tls);
    return undefined;
  }
  const took = performance.now() - begun;
  const { answered, failure } = asked;
  if (plain) {
    const secure = isAboutTls(answered) ||
      answered.kind === "cut" && await speaksTls(examination);
    yield secure ? usesTls() : tellPlain(examination);
    if (secure) {
      asked[Symbol.dispose]();
      return undefined;
    }
  }
  if (answered.kind !== "answer") {
    asked[Symbol.dispose]();
    yield whyNoHttp(examination, answered, failure, tls);
    return undefined;
  }
  const fine = yield* tellAnswer(examination, asked, answered, took);
  if (fine) return asked.socket;
  asked[Symbol.dispose]();
  return undefined;
}

type Whole = Answered & { kind: "answer" };

/** Tells what is in an answer, and whether it opens a WebSocket. */
async function* tellAnswer(
  examination: Examination,
  { key }: Asked,
  answer: Whole,
  took: number,
): AsyncGenerator<Finding, boolean> {
  const { protocols, url, headers: sent } = examination;
  const { status, headers } = answer;
  const told = redacted(answer, examination);
  if (status !== 101) {
    yield explainStatus(told, url, sent);
    return false;
  }
  // What is no switch to WebSocket need not have a key, and so on.
  const fault = headersOf(headers) ?? await keyOf(headers, key);
  const findings = fault === undefined
    ? [protocolOf(headers, protocols), extensionsOf(headers)]
      .filter((finding) => finding !== undefined)
    : [fault];
  const bad = findings.some(({ verdict }) => verdict === "failure");
  if (!bad) {
    yield found(
      "http",
      "upgrade",
      "ok",
      `the server switches to WebSocket (101), after ${shownTime(took)}`,
      {
        data: {
          status,
          ms: took,
          server: escaped(told.headers.get("server") ?? ""),
        },
      },
    );
  }
  yield* findings;
  return !bad;
}

/** Whether the switch is one to WebSocket (RFC 6455, section 4.1). */
function headersOf(headers: Headers): Finding | undefined {
  const upgrade = headers.get("upgrade");
  const connection = headers.get("connection");
  const missing = [
    /^\s*websocket\s*$/i.test(upgrade ?? "") ? [] : [
      upgrade === null
        ? "has no `Upgrade: websocket`"
        : `says \`Upgrade: ${escaped(upgrade)}\``,
    ],
    /(?:^|,)\s*upgrade\s*(?:,|$)/i.test(connection ?? "") ? [] : [
      connection === null
        ? "has no `Connection: Upgrade`"
        : `says \`Connection: ${escaped(connection)}\``,
    ],
  ].flat();
  if (missing.length === 0) return undefined;
  return found(
    "http",
    "upgrade-headers",
    "failure",
    `the answer 101 ${missing.join(" and ")}`,
    {
      reason: "clients refuse it (RFC 6455, section 4.1)",
      remedy:
        "check what proxies in between do with these headers, and that this is a WebSocket server",
    },
  );
}

async function keyOf(
  headers: Headers,
  key: string,
): Promise<Finding | undefined> {
  const accept = headers.get("sec-websocket-accept");
  if (accept === await acceptKey(key)) return undefined;
  return found(
    "http",
    "accept-key",
    "failure",
    accept === null
      ? "the answer has no Sec-WebSocket-Accept"
      : "the answer is that to another request (Sec-WebSocket-Accept)",
    {
      reason:
        "it proves that the server has understood this request, and no cache has answered (RFC 6455, section 4.2.2)",
      remedy: "check what caches or proxies are in between, and the server",
    },
  );
}

function protocolOf(
  headers: Headers,
  offered: readonly string[],
): Finding | undefined {
  const chosen = headers.get("sec-websocket-protocol");
  if (chosen !== null && !offered.includes(chosen)) {
    return found(
      "http",
      "subprotocol",
      "failure",
      offered.length === 0
        ? `the server chose the subprotocol ${
          quoted(chosen)
        }, and none was offered`
        : `the server chose the subprotocol ${
          quoted(chosen)
        }, which was not offered`,
      {
        reason: "clients hang up then (RFC 6455, section 4.1)",
        remedy:
          "offer it (`protocols`), or let the server choose of what is offered",
      },
    );
  }
  if (chosen !== null) {
    return found(
      "http",
      "subprotocol",
      "ok",
      `the server chose the subprotocol ${quoted(chosen)}`,
    );
  }
  if (offered.length === 0) return undefined;
  return found(
    "http",
    "subprotocol",
    "warning",
    `the server chose none of the subprotocols (${offered.join(", ")})`,
    {
      reason: "some clients hang up then",
      remedy: "let the server choose one, or offer none",
    },
  );
}

function extensionsOf(headers: Headers): Finding | undefined {
  const chosen = headers.get("sec-websocket-extensions");
  if (chosen === null) return undefined;
  return found(
    "http",
    "extensions",
    "failure",
    `the server chose an extension that was not offered (${quoted(chosen)})`,
    {
      reason: "clients hang up then (RFC 6455, section 9.1)",
      remedy: "check what the server is configured to negotiate",
    },
  );
}

/** Why no answer came. */
function whyNoAnswer(
  { timeout, trust: { identity } }: Examination,
  error: unknown,
  tls: KnownTls,
): Finding {
  if (isLate(error)) {
    return found(
      "http",
      "upgrade",
      "failure",
      `the server does not answer the request within ${shownTime(timeout)}`,
      {
        remedy:
          "check whether it is stuck, or a proxy that waits for what is behind it; its log may tell more",
      },
    );
  }
  return refusesCertificate(error, identity, tls) ?? hungUp("before", error);
}

/** What came in place of an answer of HTTP. */
function whyNoHttp(
  { trust: { identity } }: Examination,
  answered: Exclude<Answered, Whole>,
  failure: unknown,
  tls: KnownTls,
): Finding {
  switch (answered.kind) {
    case "cut":
      return refusesCertificate(failure, identity, tls) ??
        hungUp(answered.start.length === 0 ? "before" : "in", failure);
    case "endless":
      return found(
        "http",
        "upgrade",
        "failure",
        "the head of the answer is longer than 16 KiB",
        { remedy: "check that this is a WebSocket server" },
      );
    case "foreign":
      return found(
        "http",
        "upgrade",
        "failure",
        "what the server answers is not HTTP/1.1",
        { remedy: "check host and port" },
      );
  }
}

/** The finding where the server hung up for the client's certificate. */
function refusesCertificate(
  error: unknown,
  identity: unknown,
  { asksForCertificate }: KnownTls,
): Finding | undefined {
  const known = error instanceof TlsError
    ? error
    : explainTls(ACTION, error, { identity });
  if (known !== undefined && known.reason.startsWith("client-certificate")) {
    const { state, remedy } = stateOf(known, ACTION);
    return found("tls", "client-certificate", "failure", state, {
      remedy: remedy ?? known.remedy,
    });
  }
  if (!asksForCertificate) return undefined;
  if (identity === undefined) {
    return wantsCertificate("it hangs up on whoever shows none");
  }
  return found(
    "tls",
    "client-certificate",
    "failure",
    "the server hangs up once it has seen the client certificate",
    {
      remedy:
        "pass one that is valid, for clients, and of an authority that the server trusts",
    },
  );
}

function hungUp(when: "before" | "in", cause: unknown): Finding {
  return found(
    "http",
    "upgrade",
    "failure",
    when === "before"
      ? "the server hangs up before it answers the request"
      : "the server hangs up in the middle of its answer",
    {
      ...cause instanceof Error && /RESET/.test(`${cause}`) &&
        { reason: "it resets the connection" },
      remedy: "check the path of the URL; the server's log may tell more",
    },
  );
}

/** What is said of a URL without TLS. */
function tellPlain({ hostname }: Examination): Finding {
  const local = /^(?:localhost|127\.[\d.]+|::1)$/.test(hostname);
  return found(
    "tls",
    "tls-used",
    local ? "info" : "warning",
    "TLS is not used",
    local ? { reason: "on this machine, that may be as it should be" } : {
      reason: "everybody on the way can read and change all that is said",
      remedy: "put TLS there, and connect with wss://",
    },
  );
}

function usesTls(): Finding {
  return found("tls", "tls-used", "failure", "this port speaks TLS", {
    remedy: "connect with wss://",
  });
}

async function speaksTls(examination: Examination): Promise<boolean> {
  const greeting = await tryStep(
    examination,
    (signal) => greetTls(examination, 0x0304, signal),
    Math.min(examination.timeout, SHORT),
  );
  return greeting?.kind === "hello" || greeting?.kind === "alert";
}
