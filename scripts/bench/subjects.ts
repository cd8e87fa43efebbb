/**
 * Who is measured.
 *
 * @module
 */

import type { RuntimeName } from "./runtimes.ts";
import type { SubjectInfo } from "./results.ts";

/** A server under test, or a client. */
export interface Subject
  extends Pick<SubjectInfo, "id" | "name" | "group" | "side" | "base"> {
  /** What runs it. */
  readonly runtime: RuntimeName;
  /** Its script in `servers/`, or `clients/`. */
  readonly script: string;
  /** What a script of Deno has to be permitted besides listening and its certificate. */
  readonly flags?: readonly string[];
  /** Whether only a full benchmark measures it: it differs little from another one. */
  readonly fullOnly?: boolean;
}

const WS_FLAGS = ["--allow-env=WS_NO_BUFFER_UTIL"] as const;
const C_LIBRARY = `/lib/${Deno.build.arch}-linux-gnu/libc.so.6`;

/** Servers of this module, of what it is made of, and of others. */
export const SERVERS: readonly Subject[] = [
  ours("wss-iterate", "serve(), for await", "iterate.ts"),
  {
    ...ours("wss-receive", "serve(), receive()", "receive.ts"),
    fullOnly: true,
  },
  { ...ours("wss-streams", "serve(), streams", "streams.ts"), fullOnly: true },
  {
    ...ours("wss-no-delay", "serve(), noDelay", "no_delay.ts"),
    base: "bare-no-delay",
    flags: [`--allow-ffi=${C_LIBRARY}`],
    fullOnly: true,
  },
  bare("bare", "Deno.serve, bare", "bare.ts"),
  {
    ...bare("bare-no-delay", "Deno.serve, setNoDelay()", "bare_no_delay.ts"),
    flags: [`--allow-ffi=${C_LIBRARY}`],
    fullOnly: true,
  },
  {
    ...ours("strict-iterate", "serve() strict, for await", "strict_iterate.ts"),
    base: "bare-ws",
  },
  {
    ...ours("strict-receive", "serve() strict, receive()", "strict_receive.ts"),
    base: "bare-ws",
    fullOnly: true,
  },
  {
    ...ours("strict-streams", "serve() strict, streams", "strict_streams.ts"),
    base: "bare-ws",
    fullOnly: true,
  },
  { ...bare("bare-ws", "npm:ws, bare", "bare_ws.ts"), flags: WS_FLAGS },
  peer("node-ws", "ws on Node", "node", "node_ws.cjs"),
  peer("bun", "Bun.serve", "bun", "bun.js"),
  peer("python", "websockets on Python", "python", "python_websockets.py"),
];

/** Clients of this module, and of what it is made of. */
export const CLIENTS: readonly Subject[] = [
  {
    ...ours("connect-iterate", "connect(), for await", "iterate.ts"),
    side: "client",
    base: "websocket",
  },
  { ...bare("websocket", "WebSocket, bare", "bare.ts"), side: "client" },
  {
    ...ours(
      "connect-strict",
      "connect() strict, for await",
      "strict_iterate.ts",
    ),
    side: "client",
    base: "ws-client",
  },
  {
    ...bare("ws-client", "client of npm:ws, bare", "bare_ws.ts"),
    side: "client",
    flags: WS_FLAGS,
  },
];

/** The server that the clients speak to: one that delays no small message. */
export const CLIENTS_SERVER: Subject = {
  ...bare("bare-ws", "npm:ws, bare", "bare_ws.ts"),
  flags: WS_FLAGS,
};

function ours(id: string, name: string, script: string): Subject {
  return {
    id,
    name,
    group: "wss",
    side: "server",
    base: "bare",
    runtime: "deno",
    script,
  };
}

function bare(id: string, name: string, script: string): Subject {
  // What is bare is compared with the first of them, but for that one.
  const base = id.startsWith("bare-") ? { base: "bare" } : {};
  const shape = { group: "bare", side: "server", runtime: "deno" } as const;
  return { id, name, ...shape, ...base, script };
}

function peer(
  id: string,
  name: string,
  runtime: RuntimeName,
  script: string,
): Subject {
  return {
    id,
    name,
    group: "peer",
    side: "server",
    base: "bare",
    runtime,
    script,
  };
}
