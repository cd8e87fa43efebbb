/**
 * One timer for all connections of the same patience, instead of one each.
 *
 * @module
 */

/** Something that wants to be looked at now and then. */
export interface Watched {
  /** Looks at the state of things; `now` is in milliseconds. */
  check(now: number): void;
}

interface Round {
  readonly members: Set<Watched>;
  readonly timer: ReturnType<typeof setInterval>;
}

const rounds = new Map<number, Round>();

/** Checks `watched` four times in every `patience` milliseconds. */
export function watch(watched: Watched, patience: number): void {
  let round = rounds.get(patience);
  if (round === undefined) {
    const members = new Set<Watched>();
    const timer = setInterval(() => {
      const now = performance.now();
      for (const member of members) member.check(now);
    }, Math.max(1, patience / 4));
    round = { members, timer };
    rounds.set(patience, round);
  }
  round.members.add(watched);
}

/** Checks `watched` no more; the last to go stops the timer. */
export function unwatch(watched: Watched, patience: number): void {
  const round = rounds.get(patience);
  if (!round?.members.delete(watched) || round.members.size > 0) return;
  clearInterval(round.timer);
  rounds.delete(patience);
}
