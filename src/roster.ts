/**
 * A set for members that come and go all the time.
 *
 * A `Set` outgrows its table again and again, and each table that it leaves
 * behind refers to the next. Once one of them has grown old, all that was in the
 * later ones survives the collections of young garbage: on a server, everything
 * of every connection. So members have seats in an array here, and know them.
 *
 * @module
 */

/** Who can be on a roster: its seat there is in a property of this name. */
export type Seated<Seat extends string> = { [Name in Seat]: number };

/** The seat of whoever is on no roster. */
export const NO_SEAT = -1;

/** A set of objects, each of which is on one roster of its kind at a time. */
export class Roster<Seat extends string, Member extends Seated<Seat>>
  implements ReadonlySet<Member> {
  readonly #seat: Seat;
  readonly #members: Member[] = [];

  /** @param seat The property of a member that tells its seat. */
  constructor(seat: Seat) {
    this.#seat = seat;
  }

  /** How many there are. */
  get size(): number {
    return this.#members.length;
  }

  /** Adds one that is on no roster of this kind. */
  add(member: Member): void {
    this.#sit(member, this.#members.length);
  }

  /** Takes one off, whose seat the last one gets. */
  delete(member: Member): boolean {
    if (!this.has(member)) return false;
    const last = this.#members.pop()!;
    if (last !== member) this.#sit(last, member[this.#seat]);
    (member as Seated<Seat>)[this.#seat] = NO_SEAT;
    return true;
  }

  has(member: Member): boolean {
    return this.#members[member[this.#seat]] === member;
  }

  /** Those that are on it now, but for those that leave before their turn. */
  *values(): SetIterator<Member> {
    for (const member of this.#members.slice()) {
      if (this.has(member)) yield member;
    }
  }

  keys(): SetIterator<Member> {
    return this.values();
  }

  [Symbol.iterator](): SetIterator<Member> {
    return this.values();
  }

  *entries(): SetIterator<[Member, Member]> {
    for (const member of this.values()) yield [member, member];
  }

  forEach(
    callback: (member: Member, same: Member, all: ReadonlySet<Member>) => void,
    self?: unknown,
  ): void {
    for (const member of this.values()) {
      callback.call(self, member, member, this);
    }
  }

  union<Other>(other: ReadonlySetLike<Other>): Set<Member | Other> {
    return new Set<Member>(this).union(other);
  }

  intersection<Other>(other: ReadonlySetLike<Other>): Set<Member & Other> {
    return new Set<Member>(this).intersection(other);
  }

  difference<Other>(other: ReadonlySetLike<Other>): Set<Member> {
    return new Set<Member>(this).difference(other);
  }

  symmetricDifference<Other>(
    other: ReadonlySetLike<Other>,
  ): Set<Member | Other> {
    return new Set<Member>(this).symmetricDifference(other);
  }

  isSubsetOf(other: ReadonlySetLike<unknown>): boolean {
    return new Set<Member>(this).isSubsetOf(other);
  }

  isSupersetOf(other: ReadonlySetLike<unknown>): boolean {
    return new Set<unknown>(this).isSupersetOf(other);
  }

  isDisjointFrom(other: ReadonlySetLike<unknown>): boolean {
    return new Set<unknown>(this).isDisjointFrom(other);
  }

  #sit(member: Member, seat: number): void {
    this.#members[seat] = member;
    (member as Seated<Seat>)[this.#seat] = seat;
  }
}
