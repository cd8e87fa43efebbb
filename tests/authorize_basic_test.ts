import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { connect, HandshakeError, serve } from "../mod.ts";
import { basicAuth } from "../src/authorize/basic_auth.ts";
import { answerOf, basic, decide, refusal } from "./_authorize.ts";

const users = { ada: "a:b c", "Zoë": "pässwörd", bob: "a:b cd" };
const CHALLENGE = 'Basic realm="WebSocket", charset="UTF-8"';

/** What `basicAuth` makes of an `Authorization` header. */
function sign(authorization: string): unknown {
  return decide(basicAuth({ users }), { headers: { authorization } });
}

function statusOf(verdict: unknown): number {
  assertInstanceOf(verdict, Response);
  return verdict.status;
}

Deno.test("basicAuth() lets in who knows the password, and gives the handler the user", async () => {
  await using server = await serve(
    { port: 0, authorize: basicAuth({ users }) },
    async (ws) => {
      const user: string = ws.context.user;
      await ws.send(user);
    },
  );
  for (const [user, password] of Object.entries(users)) {
    const headers = { authorization: basic(user, password) };
    await using ws = await connect(server.url, { headers });
    assertEquals(await ws.receive(), user);
  }
  const headers = { authorization: basic("ada", "wrong") };
  const error = await assertRejects(
    () => connect(server.url, { headers }),
    HandshakeError,
  );
  assertEquals(error.status, 401);
});

Deno.test("basicAuth() asks for UTF-8 in its challenge, with and without credentials", async () => {
  const authorize = basicAuth({ users });
  for (
    const [lines, body] of [
      [[], "A user name and a password are required\n"],
      [
        [`Authorization: ${basic("ada", "wrong")}`],
        "The user name or the password is wrong\n",
      ],
    ] as const
  ) {
    const answer = await answerOf(authorize, [...lines]);
    assertEquals(answer.status, 401);
    assertEquals(answer.headers.get("www-authenticate"), CHALLENGE);
    assertEquals(answer.body, body);
  }
});

Deno.test("basicAuth() quotes the realm", async () => {
  const authorize = basicAuth({ users, realm: 'The "inner" \\ circle' });
  assertEquals(
    (await refusal(authorize)).challenge,
    'Basic realm="The \\"inner\\" \\\\ circle", charset="UTF-8"',
  );
});

Deno.test("basicAuth() compares whole names with whole passwords", () => {
  assertEquals(sign(basic("ada", "a:b c")), { user: "ada" });
  for (
    const [user, password] of [
      ["ada", ""],
      ["ada", "a"],
      ["ada", "a:b "],
      ["ada", "a:b cd"], // bob's, and one letter longer than her own
      ["ada", "a:b d"],
      ["ada", "A:b c"],
      ["ad", "a:b c"],
      ["adaa", "a:b c"],
      ["bob", "a:b c"],
      ["", "a:b c"],
      ["eve", "a:b c"],
    ] as const
  ) {
    assertEquals(statusOf(sign(basic(user, password))), 401);
  }
});

Deno.test("basicAuth() refuses control characters before verify hears of them", () => {
  const authorize = basicAuth({ verify: () => true });
  for (const password of ["secret\0", "a\nb", "\x7f"]) {
    const headers = { authorization: basic("ada", password) };
    assertEquals(statusOf(decide(authorize, { headers })), 401);
  }
});

Deno.test("basicAuth() takes the two Unicode forms of a name for the same", () => {
  assertEquals(sign(basic("Zoe\u0308", "pa\u0308sswo\u0308rd")), {
    user: "Zo\u00eb",
  });
  assertThrows(
    () => basicAuth({ users: { "Zo\u00eb": "a", "Zoe\u0308": "b" } }),
    TypeError,
    "same user twice",
  );
});

Deno.test("basicAuth() takes the scheme in any case, and more than one space", () => {
  const encoded = basic("ada", "a:b c").slice("Basic ".length);
  for (const scheme of ["basic ", "BASIC ", "Basic   "]) {
    assertEquals(sign(scheme + encoded), { user: "ada" });
  }
});

Deno.test("basicAuth() answers 401 to what is malformed, whatever verify would say", () => {
  const good = basic("ada", "a:b c");
  const authorize = basicAuth({ verify: () => true });
  const verdictOf = (authorization: string) =>
    decide(authorize, { headers: { authorization } });
  assertEquals(verdictOf(good), { user: "ada" });
  for (
    const header of [
      "",
      "Basic",
      "Basic !!!!",
      "Basic YQ=", // padding too short
      `Basic ${btoa("no colon")}`,
      `Basic ${btoa("ada:\xff\xfe")}`, // not UTF-8
      basic("ada", "a:b c\n"),
      `${good} ${good}`,
      `${good}, ${good}`,
      `Bearer ${good.slice("Basic ".length)}`,
      good.replace(" ", ""),
    ]
  ) {
    assertEquals(statusOf(verdictOf(header)), 401);
  }
});

Deno.test("basicAuth() asks verify, synchronously where that is, and takes nothing but true for a yes", async () => {
  const seen: unknown[] = [];
  const headers = { authorization: basic("ada", "x:y") };
  const verify = (user: string, password: string) => {
    seen.push([user, password]);
    return password === "x:y";
  };
  assertEquals(decide(basicAuth({ verify }), { headers }), { user: "ada" });
  assertEquals(seen, [["ada", "x:y"]]);

  const later = decide(
    basicAuth({ verify: (...given) => Promise.resolve(verify(...given)) }),
    { headers },
  );
  assertInstanceOf(later, Promise);
  assertEquals(await later, { user: "ada" });

  for (const verdict of [1, "yes", {}, undefined, false]) {
    const authorize = basicAuth({ verify: () => verdict as boolean });
    assertEquals(statusOf(decide(authorize, { headers })), 401);
  }
});

Deno.test("basicAuth() does not ask verify when no credentials came", () => {
  const authorize = basicAuth({
    verify: () => {
      throw new Error("asked");
    },
  });
  assertEquals(statusOf(decide(authorize)), 401);
});

Deno.test("basicAuth() lets the server answer 500 when verify throws, and tells only onError", async () => {
  const errors: unknown[] = [];
  await using server = await serve({
    port: 0,
    authorize: basicAuth({
      verify: () => {
        throw new Error("the store is down");
      },
    }),
    onError: (error) => errors.push(String(error)),
  }, () => {});
  const headers = { authorization: basic("ada", "x") };
  const error = await assertRejects(
    // Asked once more, the server would fail once more.
    () => connect(server.url, { headers, diagnose: false }),
    HandshakeError,
  );
  assertEquals(error.status, 500);
  assertEquals(errors, ["Error: the store is down"]);
});

Deno.test("basicAuth() keeps what it was given, whatever becomes of the object", () => {
  const changing: Record<string, string> = { ada: "one" };
  const authorize = basicAuth({ users: changing });
  changing.ada = "two";
  changing.eve = "two";
  const ask = (user: string, password: string) =>
    decide(authorize, { headers: { authorization: basic(user, password) } });
  assertEquals(ask("ada", "one"), { user: "ada" });
  assertEquals(statusOf(ask("ada", "two")), 401);
  assertEquals(statusOf(ask("eve", "two")), 401);
  assertEquals(statusOf(ask("constructor", "")), 401);
});

Deno.test("basicAuth() refuses options that cannot be meant, and prints no secret", () => {
  const secret = "hunter2";
  const bad = (options: unknown, says: string) => {
    const error = assertThrows(
      () => basicAuth(options as Parameters<typeof basicAuth>[0]),
      TypeError,
      says,
    );
    assertEquals(error.message.includes(secret), false);
  };
  bad({}, "users or verify");
  bad({ users, verify: () => true }, "users or verify");
  bad({ verify: secret }, "verify");
  bad({ users: {} }, "one at least");
  bad({ users: [secret] }, "an object");
  bad({ users: new Map([["ada", secret]]) }, "one at least");
  bad({ users: secret }, "an object");
  bad({ users: null }, "an object");
  bad({ users: { ada: "" } }, "password of user 1");
  bad({ users: { ada: secret, bob: 5 } }, "password of user 2");
  bad({ users: { ada: `${secret}\n` } }, "password of user 1");
  bad({ users: { ada: `${secret}\ud800` } }, "password of user 1");
  bad({ users: { [`${secret}:`]: "ada" } }, "user 1");
  bad({ users: { "": secret } }, "user 1");
  bad({ users: { [`${secret}\0`]: "ada" } }, "user 1");
  bad({ users: { ada: secret }, realm: "a\nb" }, "realm");
  bad({ users: { ada: secret }, realm: "Zoë" }, "realm");
  bad({ users: { ada: secret }, realm: 5 }, "realm");
});

Deno.test("basicAuth() shows no password when it is printed", () => {
  const authorize = basicAuth({ users: { ada: "hunter2" } });
  const shown = Deno.inspect(authorize, { depth: 10, showHidden: true });
  assertStringIncludes(shown, "Function");
  assertEquals(shown.includes("hunter2"), false);
});
