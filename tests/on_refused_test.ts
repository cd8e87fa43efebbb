import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { connect, HandshakeError } from "../client.ts";
import { type RefusedHandshake, serve, type ServeOptions } from "../server.ts";
import { test } from "./_engines.ts";

/** Connects, which must be refused. */
async function refused(
  url: string,
  headers: Record<string, string> = {},
): Promise<void> {
  try {
    await connect(url, { headers, engine: "node" });
  } catch (error) {
    assert(error instanceof HandshakeError, String(error));
    return;
  }
  throw new Error("It was let in");
}

test("onRefused hears of an origin, of authorize and of a limit, and not of who is let in", async (engine) => {
  const heard: RefusedHandshake[] = [];
  const origins: (string | null)[] = [];
  const options: ServeOptions<unknown> = {
    port: 0,
    engine,
    maxConnections: 1,
    authorize: (request) =>
      new URL(request.url).pathname !== "/secret" ||
      new Response(null, { status: 401 }),
    onRefused: (one) => {
      heard.push(one);
      origins.push(one.request.headers.get("origin"));
    },
    logger: {},
  };
  await using server = await serve(options, (ws) => ws.closed);
  await refused(`${server.url}/page?token=t`, { origin: "https://evil.test" });
  await refused(`${server.url}/secret`);
  await using _ws = await connect(`${server.url}/fine`);
  await refused(`${server.url}/full`);
  assertEquals(
    heard.map(({ status, url }) => [status, url.slice(server.url.length)]),
    [[403, "/page?token=t"], [401, "/secret"], [503, "/full"]],
  );
  assertEquals(origins, ["https://evil.test", null, null]);
  const [first] = heard;
  assertEquals((first?.remoteAddr as Deno.NetAddr).hostname, "127.0.0.1");
});

test("onRefused may throw or reject, and the answer is the same", async (engine) => {
  const logged: string[] = [];
  const failing = [
    () => {
      throw new Error("at once");
    },
    () => Promise.reject(new Error("later")),
  ];
  for (const onRefused of failing) {
    const options: ServeOptions<unknown> = {
      port: 0,
      engine,
      authorize: () => false,
      onRefused: onRefused as () => void,
      logger: { error: (message, error) => logged.push(`${message} ${error}`) },
    };
    await using server = await serve(options, (ws) => ws.closed);
    await refused(server.url);
  }
  assertEquals(logged, [
    "onRefused failed Error: at once",
    "onRefused failed Error: later",
  ]);
});

test("serve() logs no query of a refused handshake, and refuses an onRefused that is no function", async (engine) => {
  const lines: string[] = [];
  const options: ServeOptions<unknown> = {
    port: 0,
    engine,
    logger: { debug: (line) => lines.push(line) },
  };
  await using server = await serve(options, (ws) => ws.closed);
  await refused(`${server.url}/chat?access_token=hush`, {
    origin: "https://evil.test",
  });
  assertStringIncludes(lines.join("\n"), "https://evil.test");
  assert(!lines.join("\n").includes("hush"), lines.join("\n"));

  const wrong = { port: 0, engine, onRefused: 1 } as unknown as ServeOptions;
  let thrown: unknown;
  await serve(wrong, () => {}).catch((error) => thrown = error);
  assertEquals(
    String(thrown),
    "TypeError: Cannot use onRefused: it must be a function",
  );
});
