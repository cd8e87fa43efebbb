/**
 * Whether a connection on which nothing is said stays.
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
} from "./examination.ts";
import type { Finding } from "./finding.ts";
import { FrameFault } from "./messages.ts";
import { Endless, Gone, Opcode, type OpenSocket } from "./open_socket.ts";
import { ask } from "./request.ts";

/** Opens one more connection, and says nothing on it. */
export async function* examineIdle(
  examination: Examination,
): AsyncGenerator<Finding> {
  const { idle } = examination;
  let asked;
  try {
    asked = await step(examination, (signal) => ask(examination, signal));
  } catch (error) {
    throwOwn(examination, error);
  }
  using answer = asked;
  if (
    answer?.answered.kind !== "answer" || answer.answered.status !== 101
  ) {
    yield found(
      "idle",
      "silence",
      "skipped",
      "one more WebSocket was not opened",
    );
    return;
  }
  const ws = answer.socket;
  const begun = performance.now();
  try {
    await step(examination, (signal) => stayQuiet(ws, signal), idle);
  } catch (error) {
    throwOwn(examination, error);
    if (!isLate(error)) {
      yield cut(error, performance.now() - begun, ws, examination);
      return;
    }
  }
  try {
    await step(examination, async (signal) => {
      ws.send({ opcode: Opcode.Ping, payload: new Uint8Array(4) });
      await ws.pong(signal);
    });
  } catch (error) {
    throwOwn(examination, error);
    yield cut(error, performance.now() - begun, ws, examination);
    return;
  }
  yield found(
    "idle",
    "silence",
    "ok",
    ws.pinged === 0
      ? `a connection without a word for ${shownTime(idle)} stays`
      : `a connection stays for ${shownTime(idle)}, as the server has sent ${
        ws.pinged === 1 ? "a ping" : `${ws.pinged} pings`
      }`,
    { data: { idle, pings: ws.pinged } },
  );
  ws.send({ opcode: Opcode.Close, payload: Uint8Array.of(0x03, 0xe8) });
}

/** Reads, and never ends by itself. */
async function stayQuiet(ws: OpenSocket, signal: AbortSignal): Promise<never> {
  while (true) await ws.pong(signal);
}

function cut(
  error: unknown,
  ms: number,
  ws: OpenSocket,
  { idle }: Examination,
): Finding {
  if (error instanceof Endless) {
    return found(
      "idle",
      "silence",
      "skipped",
      `the server is not silent, and sends more than ${error.message}`,
    );
  }
  const after = shownTime(ms);
  const code = error instanceof Gone ? error.code : undefined;
  return found(
    "idle",
    "silence",
    "failure",
    error instanceof FrameFault
      ? error.message
      : isLate(error)
      ? `a connection without a word for ${
        shownTime(idle)
      } is dead: nobody answers a ping`
      : code === undefined
      ? `a connection is cut after ${after} without a word`
      : `a connection is closed with ${code} after ${after} without a word`,
    {
      reason: ws.pinged === 0
        ? "proxies cut what is quiet, often after 60 s, and the server has sent no ping"
        : "although the server has sent pings",
      remedy:
        "let the server ping more often than that, or the proxy wait longer: `proxy_read_timeout 1h;` in nginx, `timeout tunnel 1h` in HAProxy",
      data: { ms, code, pings: ws.pinged },
    },
  );
}
