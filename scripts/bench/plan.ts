/**
 * What is measured, how often and for how long.
 *
 * @module
 */

import type { Shape } from "./frames.ts";

/** A server under test, or a client. */
export interface Subject {
  name: string;
  /** Its script in `servers/`, or `clients/`. */
  script: string;
  /** The name of the subject that it is compared with. */
  base?: string;
  /** What it has to be permitted besides listening and its certificate. */
  flags?: readonly string[];
}

const BARE = "Deno.serve, bare";
const BARE_WS = "npm:ws, bare";
const WS_FLAGS = ["--allow-env=WS_NO_BUFFER_UTIL"] as const;

/** The subjects. */
export const SUBJECTS: readonly Subject[] = [
  { name: BARE, script: "bare.ts" },
  { name: "serve(), for await", script: "iterate.ts", base: BARE },
  { name: "serve(), receive()", script: "receive.ts", base: BARE },
  { name: BARE_WS, script: "bare_ws.ts", base: BARE, flags: WS_FLAGS },
  {
    name: "serve() strict, for await",
    script: "strict_iterate.ts",
    base: BARE_WS,
  },
  {
    name: "serve() strict, receive()",
    script: "strict_receive.ts",
    base: BARE_WS,
  },
];

const BARE_CLIENT = "WebSocket, bare";
const BARE_WS_CLIENT = "client of npm:ws, bare";

/** The clients. */
export const CLIENTS: readonly Subject[] = [
  { name: BARE_CLIENT, script: "bare.ts" },
  { name: "connect(), for await", script: "iterate.ts", base: BARE_CLIENT },
  {
    name: BARE_WS_CLIENT,
    script: "bare_ws.ts",
    base: BARE_CLIENT,
    flags: ["--allow-env=WS_NO_BUFFER_UTIL"],
  },
  {
    name: "connect() strict, for await",
    script: "strict_iterate.ts",
    base: BARE_WS_CLIENT,
  },
];

/** The server that the clients speak to: one that delays no small message. */
export const CLIENTS_SERVER: Subject = {
  name: BARE_WS,
  script: "bare_ws.ts",
  flags: WS_FLAGS,
};

/** A load of echoes. */
export interface EchoCase {
  name: string;
  shape: Shape;
  connections: number;
}

/** The loads. */
export const ECHO_CASES: readonly EchoCase[] = [
  {
    name: "16 B text, 64 × 1",
    shape: { size: 16, text: true, window: 1 },
    connections: 64,
  },
  {
    name: "1 KiB binary, 64 × 1",
    shape: { size: 1024, text: false, window: 1 },
    connections: 64,
  },
  {
    name: "1 KiB binary, 64 × 8",
    shape: { size: 1024, text: false, window: 8 },
    connections: 64,
  },
  {
    name: "64 KiB binary, 16 × 4",
    shape: { size: 65_536, text: false, window: 4 },
    connections: 16,
  },
];

/** How long to load a server. */
export interface Times {
  /** How long to go before measuring, in ms. */
  warmUp: number;
  /** How long to measure, in ms. */
  duration: number;
}

/** How often, and for how long. */
export interface Plan {
  /** How often every server gets every load. */
  rounds: number;
  echo: Times;
  burst: {
    /** How many are measured. */
    count: number;
    /** After how long there are no more, in ms. */
    duration: number;
  };
  handshake: Times & {
    /** How many are under way at a time. */
    atATime: number;
  };
  idle: {
    rounds: number;
    /** How many connections are opened and closed, and opened again, before. */
    warmUp: number;
    /** How many are measured. */
    connections: number;
  };
  startUp: { rounds: number };
}

/** Under two and a half minutes. */
export const QUICK: Plan = {
  rounds: 3,
  echo: { warmUp: 250, duration: 450 },
  burst: { count: 200, duration: 500 },
  handshake: { warmUp: 200, duration: 400, atATime: 32 },
  idle: { rounds: 2, warmUp: 300, connections: 1_000 },
  startUp: { rounds: 5 },
};

/** For figures that are published. */
export const FULL: Plan = {
  rounds: 8,
  echo: { warmUp: 700, duration: 1_500 },
  burst: { count: 300, duration: 1_000 },
  handshake: { warmUp: 300, duration: 1_000, atATime: 32 },
  idle: { rounds: 4, warmUp: 500, connections: 2_000 },
  startUp: { rounds: 15 },
};
