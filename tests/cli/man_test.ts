import { assertEquals, assertStringIncludes } from "@std/assert";
import { detailsOf } from "../../src/cli/command.ts";
import { EXIT_CODES } from "../../src/cli/exit_code.ts";
import { manual } from "../../src/cli/meta/man.ts";
import { optionsOf, textOf } from "../../src/cli/meta/tree.ts";
import { createProgram } from "../../src/cli/program.ts";
import { lacks } from "./_programs.ts";
import { wss } from "./_wss.ts";

/** Lets mandoc do something with a page. */
async function mandoc(page: string, ...args: string[]): Promise<string> {
  const child = new Deno.Command("mandoc", {
    args: ["-Kutf-8", ...args],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(page));
  await writer.close();
  return new TextDecoder().decode((await child.output()).stdout);
}

Deno.test(
  "wss man prints a page that mandoc has nothing against, without any permission",
  {
    ignore: lacks("mandoc"),
  },
  async () => {
    const { code, out, err } = await wss(["man"]);
    assertEquals([code, err], [0, ""]);
    assertEquals(await mandoc(out, "-Tlint"), "");
  },
);

Deno.test("manual() tells all that the commands declare, as it stands there", {
  ignore: lacks("mandoc"),
}, async () => {
  const program = createProgram();
  const page = manual(program, new Date("2026-01-02"));
  assertStringIncludes(page, '.TH WSS 1 "2026-01-02"');
  // Hyphens that are to be typed must not become others.
  assertStringIncludes(page, ".B \\-\\-port <port>");
  const shown = await mandoc(page, "-Tutf8", "-Owidth=1000");
  // What is bold is written twice.
  // deno-lint-ignore no-control-regex
  const text = shown.replace(/.\x08/g, "").replace(/\s+/g, " ");
  const said = (what: string) =>
    assertStringIncludes(text, what.replace(/\s+/g, " "));
  for (const command of program.commands) {
    if (command.name() === "help") continue;
    const details = detailsOf(command);
    for (const option of optionsOf(command)) {
      said(option.flags);
      said(textOf(option));
    }
    for (const [line, what] of details?.examples ?? []) {
      said(line);
      said(what);
    }
    for (const [flag, what] of details?.permissions ?? []) {
      said(flag);
      said(what);
    }
    details?.notes?.forEach(said);
  }
  for (const [code, what] of EXIT_CODES) said(`${code} ${what}`);
  for (const heading of ["SYNOPSIS", "ENVIRONMENT", "FILES", "SEE ALSO"]) {
    said(heading);
  }
});
