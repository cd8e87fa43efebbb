/**
 * Whether the pages of others may connect, and what is negotiated.
 *
 * @module
 */

import type { Answered } from "../client/read_answer.ts";
import { quoted } from "../peer_text.ts";
import { type Examination, found, step, throwOwn } from "./examination.ts";
import type { Finding } from "./finding.ts";
import { Opcode } from "./open_socket.ts";
import { ask } from "./request.ts";

/** An origin that no server can know (RFC 6761, section 6.4). */
const FOREIGN = "https://doctor.invalid";

/**
 * Asks for a WebSocket once more, as a page of somebody else's would, and offers
 * compression.
 */
export async function* examineOrigin(
  examination: Examination,
): AsyncGenerator<Finding> {
  const headers = new Headers(examination.headers);
  headers.set("origin", FOREIGN);
  let asked;
  try {
    asked = await step(
      examination,
      (signal) =>
        ask({ ...examination, headers }, signal, [
          "sec-websocket-extensions: permessage-deflate",
        ]),
    );
  } catch (error) {
    throwOwn(examination, error);
    yield found(
      "http",
      "origin",
      "skipped",
      "whether the pages of others may connect is not known: a second request got no answer",
    );
    return;
  }
  using answer = asked;
  const { answered, socket } = answer;
  yield* tellOrigin(answered);
  if (answered.kind === "answer" && answered.status === 101) {
    // A goodbye, for which nobody waits: 1000.
    socket.send({ opcode: Opcode.Close, payload: Uint8Array.of(0x03, 0xe8) });
  }
}

function* tellOrigin(answered: Answered): Generator<Finding> {
  const status = answered.kind === "answer" ? answered.status : undefined;
  // Who limits how often one connects has said nothing of the origin.
  if (status === 429 || status !== undefined && status >= 500) {
    yield found(
      "http",
      "origin",
      "skipped",
      `whether the pages of others may connect is not known: a second request got ${status}`,
    );
    return;
  }
  if (status !== 101) {
    yield found(
      "http",
      "origin",
      "ok",
      `a page of another origin may not connect${
        status === undefined ? "" : ` (${status})`
      }`,
      { data: { status } },
    );
    return;
  }
  if (answered.kind === "answer") {
    const chosen = answered.headers.get("sec-websocket-extensions");
    yield found(
      "http",
      "extensions",
      "info",
      chosen === null
        ? "the server does not compress (permessage-deflate)"
        : `the server can compress (${quoted(chosen)})`,
    );
  }
  yield found(
    "http",
    "origin",
    "warning",
    "pages of any origin may connect",
    {
      reason:
        "where a cookie tells who somebody is, every page that they visit can speak for them (RFC 6455, section 10.2)",
      remedy:
        "let the server check Origin: `origins` of serve(); without cookies, nothing is lost",
    },
  );
}
