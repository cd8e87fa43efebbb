/**
 * One timer for all connections of the same patience, instead of one each.
 *
 * @module
 */

/** Something that wants to be looked at now and then. */
export interface Watched {
  /** Its place among those that are watched, see `roster.ts` for why. */
  place: number;
  /** Looks at the state of things; `now` is in milliseconds. */
  check(now: number): void;
}

interface Round {
  readonly members: Watched[];
  readonly timer: ReturnType<typeof setInterval>;
}

const rounds = new Map<number, Round>();

/**
 * Checks `watched` four times in every `patience` milliseconds.
 *
 * @returns The timer, which is new if there was nobody else to be checked.
 */
export function watch(
  watched: Watched,
  patience: number,
): Round["timer"] {
  let round = rounds.get(patience);
  if (round === undefined) {
    const members: Watched[] = [];
    const timer = setInterval(() => {
      const now = performance.now();
      for (const member of members.slice()) member.check(now);
    }, Math.max(1, patience / 4));
    round = { members, timer };
    rounds.set(patience, round);
  }
  watched.place = round.members.push(watched) - 1;
  return round.timer;
}

/** Checks `watched`, which is, no more; the last to go stops the timer. */
export function unwatch(watched: Watched, patience: number): void {
  const round = rounds.get(patience);
  if (round === undefined) return;
  const last = round.members.pop()!;
  // The last one gets the place that is free.
  if (last !== watched) round.members[last.place = watched.place] = last;
  if (round.members.length > 0) return;
  clearInterval(round.timer);
  rounds.delete(patience);
}
