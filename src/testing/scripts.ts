/**
 * How a server or a client by hand follows its behaviour.
 *
 * @module
 */

import { setTimeout as pause } from "node:timers/promises";
import type { Behaviour, ClientBehaviour } from "./behaviour.ts";
import {
  type Answer,
  closePayload,
  type FrameShape,
  handshake,
  joined,
  Opcode,
  type RawPeer,
} from "./raw_peer.ts";

/** One connection, and what can be done with it. */
export interface Stage {
  readonly peer: RawPeer;
  /** Aborts when the connection has ended. */
  readonly signal: AbortSignal;
  /** Reads nothing from now on. */
  stop(): void;
  /** Says goodbye, as TLS and TCP do, once all is sent. */
  end(): void;
  /** Hangs up without a word, or resets the connection. */
  hangUp(reset?: boolean): void;
}

/** One connection of a server. */
export interface ServerStage extends Stage {
  /** Reads the request, and takes note of it. */
  request(): Promise<Answer>;
}

const DEFAULT_FLOOD = 64 << 20;
const BURST = 1000;

/** Twenty zeroes: the digest of no key that anybody will find. */
const OTHER_ACCEPT = "AAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/** Whether it happens before TLS. */
export function isBare(behaviour: Behaviour): boolean {
  return behaviour.kind === "silent" ||
    behaviour.kind === "hang-up" && behaviour.on === "connection";
}

/** Follows a behaviour until the connection is to be left alone. */
export async function follow(
  behaviour: Behaviour,
  stage: ServerStage,
): Promise<void> {
  switch (behaviour.kind) {
    case "silent":
    case "unanswered":
      return await stage.peer.ended();
    case "answer":
      return await answer(stage, behaviour);
    case "trickle":
      return await trickle(stage, behaviour.interval);
    case "wrong-accept":
      return await wrongAccept(stage);
    case "hang-up":
      if (behaviour.on === "open") await open(stage);
      else if (behaviour.on !== "connection") await stage.request();
      return stage.hangUp(behaviour.reset);
    case "wrong-protocol": {
      const { protocol = "unasked" } = behaviour;
      const request = await stage.request();
      const header = `Sec-WebSocket-Protocol: ${protocol}`;
      await stage.peer.agree(request, [header]);
      return await echo(stage, true);
    }
  }
  await open(stage);
  switch (behaviour.kind) {
    case "mute":
      return await stage.peer.ended();
    case "stuck":
      return stage.stop();
    case "flood":
      return await flood(stage, behaviour);
    case "close":
      return await close(stage, behaviour);
    case "break-off":
      return await breakOff(stage, behaviour);
    case "never-closes":
      return await echo(stage, false);
    case "echo":
      return await echo(stage, true);
  }
}

/** Follows a client's behaviour until the connection is to be left alone. */
export async function pursue(
  behaviour: ClientBehaviour,
  url: URL,
  stage: Stage,
): Promise<void> {
  const { peer } = stage;
  const lines = handshake(url.host, url.pathname + url.search);
  switch (behaviour.kind) {
    case "silent":
    case "no-request":
      return;
    case "half-request":
      return await peer.write(`${lines.join("\r\n")}\r\n`);
    case "trickle":
      return await drip(
        stage,
        `${lines.join("\r\n")}\r\n\r\n`,
        behaviour.interval,
      );
  }
  const { line, status } = await peer.ask(lines);
  if (status !== 101) {
    throw new Error(
      `Cannot misbehave on a WebSocket: the server answered ${
        JSON.stringify(line)
      }; let it agree, or choose what comes before the request`,
    );
  }
  switch (behaviour.kind) {
    case "mute":
      return;
    case "stuck":
      return stage.stop();
    case "flood":
      return await flood(stage, behaviour);
    case "break-off":
      return await breakOff(stage, behaviour);
    case "unmasked":
      return await peer.send({
        opcode: Opcode.Text,
        payload: "unmasked",
        masked: false,
      });
  }
}

/** Opens the WebSocket, with the first subprotocol that is offered. */
async function open(stage: ServerStage): Promise<void> {
  const request = await stage.request();
  await stage.peer.agree(request, firstProtocol(request));
}

function firstProtocol({ headers }: Answer): string[] {
  const [first] = headers.get("sec-websocket-protocol")?.split(",") ?? [];
  return first === undefined ? [] : [`Sec-WebSocket-Protocol: ${first.trim()}`];
}

async function answer(
  stage: ServerStage,
  { status, statusText = "", headers = {}, body = "" }: Extract<
    Behaviour,
    { kind: "answer" }
  >,
): Promise<void> {
  await stage.request();
  const bytes = new TextEncoder().encode(body);
  const lines = [
    `HTTP/1.1 ${status} ${statusText}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${bytes.length}`,
    "Connection: close",
  ];
  const head = new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
  await stage.peer.write(joined([head, bytes]));
  stage.end();
  await stage.peer.ended();
}

async function wrongAccept(stage: ServerStage): Promise<void> {
  await stage.request();
  await stage.peer.write(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
      `Connection: Upgrade\r\nSec-WebSocket-Accept: ${OTHER_ACCEPT}\r\n\r\n`,
  );
  await echo(stage, true);
}

async function trickle(stage: ServerStage, interval?: number): Promise<void> {
  await stage.request();
  const text = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
    "Connection: Upgrade\r\nX-Slow: ".padEnd(4096, "z");
  await drip(stage, text, interval);
}

async function drip(
  { peer, signal }: Stage,
  text: string,
  interval = 100,
): Promise<void> {
  for (const char of text) {
    await peer.write(char);
    await pause(interval, undefined, { signal });
  }
}

async function flood(
  { peer, end }: Stage,
  { of, bytes = DEFAULT_FLOOD }: Extract<Behaviour, { kind: "flood" }>,
): Promise<void> {
  const frame = peer.encode(
    of === "pings"
      ? { opcode: Opcode.Ping }
      : of === "messages"
      ? { opcode: Opcode.Text, payload: "flood" }
      : { opcode: Opcode.Continuation, payload: "flood", fin: false },
  );
  const burst = joined(Array(BURST).fill(frame));
  let close: Uint8Array | undefined;
  const reading = nextClose(peer).then((payload) => close = payload);
  reading.catch(() => {}); // It is awaited below, if all goes well till then.
  if (of === "fragments") {
    await peer.send({ opcode: Opcode.Text, payload: "flood", fin: false });
  }
  for (let sent = 0; close === undefined && sent < bytes;) {
    await peer.write(burst);
    sent += burst.length;
  }
  await peer.send({ opcode: Opcode.Close, payload: await reading });
  end();
}

async function close(
  { peer, end }: Stage,
  { code = 1000, reason = "" }: Extract<Behaviour, { kind: "close" }>,
): Promise<void> {
  const payload = closePayload(code, reason);
  await peer.send({ opcode: Opcode.Close, payload });
  await nextClose(peer);
  end();
  await peer.ended();
}

async function breakOff(
  stage: Stage,
  { after = 1, reset }: Extract<Behaviour, { kind: "break-off" }>,
): Promise<void> {
  await stage.peer.send({
    opcode: Opcode.Binary,
    payload: new Uint8Array(after),
    claims: after + 1000,
  });
  stage.hangUp(reset);
}

/** Sends back what comes, and says whether it closes. */
async function echo({ peer, end }: Stage, closes: boolean): Promise<void> {
  while (true) {
    const { opcode, payload, fin } = await peer.readFrame();
    if (opcode === Opcode.Pong) continue;
    if (opcode === Opcode.Close && !closes) continue;
    const reply: FrameShape = { opcode, payload, fin };
    if (opcode === Opcode.Ping) reply.opcode = Opcode.Pong;
    await peer.send(reply);
    if (opcode !== Opcode.Close) continue;
    end();
    return await peer.ended();
  }
}

/** The payload of the next close frame; all before it is dropped. */
async function nextClose(peer: RawPeer): Promise<Uint8Array> {
  while (true) {
    const { opcode, payload } = await peer.readFrame();
    if (opcode === Opcode.Close) return payload;
  }
}
