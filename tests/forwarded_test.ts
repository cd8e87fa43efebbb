import { assert, assertEquals, assertRejects } from "@std/assert";
import { resolveTrust, seenBy } from "../src/forwarded.ts";

const tcp = (hostname: string): Deno.NetAddr => ({
  transport: "tcp",
  hostname,
  port: 1,
});
const direct = { remoteAddr: tcp("10.0.0.1"), secure: false, host: "inner:80" };

async function see(
  headers: Record<string, string>,
  proxyHeader: "x-forwarded" | "forwarded" = "x-forwarded",
  trustProxy = ["10.0.0.0/8"],
): Promise<string> {
  const request = new Request("http://inner", { headers });
  const trust = await resolveTrust({ trustProxy, proxyHeader });
  const seen = seenBy(request, direct, trust);
  if (seen === undefined) return "malformed";
  const { hostname, port } = seen.remoteAddr as Deno.NetAddr;
  return `${hostname} ${port} ${seen.secure} ${seen.host}`;
}

Deno.test("seenBy() reads X-Forwarded-* from the right, up to the first stranger", async () => {
  assertEquals(
    await see({
      "x-forwarded-for": "6.6.6.6, 203.0.113.7, 10.1.1.1",
      "x-forwarded-proto": "http, https",
      "x-forwarded-host": "chat.example",
    }),
    "203.0.113.7 0 true chat.example",
  );
  assertEquals(
    await see({ "x-forwarded-for": "2001:db8::1" }),
    "2001:db8::1 0 false inner:80",
  );
  assertEquals(
    await see({ "x-forwarded-for": "203.0.113.7:4711" }),
    "203.0.113.7 4711 false inner:80",
  );
  assertEquals(
    await see({ "x-forwarded-proto": "https" }),
    "10.0.0.1 1 true inner:80",
  );
});

Deno.test("seenBy() reads Forwarded as RFC 7239 has it", async () => {
  const read = (forwarded: string) => see({ forwarded }, "forwarded");
  assertEquals(
    await read("for=203.0.113.7;proto=https;host=chat.example"),
    "203.0.113.7 0 true chat.example",
  );
  assertEquals(
    await read('For="[2001:db8::1]:4711";Proto=HTTPS'),
    "2001:db8::1 4711 true inner:80",
  );
  assertEquals(
    await read(
      'for=6.6.6.6, for="203.0.113.7";host="a,b.example", for=10.9.9.9;proto=https',
    ),
    "203.0.113.7 0 true inner:80",
  );
  assertEquals(
    await read("for=unknown;proto=https"),
    "10.0.0.1 1 true inner:80",
  );
  assertEquals(
    await read("for=_hidden, for=10.1.1.1"),
    "10.1.1.1 0 false inner:80",
  );
});

Deno.test("seenBy() reads just the header it is told to, and nothing from strangers", async () => {
  const both = { "x-forwarded-for": "1.1.1.1", forwarded: "for=2.2.2.2" };
  assertEquals(await see(both), "1.1.1.1 0 false inner:80");
  assertEquals(await see(both, "forwarded"), "2.2.2.2 0 false inner:80");
  assertEquals(
    await see(both, "x-forwarded", ["10.0.0.2"]),
    "10.0.0.1 1 false inner:80",
  );
});

Deno.test("seenBy() believes nothing that is malformed", async () => {
  for (
    const value of [
      "",
      "x",
      "999.1.1.1.1",
      "[::1",
      "1.2.3.4, evil host",
      "300.1.1.1",
    ]
  ) {
    const seen = await see({ "x-forwarded-for": value });
    assertEquals(seen, "10.0.0.1 1 false inner:80", value);
  }
  const host = await see({
    "x-forwarded-for": "1.1.1.1",
    "x-forwarded-host": "a/b?c",
  });
  assertEquals(host, "1.1.1.1 0 false inner:80");
});

Deno.test("resolveTrust() knows addresses, networks and the unix socket", async () => {
  const trusts = await resolveTrust({
    trustProxy: ["192.0.2.1", "10.0.0.0/8", "2001:db8::/32", "unix"],
  });
  assertEquals(
    [
      "192.0.2.1",
      "192.0.2.2",
      "10.255.0.1",
      "::ffff:10.0.0.1",
      "2001:db8:1::1",
      "2001:db9::1",
    ]
      .map((address) => trusts?.trusts(tcp(address))),
    [true, false, true, true, true, false],
  );
  assertEquals(
    trusts?.trusts({ transport: "unix", path: "/run/ws.sock" }),
    true,
  );
  const strangers = await resolveTrust({ trustProxy: ["10.0.0.0/8"] });
  assertEquals(
    strangers?.trusts({ transport: "unix", path: "/run/ws.sock" }),
    false,
  );
  for (
    const wrong of [
      "",
      "localhost",
      "10.0.0.0/",
      "10.0.0.0/33",
      "10.0.0.0/8/8",
      "::/129",
      "1.2.3.4/ab",
    ]
  ) {
    await assertRejects(
      () => resolveTrust({ trustProxy: [wrong] }),
      TypeError,
      "Cannot trust proxy",
    );
  }
});

Deno.test("seenBy() takes no word of the client for the proxy's, quotes or not", async () => {
  // The client's open quote swallows the comma before what the proxy wrote.
  const spoof = 'for=10.9.8.7;proto=https;x=", for="[2001:db8::1]:4711"';
  assertEquals(await see({ forwarded: spoof }, "forwarded"), "malformed");
  for (
    const forwarded of [
      'for="',
      "for",
      "=x",
      "for=a b",
      'for="a"b',
      "for=1.1.1.1;;proto=http",
      "for=1.1.1.1,",
    ]
  ) {
    assertEquals(await see({ forwarded }, "forwarded"), "malformed", forwarded);
  }
});

Deno.test("seenBy() takes its time from no client", async () => {
  const start = performance.now();
  for (
    const filler of [
      ":".repeat(30_000) + "x",
      "1:".repeat(30_000),
      "[" + ":".repeat(30_000),
      "a,".repeat(30_000),
    ]
  ) {
    await see({ "x-forwarded-for": `${filler}, 203.0.113.7` });
    await see({ forwarded: `for=${filler}` }, "forwarded");
    await see(
      { forwarded: `for="${'\\"'.repeat(30_000)}${filler}` },
      "forwarded",
    );
  }
  assert(performance.now() - start < 2000);
});
