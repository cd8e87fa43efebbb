import { assertEquals } from "@std/assert";
import {
  type CloseInfo,
  type EngineName,
  type Handler,
  type Message,
  serve,
} from "../server.ts";
import { missingChromium } from "./_chromium.ts";
import { ENGINES } from "./_engines.ts";
import { site, visit } from "./peers/browser.ts";
import { type Kind, makeCertificates } from "./peers/certificates.ts";
import { testWith } from "./peers/suite.ts";

const missing = missingChromium();

const ECHO = `
const ws = await open(here);
ws.send("Grüße, 🔐");
const text = await ws.next();
ws.send("");
const empty = await ws.next();
ws.send(Uint8Array.from({ length: 256 }, (_, index) => index));
const binary = [...new Uint8Array(await ws.next())];
ws.send(new Uint8Array(1 << 20).fill(7));
const large = new Uint8Array(await ws.next());
ws.close();
const isSame = large.length === 1 << 20 && large.every((byte) => byte === 7);
return { text, empty, binary, isSame, ended: await ws.ended };
`;

const CLOSES = `
const closed = await open(here + "/close");
const thrown = await open(here + "/throw");
const large = await open(here + "/receive");
large.send(new Uint8Array((1 << 20) + 1));
const ours = await open(here + "/receive");
ours.close(3001, "genug für heute");
const frame = document.createElement("iframe");
frame.src = "about:blank";
document.body.append(frame);
const left = new frame.contentWindow.WebSocket(here + "/receive");
await new Promise((resolve) => left.onopen = resolve);
frame.remove();
return {
  closed: await closed.ended,
  thrown: await thrown.ended,
  large: await large.ended,
  ours: await ours.ended,
};
`;

const PROTOCOLS = `
const chosen = await open(here, ["a", "b"]);
const none = await open(here);
const other = await open(here, ["c"]);
return {
  chosen: [chosen.opened, chosen.protocol],
  none: [none.opened, none.protocol],
  other: other.opened,
};
`;

/** Declares a test for each engine, where Chromium is installed. */
function testChromium(
  name: string,
  fn: (engine: EngineName) => Promise<void>,
): void {
  for (const engine of ENGINES) {
    testWith(missing, `${name} [${engine}]`, () => fn(engine));
  }
}

const KINDS: [kind: Kind, means: string][] = [
  ["generated", "trusts ca.pem"],
  ["openssl", "trusts the self-signed certificate of OpenSSL itself"],
];

for (const [kind, means] of KINDS) {
  testChromium(`Chromium that ${means} talks to serve()`, async (engine) => {
    await using certificates = await makeCertificates(kind);
    const page = site(ECHO);
    const received: Message[] = [];
    const ended = Promise.withResolvers<CloseInfo>();
    const echo: Handler = async (ws) => {
      ws.closed.then(ended.resolve);
      for await (const message of ws) {
        received.push(message);
        await ws.send(message);
      }
    };
    await using server = await serve(
      { engine, port: 0, fetch: page.fetch, ...certificates.chain },
      echo,
    );

    const report = await visit({
      url: toHttp(server.url),
      site: page,
      kind,
      caFile: certificates.caFile,
    });
    assertEquals(report, {
      text: "Grüße, 🔐",
      empty: "",
      binary: Array.from({ length: 256 }, (_, index) => index),
      isSame: true,
      ended: { code: 1005, reason: "", wasClean: true },
    });
    assertEquals(received.slice(0, 2), ["Grüße, 🔐", ""]);
    assertEquals(await ended.promise, {
      code: 1005,
      reason: "",
      wasClean: true,
    });
    await server.shutdown();
  });
}

testChromium("Chromium and serve() agree on how it ended", async (engine) => {
  await using certificates = await makeCertificates("generated");
  const page = site(CLOSES);
  const ends: CloseInfo[] = [];
  const handler: Handler = async (ws) => {
    const { pathname } = new URL(ws.url);
    if (pathname === "/close") await ws.close(4001, "kein Platz für dich");
    if (pathname === "/throw") throw new Error("password=hunter2");
    ends.push(await ws.closed);
  };
  const onError = () => {};
  await using server = await serve(
    { engine, port: 0, fetch: page.fetch, onError, ...certificates.chain },
    handler,
  );

  const report = await visit({
    url: toHttp(server.url),
    site: page,
    kind: "generated",
    caFile: certificates.caFile,
  });
  const closed = { code: 4001, reason: "kein Platz für dich", wasClean: true };
  const ours = { code: 3001, reason: "genug für heute", wasClean: true };
  // The strict engine ends a message while it arrives, says no reason, and
  // waits for no answer.
  const reason = {
    deno: "message over 1048576 bytes (maxMessageSize)",
    node: "",
  }[engine];
  const large = { code: 1009, reason, wasClean: true };
  const thrown = { code: 1011, reason: "", wasClean: true };
  assertEquals(report, { closed, thrown, large, ours });
  await server.shutdown();
  const left = { code: 1001, reason: "", wasClean: true };
  assertEquals(
    ends.toSorted((a, b) => a.code - b.code),
    [left, { ...large, wasClean: engine === "deno" }, ours, closed],
  );
});

testChromium("Chromium and serve() agree on a subprotocol", async (engine) => {
  await using certificates = await makeCertificates("generated");
  const page = site(PROTOCOLS);
  await using server = await serve(
    {
      engine,
      port: 0,
      fetch: page.fetch,
      protocols: ["b"],
      ...certificates.chain,
    },
    (ws) => ws.closed,
  );

  const report = await visit({
    url: toHttp(server.url),
    site: page,
    kind: "generated",
    caFile: certificates.caFile,
  });
  // A browser insists on one that it offered.
  const expected = { chosen: [true, "b"], none: [true, ""], other: false };
  assertEquals(report, expected);
});

testChromium(
  "serve() refuses pages of another origin, unless origins has that",
  async (engine) => {
    await using certificates = await makeCertificates("generated");
    const { caFile, chain } = certificates;
    const origins: string[] = [];
    const handler: Handler = (ws) => {
      origins.push(`${ws.url} ${ws.request?.headers.get("origin")}`);
      return ws.closed;
    };
    await using strict = await serve({ engine, port: 0, ...chain }, handler);
    const page = site(`
const targets = new URLSearchParams(location.search).getAll("target");
const sockets = await Promise.all(targets.map((target) => open(target)));
for (const ws of sockets) ws.close();
const ends = await Promise.all(sockets.map((ws) => ws.ended));
return sockets.map(({ opened }, index) => [opened, ends[index]]);
`);
    await using pages = await serve(
      { engine, port: 0, fetch: page.fetch, ...chain },
      handler,
    );
    const origin = toHttp(pages.url);
    await using open = await serve(
      { engine, port: 0, origins: [origin], ...chain },
      handler,
    );

    const targets = [strict.url, open.url, pages.url];
    const query = targets.map((target) => `target=${target}`).join("&");
    const report = await visit({
      url: `${origin}/?${query}`,
      site: page,
      kind: "generated",
      caFile,
    });
    const refused = { code: 1006, reason: "", wasClean: false };
    const done = { code: 1005, reason: "", wasClean: true };
    assertEquals(report, [[false, refused], [true, done], [true, done]]);
    assertEquals(
      origins.toSorted(),
      [`${open.url}/ ${origin}`, `${pages.url}/ ${origin}`].toSorted(),
    );
  },
);

function toHttp(url: string): string {
  return url.replace(/^ws/, "http");
}
