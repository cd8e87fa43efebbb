import { assertEquals } from "@std/assert";
import { NO_SEAT, Roster } from "../src/roster.ts";

class Guest {
  seat = NO_SEAT;
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A roster with so many, and them. */
function party(names: string): [Roster<"seat", Guest>, ...Guest[]] {
  const roster = new Roster<"seat", Guest>("seat");
  const guests = [...names].map((name) => new Guest(name));
  for (const guest of guests) roster.add(guest);
  return [roster, ...guests];
}

function namesOf(guests: Iterable<Guest>): string {
  return [...guests].map(({ name }) => name).sort().join("");
}

Deno.test("Roster has whoever was added and not deleted, through any order of both", () => {
  const [roster] = party("");
  const set = new Set<Guest>();
  const all = Array.from({ length: 40 }, (_, i) => new Guest(`${i}`));
  let state = 7;
  for (let step = 0; step < 4000; step++) {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    const guest = all[state % all.length]!;
    if (set.has(guest)) {
      set.delete(guest);
      assertEquals(roster.delete(guest), true);
    } else {
      assertEquals(roster.delete(guest), false);
      set.add(guest);
      roster.add(guest);
    }
    assertEquals(roster.size, set.size);
    assertEquals(roster.has(guest), set.has(guest));
  }
  assertEquals(namesOf(roster), namesOf(set));
});

Deno.test("Roster visits nobody twice and leaves nobody out while members leave", () => {
  const [roster, a, , c] = party("abcde");
  const visited: string[] = [];
  for (const guest of roster) {
    visited.push(guest.name);
    roster.delete(guest);
    if (guest === a) roster.delete(c!);
  }
  assertEquals(visited.sort().join(""), "abde");
  assertEquals(roster.size, 0);
});

Deno.test("Roster is the set that its type says", () => {
  const [roster, a, b, c] = party("abc");
  const other = new Set([b!, c!, new Guest("d")]);
  assertEquals(namesOf(roster.keys()), "abc");
  assertEquals([...roster.entries()][0], [a, a]);
  const seen: Guest[] = [];
  roster.forEach((guest, same, all) => {
    assertEquals([guest, all], [same, roster]);
    seen.push(guest);
  });
  assertEquals(namesOf(seen), "abc");
  assertEquals(namesOf(roster.union(other)), "abcd");
  assertEquals(namesOf(roster.intersection(other)), "bc");
  assertEquals(namesOf(roster.difference(other)), "a");
  assertEquals(namesOf(roster.symmetricDifference(other)), "ad");
  assertEquals(roster.isSubsetOf(other), false);
  assertEquals(roster.isSupersetOf(new Set([a])), true);
  assertEquals(roster.isDisjointFrom(new Set([a])), false);
});
