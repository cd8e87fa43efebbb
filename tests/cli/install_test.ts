import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { toFileUrl } from "@std/path";
import config from "../../deno.json" with { type: "json" };
import { temporaryDirectory } from "../_certs.ts";
import { root, wssArgs } from "./_wss.ts";

interface Result {
  code: number;
  out: string;
  err: string;
}

async function run(
  command: string,
  args: string[],
  cwd = root,
): Promise<Result> {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

Deno.test(
  "deno task install makes a command that works anywhere, with the permissions that it was given",
  {
    ignore: Deno.build.os === "windows",
  },
  async () => {
    await using dir = await temporaryDirectory();
    const words = config.tasks.install.command.split(" ").slice(1);
    const installed = await run(Deno.execPath(), [
      ...words,
      `--root=${dir.path}/root`,
      "--no-prompt",
      "--allow-net=localhost",
      "--allow-read=certs",
      "--allow-write=certs",
    ]);
    assertEquals(installed.code, 0, installed.err);
    const command = `${dir.path}/root/bin/wss`;
    const demo = await run(command, ["demo", "--port=0"], dir.path);
    assertEquals([demo.code, demo.err], [0, ""]);
    assert(demo.out.endsWith("<<< Hello Ada!\n"), demo.out);
    const refused = await run(command, ["cert", "--out=elsewhere"], dir.path);
    assertEquals(refused.code, 9, refused.err);
    assertStringIncludes(refused.err, "--allow-read=elsewhere");
  },
);

Deno.test("the installing and compiling tasks tell how they are called, and do nothing then", async () => {
  for (const task of ["install", "compile"] as const) {
    const script = `scripts/${task}.ts`;
    const { code, out, err } = await run(Deno.execPath(), [
      "run",
      "--no-prompt",
      script,
      "--help",
    ]);
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, `deno task ${task}`);
  }
});

/** The shortest of some runs, in milliseconds. */
async function shortest(args: readonly string[]): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < 5; count++) {
    const since = performance.now();
    const { success } = await new Deno.Command(Deno.execPath(), {
      args: [...args],
      stdout: "null",
      stderr: "null",
    }).output();
    times.push(performance.now() - since);
    assert(success);
  }
  return Math.min(...times);
}

Deno.test("wss starts in little more time than an empty program", async () => {
  await using dir = await temporaryDirectory();
  const empty = toFileUrl(await dir.write("empty.ts", "export {};")).href;
  const nothing = await shortest(["run", empty]);
  const version = await shortest(wssArgs(["--version"]));
  const help = await shortest(wssArgs(["connect", "--help"]));
  const ratios = [version / nothing, help / nothing].map((ratio) =>
    ratio.toFixed(1)
  );
  // Some 3.5, where an empty program takes 16 ms.
  assert(Math.max(version, help) / nothing < 20, ratios.join(", "));
});
