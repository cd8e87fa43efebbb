/**
 * Whether a WebSocket ends as it should (RFC 6455, section 7.1).
 *
 * @module
 */

import { isLate } from "./bounds.ts";
import {
  type Examination,
  found,
  shownTime,
  step,
  throwOwn,
  tryStep,
} from "./examination.ts";
import type { Finding } from "./finding.ts";
import { codeOf, Endless, Opcode, type OpenSocket } from "./open_socket.ts";

/** How long is waited for each, in milliseconds. */
const PATIENCE = 5_000;

/** How long is waited after each further word, in milliseconds. */
const NUDGE = 200;

/** The code that is sent, and should come back. */
const NORMAL = 1000;

/** Closes, and looks at what the server does. */
export async function* examineClose(
  examination: Examination,
  ws: OpenSocket,
): AsyncGenerator<Finding> {
  const ms = Math.min(examination.timeout, PATIENCE);
  ws.send({
    opcode: Opcode.Close,
    payload: Uint8Array.of(NORMAL >> 8, NORMAL & 0xff),
  });
  const begun = performance.now();
  let code: number | undefined;
  try {
    code = await step(examination, (signal) => closeCode(ws, signal), ms);
  } catch (error) {
    throwOwn(examination, error);
    yield found(
      "close",
      "close-frame",
      "failure",
      isLate(error)
        ? `the server does not answer a close frame within ${shownTime(ms)}`
        : error instanceof Endless
        ? `the server sends more than ${error.message}, and does not answer a close frame meanwhile`
        : "the server does not answer a close frame as it must",
      {
        reason: "connections that nobody needs any more pile up",
        remedy:
          "let it answer with a close frame, and end the connection (RFC 6455, section 5.5.1)",
      },
    );
    return;
  }
  yield tellCode(code, performance.now() - begun);
  if (await ends(examination, ws, ms)) {
    yield found(
      "close",
      "close-tcp",
      "ok",
      "the server ends the connection after it",
    );
  } else {
    yield found(
      "close",
      "close-tcp",
      "warning",
      `the server does not end the connection within ${shownTime(ms)}`,
      {
        reason:
          "it is the server that must, so that no client has to wait (RFC 6455, section 7.1.1)",
        remedy: "let it hang up once the close frames are exchanged",
      },
    );
  }
}

/**
 * Whether the server ends the connection. `node:tls` of the runtime misses an end
 * now and then that comes behind much data; but who writes to what was ended
 * hears of it, and a server that waits passes over what comes after a close frame
 * (RFC 6455, section 5.5.1).
 */
async function ends(
  examination: Examination,
  ws: OpenSocket,
  ms: number,
): Promise<boolean> {
  const ended = async (signal: AbortSignal) => {
    await ws.ended(signal);
    return true;
  };
  if (await tryStep(examination, ended, ms)) return true;
  for (let nudges = 0; nudges < 2; nudges++) {
    ws.send({ opcode: Opcode.Pong, payload: new Uint8Array() });
    if (await tryStep(examination, ended, NUDGE)) return true;
  }
  return false;
}

/** The code that comes back; `undefined` if the server just hangs up. */
async function closeCode(
  ws: OpenSocket,
  signal: AbortSignal,
): Promise<number | undefined> {
  while (true) {
    const frame = await ws.next(signal);
    if (frame === null) return undefined;
    if (frame.opcode === Opcode.Close) return codeOf(frame);
  }
}

function tellCode(code: number | undefined, took: number): Finding {
  if (code === undefined) {
    return found(
      "close",
      "close-frame",
      "warning",
      "the server hangs up on a close frame, and does not answer it",
      {
        reason: "clients take that for a failure (1006)",
        remedy: "let it answer with a close frame (RFC 6455, section 5.5.1)",
        data: { code: 1006 },
      },
    );
  }
  const data = { code, ms: took };
  if (code === NORMAL) {
    return found(
      "close",
      "close-frame",
      "ok",
      `a close frame is answered with the same code, in ${shownTime(took)}`,
      { data },
    );
  }
  return found(
    "close",
    "close-frame",
    "info",
    `a close frame with ${NORMAL} is answered with ${code}`,
    { data },
  );
}
