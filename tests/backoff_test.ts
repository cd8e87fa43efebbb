import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ConnectionClosedError,
  HandshakeError,
  NetworkError,
  TlsError,
  type TlsErrorReason,
} from "../src/errors.ts";
import {
  Backoff,
  type BackoffRules,
  resolveBackoff,
} from "../src/reconnect/backoff.ts";
import { FakeFate, seeded } from "./_fate.ts";

const LOST = new NetworkError("Cannot connect", {
  reason: "refused",
  remedy: "wait",
});

function refused(status: number | undefined, retryAfter?: string) {
  return new HandshakeError("Cannot connect", {
    ...(status === undefined ? {} : { status }),
    headers: new Headers(
      retryAfter === undefined ? {} : { "retry-after": retryAfter },
    ),
  });
}

function closed(code: number) {
  const info = { code, reason: "", wasClean: true };
  return new ConnectionClosedError("stay connected", info);
}

/** The delays after so many failed attempts. */
function delays(
  count: number,
  fate: FakeFate,
  options: Partial<BackoffRules> = {},
): number[] {
  const backoff = new Backoff(resolveBackoff(options), fate);
  return Array.from({ length: count }, () => {
    backoff.attempt++;
    return backoff.after(LOST, 0);
  });
}

Deno.test("Backoff.after() doubles the bound from minDelay to maxDelay", () => {
  const bounds = [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000];
  assertEquals(delays(8, new FakeFate()), bounds);
  assertEquals(delays(2000, new FakeFate()).at(-1), 30_000);
  const options = { minDelay: 10, maxDelay: 35 };
  assertEquals(delays(4, new FakeFate(), options), [10, 20, 35, 35]);
  assertEquals(delays(2, new FakeFate(), { maxDelay: 30 }), [30, 30]);
});

Deno.test("Backoff.after() takes any part of the bound with the same chance", () => {
  const bounds = [500, 1000, 2000, 4000];
  const fate = new FakeFate(seeded(7));
  const runs = Array.from({ length: 4000 }, () => delays(4, fate));
  for (const [index, bound] of bounds.entries()) {
    const tenths = new Array(10).fill(0);
    for (const run of runs) {
      const delay = run[index]!;
      assert(delay >= 0 && delay < bound, `${delay} of ${bound}`);
      tenths[Math.floor(10 * delay / bound)]++;
    }
    // Each holds 400 but for chance: five times its deviation of 19.
    for (const count of tenths) assert(Math.abs(count - 400) < 95, `${tenths}`);
  }
});

Deno.test("Backoff.after() starts over after a connection that was open for stableAfter, and after no other", () => {
  const rules = resolveBackoff({ stableAfter: 1000 });
  const backoff = new Backoff(rules, new FakeFate());
  const after = (lived: number) => {
    backoff.attempt++;
    return backoff.after(closed(1006), lived);
  };
  assertEquals([0, 999, 999].map(after), [500, 1000, 2000]);
  assertEquals(backoff.attempt, 3);
  assertEquals(after(1000), 500);
  assertEquals(backoff.attempt, 0);
  assertEquals(after(0), 1000);
  assertEquals(backoff.attempt, 1);
});

Deno.test("Backoff.after() adds what Retry-After asks for, up to maxRetryAfter", () => {
  const after = (value: string, options: Partial<BackoffRules> = {}) => {
    const backoff = new Backoff(resolveBackoff(options), new FakeFate());
    return backoff.after(refused(503, value), 0);
  };
  assertEquals(after("7"), 7500);
  assertEquals(after("0"), 500);
  assertEquals(after("86400"), 300_500);
  assertEquals(after("86400", { maxRetryAfter: 1000 }), 1500);
  // The fake clock stands at the first moment of 2030.
  assertEquals(after("Tue, 01 Jan 2030 00:00:10 GMT"), 10_500);
  assertEquals(after("Tuesday, 01-Jan-30 00:00:10 GMT"), 10_500);
  assertEquals(after("Mon, 31 Dec 2029 23:59:59 GMT"), 500);
  for (const value of ["", "soon", "-5", "1.5e9", "NaN"]) {
    assertEquals(after(value), 500, value);
  }
  // No timer takes longer; a longer one would fire at once.
  const most = 2 ** 31 - 1;
  const options = { maxRetryAfter: most, maxDelay: most, minDelay: most };
  assertEquals(after("9".repeat(400), options), most);
});

Deno.test("Backoff.after() throws what trying again can't mend", () => {
  const tls = (reason: TlsErrorReason) =>
    new TlsError("Cannot connect", { reason, remedy: "mend it" });
  const mendable = [
    LOST,
    new DOMException("Cannot connect: no answer", "TimeoutError"),
    ...[408, 421, 425, 429, 500, 502, 503, 504, 520, undefined].map((
      status,
    ) => refused(status)),
    ...[1000, 1001, 1005, 1006, 1011, 1012, 1013, 1014, 4000].map(closed),
    tls("not-yet-valid"),
    tls("other"),
  ];
  const lasting = [
    ...[200, 301, 302, 400, 401, 403, 404, 405, 406, 410, 414, 426, 431]
      .map((status) => refused(status)),
    ...[451, 501, 505].map((status) => refused(status)),
    ...[1002, 1003, 1007, 1008, 1009, 1010, 3000, 3003].map(closed),
    new NetworkError("Cannot connect", {
      reason: "proxy-login",
      remedy: "mend it",
    }),
    tls("unknown-issuer"),
    tls("expired"),
    tls("name-mismatch"),
    tls("not-tls"),
    tls("client-certificate-required"),
    new TypeError("Cannot connect: the URL is malformed"),
    new RangeError("Cannot use openTimeout"),
    new Deno.errors.NotCapable("Requires net access"),
    new DOMException("Stop", "AbortError"),
    "a string",
    undefined,
  ];
  const backoff = () => new Backoff(resolveBackoff({}), new FakeFate());
  for (const error of mendable) assertEquals(backoff().after(error, 0), 500);
  for (const error of lasting) assertEquals(thrownBy(error), error);

  function thrownBy(error: unknown): unknown {
    try {
      backoff().after(error, 0);
    } catch (thrown) {
      return thrown;
    }
    return "nothing was thrown";
  }
});

Deno.test("Backoff.after() asks `retry`, and tells it what is usual", () => {
  const asked: [unknown, boolean][] = [];
  const after = (error: unknown, answer: boolean) => {
    const retry = (error: unknown, mendable: boolean) => {
      asked.push([error, mendable]);
      return answer;
    };
    return new Backoff(resolveBackoff({ retry }), new FakeFate())
      .after(error, 0);
  };
  const forbidden = refused(403);
  assertEquals(after(forbidden, true), 500);
  assertThrows(() => after(LOST, false), NetworkError);
  assertEquals(asked, [[forbidden, false], [LOST, true]]);
});

Deno.test("Backoff.after() gives up after maxAttempts in a row, however long it lasted before", () => {
  const rules = resolveBackoff({ maxAttempts: 2 });
  const backoff = new Backoff(rules, new FakeFate());
  const after = (lived: number) => {
    backoff.attempt++;
    return backoff.after(closed(1006), lived);
  };
  for (let round = 0; round < 5; round++) {
    after(0);
    after(60_000);
  }
  after(0);
  assertThrows(() => after(0), ConnectionClosedError, "code 1006");
});

Deno.test("resolveBackoff() refuses what makes no sense, and names it", () => {
  const refuses = (options: object, name: string) =>
    assertThrows(() => resolveBackoff(options), Error, `Cannot use ${name}: `);
  for (
    const name of ["minDelay", "maxDelay", "stableAfter", "maxRetryAfter"]
  ) {
    for (const value of [0, -1, NaN, Infinity, 2 ** 31, "500"]) {
      refuses({ [name]: value }, name);
    }
  }
  refuses({ minDelay: 11, maxDelay: 10 }, "minDelay");
  for (const value of [0, 1.5, "3"]) {
    refuses({ maxAttempts: value }, "maxAttempts");
  }
  refuses({ retry: [404] }, "retry");
});
