/**
 * What is measured, how often and for how long.
 *
 * @module
 */

import type { Shape } from "./frames.ts";

/** A server under test. */
export interface Subject {
  name: string;
  /** Its script in `servers/`. */
  script: string;
}

/** The subjects; all are compared with the first. */
export const SUBJECTS: readonly Subject[] = [
  { name: "Deno.serve, bare", script: "bare.ts" },
  { name: "serve(), for await", script: "iterate.ts" },
  { name: "serve(), receive()", script: "receive.ts" },
];

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

/** How often, and for how long. */
export interface Plan {
  echo: {
    rounds: number;
    /** How long to go before measuring, in ms. */
    warmUp: number;
    /** How long to measure, in ms. */
    duration: number;
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

/** Under two minutes. */
export const QUICK: Plan = {
  echo: { rounds: 4, warmUp: 300, duration: 700 },
  idle: { rounds: 2, warmUp: 500, connections: 2_000 },
  startUp: { rounds: 5 },
};

/** For figures that are published. */
export const FULL: Plan = {
  echo: { rounds: 12, warmUp: 1_000, duration: 2_000 },
  idle: { rounds: 6, warmUp: 500, connections: 2_000 },
  startUp: { rounds: 20 },
};
