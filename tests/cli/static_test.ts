import { assert, assertEquals, assertRejects } from "@std/assert";
import { serve } from "../../server.ts";
import { UsageError } from "../../src/cli/failure.ts";
import { staticFiles } from "../../src/cli/serve/static.ts";
import { temporaryDirectory } from "../_certs.ts";
import { test } from "../_engines.ts";
import { startWss } from "./_wss.ts";

/** A directory with pages, beside which there is a secret. */
async function pages() {
  const directory = await temporaryDirectory();
  const root = `${directory.path}/pages`;
  await Deno.mkdir(`${root}/sub/.git`, { recursive: true });
  await Deno.mkdir(`${root}/.well-known`);
  await Deno.mkdir(`${root}/empty`);
  await Deno.mkdir(`${directory.path}/pages-of-others`);
  const files = {
    "secret": "secret",
    "pages-of-others/page.html": "secret",
    "pages/index.html": "<h1>Index</h1>",
    "pages/app.js": "0123456789",
    "pages/naïve name.txt": "naïve",
    "pages/nothing": "",
    "pages/.hidden": "secret",
    "pages/.well-known/acme": "token",
    "pages/sub/index.html": "<h1>Sub</h1>",
    "pages/sub/.git/config": "secret",
    "pages/ca.key": "-----BEGIN PRIVATE KEY-----\nsecret",
    "pages/key.bak": "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----",
    "pages/both.PEM": "certificate\n-----BEGIN EC PRIVATE KEY-----\nsecret",
    "pages/ca.pem": "-----BEGIN CERTIFICATE-----",
  };
  for (const [name, text] of Object.entries(files)) {
    await directory.write(name, text);
  }
  const links = {
    "out": "../secret",
    "others": "../pages-of-others",
    "hidden": ".hidden",
    "git": "sub/.git",
    "inside.js": "app.js",
    "loop": "loop",
    "dangling": "nowhere",
    "key.txt": "ca.key",
  };
  for (const [name, target] of Object.entries(links)) {
    await Deno.symlink(target, `${root}/${name}`);
  }
  return { ...directory, root };
}

type Asked = [path: string, init?: { method?: string; headers?: HeadersInit }];

/** Serves a directory over the engine, and asks. */
async function asking(
  root: string,
  engine: "deno" | "node",
  ask: (get: (...asked: Asked) => Promise<Response>, port: number) => unknown,
) {
  const fetchFiles = await staticFiles(root);
  await using server = await serve(
    { port: 0, engine, logger: {}, fetch: fetchFiles },
    (ws) => ws.closed,
  );
  const url = server.url.replace("ws", "http");
  const client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  try {
    await ask(
      (path, init) =>
        fetch(url + path, { redirect: "manual", client, ...init }),
      Number(new URL(url).port),
    );
  } finally {
    client.close();
  }
}

/** Asks with a path as it stands, which no client would send so. */
async function raw(port: number, path: string) {
  using conn = await Deno.connect({ port });
  const head = `GET ${path} HTTP/1.1\r\nhost: localhost:${port}\r\n`;
  await conn.write(
    new TextEncoder().encode(`${head}connection: close\r\n\r\n`),
  );
  return await new Response(conn.readable).text();
}

test("staticFiles() serves files, and index.html for directories", async (engine) => {
  await using directory = await pages();
  await asking(directory.root, engine, async (get) => {
    const table = [
      ["/", "text/html; charset=utf-8", "<h1>Index</h1>"],
      ["/?query", "text/html; charset=utf-8", "<h1>Index</h1>"],
      ["/sub/", "text/html; charset=utf-8", "<h1>Sub</h1>"],
      ["/app.js", "text/javascript; charset=utf-8", "0123456789"],
      ["//app.js", "text/javascript; charset=utf-8", "0123456789"],
      ["/inside.js", "text/javascript; charset=utf-8", "0123456789"],
      ["/na%C3%AFve%20name.txt", "text/plain; charset=utf-8", "naïve"],
      ["/nothing", "application/octet-stream", ""],
      ["/ca.pem", "application/octet-stream", "-----BEGIN CERTIFICATE-----"],
      ["/.well-known/acme", "application/octet-stream", "token"],
    ] as const;
    for (const [path, type, body] of table) {
      const response = await get(path);
      assertEquals(await response.text(), body, path);
      assertEquals(response.status, 200, path);
      const { headers } = response;
      assertEquals(headers.get("content-type"), type);
      assertEquals(headers.get("x-content-type-options"), "nosniff");
      assertEquals(headers.get("cache-control"), "no-cache");
    }
  });
});

test("staticFiles() never leaves the directory, and shows nothing hidden", async (engine) => {
  await using directory = await pages();
  const { root } = directory;
  await asking(root, engine, async (_, port) => {
    const up = ["..", "%2e%2e", ".%2E", "%2e.", "..%00", "..%c0%af", "..;"];
    const escapes = up.flatMap((dots) => [
      `/${dots}/secret`,
      `/sub/${dots}/${dots}/secret`,
      `/${dots}%2fsecret`,
      `/${dots}%5csecret`,
      `/${dots}\\secret`,
      `/${dots}%252fsecret`,
      `//${dots}/secret`,
      `/app.js/${dots}/${dots}/secret`,
      `/${dots}/pages-of-others/page.html`,
      `http://localhost/${dots}/secret`,
    ]);
    const hidden = [
      ...["/.hidden", "/%2ehidden", "/sub/.git/config", "/sub/%2egit/config"],
      ...["/out", "/others/page.html", "/hidden", "/git/config", "/loop"],
      ...[
        "/ca.key",
        "/key.bak",
        "/both.PEM",
        "/key.txt",
        "/dangling",
        "/loop/x",
        "/app.js/",
        "/app.js/x",
        "/empty/",
        "/no",
      ],
      ...["/app.js%00", "/app.js%00.html", "/%", "/%ff", "/%zz", "/sub%2f"],
      ...[`/${root}/../secret`, `/${root}/index.html`, "/c:/", "/file:///etc"],
      ...[`/${"x".repeat(300)}`, `/${"x/".repeat(3000)}`, "/\u202e", "/index"],
      ...["/out/", "/.well-known/../.hidden", "/%2e%2e%2fpages/app.js"],
    ];
    for (const path of [...escapes, ...hidden]) {
      const answer = await raw(port, path);
      assert(!answer.includes("secret"), `${path}: ${answer}`);
      const [, status] = /^HTTP\/1.1 (\d+)/.exec(answer) ?? [];
      // Others are what the engine itself has against them.
      assert(
        ["404", "400", "414", "431"].includes(`${status}`),
        `${path}: ${answer}`,
      );
    }
  });
});

Deno.test("staticFiles() sends browsers to the directory itself, and nowhere else", async () => {
  await using directory = await pages();
  await asking(directory.root, "deno", async (get) => {
    for (const path of ["/sub", "//sub", "///sub", "//a.example/..//sub"]) {
      const response = await get(`${path}?a=b`);
      await response.body?.cancel();
      assertEquals(response.status, 301, path);
      assertEquals(response.headers.get("location"), "/sub/?a=b", path);
    }
  });
});

test("staticFiles() answers GET and HEAD, and no other", async (engine) => {
  await using directory = await pages();
  await asking(directory.root, engine, async (get) => {
    const head = await get("/app.js", { method: "HEAD" });
    assertEquals(await head.text(), "");
    assertEquals(head.status, 200);
    assertEquals(head.headers.get("content-length"), "10");
    assertEquals((await get("/no", { method: "HEAD" })).status, 404);
    for (const method of ["POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"]) {
      const response = await get("/app.js", { method });
      await response.body?.cancel();
      assertEquals(response.status, 405, method);
      assertEquals(response.headers.get("allow"), "GET, HEAD");
    }
  });
});

test("staticFiles() sends nothing again that has not changed", async (engine) => {
  await using directory = await pages();
  const file = `${directory.root}/app.js`;
  await asking(directory.root, engine, async (get) => {
    const ask = async (headers: HeadersInit) => {
      const response = await get("/app.js", { headers });
      await response.body?.cancel();
      return response.status;
    };
    const first = await get("/app.js");
    await first.body?.cancel();
    const etag = first.headers.get("etag") ?? "";
    const modified = first.headers.get("last-modified") ?? "";
    assertEquals(await ask({ "if-none-match": etag }), 304);
    assertEquals(await ask({ "if-none-match": `"x", W/${etag}` }), 304);
    assertEquals(await ask({ "if-none-match": "*" }), 304);
    assertEquals(await ask({ "if-modified-since": modified }), 304);
    // The tag decides, where there is one (RFC 9110, section 13.1.3).
    const both = { "if-none-match": '"x"', "if-modified-since": modified };
    assertEquals(await ask(both), 200);
    assertEquals(await ask({ "if-modified-since": "nonsense" }), 200);
    await Deno.writeTextFile(file, "changed");
    const later = Date.now() + 5000;
    await Deno.utime(file, new Date(later), new Date(later));
    assertEquals(await ask({ "if-none-match": etag }), 200);
    assertEquals(await ask({ "if-modified-since": modified }), 200);
  });
});

test("staticFiles() sends the part that is asked for", async (engine) => {
  await using directory = await pages();
  await asking(directory.root, engine, async (get) => {
    const etag = (await get("/app.js", { method: "HEAD" })).headers.get("etag");
    const table: [HeadersInit, number, string, string | null][] = [
      [{ range: "bytes=2-4" }, 206, "234", "bytes 2-4/10"],
      [{ range: "bytes=7-" }, 206, "789", "bytes 7-9/10"],
      [{ range: "bytes=-3" }, 206, "789", "bytes 7-9/10"],
      [{ range: "bytes=-99" }, 206, "0123456789", "bytes 0-9/10"],
      [{ range: "bytes=5-99" }, 206, "56789", "bytes 5-9/10"],
      [{ range: "bytes=10-" }, 416, "", "bytes */10"],
      [{ range: "bytes=-0" }, 416, "", "bytes */10"],
      [{ range: "bytes=4-2" }, 200, "0123456789", null],
      [{ range: "bytes=0-1,3-4" }, 200, "0123456789", null],
      [{ range: "lines=0-1" }, 200, "0123456789", null],
      [{ range: "bytes=-" }, 200, "0123456789", null],
      [
        { range: "bytes=0-1", "if-range": etag ?? "" },
        206,
        "01",
        "bytes 0-1/10",
      ],
      [{ range: "bytes=0-1", "if-range": '"x"' }, 200, "0123456789", null],
    ];
    for (const [headers, status, body, range] of table) {
      const response = await get("/app.js", { headers });
      const what = JSON.stringify(headers);
      assertEquals(await response.text(), body, what);
      assertEquals(response.status, status, what);
      assertEquals(response.headers.get("content-range"), range, what);
    }
    const nothing = await get("/nothing", { headers: { range: "bytes=0-" } });
    assertEquals(nothing.status, 416);
    await nothing.body?.cancel();
  });
});

test("staticFiles() shows 404.html for what is not there", async (engine) => {
  await using directory = await pages();
  await asking(directory.root, engine, async (get) => {
    const plain = await get("/no");
    assertEquals([plain.status, await plain.text()], [
      404,
      "There is no such page\n",
    ]);
    await Deno.writeTextFile(`${directory.root}/404.html`, "<h1>Gone</h1>");
    for (const path of ["/no", "/.hidden"]) {
      const page = await get(path);
      assertEquals([page.status, await page.text()], [404, "<h1>Gone</h1>"]);
      assertEquals(page.headers.get("etag"), null);
    }
  });
});

test("staticFiles() closes a large file whose reader leaves", async (engine) => {
  await using directory = await pages();
  const size = 64 * 2 ** 20;
  await Deno.truncate(`${directory.root}/nothing`, size);
  // What is left open, the sanitizer of resources finds.
  await asking(directory.root, engine, async (get) => {
    const response = await get("/nothing");
    assertEquals(response.headers.get("content-length"), `${size}`);
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    const whole = await get("/nothing");
    assertEquals((await whole.arrayBuffer()).byteLength, size);
  });
});

Deno.test("staticFiles() serves no file that is named as a secret", async () => {
  await using directory = await pages();
  const name = `${directory.root}/tokens`;
  await Deno.writeTextFile(name, "secret");
  await Deno.symlink("tokens", `${directory.root}/also`);
  const fetchFiles = await staticFiles(directory.root, [
    `${directory.root}/also`,
    `${directory.root}/not-there`,
  ]);
  for (const path of ["/tokens", "/also", "/not-there"]) {
    const { status } = await fetchFiles(new Request(`http://a.test${path}`));
    assertEquals(status, 404, path);
  }
});

Deno.test("staticFiles() refuses what is no directory", async () => {
  await using directory = await pages();
  for (const path of ["no", "pages/app.js"]) {
    const error = await assertRejects(
      () => staticFiles(`${directory.path}/${path}`),
      UsageError,
    );
    assertEquals(
      error.message,
      `--static: there is no directory ${directory.path}/${path}`,
    );
  }
});

Deno.test("wss serve --static needs no more than the permission to read the directory, and keeps its own secrets", async () => {
  await using directory = await pages();
  const { root } = directory;
  await Deno.writeTextFile(`${root}/users`, "ada:secret");
  const mode = ["--plain", "--echo", "--auth", `file:${root}/users`];
  await using running = startWss(
    ["serve", ...mode, "--port", "0", "--static", root],
    { permissions: ["--allow-net=127.0.0.1:0", `--allow-read=${root}`] },
  );
  const [, port = ""] = await running.seen(/ws:\/\/localhost:(\d+)/, "err");
  const page = await raw(Number(port), "/inside.js");
  assert(page.endsWith("\r\n\r\n0123456789"), page);
  const secrets = ["/out", "/others/page.html", "/hidden", "/%2e%2e%2fsecret"];
  for (const path of [...secrets, "/users", "/ca.key"]) {
    const answer = await raw(Number(port), path);
    assert(answer.startsWith("HTTP/1.1 404"), answer);
  }
});
