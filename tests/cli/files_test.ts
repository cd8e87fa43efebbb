import { assert, assertEquals, assertRejects } from "@std/assert";
import { openHistory } from "../../src/cli/connect/history.ts";
import { messagesIn } from "../../src/cli/connect/input.ts";
import { visible } from "../../src/cli/output.ts";
import { temporaryDirectory } from "../_certs.ts";
import { wss } from "./_wss.ts";

const LINUX = { ignore: Deno.build.os !== "linux" };

Deno.test(
  "wss reads no secret and no certificate that has no end",
  LINUX,
  async () => {
    const permissions = ["--allow-read=/dev/zero", "--allow-net=127.0.0.1:1"];
    const cases = [
      ["connect", "127.0.0.1:1", "--token=file:/dev/zero"],
      ["cert", "--show=/dev/zero"],
    ];
    for (const args of cases) {
      const { code, err } = await wss(args, { permissions });
      assertEquals(code, 2);
      assert(err.startsWith("error: /dev/zero has more than 1 MiB"), err);
    }
  },
);

Deno.test(
  "wss connect does not wait for a pipe that nobody writes to after --max-time",
  LINUX,
  async () => {
    await using directory = await temporaryDirectory();
    const pipe = `${directory.path}/pipe`;
    await new Deno.Command("mkfifo", { args: [pipe] }).output();
    const permissions = [`--allow-read=${pipe}`, "--allow-net=127.0.0.1:1"];
    const { code, err } = await wss(
      ["connect", "127.0.0.1:1", "--cacert", pipe, "--max-time=100ms"],
      { permissions },
    );
    assertEquals([code, err], [
      8,
      "error: Cannot go on: --max-time of 100ms is over\n",
    ]);
  },
);

Deno.test("wss serve loads no module that is no file", LINUX, async () => {
  const permissions = ["--allow-read=/dev/zero", "--allow-net=localhost:1"];
  const { code, err } = await wss(
    ["serve", "--plain", "--port=1", "--handler=/dev/zero"],
    { permissions },
  );
  assertEquals([code, err.split("\n")[0]], [
    2,
    "error: --handler: /dev/zero is no file",
  ]);
});

Deno.test("messagesIn() gathers no message that has no end", async () => {
  const zeros = (room: Uint8Array) => Promise.resolve(room.length);
  const format = { by: "line", binary: true } as const;
  await assertRejects(
    () => messagesIn(zeros, format).next(),
    Error,
    "a message of it has more than 256 MiB; --binary sends it in pieces",
  );
});

Deno.test("openHistory() adds to the lines and keeps what is there, until it is far too long", async () => {
  await using directory = await temporaryDirectory();
  const lines = Array.from({ length: 1500 }, (_, i) => `line ${i}`);
  const path = await directory.write("history", `${lines.join("\n")}\n\n`);
  if (Deno.build.os !== "windows") await Deno.chmod(path, 0o755);

  const history = await openHistory(path);
  assertEquals(history.lines.length, 1000);
  assertEquals(history.lines[0], "line 1499");
  for (const line of ["one", "one", " ", "two"]) history.add(line);

  const text = await Deno.readTextFile(path);
  assertEquals(text, `${lines.join("\n")}\n\none\ntwo\n`);
  const { mode } = await Deno.stat(path);
  assert(mode === null || (mode & 0o777) === 0o755);

  await Deno.writeTextFile(path, "more\n".repeat(10_000), { append: true });
  await openHistory(path);
  assertEquals(await Deno.readTextFile(path), "more\n".repeat(1000));
  assertEquals([...Deno.readDirSync(directory.path)].length, 1);
});

Deno.test("wss bench leaves no empty report when it fails", async () => {
  await using directory = await temporaryDirectory();
  const html = `${directory.path}/report.html`;
  const permissions = ["--allow-net=127.0.0.1:1", `--allow-write=${html}`];
  const { code } = await wss(["bench", "ws://127.0.0.1:1", "--html", html], {
    permissions,
  });
  assertEquals(code, 3);
  assertEquals([...Deno.readDirSync(directory.path)], []);
  // One that is there stays as it is.
  await Deno.writeTextFile(html, "former");
  const args = ["bench", "ws://127.0.0.1:1", "--html", html];
  assertEquals((await wss(args, { permissions })).code, 3);
  assertEquals(await Deno.readTextFile(html), "former");
});

Deno.test("visible() shows what nobody sees, and leaves joiners", () => {
  const hidden = "a\u061c\u200b\ufeff\u00ad\u202e\u{e0041}\x1b\u2028";
  assertEquals(
    visible(hidden),
    "a\\u061c\\u200b\\ufeff\\u00ad\\u202e\\udb40\\udc41\\u001b\\u2028",
  );
  // In a log of JSON the text is what it was.
  assertEquals(JSON.parse(visible(JSON.stringify(hidden))), hidden);
  const family = "👨‍👩‍👧 نامه‌ها";
  assertEquals(visible(family), family);
});
