/**
 * How often things are measured, and for how long.
 *
 * @module
 */

/** How long to load a server. */
export interface Times {
  /** How long to go before measuring, in ms. */
  readonly warmUp: number;
  /** How long to measure, in ms. */
  readonly duration: number;
}

/** How often, and for how long. */
export interface Plan {
  readonly name: string;
  readonly rounds: {
    /** Of most cases. */
    readonly most: number;
    /** Of those that take long, or hardly vary. */
    readonly few: number;
    /** Of those that take little time, and vary. */
    readonly many: number;
  };
  readonly echo: Times;
  readonly latency: Times;
  readonly burst: {
    /** How many are measured. */
    readonly count: number;
    /** After how long there are no more, in ms. */
    readonly duration: number;
  };
  readonly handshake: Times & {
    /** How many are under way at a time. */
    readonly atATime: number;
  };
  readonly broadcast: {
    readonly connections: number;
    readonly warmUp: number;
    readonly count: number;
  };
  readonly idle: {
    /** How many connections are opened and closed, and opened again, before. */
    readonly warmUp: number;
  };
}

/** Under three minutes. */
export const QUICK: Plan = {
  name: "quick",
  rounds: { most: 2, few: 1, many: 3 },
  echo: { warmUp: 250, duration: 400 },
  latency: { warmUp: 100, duration: 400 },
  burst: { count: 200, duration: 400 },
  handshake: { warmUp: 400, duration: 400, atATime: 32 },
  broadcast: { connections: 1_000, warmUp: 3, count: 10 },
  idle: { warmUp: 300 },
};

/** For figures that are published: under half an hour. */
export const FULL: Plan = {
  name: "full",
  rounds: { most: 5, few: 2, many: 11 },
  echo: { warmUp: 500, duration: 1_000 },
  latency: { warmUp: 200, duration: 1_000 },
  burst: { count: 300, duration: 1_000 },
  // Code that the runtime compiles during its first thousands of connections
  // looks like a price of each.
  handshake: { warmUp: 2_000, duration: 1_000, atATime: 32 },
  broadcast: { connections: 1_000, warmUp: 5, count: 30 },
  idle: { warmUp: 500 },
};
