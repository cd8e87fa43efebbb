import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { connect, HandshakeError, serve } from "../mod.ts";
import { bearerAuth } from "../src/authorize/bearer_auth.ts";
import { answerOf, type Asked, decide, refusal } from "./_authorize.ts";

const tokens = { robot: "abc-DEF_123", page: "abc-DEF_1234" };
const PLAIN = 'Bearer realm="WebSocket"';
const INVALID = `${PLAIN}, error="invalid_token"`;
const MALFORMED = `${PLAIN}, error="invalid_request"`;
const everywhere = ["header", "subprotocol", "query"] as const;

/** The headers of a client with this token. */
function bearing(token: string): Asked {
  return { headers: { authorization: `Bearer ${token}` } };
}

Deno.test("bearerAuth() lets in who has a token, and gives the handler its name", async () => {
  await using server = await serve(
    { port: 0, authorize: bearerAuth({ tokens }) },
    async (ws) => {
      const name: string = ws.context.name;
      await ws.send(`${name} by ${ws.context.from}`);
    },
  );
  for (const [name, token] of Object.entries(tokens)) {
    const headers = { authorization: `Bearer ${token}` };
    await using ws = await connect(server.url, { headers });
    assertEquals(await ws.receive(), `${name} by header`);
  }
  const error = await assertRejects(
    () => connect(server.url, { headers: { authorization: "Bearer x" } }),
    HandshakeError,
  );
  assertEquals(error.status, 401);
});

Deno.test("bearerAuth() tells a missing token from a wrong and a malformed one", async () => {
  const authorize = bearerAuth({ tokens });
  for (
    const [lines, status, challenge] of [
      [[], 401, PLAIN],
      [["Authorization: Basic YTpi"], 401, PLAIN],
      [["Authorization: Bearer wrong"], 401, INVALID],
      [["Authorization: Bearer"], 400, MALFORMED],
      [["Authorization: Bearer two words"], 400, MALFORMED],
      [
        ["Authorization: Bearer abc-DEF_123", "Authorization: Bearer b"],
        400,
        MALFORMED,
      ],
    ] as const
  ) {
    const answer = await answerOf(authorize, [...lines]);
    assertEquals(answer.status, status);
    assertEquals(answer.headers.get("www-authenticate"), challenge);
  }
});

Deno.test("bearerAuth() quotes the realm", async () => {
  const authorize = bearerAuth({ tokens, realm: 'a "b"' });
  assertEquals(
    (await refusal(authorize, bearing("x"))).challenge,
    'Bearer realm="a \\"b\\"", error="invalid_token"',
  );
});

Deno.test("bearerAuth() compares whole tokens", async () => {
  const authorize = bearerAuth({ tokens });
  const [token] = [tokens.robot];
  assertEquals(decide(authorize, bearing(token)), {
    name: "robot",
    from: "header",
  });
  assertEquals(decide(authorize, bearing(`${token}4`)), {
    name: "page",
    from: "header",
  });
  for (
    const wrong of [
      token.slice(0, -1),
      token.slice(1),
      `${token}5`,
      `${token}44`,
      `${token}=`,
      `x${token}`,
      token.toLowerCase(),
      `${token.slice(0, -1)}4`,
      token.repeat(2),
      "a",
      "x".repeat(token.length),
      "x".repeat(5000),
    ]
  ) {
    const { status, challenge } = await refusal(authorize, bearing(wrong));
    assertEquals([status, challenge], [401, INVALID]);
  }
});

Deno.test("bearerAuth() takes the scheme in any case", () => {
  const authorize = bearerAuth({ tokens });
  for (const scheme of ["bearer", "BEARER"]) {
    const headers = { authorization: `${scheme} ${tokens.robot}` };
    assertEquals(decide(authorize, { headers }), {
      name: "robot",
      from: "header",
    });
  }
});

Deno.test("bearerAuth() takes a token out of the subprotocols, and the server never agrees on it", async () => {
  const authorize = bearerAuth({ tokens, from: ["subprotocol"] });
  const offered = ["chat", `bearer.${tokens.page}`];
  const lines = [`Sec-WebSocket-Protocol: ${offered.join(", ")}`];
  const answer = await answerOf(authorize, lines);
  assertEquals(answer.status, 101);
  assertEquals(answer.headers.get("sec-websocket-protocol"), "chat");

  const alone = await answerOf(authorize, [
    `Sec-WebSocket-Protocol: bearer.${tokens.page}`,
  ]);
  assertEquals(alone.status, 101);
  assertEquals(alone.headers.has("sec-websocket-protocol"), false);
  assertEquals(JSON.stringify([...alone.headers]).includes(tokens.page), false);

  await using server = await serve(
    { port: 0, protocols: ["chat"], authorize },
    (ws) => ws.send(JSON.stringify([ws.protocol, ws.context])),
  );
  await using ws = await connect(server.url, { protocols: offered });
  assertEquals(ws.protocol, "chat");
  assertEquals(JSON.parse(await ws.receive() as string), [
    "chat",
    { name: "page", from: "subprotocol" },
  ]);
});

Deno.test("bearerAuth() refuses subprotocols with two tokens, an empty one or one of other letters", async () => {
  const authorize = bearerAuth({ tokens, from: ["subprotocol"] });
  for (
    const [protocols, status, challenge] of [
      [["chat"], 401, PLAIN],
      [["chat", "Bearer.x"], 401, PLAIN],
      [["chat", "bearer.x"], 401, INVALID],
      [["chat", "bearer."], 400, MALFORMED],
      [["chat", "bearer.a!"], 400, MALFORMED],
      [["chat", "bearer.YQ=="], 400, MALFORMED],
      [[`bearer.${tokens.page}`, "bearer.x"], 400, MALFORMED],
      [[`bearer.${tokens.page}`, `bearer.${tokens.page}`], 400, MALFORMED],
    ] as const
  ) {
    const refused = await refusal(authorize, { protocols: [...protocols] });
    assertEquals([refused.status, refused.challenge], [status, challenge]);
  }
});

Deno.test("bearerAuth() takes a token out of the query only where that was asked for", async () => {
  const path = `/room?access_token=${tokens.page}`;
  const byDefault = await answerOf(bearerAuth({ tokens }), [], path);
  assertEquals(byDefault.status, 401);
  assertEquals(byDefault.headers.get("www-authenticate"), PLAIN);

  const authorize = bearerAuth({ tokens, from: ["query"] });
  assertEquals((await answerOf(authorize, [], path)).status, 101);
  assertEquals(decide(authorize, { path }), { name: "page", from: "query" });
  for (
    const [path, status, challenge] of [
      ["/", 401, PLAIN],
      ["/?token=x", 401, PLAIN],
      ["/?access_token=x", 401, INVALID],
      ["/?access_token=", 400, MALFORMED],
      ["/?access_token=a%20b", 400, MALFORMED],
      [
        `/?access_token=${tokens.page}&access_token=${tokens.page}`,
        400,
        MALFORMED,
      ],
    ] as const
  ) {
    const refused = await refusal(authorize, { path });
    assertEquals([refused.status, refused.challenge], [status, challenge]);
  }
});

Deno.test("bearerAuth() takes each open way, but not two at once", async () => {
  const authorize = bearerAuth({ tokens, from: everywhere });
  const header = bearing(tokens.robot);
  const protocols = { protocols: [`bearer.${tokens.robot}`] };
  const query = { path: `/?access_token=${tokens.robot}` };
  for (
    const [asked, from] of [
      [header, "header"],
      [protocols, "subprotocol"],
      [query, "query"],
      [
        { ...protocols, headers: { authorization: "Basic YTpi" } },
        "subprotocol",
      ],
    ] as const
  ) {
    assertEquals(decide(authorize, asked), { name: "robot", from });
  }
  for (
    const asked of [
      { ...header, ...protocols },
      { ...header, ...query },
      { ...protocols, ...query },
      { ...header, ...protocols, ...query },
    ]
  ) {
    const { status, challenge } = await refusal(authorize, asked);
    assertEquals([status, challenge], [400, MALFORMED]);
  }
});

Deno.test("bearerAuth() looks where the options say", () => {
  const authorize = bearerAuth({
    tokens,
    from: ["subprotocol", "query"],
    subprotocolPrefix: "token-",
    queryName: "t",
  });
  for (
    const [asked, expected] of [
      [{ protocols: [`token-${tokens.page}`] }, "page"],
      [{ path: `/?t=${tokens.page}` }, "page"],
      [{ protocols: [`bearer.${tokens.page}`] }, 401],
      [{ path: `/?access_token=${tokens.page}` }, 401],
      [bearing(tokens.page), 401],
    ] as const
  ) {
    const verdict = decide(authorize, asked as Asked);
    assert(!(verdict instanceof Promise));
    assertEquals(
      verdict instanceof Response ? verdict.status : verdict.name,
      expected,
    );
  }
});

Deno.test("bearerAuth() asks verify, synchronously where that is", async () => {
  const seen: string[] = [];
  const verify = (token: string) => {
    seen.push(token);
    return token === "good" && "ada";
  };
  const known = { name: "ada", from: "header" } as const;
  const sync = bearerAuth({ verify });
  assertEquals(decide(sync, bearing("good")), known);
  assertEquals((await refusal(sync, bearing("bad"))).challenge, INVALID);
  await refusal(sync);
  await refusal(sync, bearing("two words"));
  assertEquals(seen, ["good", "bad"]); // what is missing or malformed is not asked about

  const later = decide(
    bearerAuth({ verify: (token) => Promise.resolve(verify(token)) }),
    bearing("good"),
  );
  assertInstanceOf(later, Promise);
  assertEquals(await later, known);

  for (
    const verdict of [undefined, false, "", 1, true, null, {}, [], { name: "" }]
  ) {
    const authorize = bearerAuth({ verify: () => verdict as false });
    assertEquals((await refusal(authorize, bearing("x"))).challenge, INVALID);
  }
});

Deno.test("bearerAuth() hands on all that verify tells, typed", async () => {
  await using server = await serve({
    port: 0,
    authorize: bearerAuth({
      verify: (token) =>
        token === "good" ? { name: "ada", expires: 1234 } : undefined,
    }),
  }, async (ws) => {
    const expires: number = ws.context.expires;
    await ws.send(`${ws.context.name} ${expires} ${ws.context.from}`);
  });
  const headers = { authorization: "Bearer good" };
  await using ws = await connect(server.url, { headers });
  assertEquals(await ws.receive(), "ada 1234 header");
});

Deno.test("bearerAuth() refuses options that cannot be meant, and prints no secret", () => {
  const secret = "hunter2";
  const bad = (options: unknown, says: string) => {
    const error = assertThrows(
      () => bearerAuth(options as Parameters<typeof bearerAuth>[0]),
      TypeError,
      says,
    );
    assertEquals(error.message.includes(secret), false);
  };
  bad({}, "tokens or verify");
  bad({ tokens, verify: () => "ada" }, "tokens or verify");
  bad({ verify: secret }, "verify");
  bad({ tokens: {} }, "one at least");
  bad({ tokens: [secret] }, "an object");
  bad({ tokens: { a: "" } }, "token 1");
  bad({ tokens: { a: secret, b: 5 } }, "token 2");
  bad({ tokens: { a: `${secret} x` } }, "token 1");
  bad({ tokens: { a: `${secret}=x` } }, "token 1");
  bad({ tokens: { "": secret } }, "no name");
  bad({ tokens: { [secret]: "two words" } }, "token 1");
  bad({ tokens: { a: secret, b: secret } }, "same token");
  for (const token of [`${secret}=`, `${secret}/`]) {
    bad({ tokens: { a: token }, from: ["subprotocol"] }, "subprotocol");
    bearerAuth({ tokens: { a: token } });
  }
  bad({ tokens, realm: "a\nb" }, "realm");
  for (const from of [[], ["cookie"], "header", ["header", "header"]]) {
    bad({ tokens, from }, "from");
  }
  bad({ tokens, subprotocolPrefix: "x." }, 'no "subprotocol"');
  bad({ tokens, queryName: "t" }, 'no "query"');
  for (const subprotocolPrefix of ["", "a b", 5]) {
    bad({ tokens, from: ["subprotocol"], subprotocolPrefix }, "subprotocol");
  }
  for (const queryName of ["", 5]) {
    bad({ tokens, from: ["query"], queryName }, "queryName");
  }
});
