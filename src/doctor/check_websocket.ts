/**
 * Whether an open WebSocket does what it must: frames, pings, and their times.
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

/** How often several pings are sent in a row, and how many. */
const BURSTS = 7;
const IN_A_ROW = 3;

/**
 * From when on, in milliseconds, two small writes in a row are taken for stalled:
 * Linux delays its acknowledgements by 40.
 */
const STALL = 25;

/**
 * Looks at it.
 *
 * @returns Whether it can go on.
 */
export async function* examineWebSocket(
  examination: Examination,
  ws: OpenSocket,
): AsyncGenerator<Finding, boolean> {
  const times: number[] = [];
  try {
    for (let count = 0; count < examination.pings; count++) {
      const payload = crypto.getRandomValues(new Uint8Array(8));
      const begun = performance.now();
      ws.send({ opcode: Opcode.Ping, payload });
      const at = await step(
        examination,
        (signal) => pongTo(ws, payload, signal),
      );
      times.push(at - begun);
    }
    yield found("websocket", "frames", "ok", "frames are as they must be", {
      data: { messages: ws.messages },
    });
    yield latency(times);
    const stall = await findStall(examination, ws);
    if (stall !== undefined) yield stall;
    return true;
  } catch (error) {
    throwOwn(examination, error);
    yield whyNot(examination, error, times.length);
    return false;
  }
}

async function pongTo(
  ws: OpenSocket,
  payload: Uint8Array,
  signal: AbortSignal,
): Promise<number> {
  while (true) {
    const frame = await ws.pong(signal);
    if (frame.payload.toHex() === payload.toHex()) return frame.at;
    // One that nobody asked for says that somebody is there (RFC 6455, section
    // 5.5.3); one to this ping must be the same.
    if (frame.length === payload.length) {
      throw new FrameFault(
        "the server answers a ping with another payload (RFC 6455, section 5.5.3)",
      );
    }
  }
}

function latency(times: readonly number[]): Finding {
  const sorted = times.toSorted((a, b) => a - b);
  const part = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
  const [p50, p90, max] = [part(0.5), part(0.9), sorted.at(-1) ?? 0];
  return found(
    "websocket",
    "ping",
    "ok",
    `pings are answered in ${shownTime(p50)} (p50), ${shownTime(p90)} (p90), ${
      shownTime(max)
    } (max of ${times.length})`,
    { data: { p50, p90, max, pings: times.length } },
  );
}

/**
 * Sends pings in a row: where the server writes each pong by itself and has not
 * turned Nagle's algorithm off, the second waits until this side acknowledges the
 * first, which it delays (RFC 9293, section 3.8.6.3).
 */
async function findStall(
  examination: Examination,
  ws: OpenSocket,
): Promise<Finding | undefined> {
  const gaps: number[] = [];
  try {
    for (let burst = 0; burst < BURSTS; burst++) {
      const gap = await step(
        examination,
        (signal) => gapOfPongs(ws, signal),
        Math.min(examination.timeout, 2_000),
      );
      gaps.push(gap);
    }
  } catch (error) {
    throwOwn(examination, error);
    if (!isLate(error)) throw error;
    // One pong may stand for several pings (RFC 6455, section 5.5.3).
    return found(
      "websocket",
      "stall",
      "skipped",
      "whether small messages in a row stall is not known: of pings in a row, not all are answered",
    );
  }
  const median = gaps.toSorted((a, b) => a - b)[BURSTS >> 1] ?? 0;
  const data = { gap: median, gaps };
  if (median < STALL) {
    return found(
      "websocket",
      "stall",
      "ok",
      `small frames in a row do not wait for each other (${shownTime(median)})`,
      { data },
    );
  }
  return found(
    "websocket",
    "stall",
    "warning",
    `of small frames in a row, the second comes ${shownTime(median)} late`,
    {
      reason:
        "the server leaves Nagle's algorithm on, which meets the delayed acknowledgements of clients",
      remedy:
        'set TCP_NODELAY on the server\'s sockets; a server of this module: `engine: "node"`, or a proxy before it, or one message instead of several',
      data,
    },
  );
}

/** From the first pong to the last, in milliseconds. */
async function gapOfPongs(
  ws: OpenSocket,
  signal: AbortSignal,
): Promise<number> {
  const pings = Array.from({ length: IN_A_ROW }, () => ({
    opcode: Opcode.Ping,
    payload: crypto.getRandomValues(new Uint8Array(8)),
  }));
  ws.send(...pings);
  let first: number | undefined;
  let last = 0;
  const open = new Set(pings.map(({ payload }) => payload.toHex()));
  while (open.size > 0) {
    const { payload, at } = await ws.pong(signal);
    if (!open.delete(payload.toHex())) continue;
    first ??= at;
    last = at;
  }
  return last - (first ?? last);
}

function whyNot(
  { timeout }: Examination,
  error: unknown,
  pongs: number,
): Finding {
  const fail = (check: string, summary: string, remedy: string) =>
    found("websocket", check, "failure", summary, { remedy });
  if (error instanceof Endless) {
    return fail(
      "ping",
      `the server sends more than ${error.message}, and does not answer ${
        pongs === 0 ? "a ping" : "one more ping"
      } meanwhile`,
      "let it answer pings between what it sends (RFC 6455, section 5.5.3), and send less at once",
    );
  }
  if (error instanceof FrameFault) {
    return fail(
      "frames",
      error.message,
      "check which library the server uses, and whether a proxy in between changes what passes",
    );
  }
  if (error instanceof Gone && (error.code === 1000 || error.code === 1001)) {
    return found(
      "websocket",
      "ping",
      "warning",
      `pings could not be measured: the server ends the WebSocket with ${error.code}`,
      {
        reason: "nobody can tell how it keeps a connection, and how it closes",
        remedy: "examine a path on which it has more to say, or let it stay",
      },
    );
  }
  if (error instanceof Gone) {
    return fail(
      "ping",
      error.code === undefined
        ? "the server hangs up on the open WebSocket"
        : `the server closes the open WebSocket with ${error.code}${
          error.code === 1008
            ? " (against its rules)"
            : error.code === 1011
            ? " (its own fault)"
            : ""
        }`,
      "check whether it expects something to be said at once, such as who one is; its log may tell more",
    );
  }
  if (isLate(error)) {
    return fail(
      "ping",
      `the server does not answer ${
        pongs === 0 ? "a ping" : "one more ping"
      } within ${shownTime(timeout)}`,
      "let it answer pings (RFC 6455, section 5.5.3), or clients take it for dead",
    );
  }
  return fail("frames", "the connection fails", "look at the server's log");
}
