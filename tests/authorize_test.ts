import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { connect, HandshakeError, serve } from "../mod.ts";
import type { Authorize } from "../src/authorize/authorize.ts";
import { basicAuth } from "../src/authorize/basic_auth.ts";
import { bearerAuth } from "../src/authorize/bearer_auth.ts";
import { allOf, anyOf } from "../src/authorize/combine.ts";
import { bytesOf, Secret } from "../src/authorize/secret.ts";
import { answerOf, basic, decide, refusal } from "./_authorize.ts";

const users = { ada: "secret" };
const tokens = { robot: "token" };

/** A check that refuses with a body, and tells when nobody will read that. */
function refusing(status: number): {
  check: () => Response;
  readonly cancelled: number;
} {
  let cancelled = 0;
  return {
    check: () =>
      new Response(
        new ReadableStream({
          cancel: () => void cancelled++,
        }),
        { status },
      ),
    get cancelled() {
      return cancelled;
    },
  };
}

Deno.test("allOf() gives the handler all contexts, in order and typed", async () => {
  await using server = await serve({
    port: 0,
    authorize: allOf(
      (request) => new URL(request.url).pathname,
      basicAuth({ users }),
      async (_request, { protocols }) => {
        await Promise.resolve();
        return protocols.length < 9 && protocols.length;
      },
    ),
  }, async (ws) => {
    const [path, { user }, offered]: [string, { user: string }, number] =
      ws.context;
    await ws.send(`${user} at ${path} with ${offered}`);
  });
  const headers = { authorization: basic("ada", "secret") };
  await using ws = await connect(`${server.url}/room`, { headers });
  assertEquals(await ws.receive(), "ada at /room with 0");
  const error = await assertRejects(() => connect(server.url), HandshakeError);
  assertEquals(error.status, 401);
});

Deno.test("allOf() answers with the first refusal, and runs nothing behind it", async () => {
  const ran: string[] = [];
  const step = <Verdict>(name: string, verdict: Verdict) => () => {
    ran.push(name);
    return verdict;
  };
  const teapot = new Response("No", { status: 418 });
  for (const wrap of [<T>(x: T) => x, <T>(x: T) => Promise.resolve(x)]) {
    ran.length = 0;
    const authorize = allOf(
      step("a", wrap(1)),
      step("b", wrap(teapot)),
      step("c", wrap(new Response(null, { status: 401 }))),
    );
    assertStrictEquals(await decide<unknown>(authorize), teapot);
    assertEquals(ran, ["a", "b"]);
  }
  ran.length = 0;
  const authorize = allOf(step("a", false as const), step("b", 2));
  assertEquals(await refusal(authorize), {
    status: 403,
    challenge: null,
    body: "You may not connect\n",
  });
  assertEquals(ran, ["a"]);
});

Deno.test("allOf() and anyOf() are synchronous where the checks are", async () => {
  const now = () => 1;
  const later = () => Promise.resolve(2);
  const no = () => false;
  assertEquals(decide(allOf(now, now)), [1, 1]);
  assertEquals(decide(anyOf(no, now, later)), 1);
  assertInstanceOf(decide(anyOf(no, no)), Response);
  assertInstanceOf(decide(allOf(no, later)), Response);
  for (const check of [allOf(now, later), allOf(later, now)]) {
    assertInstanceOf(decide<unknown>(check), Promise);
  }
  assertEquals(await decide(allOf(now, later)), [1, 2]);
  assertEquals(await decide(anyOf(no, later)), 2);
});

Deno.test("allOf() lets in with contexts that are empty, but not with false", async () => {
  const authorize = allOf(() => undefined, () => null, () => 0, () => "");
  assertEquals(await decide(authorize), [undefined, null, 0, ""]);
});

Deno.test("allOf() keeps the contexts of one request from those of another", async () => {
  const waiting: ((path: string) => void)[] = [];
  const authorize = allOf(
    (request) => new URL(request.url).pathname,
    () => new Promise<string>((resolve) => waiting.push(resolve)),
  );
  const a = decide(authorize, { path: "/a" });
  const b = decide(authorize, { path: "/b" });
  waiting[1]!("second");
  waiting[0]!("first");
  assertEquals(await Promise.all([a, b]), [["/a", "first"], ["/b", "second"]]);
});

Deno.test("anyOf() gives the handler the context of the first check that lets in", async () => {
  await using server = await serve({
    port: 0,
    authorize: anyOf(bearerAuth({ tokens }), basicAuth({ users })),
  }, async (ws) => {
    const { context } = ws;
    const who: string = "user" in context ? context.user : context.name;
    await ws.send(who);
  });
  for (
    const [authorization, who] of [
      ["Bearer token", "robot"],
      [basic("ada", "secret"), "ada"],
    ] as const
  ) {
    await using ws = await connect(server.url, { headers: { authorization } });
    assertEquals(await ws.receive(), who);
  }
});

Deno.test("anyOf() answers one 401 with the challenges of all", async () => {
  const authorize = anyOf(
    bearerAuth({ tokens }),
    () => false,
    () => new Response(null, { status: 401 }),
    basicAuth({ users }),
  );
  for (
    const [authorization, error] of [
      [undefined, ""],
      ["Bearer wrong", ', error="invalid_token"'],
      ["Bearer two words", ', error="invalid_request"'], // a 400 on its own
    ] as const
  ) {
    const answer = await answerOf(
      authorize,
      authorization === undefined ? [] : [`Authorization: ${authorization}`],
    );
    assertEquals(answer.status, 401);
    assertEquals(
      answer.headers.get("www-authenticate"),
      `Bearer realm="WebSocket"${error}, Basic realm="WebSocket", charset="UTF-8"`,
    );
    assertEquals(answer.body, "None of the ways to sign in was passed\n");
  }
});

Deno.test("anyOf() answers with the last refusal where none is a 401", async () => {
  const teapot = new Response("No", { status: 418 });
  const authorize = anyOf(() => false, () => teapot);
  assertStrictEquals(await decide<unknown>(authorize), teapot);
  assertEquals(await refusal(anyOf(() => teapot.clone(), () => false)), {
    status: 403,
    challenge: null,
    body: "You may not connect\n",
  });
});

Deno.test("anyOf() cancels the bodies that nobody will see, and no other", async () => {
  for (const rest of [[() => 1], [() => Promise.resolve(1)]]) {
    const [a, b] = [refusing(403), refusing(401)];
    assertEquals(await decide(anyOf(a.check, b.check, ...rest)), 1);
    assertEquals([a.cancelled, b.cancelled], [1, 1]);
  }
  {
    const [a, b] = [refusing(403), refusing(401)];
    const { status } = await refusal(anyOf(a.check, b.check));
    assertEquals([status, a.cancelled, b.cancelled], [401, 1, 1]);
  }
  {
    const [a, b] = [refusing(404), refusing(403)];
    const response = await decide<unknown>(anyOf(a.check, b.check));
    assertInstanceOf(response, Response);
    assertEquals([response.status, a.cancelled, b.cancelled], [403, 1, 0]);
    await response.body?.cancel();
  }
});

Deno.test("anyOf() passes on what a check throws, and cancels the bodies before it", async () => {
  const broken = new Error("broken");
  const throws = () => {
    throw broken;
  };
  const sync = refusing(403);
  assertThrows(() => decide(anyOf(sync.check, throws)), Error, "broken");
  assertEquals(sync.cancelled, 1);
  const async_ = refusing(403);
  const authorize = anyOf(async_.check, () => Promise.reject(broken));
  await assertRejects(async () => await decide(authorize), Error, "broken");
  assertEquals(async_.cancelled, 1);
});

Deno.test("anyOf() takes a refusal whose body somebody reads", async () => {
  const response = new Response("busy", { status: 403 });
  const reader = response.body!.getReader();
  assertEquals(await decide(anyOf(() => response, () => 1)), 1);
  await reader.cancel();
});

Deno.test("anyOf() and allOf() can be put into each other", async () => {
  const inner = allOf(bearerAuth({ tokens }), (request) => request.method);
  const authorize = anyOf(inner, basicAuth({ users }));
  const ask = (authorization: string) =>
    decide(authorize, { headers: { authorization } });
  assertEquals(ask("Bearer token"), [{ name: "robot", from: "header" }, "GET"]);
  assertEquals(ask(basic("ada", "secret")), { user: "ada" });
  const both = await refusal(anyOf(anyOf(inner), anyOf(basicAuth({ users }))));
  assertEquals(
    both.challenge,
    'Bearer realm="WebSocket", Basic realm="WebSocket", charset="UTF-8"',
  );
});

Deno.test("allOf() and anyOf() refuse to be without a check", () => {
  for (const combine of [allOf, anyOf]) {
    assertThrows(() => combine(), TypeError, "one check at least");
    assertThrows(
      () => combine(() => 1, "x" as unknown as Authorize<unknown>),
      TypeError,
      "argument 2",
    );
  }
});

Deno.test("Secret.equals() is true for the same bytes alone", () => {
  const given = [
    "",
    "a",
    "ab",
    "abc",
    "abd",
    "xbc",
    "abcd",
    "abc\0",
    "abc\0\0",
  ];
  for (const secret of given.slice(1)) {
    for (const other of given) {
      const same = new Secret(secret).equals(bytesOf(other));
      assertEquals(same, secret === other);
    }
  }
  assert(new Secret("Zoë€😀").equals(bytesOf("Zoë€😀")));
});

Deno.test("Secret does not show when it is printed", () => {
  const secret = new Secret("hunter2");
  const shown = Deno.inspect(secret, { showHidden: true }) +
    JSON.stringify(secret) + String(secret);
  assertEquals(/hunter2|104|68756e/.test(shown), false);
});
